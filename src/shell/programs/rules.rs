//! What a node's tools print of kube-proxy's rules: iptables, iptables-save, ipvsadm, ipset, nft, conntrack. Every text is
//! made from the rules that decide the packets' ways.

use super::Ctx;
use crate::network::conntrack::Conntrack;
use crate::network::kube_proxy::{Family, NodeProxy};
use crate::shell::env::Place;

fn here<'a>(ctx: &'a Ctx) -> Option<&'a NodeProxy> {
    let Place::Node { name } = &ctx.env.place else { return None };
    ctx.world.cluster.network().proxy.node(name)
}

/// What one of the mode's tools prints.
fn listing(ctx: &Ctx, command: &str) -> Option<String> {
    let family = if command.starts_with("ip6") || command.contains("ip6 ") { Family::V6 } else { Family::V4 };
    let tables = here(ctx)?.tables(family)?;
    tables.listings().into_iter().find(|l| l.command.starts_with(command)).map(|l| l.text)
}

fn save(ctx: &Ctx, v6: bool) -> Option<String> {
    listing(ctx, if v6 { "ip6tables-save" } else { "iptables-save" })
}

fn table_of(words: &[String]) -> String {
    let at = words.iter().position(|w| w == "-t" || w == "--table");
    let given = at.and_then(|i| words.get(i + 1)).cloned();
    given
        .or_else(|| words.iter().find_map(|w| w.strip_prefix("-t").filter(|t| !t.is_empty()).map(str::to_string)))
        .unwrap_or_default()
}

/// One table of a save: its lines between `*table` and `COMMIT`.
fn table<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if let Some(found) = line.strip_prefix('*') {
            inside = found == name;
        } else if line == "COMMIT" {
            inside = false;
        } else if inside && !line.starts_with('#') {
            lines.push(line);
        }
    }
    lines
}

pub fn iptables_save(ctx: &mut Ctx) -> i32 {
    let wanted = table_of(ctx.args());
    let v6 = ctx.name().starts_with("ip6");
    let Some(text) = save(ctx, v6) else { return 0 };
    if wanted.is_empty() {
        ctx.out.push_str(&text);
        return 0;
    }
    let lines = table(&text, &wanted);
    if !lines.is_empty() {
        ctx.say(format!("*{wanted}"));
        lines.iter().for_each(|l| ctx.say(l));
        ctx.say("COMMIT");
    }
    0
}

pub fn iptables(ctx: &mut Ctx) -> i32 {
    let words: Vec<String> = ctx.args().to_vec();
    let wanted = match table_of(&words) {
        empty if empty.is_empty() => "filter".to_string(),
        given => given,
    };
    if !["filter", "nat", "mangle", "raw", "security"].contains(&wanted.as_str()) {
        ctx.complain(format!("iptables v1.8.9 (nf_tables): table '{wanted}' does not exist\nPerhaps iptables or your kernel needs to be upgraded."));
        return 3;
    }
    let short: String =
        words.iter().filter(|w| w.starts_with('-') && !w.starts_with("--") && *w != "-t").map(|w| &w[1..]).collect();
    let list = short.contains('L') || words.iter().any(|w| w == "--list");
    let spec = short.contains('S') || words.iter().any(|w| w == "--list-rules");
    if !list && !spec {
        ctx.complain("iptables: changing rules by hand is not simulated here; kube-proxy would write its own again. iptables -t nat -L and iptables-save show them");
        return 2;
    }
    let chain = words
        .iter()
        .enumerate()
        .find(|(i, w)| !w.starts_with('-') && (*i == 0 || words[i - 1] != "-t"))
        .map(|(_, w)| w.clone());
    let text = save(ctx, false).unwrap_or_default();
    let lines: Vec<String> = table(&text, &wanted).into_iter().map(str::to_string).collect();
    let of_chain = |line: &str| line.split(' ').nth(1).unwrap_or("").to_string();
    let mut chains: Vec<(String, String)> = Vec::new();
    for line in lines.iter().filter_map(|l| l.strip_prefix(':')) {
        let mut parts = line.split(' ');
        chains.push((parts.next().unwrap_or("").to_string(), parts.next().unwrap_or("-").to_string()));
    }
    if let Some(chain) = &chain
        && !chains.iter().any(|(c, _)| c == chain)
    {
        ctx.complain("iptables: No chain/target/match by that name.");
        return 1;
    }
    let shown: Vec<(String, String)> =
        chains.into_iter().filter(|(c, _)| chain.as_ref().is_none_or(|w| w == c)).collect();
    if spec {
        for (name, policy) in &shown {
            ctx.say(if policy == "-" { format!("-N {name}") } else { format!("-P {name} {policy}") });
        }
        for line in lines.iter().filter(|l| l.starts_with("-A ") && shown.iter().any(|(c, _)| *c == of_chain(l))) {
            ctx.say(line);
        }
        return 0;
    }
    for (i, (name, policy)) in shown.iter().enumerate() {
        if i > 0 {
            ctx.say("");
        }
        let rules: Vec<&String> = lines.iter().filter(|l| l.starts_with("-A ") && of_chain(l) == *name).collect();
        let uses = lines.iter().filter(|l| l.ends_with(&format!("-j {name}"))).count();
        ctx.say(if policy == "-" {
            format!("Chain {name} ({uses} references)")
        } else {
            format!("Chain {name} (policy {policy})")
        });
        ctx.say("target     prot opt source               destination         ");
        for rule in rules {
            ctx.say(listed(rule));
        }
    }
    0
}

