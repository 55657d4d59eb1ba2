//! The packet of a hop: its headers as it came and as it left, with what changed marked.

use giljabi::export::trace_packets;
use giljabi::network::packet::Packet;
use leptos::prelude::*;
use std::sync::Arc;

use crate::app::leave::Copy;
use crate::app::said;
use crate::app::session::{Sent, Session, session};

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
                    let title = s.tx("packet.title", &[("hop", &s.number(hop.unwrap_or(0))), ("place", &place)]);
                    let trace = sent.clone().zip(hop);
                    view! {
                        {table(s, title, &before, &after)}
                        {trace.map(|(sent, hop)| bytes(s, sent, hop))}
                    }
                        .into_any()
                }
            }
        }}
    }
    .into_any()
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

/// The bytes, when somebody asks for them: every packet that this hop sees in its direction, headers and payload told apart.
fn bytes(s: Session, sent: Arc<Sent>, hop: usize) -> impl IntoView {
    let open = s.bytes_open;
    let dump = move || {
        open.get().then(|| {
            let packets = trace_packets(&sent.trace, hop);
            let none = packets.is_empty();
            view! {
                {none.then(|| view! { <p class="t-soft">{s.t("packet.no_bytes")}</p> })}
                {packets.iter().map(|packet| hex(&packet.point, &packet.bytes)).collect_view()}
            }
        })
    };
    view! {
        <div class="bytes">
            <button type="button" class="btn" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|o| *o = !*o)>
                {s.t("packet.bytes")}
            </button>
            <span class="bytes-legend" class:gone=move || !open.get()>
                <i class="hex-ip">{s.t("packet.hex_ip")}</i>
                <i class="hex-l4">{s.t("packet.hex_l4")}</i>
                <i class="hex-data">{s.t("packet.hex_data")}</i>
            </span>
            {dump}
        </div>
    }
}

/// Where the IP header and the header behind it end.
fn header_ends(bytes: &[u8]) -> (usize, usize) {
    let v4 = bytes.first().is_some_and(|b| b >> 4 == 4);
    let (ip, protocol) =
        if v4 { (usize::from(bytes[0] & 15) * 4, bytes.get(9).copied()) } else { (40, bytes.get(6).copied()) };
    let l4 = match protocol {
        Some(6) => bytes.get(ip + 12).map_or(20, |b| usize::from(b >> 4) * 4),
        _ => 8,
    };
    (ip.min(bytes.len()), (ip + l4).min(bytes.len()))
}

/// Sixteen bytes a row: offset, hexadecimal, letters.
fn hex(point: &str, bytes: &[u8]) -> impl IntoView + use<> {
    let (ip, l4) = header_ends(bytes);
    let class = |i: usize| match i {
        i if i < ip => "hex-ip",
        i if i < l4 => "hex-l4",
        _ => "hex-data",
    };
    let rows = bytes
        .chunks(16)
        .enumerate()
        .map(|(row, chunk)| {
            let cells = chunk
                .iter()
                .enumerate()
                .map(|(i, byte)| view! { <i class=class(row * 16 + i)>{format!("{byte:02x} ")}</i> })
                .collect_view();
            let letters: String =
                chunk.iter().map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' }).collect();
            let gap = "   ".repeat(16 - chunk.len());
            view! { <span class="hex-offset">{format!("{:04x}  ", row * 16)}</span>{cells}{gap}" "{letters}"\n" }
        })
        .collect_view();
    let title = format!("{point} · {} bytes", bytes.len());
    // As one stream of digits: what decoders take.
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    view! {
        <figure>
            <figcaption class="mono t-soft">{title.clone()}" "<Copy text=move || digits.clone()/></figcaption>
            <pre tabindex="0" aria-label=title>{rows}</pre>
        </figure>
    }
}
