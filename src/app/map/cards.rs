//! The upper layer: names, virtual IPs, EndpointSlices, and the threads to the pods.

use giljabi::api::object::ObjectKey;
use giljabi::api::view::ServiceType;
use giljabi::map::geometry::{fit, text_width};
use giljabi::map::{
    EndpointMark, Lane, PodState, PortChip, Rect, RouteCard, ServiceChip, SliceCard, Thread, VipCard, VipKind, Way,
};
use giljabi::text::visible;
use leptos::prelude::*;

use crate::app::focus::Target;
use crate::app::session::{Session, session};

/// What is nowhere.
#[component]
pub fn LaneLayer() -> impl IntoView {
    let s = session();
    let scene = s.scene;
    let title = move || {
        let narrow = scene.read().width < 700.0;
        if narrow { s.tx("map.nowhere_short", &[]) } else { s.tx("map.nowhere", &[]) }
    };
    // An edit draws anew only what it changes: most change a card, and leave the many endpoints as they are.
    let chips = Memo::new(move |_| scene.read().services.clone());
    let of = move |part: fn(&Lane) -> Lane| Memo::new(move |_| scene.read().lane.as_ref().map(part));
    let (name, route, vip, ports) = (of(name), of(route), of(vip), of(ports));
    let (slices, endpoints) = (of(slices), of(endpoints));
    view! {
        <text class="t-soft t12" x="24" y="26">{title}</text>
        {move || chips.read().iter().map(|c| chip(s, c.clone())).collect_view()}
        {move || endpoints.read().iter().flat_map(|l| &l.threads).map(|t| thread(s, t)).collect_view()}
        {move || slices.read().as_ref().map(arrows)}
        {move || name.read().as_ref().map(|l| dns_card(s, l))}
        {move || route.read().as_ref().and_then(|l| Some(route_card(s, l.route.as_ref()?)))}
        {move || vip.read().as_ref().map(|l| vip_card(s, l, ports))}
        {move || slices.read().as_ref().and_then(|l| Some(slice_card(s, l, l.slices.as_ref()?, endpoints)))}
    }
    .into_any()
}

/// A lane of which nothing is there.
fn bare(lane: &Lane) -> Lane {
    let vip = VipCard {
        rect: lane.vip.rect,
        kind: lane.vip.kind,
        address: Default::default(),
        ports: Vec::new(),
        more: 0,
        more_at: Default::default(),
        selector: String::new(),
        external: None,
    };
    Lane {
        service: lane.service.clone(),
        dns: lane.dns,
        name: String::new(),
        answers: Vec::new(),
        route: None,
        vip,
        slices: None,
        threads: Vec::new(),
        arrows: Vec::new(),
        bottom: lane.bottom,
    }
}

/// What DNS knows.
fn name(lane: &Lane) -> Lane {
    Lane { name: lane.name.clone(), answers: lane.answers.clone(), ..bare(lane) }
}

fn route(lane: &Lane) -> Lane {
    Lane { route: lane.route.clone(), ..bare(lane) }
}

/// The card of the addresses; of its ports those alone that its last line tells, with the number that a node has for them.
fn vip(lane: &Lane) -> Lane {
    let ports = lane.vip.ports.iter().filter(|port| port.node_port > 0).cloned().collect();
    Lane { vip: VipCard { ports, more: 0, more_at: Default::default(), ..lane.vip.clone() }, ..bare(lane) }
}

/// The ports on that card.
fn ports(lane: &Lane) -> Lane {
    let bare = bare(lane);
    let vip = VipCard { ports: lane.vip.ports.clone(), more: lane.vip.more, more_at: lane.vip.more_at, ..bare.vip };
    Lane { vip, ..bare }
}

/// The arrows and the EndpointSlices' card, without the endpoints in it.
fn slices(lane: &Lane) -> Lane {
    let card = |card: &SliceCard| SliceCard {
        rect: card.rect,
        slices: card.slices.clone(),
        marks: Vec::new(),
        spelled: card.spelled,
        ready: card.ready,
        total: card.total,
        ports: card.ports.clone(),
        missing: card.missing.clone(),
    };
    Lane { slices: lane.slices.as_ref().map(card), arrows: lane.arrows.clone(), ..bare(lane) }
}

