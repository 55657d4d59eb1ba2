//! Short texts for a hop: where it is, what its kernel strip shows, which addresses it bears.

use giljabi::locale::{self, Lang};
use giljabi::map::{Tone, of_step};
use giljabi::network::packet::Packet;
use giljabi::trace::{Hop, Place, Step, StepKind};
use std::net::SocketAddr;

/// Where: `client`, `kernel · node-1`, `my computer`.
pub fn place(place: &Place, lang: Lang) -> String {
    let t = |id, args: &[(&str, &str)]| locale::text(lang, id, args);
    match place {
        Place::Pod { pod, node } => format!("{} · {node}", pod.name),
        Place::Kernel { node } => t("at.kernel", &[("node", node)]),
        Place::Node { node } => t("at.node", &[("node", node)]),
        Place::Learner => t("at.learner", &[]),
        Place::LoadBalancer { service } => t("at.lb", &[("service", &service.name)]),
        Place::Outside { ip, name } if name.is_empty() => ip.to_string(),
        Place::Outside { ip, name } => format!("{name} ({ip})"),
    }
}

/// Where, in one word that is the same in both languages; `None` where no such word is.
pub fn short_place(place: &Place) -> Option<String> {
    match place {
        Place::Pod { pod, .. } => Some(pod.name.to_string()),
        Place::Kernel { node } | Place::Node { node } => Some(node.to_string()),
        Place::Outside { ip, name } => Some(if name.is_empty() { ip.to_string() } else { name.to_string() }),
        Place::Learner | Place::LoadBalancer { .. } => None,
    }
}

/// What a kernel's strip shows for a hop.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelLines {
    /// The chains walked.
    pub chains: String,
    /// What came of it.
    pub verdict: String,
    pub bad: bool,
}

/// The strip's lines; before the place has `changed` the packet, only the chains.
pub fn kernel_lines(hop: &Hop, changed: bool, lang: Lang) -> KernelLines {
    let mut chains: Vec<&str> = Vec::new();
    let mut verdict = None;
    let mut bad = false;
    let mut also = String::new();
    let mut dnat = None;
    let empty = |s: &Step| matches!(&s.kind, StepKind::RuleMatched { rule, .. } if rule.contains("has no endpoints"));
    let no_endpoints = hop.steps.iter().any(empty);
    for step in &hop.steps {
        match &step.kind {
            StepKind::RuleMatched { chain, .. } if chains.last() != Some(&chain.as_str()) => chains.push(chain),
            StepKind::Dnat { before, after } => {
                dnat = Some(before.dst);
                verdict = Some(format!("DNAT → {}", after.dst));
            }
            StepKind::Snat { before, after } => {
                let words = format!("SNAT {} → {}", before.src.ip(), after.src.ip());
                if verdict.is_some() { also = " · SNAT".to_string() } else { verdict = Some(words) }
            }
            StepKind::Translated { before, after } if before.src != after.src => {
                verdict = Some(format!("conntrack: src → {}", after.src));
            }
            StepKind::Translated { after, .. } => {
                verdict = Some(format!("conntrack: dst → {}", after.dst));
            }
            StepKind::Rejected { .. } if no_endpoints => {
                (verdict, bad) = (Some("REJECT · no endpoints".to_string()), true)
            }
            StepKind::Rejected { with } => (verdict, bad) = (Some(format!("REJECT · {}", with.segment.label())), true),
            StepKind::Dropped { .. } => (verdict, bad) = (Some("DROP".to_string()), true),
            StepKind::Lost { .. } | StepKind::Stray { .. } => {
                (verdict, bad) = (Some(locale::text(lang, "map.lost", &[])), true)
            }
            StepKind::Routed { via, .. } if verdict.is_none() => verdict = Some(via.to_string()),
            StepKind::ConntrackHit { .. } if verdict.is_none() => verdict = Some("conntrack ESTABLISHED".to_string()),
            _ => {}
        }
    }
    let chains = match (dnat.or(hop.packet.map(|p| p.dst)), chains.as_slice()) {
        (_, []) => locale::text(lang, "map.no_rule", &[]),
        (Some(dst), [one]) => format!("{one}  {dst}"),
        (_, several) => several.iter().map(|c| short_chain(c)).collect::<Vec<_>>().join(" → "),
    };
    let verdict = if changed { verdict.unwrap_or_else(|| "ACCEPT".to_string()) + &also } else { "…".to_string() };
    KernelLines { chains, verdict, bad: bad && changed }
}

/// A chain's name without the most of its hash, so that several fit a line.
fn short_chain(chain: &str) -> String {
    match chain.rsplit_once('-') {
        Some((head, hash)) if hash.len() == 16 => format!("{head}-{}…", &hash[..4]),
        _ => chain.to_string(),
    }
}

/// Source and destination of a packet, without the ports where there are none.
pub fn ends(packet: &Packet) -> (String, String) {
    let end = |a: SocketAddr| if packet.is_icmp() { a.ip().to_string() } else { a.to_string() };
    (end(packet.src), end(packet.dst))
}

/// The packet as the hop's place leaves it, and as it came where that differs.
pub fn change(hop: &Hop) -> Option<(Packet, Packet)> {
    let mut changes = hop.steps.iter().filter_map(|s| s.kind.change());
    let (before, mut after) = changes.next()?;
    for (_, later) in changes {
        after = later;
    }
    Some((*before, *after))
}

/// The step that a hop is about: the failure if there is one, else what changes the packet, else what tells most.
pub fn headline(hop: &Hop) -> Option<&Step> {
    hop.steps.iter().min_by_key(|step| match &step.kind {
        _ if of_step(step) == Tone::Bad => 0,
        kind if kind.change().is_some() => 1,
        StepKind::DnsAnswer { .. } | StepKind::DnsCached { .. } | StepKind::HttpRouted { .. } => 2,
        StepKind::HttpResponse { .. } | StepKind::Delivered { .. } => 3,
        StepKind::ConntrackHit { .. } | StepKind::LoadBalancerChose { .. } => 4,
        StepKind::RuleMatched { .. } | StepKind::Marked { .. } => 9,
        StepKind::Routed { .. } => 8,
        _ => 5,
    })
}

fn holds_records(hop: &Hop) -> bool {
    hop.steps.iter().any(|s| matches!(&s.kind, StepKind::DnsAnswer { records, .. } if !records.is_empty()))
}

/// What the label of a packet says: flags, or the question or request that it carries.
pub fn cargo(hop: &Hop, packet: &Packet) -> String {
    let mut questions = hop.steps.iter().filter_map(|step| match &step.kind {
        StepKind::DnsQuery { name, kind, .. } => Some((kind.name(), name)),
        _ => None,
    });
    let kinds: Vec<&str> = questions.clone().map(|(kind, _)| kind).collect();
    if let Some((_, name)) = questions.next_back() {
        return format!("{}? {name}", kinds.join(" "));
    }
    for step in hop.steps.iter().rev() {
        match &step.kind {
            // The answer that holds something says more than an empty one of the other family.
            StepKind::DnsAnswer { records, .. } if records.is_empty() && holds_records(hop) => {}
            StepKind::DnsAnswer { rcode, records, .. } => {
                let data: Vec<&str> = records.iter().map(|r| r.data.as_str()).collect();
                return if data.is_empty() { rcode.name().to_string() } else { data.join(" ") };
            }
            StepKind::HttpRequest { method, path, .. } => return format!("{method} {path}"),
            StepKind::HttpResponse { status, .. } => return format!("HTTP {status}"),
            _ => {}
        }
    }
    packet.segment.label().to_string()
}
