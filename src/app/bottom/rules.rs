//! The rules of a node, as the node's own tool lists them: the chains that the packet walked, the matched rules lit, and of
//! the others why they did not match.

use giljabi::api::object::{FieldRef, ObjectKey};
use giljabi::locale::Message;
use giljabi::network::kube_proxy::Listing;
use giljabi::network::packet::Packet;
use giljabi::trace::{Hop, Place, StepKind};
use leptos::prelude::*;
use std::collections::BTreeMap;

use super::journey::line_button;
use super::raw::RawList;
use crate::app::focus::Target;
use crate::app::session::{LineRef, Session, session};

/// A rule that was matched.
#[derive(Clone, PartialEq)]
struct Matched {
    table: &'static str,
    chain: String,
    rule: String,
}

/// Of a chain, at most so many rules are listed.
const LISTED: usize = 40;

#[component]
pub fn RulesView() -> impl IntoView {
    let s = session();
    let chosen = RwSignal::new(None::<String>);
    // The kernel of the current hop, or the last one before it.
    let passed = Memo::new(move |_| {
        let (sent, hop) = (s.sent.get()?, s.player.hop.get()?);
        (0..=hop).rev().find_map(|i| match &sent.trace.hops.get(i)?.at {
            Place::Kernel { node } => Some((i, node.to_string())),
            _ => None,
        })
    });
    let nodes = Memo::new(move |_| s.drawn.read().nodes.iter().map(|n| n.name.to_string()).collect::<Vec<_>>());
    let node = Memo::new(move |_| {
        chosen.get().or_else(|| passed.get().map(|(_, node)| node)).or_else(|| nodes.read().first().cloned())
    });
    let text = Memo::new(move |_| {
        s.state.track();
        s.listings(&node.get()?)
    });
    let hop = Memo::new(move |_| passed.get().filter(|(_, at)| Some(at) == node.get().as_ref()).map(|(i, _)| i));
    view! {
        <div class="rules">
            <p class="rules-head">
                <label>
                    {s.t("rules.node")}
                    " "
                    <select class="field" on:change=move |event| chosen.set(Some(event_target_value(&event))) prop:value=move || node.get()>
                        {move || nodes.get().into_iter().map(|n| view! { <option value=n.clone()>{n.clone()}</option> }).collect_view()}
                    </select>
                </label>
                <span class="t-soft">
                    {move || match hop.get() {
                        Some(i) => s.tx("rules.of_hop", &[("hop", &s.number(i))]),
                        None => s.tx("rules.no_packet", &[]),
                    }}
                </span>
            </p>
            {move || {
                let (sent, i, text) = (s.sent.get()?, hop.get()?, text.get()?);
                Some(walked(s, i, &node.get()?, &sent.trace.hops[i], &text))
            }}
            <RawList node text/>
        </div>
    }
    .into_any()
}

/// The rules of the listings by chain, in order: of `iptables-save` its `-A` lines, of nftables the lines of each chain and the
/// elements of each map. Chains of iptables are told apart by their table, which `nft` prints for none.
fn by_chain(listings: &[Listing]) -> BTreeMap<(String, String), Vec<String>> {
    let mut chains: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut table = String::new();
    // Within `chain NAME {` or `map NAME {` of nftables.
    let mut inside: Option<String> = None;
    for line in listings.iter().flat_map(|l| l.text.lines()) {
        let bare = line.trim();
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_string();
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let chain = rest.split(' ').next().unwrap_or("").to_string();
            chains.entry((table.clone(), chain)).or_default().push(line.to_string());
        } else if let Some(name) = bare.strip_prefix("chain ").and_then(|r| r.strip_suffix(" {")) {
            inside = Some(name.to_string());
        } else if let Some(name) = bare.strip_prefix("map ").and_then(|r| r.strip_suffix(" {")) {
            inside = Some(format!("@{name}"));
        } else if bare == "}" {
            inside = None;
        } else if let Some(chain) = &inside {
            let list = chains.entry((String::new(), chain.clone())).or_default();
            if chain.starts_with('@') {
                let elements = bare.strip_prefix("elements = {").unwrap_or(bare);
                let element = elements.trim().trim_end_matches('}').trim().trim_end_matches(',');
                list.extend(element.contains(" : ").then(|| element.to_string()));
            } else if !bare.starts_with("type ") && !bare.starts_with("comment ") && !bare.is_empty() {
                list.push(bare.to_string());
            }
        }
    }
    chains
}

