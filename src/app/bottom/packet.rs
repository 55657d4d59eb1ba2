//! The packet of a hop: its headers as it came and as it left, with what changed marked.

use giljabi::network::packet::Packet;
use leptos::prelude::*;

use crate::app::said;
use crate::app::session::{Session, session};

/// A header field and its value before and after.
struct Field {
    layer: &'static str,
    name: &'static str,
    before: String,
    after: String,
}

#[component]
pub fn PacketView() -> impl IntoView {
    let s = session();
    view! {
        {move || {
            let sent = s.sent.get();
            let hop = s.player.hop.get();
            let at = sent.as_ref().zip(hop).and_then(|(sent, hop)| sent.trace.hops.get(hop));
            match at.map(|h| (h, said::change(h), h.packet)) {
                None => view! { <p class="empty">{s.t("journey.empty")}</p> }.into_any(),
                Some((_, None, None)) => view! { <p class="empty">{s.t("packet.none")}</p> }.into_any(),
                Some((h, change, packet)) => {
                    let (before, after) = change.or(packet.map(|p| (p, p))).unwrap_or_else(|| unreachable!("one is there"));
                    let place = said::place(&h.at, s.lang.get());
                    let title = s.tx("packet.title", &[("hop", &(hop.unwrap_or(0) + 1).to_string()), ("place", &place)]);
                    table(s, title, &before, &after).into_any()
                }
            }
        }}
    }
}

fn fields(before: &Packet, after: &Packet) -> Vec<Field> {
    let v6 = before.src.is_ipv6();
    let ip = if v6 { "IPv6" } else { "IPv4" };
    let l4 = if before.is_icmp() { "ICMP" } else { before.protocol.upper() };
    let field =
        |layer, name, of: &dyn Fn(&Packet) -> String| Field { layer, name, before: of(before), after: of(after) };
    let mut fields = vec![
        field(ip, "src", &|p| p.src.ip().to_string()),
        field(ip, "dst", &|p| p.dst.ip().to_string()),
        field(ip, "ttl", &|p| p.ttl.to_string()),
    ];
    if before.is_icmp() {
        fields.push(field(l4, "type", &|p| p.segment.label().to_string()));
    } else {
        fields.push(field(l4, "sport", &|p| p.src.port().to_string()));
        fields.push(field(l4, "dport", &|p| p.dst.port().to_string()));
        fields.push(field(l4, "flags", &|p| p.segment.label().to_string()));
    }
    fields.push(field("netfilter", "mark", &|p| format!("{:#x}", p.mark)));
    fields
}

fn table(s: Session, title: String, before: &Packet, after: &Packet) -> impl IntoView + use<> {
    let rows = fields(before, after)
        .into_iter()
        .map(|f| {
            let changed = f.before != f.after;
            view! {
                <tr class:changed=changed>
                    <td>{f.layer}</td>
                    <th scope="row" class="mono">{f.name}</th>
                    <td class="mono">{if changed { view! { <del>{f.before.clone()}</del> }.into_any() } else { f.before.clone().into_any() }}</td>
                    <td class="mono">
                        {f.after}
                        {changed.then(|| view! { <span class="tag tag-nat">{s.t("packet.changed")}</span> })}
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="packet-table">
            <caption>{title}</caption>
            <thead>
                <tr>
                    <th scope="col">{s.t("packet.layer")}</th>
                    <th scope="col">{s.t("packet.field")}</th>
                    <th scope="col">{s.t("packet.before")}</th>
                    <th scope="col">{s.t("packet.after")}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}