/// A rule of a save as `iptables -L -n` lists it.
fn listed(rule: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for part in rule.split(' ') {
        match words.last_mut().filter(|_| quoted) {
            Some(last) => last.push_str(&format!(" {part}")),
            None => words.push(part.to_string()),
        }
        if part.matches('"').count() % 2 == 1 {
            quoted = !quoted;
        }
    }
    let (mut target, mut protocol, mut source, mut destination, mut extra) =
        (String::new(), "all".to_string(), "0.0.0.0/0".to_string(), "0.0.0.0/0".to_string(), Vec::new());
    let mut at = 2;
    let mut not = "";
    while at < words.len() {
        let next = words.get(at + 1).cloned().unwrap_or_default();
        let host = |a: &str| a.strip_suffix("/32").unwrap_or(a).to_string();
        let mut step = 2;
        match words[at].as_str() {
            "-j" => target = next,
            "-p" => protocol = next,
            "-s" => source = format!("{not}{}", host(&next)),
            "-d" => destination = format!("{not}{}", host(&next)),
            "-m" => {}
            "--comment" => extra.push(format!("/* {} */", next.trim_matches('"'))),
            "--dport" => extra.push(format!("{protocol} dpt:{next}")),
            "--probability" => extra.push(format!("statistic mode random probability {next}")),
            "--mode" => {}
            "--to-destination" => extra.push(format!("to:{next}")),
            "--mark" => extra.push(format!("mark match {not}{next}")),
            "--or-mark" => extra.push(format!("MARK or {next}")),
            "--xor-mark" => extra.push(format!("MARK xor {next}")),
            "--set-xmark" => extra.push(format!("MARK xset {next}")),
            "--ctstate" => extra.push(format!("ctstate {next}")),
            "--dst-type" => extra.push(format!("ADDRTYPE match dst-type {not}{next}")),
            "--src-type" => extra.push(format!("ADDRTYPE match src-type {not}{next}")),
            "--reject-with" => extra.push(format!("reject-with {next}")),
            "--random-fully" => {
                extra.push("random-fully".to_string());
                step = 1;
            }
            "!" => {
                not = "!";
                at += 1;
                continue;
            }
            other => {
                extra.push(other.trim_start_matches('-').to_string());
                step = 1;
            }
        }
        not = "";
        at += step;
    }
    format!("{target:<10} {protocol:<4} --  {source:<20} {destination:<20} {}", extra.join(" ")).trim_end().to_string()
}

pub fn ipvsadm(ctx: &mut Ctx) -> i32 {
    let now = ctx.world.cluster.now();
    let none = Conntrack::default();
    let text = here(ctx).and_then(|node| {
        let flows = ctx.world.cluster.network().kernel(&node.facts.name).map_or(&none, |kernel| &kernel.conntrack);
        node.tables(Family::V4)?.virtual_servers(flows, now)
    });
    match text {
        Some(text) => ctx.out.push_str(&text),
        None => ctx.say("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn"),
    }
    0
}

pub fn ipset(ctx: &mut Ctx) -> i32 {
    if let Some(text) = listing(ctx, "ipset") {
        ctx.out.push_str(&text);
    }
    0
}

pub fn nft(ctx: &mut Ctx) -> i32 {
    if ctx.args().first().map(String::as_str) != Some("list") {
        ctx.complain("nft: changing rules by hand is not simulated here; nft list ruleset shows kube-proxy's");
        return 1;
    }
    for command in ["nft list table ip ", "nft list table ip6 "] {
        if let Some(text) = listing(ctx, command) {
            ctx.out.push_str(&text);
        }
    }
    0
}

pub fn conntrack(ctx: &mut Ctx) -> i32 {
    let Place::Node { name } = ctx.env.place.clone() else { return 1 };
    let args = ctx.args().to_vec();
    if args.iter().any(|a| a == "-F") {
        ctx.world.cluster.network_mut().kernel_mut(&name).conntrack.clear();
        ctx.complain("conntrack v1.4.7 (conntrack-tools): connection tracking table has been emptied.");
        return 0;
    }
    let now = ctx.world.cluster.now();
    let flows: Vec<_> =
        ctx.world.cluster.network().kernel(&name).map(|k| k.conntrack.iter(now).copied().collect()).unwrap_or_default();
    for flow in &flows {
        let protocol = flow.original.protocol.to_string().to_ascii_lowercase();
        let number = if protocol == "udp" { 17 } else { 6 };
        let left = flow.expires.since(now).as_secs();
        let side = |t: &crate::network::conntrack::Tuple| {
            format!("src={} dst={} sport={} dport={}", t.src.ip(), t.dst.ip(), t.src.port(), t.dst.port())
        };
        let state = if protocol == "udp" { String::new() } else { format!("{} ", flow.state.name()) };
        ctx.say(format!(
            "{protocol:<8} {number} {left} {state}{} {} [ASSURED] mark=0 use=1",
            side(&flow.original),
            side(&flow.reply)
        ));
    }
    ctx.complain(format!("conntrack v1.4.7 (conntrack-tools): {} flow entries have been shown.", flows.len()));
    0
}