/// The rules of a chain with the elements of the maps that it asks; what was matched and stands in no listing (an element of a
/// map, told as a rule) stands where it was asked.
fn rules_of(all: &BTreeMap<(String, String), Vec<String>>, table: &str, chain: &str, hits: &[String]) -> Vec<String> {
    let own = all.get(&(table.to_string(), chain.to_string())).or_else(|| all.get(&(String::new(), chain.to_string())));
    let Some(own) = own else { return hits.to_vec() };
    let mut rules = Vec::new();
    for rule in own {
        rules.push(rule.clone());
        let map = rule.split(' ').find_map(|word| word.strip_prefix('@'));
        let elements = map.filter(|_| rule.contains("vmap")).and_then(|m| all.get(&(String::new(), format!("@{m}"))));
        for element in elements.into_iter().flatten() {
            let goes_to = element.rsplit(" : ").next().unwrap_or("");
            let told = hits.iter().find(|hit| !own.contains(hit) && hit.ends_with(goes_to));
            rules.push(told.unwrap_or(element).clone());
        }
    }
    for hit in hits {
        if !rules.contains(hit) {
            rules.push(hit.clone());
        }
    }
    rules
}

/// What names a line of a virtual server among all: a real server's own line stands behind many.
fn server_line(head: &str, line: &str) -> String {
    if head == line { line.to_string() } else { format!("{head}\n{line}") }
}

/// The virtual server that ipvs chose a pod by, as `ipvsadm` lists it: its lines, and which of them was chosen.
fn virtual_server(hop: &Hop, listings: &[Listing]) -> Option<(Vec<String>, Option<usize>)> {
    let chosen = hop.steps.iter().find_map(|s| match &s.kind {
        StepKind::Balanced { by, candidates, chosen, .. } if by.starts_with("ipvs") => {
            Some(candidates.get(*chosen)?.address.to_string())
        }
        _ => None,
    })?;
    let asked = hop.packet?.dst.to_string();
    let text = &listings.iter().find(|l| l.command.starts_with("ipvsadm"))?.text;
    let mut lines = text.lines().skip_while(|l| l.starts_with("  ->") || l.split_whitespace().nth(1) != Some(&asked));
    let head = lines.next()?.to_string();
    let block: Vec<String> =
        std::iter::once(head).chain(lines.take_while(|l| l.starts_with("  ->")).map(str::to_string)).collect();
    let at = block.iter().position(|l| l.split_whitespace().nth(1) == Some(&chosen));
    Some((block, at))
}

/// What a rule was written for: a field, its line, the pod if it tells of one.
#[derive(Clone)]
pub struct Origin {
    field: FieldRef,
    pub line: Option<LineRef>,
    pod: Option<ObjectKey>,
}

impl Origin {
    pub fn of(s: Session, field: FieldRef) -> Origin {
        let endpoint = || {
            let index = field.path.as_str().strip_prefix("endpoints[")?.split_once(']')?.0.parse::<usize>().ok()?;
            let state = s.state.read_untracked();
            state.store.get(&field.object)?.view().endpoint_slice()?.endpoints.get(index)?.target.clone()
        };
        let pod = if field.object.kind == "EndpointSlice" { endpoint() } else { None };
        Origin { line: s.line_of(&field), pod, field }
    }

    /// What it lights; kube-proxy's own rules, which stand whatever the Services say, light nothing.
    pub fn target(&self) -> Option<Target> {
        let at = self.line.as_ref().map(|l| (l.file.clone(), l.line));
        let own = self.field.object.kind == "KubeProxyConfiguration";
        (!own).then(|| Target::Field { field: self.field.clone(), at, pod: self.pod.clone() })
    }
}

/// A rule's words, which can be pressed if they lead to something.
pub fn rule_words(s: Session, rule: String, target: Option<Target>) -> AnyView {
    let Some(target) = target else { return view! { <code>{rule}</code> }.into_any() };
    let (near, held) = (target.clone(), target.clone());
    view! {
        <button
            type="button"
            class="rule"
            aria-pressed=move || (s.focus.held.read().as_ref() == Some(&target)).to_string()
            on:focus=move |_| s.focus.hover(near.clone())
            on:blur=move |_| s.focus.leave()
            on:click=move |_| s.focus.hold(held.clone())
        >
            <code>{rule}</code>
        </button>
    }
    .into_any()
}

/// Whether what is looked at lights a rule that no packet has met: its line, its field or its pod.
pub fn lights(s: Session, target: &Target) -> bool {
    let Target::Field { field, at, pod } = target else { return false };
    match s.focus.target() {
        Some(Target::Line(file, line)) => at.as_ref().is_some_and(|at| *at == (file, line)),
        Some(Target::Object(key)) => field.object == key || pod.as_ref() == Some(&key),
        Some(other) => other == *target,
        None => false,
    }
}