/// The endpoints, and their threads to the pods.
fn endpoints(lane: &Lane) -> Lane {
    let card = |card: &SliceCard| SliceCard {
        rect: card.rect,
        slices: Vec::new(),
        marks: if card.total <= DOTS { card.marks.clone() } else { Vec::new() },
        spelled: card.spelled,
        ready: 0,
        total: 0,
        ports: Vec::new(),
        missing: Vec::new(),
    };
    Lane { slices: lane.slices.as_ref().map(card), threads: lane.threads.clone(), ..bare(lane) }
}

/// Hovering and clicking on an object.
pub fn looks_at(s: Session, key: ObjectKey) -> impl Fn(web_sys::MouseEvent) + Clone {
    move |event| {
        event.stop_propagation();
        match event.type_().as_str() {
            "mouseenter" => s.focus.hover(Target::Object(key.clone())),
            "click" => s.focus.hold(Target::Object(key.clone())),
            _ => s.focus.leave(),
        }
    }
}

fn lit(s: Session, key: &ObjectKey) -> impl Fn() -> bool + Send + Sync + use<> {
    let key = key.clone();
    move || s.lit.read().objects.contains(&key)
}

fn chip(s: Session, chip: ServiceChip) -> impl IntoView {
    let Rect { x, y, w, h } = chip.rect;
    let key = chip.key.clone();
    let look = looks_at(s, chip.key.clone());
    let (enter, leave) = (look.clone(), look);
    view! {
        <g
            class="svc-chip pick"
            data-tip=format!("{} {}", chip.key, chip.address)
            class:lit=lit(s, &chip.key)
            on:mouseenter=enter
            on:mouseleave=leave
            on:click=move |event| {
                event.stop_propagation();
                s.chosen.set(Some(key.clone()));
            }
        >
            <rect x=x y=y width=w height=h rx="12"></rect>
            <text class="t12" x=x + 11.0 y=y + 16.5>{chip.label}</text>
        </g>
    }
}

fn arrows(lane: &Lane) -> impl IntoView + use<> {
    let arrow = |(i, way): (usize, &Way)| {
        let class = if i == 0 { "thread thread-dns" } else { "thread thread-vip" };
        view! { <path class=class d=way.path(8.0) marker-end="url(#arrow)"></path> }
    };
    lane.arrows.iter().enumerate().map(arrow).collect_view()
}

fn thread(s: Session, thread: &Thread) -> impl IntoView + use<> {
    let class = if thread.state == PodState::Ready { "selector" } else { "selector selector-off" };
    view! { <path class=class class:lit=lit(s, &thread.pod) d=thread.path.clone()></path> }
}

fn dns_card(s: Session, lane: &Lane) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = lane.dns;
    let name = fit(&lane.name, w - 26.0, 12.5, true);
    let answers = lane.answers.clone();
    let answer = move || match answers.as_slice() {
        [] => s.tx("map.no_record", &[]),
        [(kind, data)] => format!("{kind} {data}"),
        [(kind, data), rest @ ..] => format!("{kind} {data} +{}", rest.len()),
    };
    let look = looks_at(s, lane.service.clone());
    let (enter, leave) = (look.clone(), look.clone());
    view! {
        <g class="card pick" class:lit=lit(s, &lane.service) on:mouseenter=enter on:mouseleave=leave on:click=look>
            <rect class="card-dns" x=x y=y width=w height=h rx="10"></rect>
            <text class="t12 tone-dns" x=x + 14.0 y=y + 22.0>{s.t("map.dns_name")}</text>
            <text class="t12 mono" x=x + 14.0 y=y + 42.0>{visible(&name).into_owned()}</text>
            <text class="t12 mono t-soft" x=x + 14.0 y=y + 62.0>{move || fit(&answer(), w - 26.0, 12.0, true)}</text>
        </g>
    }
}

