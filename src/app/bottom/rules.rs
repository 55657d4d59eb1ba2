//! The rules of a node, as the node's own tool lists them: the chains that the packet walked, the matched rules lit, and of
//! the others why they did not match.

use giljabi::locale::Message;
use giljabi::network::packet::Packet;
use giljabi::trace::{Hop, Place, StepKind};
use leptos::prelude::*;
use std::collections::BTreeMap;

use super::journey::line_button;
use crate::app::session::{Session, session};

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
    let nodes = Memo::new(move |_| s.scene.read().nodes.iter().map(|n| n.name.to_string()).collect::<Vec<_>>());
    let node = Memo::new(move |_| {
        chosen.get().or_else(|| passed.get().map(|(_, node)| node)).or_else(|| nodes.read().first().cloned())
    });
    let text = Memo::new(move |_| {
        s.state.track();
        s.rules_text(&node.get()?)
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
                        Some(i) => s.tx("rules.of_hop", &[("hop", &(i + 1).to_string())]),
                        None => s.tx("rules.no_packet", &[]),
                    }}
                </span>
            </p>
            {move || {
                let (sent, i, text) = (s.sent.get()?, hop.get()?, text.get()?);
                Some(walked(s, &sent.trace.hops[i], &text))
            }}
            <details class="rules-all">
                <summary>{s.t("rules.all")}</summary>
                <pre tabindex="0" aria-label=s.t("rules.all")>{move || text.get().unwrap_or_else(|| s.tx("rules.none", &[]))}</pre>
            </details>
        </div>
    }
    .into_any()
}

/// The rules of a listing by table and chain, in order.
fn by_chain(text: &str) -> BTreeMap<(String, String), Vec<String>> {
    let mut chains: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_string();
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let chain = rest.split(' ').next().unwrap_or("").to_string();
            chains.entry((table.clone(), chain)).or_default().push(line.to_string());
        }
    }
    chains
}

fn walked(s: Session, hop: &Hop, text: &str) -> impl IntoView + use<> {
    let all = by_chain(text);
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
    let sections = chains
        .into_iter()
        .map(|(table, chain)| {
            let hits: Vec<String> =
                matched.iter().filter(|m| m.table == table && m.chain == chain).map(|m| m.rule.clone()).collect();
            // A mode whose listing is not by chains (nftables, ipvs) shows what was matched.
            let rules = all.get(&(table.to_string(), chain.clone())).cloned().unwrap_or_else(|| hits.clone());
            let last = rules.iter().rposition(|r| hits.contains(r)).unwrap_or(0);
            let total = rules.len();
            let shown = rules
                .into_iter()
                .enumerate()
                .filter(|(i, r)| *i < LISTED || hits.contains(r))
                .map(|(i, rule)| {
                    let hit = hits.contains(&rule);
                    let because = lines.iter().find(|(r, _)| *r == rule).map(|(_, l)| l.clone()).unwrap_or_default();
                    let why = if hit {
                        None
                    } else if i > last {
                        Some(Message::new("rules.not_asked"))
                    } else {
                        packet.and_then(|p| why_not(&rule, &p))
                    };
                    view! {
                        <li class:hit=hit>
                            <code>{rule}</code>
                            {why.map(|why| view! { <small>{move || why.text(s.lang.get())}</small> })}
                            {hit.then(|| view! { <small class="hit-mark">{s.t("rules.matched")}</small> })}
                            {because.into_iter().take(1).map(|line| line_button(s, line)).collect_view()}
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
    view! {
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
    if rule.contains("--mark") {
        return Some(Message::new("rules.other_mark"));
    }
    None
}