fn walked(s: Session, number: usize, node: &str, hop: &Hop, listings: &[Listing]) -> impl IntoView + use<> {
    let all = by_chain(listings);
    let mut chains: Vec<(&'static str, String)> = Vec::new();
    let mut matched: Vec<Matched> = Vec::new();
    let mut lines = Vec::new();
    for step in &hop.steps {
        let StepKind::RuleMatched { table, chain, rule, .. } = &step.kind else { continue };
        if !chains.iter().any(|(t, c)| t == table && c == chain.as_str()) {
            chains.push((table, chain.to_string()));
        }
        matched.push(Matched { table, chain: chain.to_string(), rule: rule.to_string() });
        lines.push((rule.to_string(), step.because.iter().filter_map(|f| s.line_of(f)).collect::<Vec<_>>()));
    }
    let packet = hop.packet;
    let sections: Vec<_> = chains
        .into_iter()
        .map(|(table, chain)| {
            let hits: Vec<String> =
                matched.iter().filter(|m| m.table == table && m.chain == chain).map(|m| m.rule.clone()).collect();
            let rules = rules_of(&all, table, &chain, &hits);
            (table, chain, hits, rules)
        })
        .collect();
    // Also what was not matched leads to what it was written for.
    let others = |(.., hits, rules): &(_, _, Vec<String>, Vec<String>)| {
        let others = rules.iter().take(LISTED).filter(|r| !hits.contains(*r)).cloned();
        others.collect::<Vec<_>>()
    };
    let server = virtual_server(hop, listings);
    let servers = server.iter().flat_map(|(lines, _)| lines.iter().map(|line| server_line(&lines[0], line)));
    let wanted = giljabi::arrange::set_of(sections.iter().flat_map(others).chain(servers));
    let origins = s.origins(node, &wanted);
    let origin = |text: &str| origins.get(text).map(|field| Origin::of(s, field.clone()));
    let sections = sections
        .into_iter()
        .map(|(table, chain, hits, rules)| {
            let last = rules.iter().rposition(|r| hits.contains(r)).unwrap_or(0);
            let total = rules.len();
            let shown = rules
                .into_iter()
                .enumerate()
                .filter(|(i, r)| *i < LISTED || hits.contains(r))
                .map(|(i, rule)| {
                    let hit = hits.contains(&rule);
                    let origin = if hit { None } else { origin(&rule) };
                    let own = origin.as_ref().is_some_and(|o| o.target().is_none());
                    let because = match &origin {
                        Some(origin) => origin.line.clone(),
                        None => lines.iter().find(|(r, _)| *r == rule).and_then(|(_, l)| l.first().cloned()),
                    };
                    let why = if hit {
                        None
                    } else if i > last {
                        Some(Message::new("rules.not_asked"))
                    } else {
                        packet.and_then(|p| why_not(&rule, &p))
                    };
                    // What was matched leads to its hop and its line, the others to what they were written for.
                    let target = match hit {
                        true => Some(Target::Rule(number, rule.clone())),
                        false => origin.and_then(|origin| origin.target()),
                    };
                    let (over, own_target) = (target.clone(), target.clone());
                    let met = (number, rule.clone());
                    let lit = move || s.lit.read().rules.contains(&met) || own_target.as_ref().is_some_and(|t| lights(s, t));
                    view! {
                        <li
                            class:hit=hit
                            class:lit=lit
                            on:mouseenter=move |_| over.iter().for_each(|target| s.focus.hover(target.clone()))
                            on:mouseleave=move |_| s.focus.leave()
                        >
                            {rule_words(s, rule, target)}
                            {why.map(|why| view! { <small>{move || why.text(s.lang.get())}</small> })}
                            {hit.then(|| view! { <small class="hit-mark">{s.t("rules.matched")}</small> })}
                            {own.then(|| view! { <small class="own">{s.t("rules.own")}</small> })}
                            {because.map(|line| line_button(s, line))}
                        </li>
                    }
                })
                .collect_view();
            let more = total.saturating_sub(LISTED).to_string();
            view! {
                <section>
                    <h2>
                        <code>{chain}</code>
                        " "
                        <small>{table}</small>
                    </h2>
                    <ol>{shown}</ol>
                    {(total > LISTED).then(|| view! { <p class="t-soft">{move || s.tx("journey.more", &[("n", &more)])}</p> })}
                </section>
            }
        })
        .collect_view();
    let none = matched.is_empty();
    let server = server.map(|(lines, chosen)| {
        let head = lines[0].clone();
        let line = |(i, line): (usize, String)| {
            let hit = i == 0 || Some(i) == chosen;
            let origin = origin(&server_line(&head, &line));
            let target = origin.as_ref().and_then(Origin::target);
            let (over, own_target) = (target.clone(), target.clone());
            view! {
                <li
                    class:hit=hit
                    class:lit=move || own_target.as_ref().is_some_and(|t| lights(s, t))
                    on:mouseenter=move |_| over.iter().for_each(|target| s.focus.hover(target.clone()))
                    on:mouseleave=move |_| s.focus.leave()
                >
                    {rule_words(s, line, target)}
                    {(Some(i) == chosen).then(|| view! { <small class="hit-mark">{s.t("rules.matched")}</small> })}
                    {(!hit).then(|| view! { <small>{s.t("rules.not_its_turn")}</small> })}
                    {origin.and_then(|o| o.line).map(|line| line_button(s, line))}
                </li>
            }
        };
        view! {
            <section>
                <h2><code>"ipvsadm -Ln"</code></h2>
                <ol>{lines.into_iter().enumerate().map(line).collect_view()}</ol>
            </section>
        }
    });
    view! {
        {server}
        {none.then(|| view! { <p class="empty">{s.t("rules.no_match")}</p> })}
        {sections}
    }
}

/// Why a rule did not match a packet, read from the rule's own words.
fn why_not(rule: &str, packet: &Packet) -> Option<Message> {
    let words: Vec<&str> = rule.split(' ').collect();
    let after = |flag: &str| words.iter().position(|w| *w == flag).and_then(|i| words.get(i + 1)).copied();
    let negated = |flag: &str| words.iter().position(|w| *w == flag).is_some_and(|i| i > 0 && words[i - 1] == "!");
    let other = |id, wanted: &str, is: String| Some(Message::new(id).with("wanted", wanted).with("is", is));
    if let Some(wanted) = after("-p")
        && wanted != packet.protocol.lower()
    {
        return other("rules.other_protocol", wanted, packet.protocol.lower().to_string());
    }
    let inside = |net: &str, ip: std::net::IpAddr| {
        net.parse::<ipnet::IpNet>().map(|n| n.contains(&ip)).or_else(|_| net.parse().map(|n: std::net::IpAddr| n == ip))
    };
    for (flag, id, ip) in
        [("-d", "rules.other_destination", packet.dst.ip()), ("-s", "rules.other_source", packet.src.ip())]
    {
        if let Some(net) = after(flag)
            && let Ok(inside) = inside(net, ip)
            && inside == negated(flag)
        {
            return other(id, net, ip.to_string());
        }
    }
    if let Some(wanted) = after("--dport")
        && wanted != packet.dst.port().to_string()
    {
        return other("rules.other_port", wanted, packet.dst.port().to_string());
    }
    if let Some(share) = after("--probability") {
        return other("rules.lot", share, String::new());
    }
    if let Some(set) = after("--match-set") {
        return other("rules.not_in_set", set, packet.dst.to_string());
    }
    if let Some(state) = after("--ctstate") {
        return other("rules.other_state", state, String::new());
    }
    if rule.contains("--dst-type LOCAL") {
        return other("rules.not_local", "LOCAL", packet.dst.ip().to_string());
    }
    if rule.contains("--mark") || rule.contains("meta mark") {
        return Some(Message::new("rules.other_mark"));
    }
    why_not_nft(&words, packet)
}

/// The same of a rule or an element of a map as `nft` writes them.
fn why_not_nft(words: &[&str], packet: &Packet) -> Option<Message> {
    let other = |id, wanted: &str, is: String| Some(Message::new(id).with("wanted", wanted).with("is", is));
    // An element: address . protocol . port : verdict.
    if let [address, ".", protocol, ".", port, ..] = words
        && address.parse::<std::net::IpAddr>().is_ok()
    {
        return match () {
            () if *address != packet.dst.ip().to_string() => {
                other("rules.other_destination", address, packet.dst.ip().to_string())
            }
            () if *port != packet.dst.port().to_string() => {
                other("rules.other_port", port, packet.dst.port().to_string())
            }
            () => other("rules.other_protocol", protocol, packet.protocol.lower().to_string()),
        };
    }
    let after = |first: &str, second: &str| {
        let at = words.windows(2).position(|w| w[0] == first && w[1] == second)?;
        words.get(at + 2).copied()
    };
    for (side, id, ip) in
        [("daddr", "rules.other_destination", packet.dst.ip()), ("saddr", "rules.other_source", packet.src.ip())]
    {
        if let Some(wanted) = after("ip", side).or_else(|| after("ip6", side)).filter(|w| *w != ".") {
            return other(id, wanted, ip.to_string());
        }
    }
    if let Some(state) = after("ct", "state") {
        return other("rules.other_state", state, String::new());
    }
    if words.contains(&"vmap") {
        return Some(Message::new("rules.no_element"));
    }
    None
}