fn route_card(s: Session, card: &RouteCard) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = card.rect;
    let more = if card.more > 0 { format!("  +{}", card.more) } else { String::new() };
    let look = looks_at(s, card.key.clone());
    let (enter, leave) = (look.clone(), look.clone());
    view! {
        <g class="card pick" class:lit=lit(s, &card.key) on:mouseenter=enter on:mouseleave=leave on:click=look>
            <rect class="card-l7" x=x y=y width=w height=h rx="10"></rect>
            <text class="t12 tone-l7" x=x + 14.0 y=y + 22.0>{fit(&format!("{} {}", card.key.kind, card.key.name), w - 26.0, 12.0, false)}</text>
            <text class="t12 mono" x=x + 14.0 y=y + 42.0>{fit(&card.host, w - 26.0, 12.0, true)}</text>
            <text class="t12 mono t-soft" x=x + 14.0 y=y + 62.0>{fit(&format!("{}{more}", card.path), w - 26.0, 12.0, true)}</text>
        </g>
    }
}

fn vip_card(s: Session, lane: &Lane, ports: Memo<Option<Lane>>) -> impl IntoView + use<> {
    let (key, card) = (&lane.service, &lane.vip);
    let name = key.name.clone();
    let Rect { x, y, w, h } = card.rect;
    let look = looks_at(s, key.clone());
    let (enter, leave) = (look.clone(), look.clone());
    let kind = card.kind;
    let title = move || match kind {
        VipKind::Vip(ServiceType::ClusterIp) => s.tx("map.vip", &[("type", "ClusterIP")]),
        VipKind::Vip(type_) => s.tx("map.vip", &[("type", type_.name())]),
        VipKind::Headless => s.tx("map.headless", &[]),
        VipKind::ExternalName => s.tx("map.external_name", &[]),
    };
    let selector = card.selector.clone();
    let external = card.external.clone();
    let node_ports: Vec<String> =
        card.ports.iter().filter(|p| p.node_port > 0).map(|p| format!("{}→{}", p.port, p.node_port)).collect();
    let detail = move || {
        let mut parts = Vec::new();
        match external.as_deref() {
            Some([]) => parts.push("EXTERNAL-IP <pending>".to_string()),
            Some(addresses) => parts.push(format!("EXTERNAL-IP {}", addresses.join(", "))),
            None => {}
        }
        if !node_ports.is_empty() {
            parts.push(format!("nodePort {}", node_ports.join(" ")));
        }
        let selector = if selector.is_empty() { s.tx("map.no_selector", &[]) } else { format!("selector {selector}") };
        // The selector stands in the YAML, too: it gives way to what only the cluster knows.
        let room = w - 26.0 - text_width(&parts.join(" · "), 12.0, false);
        if kind != VipKind::ExternalName && (parts.is_empty() || text_width(&selector, 12.0, false) + 14.0 < room) {
            parts.push(selector);
        }
        fit(&parts.join(" · "), w - 26.0, 12.0, false)
    };
    let address = if kind == VipKind::Headless { "clusterIP: None".to_string() } else { card.address.to_string() };
    view! {
        <g class="card pick" class:lit=lit(s, key) on:mouseenter=enter on:mouseleave=leave on:click=look>
            <rect class="card-vip" x=x y=y width=w height=h rx="10"></rect>
            <text class="t12 tone-vip" x=x + 14.0 y=y + 22.0>{move || heading(&title(), &name, w - 26.0)}</text>
            <text class="t15 mono" x=x + 14.0 y=y + 45.0>{fit(&address, w - 26.0, 15.0, true)}</text>
            {(kind != VipKind::ExternalName).then_some(move || ports.read().as_ref().map(|l| port_chips(&l.vip)))}
            <text class="t12 t-soft" x=x + 14.0 y=y + 66.0>{detail}</text>
        </g>
    }
}

fn port_chips(card: &VipCard) -> impl IntoView + use<> {
    let chip = |p: &PortChip| {
        let r = p.rect;
        let broken = p.ready == 0;
        let label = if broken { format!("{} ✕", p.port) } else { p.port.to_string() };
        let class = if broken { "port port-bad" } else { "port" };
        let title = format!("{} {}/{} → {} ({})", p.name, p.port, p.protocol, p.target, p.ready);
        view! {
            <g class=class data-tip=title>
                <rect x=r.x y=r.y width=r.w height=r.h rx="6"></rect>
                <text class="t12 mono" text-anchor="middle" x=r.x + r.w / 2.0 y=r.y + 16.0>{label}</text>
            </g>
        }
    };
    let more = (card.more > 0).then(
        || view! { <text class="t12 mono t-soft" x=card.more_at.x y=card.more_at.y>{format!("+{}", card.more)}</text> },
    );
    view! {
        {card.ports.iter().map(chip).collect_view()}
        {more}
    }
}

/// What a Service is and its name; where there is no room for both, its type alone tells the most.
fn heading(kind: &str, name: &str, room: f64) -> String {
    let short = kind.rsplit(" · ").next().unwrap_or(kind);
    let whole = [format!("{kind} — {name}"), format!("{short} — {name}")];
    let fits = whole.iter().find(|words| text_width(words, 12.0, false) <= room);
    fits.cloned().unwrap_or_else(|| fit(short, room, 12.0, false))
}

/// More endpoints than this are drawn as one bar: how much of it is ready.
const DOTS: usize = 120;

fn slice_card(s: Session, lane: &Lane, card: &SliceCard, endpoints: Memo<Option<Lane>>) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = card.rect;
    let key = card.slices.first().cloned().unwrap_or_else(|| lane.service.clone());
    let look = looks_at(s, key.clone());
    let (enter, leave) = (look.clone(), look.clone());
    let (ready, total) = (card.ready.to_string(), card.total.to_string());
    let title = move || s.tx("map.slices", &[("ready", &ready), ("total", &total)]);
    let ports = card.ports.join(" · ");
    let ports_width = text_width(&ports, 12.0, false);
    let missing = card.missing.join(", ");
    let empty = card.total == 0;
    let marks = move || {
        let lane = endpoints.read();
        let card = lane.as_ref().and_then(|l| l.slices.as_ref());
        card.into_iter().flat_map(|c| c.marks.iter().map(|m| mark(s, m, c.spelled))).collect_view()
    };
    view! {
        <g class="card pick" class:lit=lit(s, &key) on:mouseenter=enter on:mouseleave=leave on:click=look>
            <rect class="card-pod" x=x y=y width=w height=h rx="10"></rect>
            <text class="t12 tone-pod" x=x + 14.0 y=y + 22.0>{move || fit(&title(), w - 26.0, 12.0, false)}</text>
            {marks}
            {(card.total > DOTS)
                .then(|| {
                    let all = w - 36.0;
                    let part = all * card.ready as f64 / card.total as f64;
                    view! {
                        <rect class="density-all" x=x + 14.0 y=y + 33.0 width=all height="10" rx="5"></rect>
                        <rect class="density-ready" x=x + 14.0 y=y + 33.0 width=part height="10" rx="5"></rect>
                    }
                })}
            {empty.then(|| view! { <text class="t12 tone-bad" x=x + 14.0 y=y + 43.0>{s.t("map.no_endpoints")}</text> })}
            <text class="t12 t-soft" x=x + 14.0 y=y + 66.0>{fit(&ports, w - 26.0, 12.0, false)}</text>
            {(!missing.is_empty() && !empty)
                .then(|| {
                    let left = if ports.is_empty() { 0.0 } else { ports_width + 10.0 };
                    let words = move || fit(&s.tx("map.port_missing", &[("ports", &missing)]), w - 26.0 - left, 12.0, false);
                    view! { <text class="t12 tone-bad" x=x + 14.0 + left y=y + 66.0>{words}</text> }
                })}
        </g>
    }
}

fn mark(s: Session, mark: &EndpointMark, spelled: bool) -> impl IntoView + use<> {
    let class = match mark.state {
        PodState::Ready => "dot dot-ready",
        PodState::Terminating => "dot dot-leaving",
        _ => "dot dot-unready",
    };
    let key = mark.pod.clone().unwrap_or_default();
    let text_class = if mark.state == PodState::Ready { "t12 mono" } else { "t12 mono t-soft" };
    view! {
        <g class:lit=lit(s, &key) class="endpoint" data-tip=mark.address.to_string()>
            <circle class=class cx=mark.at.x cy=mark.at.y r="4"></circle>
            {spelled.then(|| view! { <text class=text_class x=mark.at.x + 9.0 y=mark.at.y + 4.0>{mark.address.to_string()}</text> })}
        </g>
    }
}
