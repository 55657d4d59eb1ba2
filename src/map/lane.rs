//! The upper lane: what is nowhere. A name that DNS answers, the Service's virtual IP with its ports, the EndpointSlices that
//! the selector fills, and the Ingress rules before them.

use crate::api::object::ObjectKey;
use crate::api::value::Value;
use crate::api::view::{Service, ServiceType, TargetPort};
use crate::arrange::{Arrange, map_of};
use crate::map::floor::{NodeBox, PodState};
use crate::map::geometry::{Point, Rect, Way, text_width};
use crate::map::scene::{MARGIN, Setting};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use std::collections::BTreeMap;

/// A Service that is not the one the lane shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceChip {
    pub key: ObjectKey,
    pub rect: Rect,
    pub label: String,
    pub address: SmolStr,
}

/// What stands in the place of the virtual IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VipKind {
    /// A virtual IP, with the Service's type.
    Vip(ServiceType),
    Headless,
    /// An alias for a name elsewhere.
    ExternalName,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PortChip {
    pub rect: Rect,
    /// The place of the port in `spec.ports`.
    pub index: usize,
    pub name: SmolStr,
    pub port: u16,
    pub node_port: u16,
    pub target: TargetPort,
    /// How many ready endpoints have this port.
    pub ready: usize,
    pub protocol: &'static str,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VipCard {
    pub rect: Rect,
    pub kind: VipKind,
    /// The address, or the name that an ExternalName stands for.
    pub address: SmolStr,
    pub ports: Vec<PortChip>,
    /// How many ports have no room, and where that number stands.
    pub more: usize,
    pub more_at: Point,
    /// `app=kimho`; empty when the Service has none.
    pub selector: String,
    /// The load balancer's addresses; `None` when the type asks for none, empty while pending.
    pub external: Option<Vec<SmolStr>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EndpointMark {
    /// Where its dot is.
    pub at: Point,
    pub address: SmolStr,
    pub pod: Option<ObjectKey>,
    pub state: PodState,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SliceCard {
    pub rect: Rect,
    pub slices: Vec<ObjectKey>,
    pub marks: Vec<EndpointMark>,
    /// Whether the addresses stand beside the dots (few), or the dots alone (many).
    pub spelled: bool,
    pub ready: usize,
    pub total: usize,
    /// `http 8080`
    pub ports: Vec<String>,
    /// Service ports that no slice has.
    pub missing: Vec<SmolStr>,
}

/// An Ingress (or a route of the Gateway API) that leads to the Service.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteCard {
    pub rect: Rect,
    pub key: ObjectKey,
    pub host: SmolStr,
    pub path: SmolStr,
    pub more: usize,
}

/// A thread from an endpoint to its pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    pub pod: ObjectKey,
    pub path: String,
    pub state: PodState,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub service: ObjectKey,
    pub dns: Rect,
    /// `kimho.default.svc`
    pub name: String,
    /// What DNS answers: record type and data, a few of them.
    pub answers: Vec<(&'static str, SmolStr)>,
    pub route: Option<RouteCard>,
    pub vip: VipCard,
    pub slices: Option<SliceCard>,
    pub threads: Vec<Thread>,
    /// Arrows between the cards.
    pub arrows: Vec<Way>,
    pub bottom: f64,
}

const CARD_HEIGHT: f64 = 76.0;
const GAP: f64 = 44.0;
/// Narrower than this, the cards stand two in a row; and narrower than that, under each other.
const NARROW: f64 = 700.0;
const SINGLE: f64 = 500.0;

/// The chips of the other Services, and where the lane begins below them.
pub(super) fn chips(setting: &Setting, width: f64) -> (Vec<ServiceChip>, f64) {
    let mut chips = Vec::new();
    let narrow = width < NARROW;
    // The lane's title stands before them.
    let (mut x, mut y) =
        (if narrow { MARGIN } else { MARGIN + setting.title + 20.0 }, if narrow { 30.0 } else { 10.0 });
    let mut services: Vec<_> = setting.store.list("Service").filter(|s| Some(&s.key) != setting.service).collect();
    services.arrange_by_key(|s| s.namespace() == "kube-system" || s.name() == "kubernetes");
    for object in services {
        let label = if object.namespace() == "default" {
            object.name().to_string()
        } else {
            format!("{} ({})", object.name(), object.namespace())
        };
        let w = text_width(&label, 12.0, false) + 22.0;
        if x + w > width - MARGIN {
            (x, y) = (MARGIN, y + 30.0);
        }
        // Three rows of chips are enough to see; the object list has all of them.
        if y > 100.0 {
            break;
        }
        let address = object.view().service().and_then(|s| s.cluster_ip()).map(|ip| ip.to_smolstr());
        let rect = Rect::new(x, y, w, 24.0);
        chips.push(ServiceChip { key: object.key.clone(), rect, label, address: address.unwrap_or_default() });
        x += w + 8.0;
    }
    let bottom = chips.last().map_or(0.0, |c| c.rect.bottom());
    (chips, bottom.max(30.0) + 8.0)
}

/// The lane of the Service of `setting`.
pub(super) fn draw(setting: &Setting, width: f64, top: f64) -> Option<Lane> {
    let object = setting.store.get(setting.service?)?;
    let service = object.view().service()?;
    let key = object.key.clone();
    let route = route_to(setting, &key);
    let rects = cards(width, top, route.is_some(), service.type_ != ServiceType::ExternalName);
    let slices = rects.slices.map(|rect| slice_card(setting, &key, service, rect));
    let vip = vip_card(setting, &key, service, rects.vip);
    let bottom = [rects.dns, rects.vip].into_iter().chain(rects.slices).map(Rect::bottom).fold(0.0, f64::max);
    let row: Vec<Rect> = [Some(rects.dns), rects.route, Some(rects.vip), rects.slices].into_iter().flatten().collect();
    let arrows = row.windows(2).map(|w| arrow(w[0], w[1])).collect();
    Some(Lane {
        name: format!("{}.{}.svc", key.name, key.namespace),
        answers: answers(service, slices.as_ref()),
        dns: rects.dns,
        route: route.zip(rects.route).map(|(card, rect)| RouteCard { rect, ..card }),
        vip,
        slices,
        threads: Vec::new(),
        arrows,
        bottom,
        service: key,
    })
}

struct Cards {
    dns: Rect,
    route: Option<Rect>,
    vip: Rect,
    slices: Option<Rect>,
}

fn cards(width: f64, top: f64, routed: bool, sliced: bool) -> Cards {
    let inner = width - 2.0 * MARGIN;
    let mut shares = vec![0.225];
    if routed {
        shares.push(0.2);
    }
    shares.push(0.345);
    if sliced {
        shares.push(0.37);
    }
    let sum: f64 = shares.iter().sum();
    let mut rects = Vec::new();
    if width < NARROW {
        let in_a_row = if width < SINGLE { 1 } else { 2 };
        let mut y = top;
        for row in shares.chunks(in_a_row) {
            let w = (inner - GAP * (row.len() - 1) as f64) / row.len() as f64;
            for column in 0..row.len() {
                rects.push(Rect::new(MARGIN + column as f64 * (w + GAP), y, w, CARD_HEIGHT));
            }
            y += CARD_HEIGHT + 22.0;
        }
    } else {
        let room = inner - GAP * (shares.len() - 1) as f64;
        let mut x = MARGIN;
        for share in &shares {
            let w = room * share / sum;
            rects.push(Rect::new(x, top, w, CARD_HEIGHT));
            x += w + GAP;
        }
    }
    let mut next = rects.into_iter();
    let mut take = || next.next().unwrap_or_default();
    Cards { dns: take(), route: routed.then(&mut take), vip: take(), slices: sliced.then(&mut take) }
}

fn arrow(from: Rect, to: Rect) -> Way {
    if from.y != to.y && from.x != to.x {
        // Down to the next row, and back to its beginning.
        let (x, y) = (from.x + 40.0, (from.bottom() + to.y) / 2.0);
        let corners = [(x, from.bottom()), (x, y), (to.x + 40.0, y), (to.x + 40.0, to.y - 3.0)];
        return Way::new(corners.map(|(x, y)| Point::new(x, y)).to_vec());
    }
    if from.x == to.x {
        return Way::new(vec![Point::new(from.x + 40.0, from.bottom()), Point::new(from.x + 40.0, to.y - 3.0)]);
    }
    let y = from.center().y;
    Way::new(vec![Point::new(from.right(), y), Point::new(to.x - 3.0, y)])
}

fn answers(service: &Service, slices: Option<&SliceCard>) -> Vec<(&'static str, SmolStr)> {
    let record = |ip: SmolStr| (if ip.contains(':') { "AAAA" } else { "A" }, ip);
    if service.type_ == ServiceType::ExternalName {
        return vec![("CNAME", service.external_name.clone())];
    }
    if service.headless {
        let ready = |m: &&EndpointMark| m.state == PodState::Ready || service.publish_not_ready;
        let marks = slices.map_or(&[][..], |s| &s.marks);
        return marks.iter().filter(ready).map(|m| record(m.address.clone())).collect();
    }
    service.cluster_ips.iter().map(|ip| record(ip.to_smolstr())).collect()
}

fn vip_card(setting: &Setting, key: &ObjectKey, service: &Service, rect: Rect) -> VipCard {
    let kind = match service.type_ {
        ServiceType::ExternalName => VipKind::ExternalName,
        _ if service.headless => VipKind::Headless,
        type_ => VipKind::Vip(type_),
    };
    let address = match kind {
        VipKind::ExternalName => service.external_name.clone(),
        VipKind::Headless => "None".into(),
        VipKind::Vip(_) => service.cluster_ip().map(|ip| ip.to_smolstr()).unwrap_or_default(),
    };
    // A headless Service is drawn in the words of its field.
    let drawn = if kind == VipKind::Headless { "clusterIP: None" } else { address.as_str() };
    let mut x = rect.x + 14.0 + text_width(drawn, 15.0, true) + 12.0;
    let mut ports = Vec::new();
    let right = rect.right() - 8.0;
    for (index, port) in service.ports.iter().enumerate() {
        let ready = ready_with_port(setting, key, &port.name);
        // A port that nothing serves bears a cross beside its number.
        let mark = if ready == 0 { 16.0 } else { 0.0 };
        let w = text_width(&port.port.to_string(), 12.0, true) + 18.0 + mark;
        // Before the last one there must be room for how many more there are.
        let rest = if index + 1 < service.ports.len() { 34.0 } else { 0.0 };
        if x + w + rest > right {
            break;
        }
        ports.push(PortChip {
            rect: Rect::new(x, rect.y + 28.0, w, 24.0),
            index,
            name: port.name.clone(),
            port: port.port,
            node_port: port.node_port,
            target: port.target_port.clone(),
            ready,
            protocol: port.protocol.upper(),
        });
        x += w + 6.0;
    }
    let selector: Vec<String> = service.selector.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let external = (service.type_ == ServiceType::LoadBalancer).then(|| {
        let address = |p: &crate::api::view::IngressPoint| match p.ip {
            Some(ip) => ip.to_smolstr(),
            None => p.hostname.clone(),
        };
        service.load_balancer.iter().map(address).collect()
    });
    let (more, more_at) = (service.ports.len() - ports.len(), Point::new(x + 2.0, rect.y + 44.0));
    VipCard { rect, kind, address, ports, more, more_at, selector: selector.join(", "), external }
}

/// The EndpointSlices of a Service.
fn slices_of<'a>(
    setting: &'a Setting,
    service: &'a ObjectKey,
) -> impl Iterator<Item = (&'a ObjectKey, &'a crate::api::view::EndpointSlice)> {
    setting
        .store
        .list_in("EndpointSlice", &service.namespace)
        .filter_map(|o| o.view().endpoint_slice().map(|s| (&o.key, s)))
        .filter(move |(_, s)| s.service == service.name)
}

fn ready_with_port(setting: &Setting, service: &ObjectKey, port: &str) -> usize {
    slices_of(setting, service)
        .filter(|(_, s)| s.ports.iter().any(|p| p.name == port && p.port.is_some()))
        .map(|(_, s)| s.endpoints.iter().filter(|e| e.ready).count())
        .sum()
}

fn slice_card(setting: &Setting, key: &ObjectKey, service: &Service, rect: Rect) -> SliceCard {
    let mut found: BTreeMap<SmolStr, (Option<ObjectKey>, PodState)> = BTreeMap::new();
    let (mut slices, mut ports) = (Vec::new(), Vec::new());
    for (slice_key, slice) in slices_of(setting, key) {
        slices.push(slice_key.clone());
        for port in &slice.ports {
            let Some(number) = port.port else { continue };
            let label = if port.name.is_empty() { number.to_string() } else { format!("{} {number}", port.name) };
            if !ports.contains(&label) {
                ports.push(label);
            }
        }
        for endpoint in &slice.endpoints {
            let state = match (endpoint.ready, endpoint.terminating) {
                (true, _) => PodState::Ready,
                (false, true) => PodState::Terminating,
                (false, false) => PodState::NotReady,
            };
            for address in &endpoint.addresses {
                found.entry(address.clone()).or_insert((endpoint.target.clone(), state));
            }
        }
    }
    let missing = service
        .ports
        .iter()
        .filter(|p| !slices_of(setting, key).any(|(_, s)| s.ports.iter().any(|e| e.name == p.name && e.port.is_some())))
        .map(|p| if p.name.is_empty() { format_smolstr!("{}", p.port) } else { p.name.clone() })
        .collect();
    let total = found.len();
    let ready = found.values().filter(|(_, s)| *s == PodState::Ready).count();
    let widest = found.keys().map(|a| text_width(a, 12.0, true)).fold(0.0, f64::max) + 28.0;
    let spelled = total as f64 * widest <= rect.w - 20.0;
    let pitch = if spelled { widest } else { ((rect.w - 36.0) / total.max(1) as f64).min(12.0) };
    let place = |i: usize| Point::new(rect.x + 18.0 + i as f64 * pitch, rect.y + 39.0);
    let marks = found
        .into_iter()
        .enumerate()
        .map(|(i, (address, (pod, state)))| EndpointMark { at: place(i), address, pod, state })
        .collect();
    SliceCard { rect, slices, marks, spelled, ready, total, ports, missing }
}

/// The first Ingress or route of the Gateway API with a backend that is this Service.
fn route_to(setting: &Setting, service: &ObjectKey) -> Option<RouteCard> {
    let mut card: Option<RouteCard> = None;
    let mut add = |key: &ObjectKey, host: &str, path: &str| match &mut card {
        Some(card) => card.more += 1,
        None => {
            let (host, path) = (host.into(), path.into());
            card = Some(RouteCard { rect: Rect::default(), key: key.clone(), host, path, more: 0 });
        }
    };
    let namespace = service.namespace.as_str();
    for ingress in setting.store.list_in("Ingress", namespace) {
        let leads_here =
            |backend: Option<&Value>| backend.is_some_and(|b| b.str_at(&["service", "name"]) == service.name.as_str());
        if leads_here(ingress.value.at(&["spec", "defaultBackend"])) {
            add(&ingress.key, "*", "/");
        }
        for rule in ingress.value.items_at(&["spec", "rules"]) {
            let host = Some(rule.str_at(&["host"])).filter(|h| !h.is_empty()).unwrap_or("*");
            for path in rule.items_at(&["http", "paths"]).iter().filter(|p| leads_here(p.get("backend"))) {
                add(&ingress.key, host, path.str_at(&["path"]));
            }
        }
    }
    let routes = ["HTTPRoute", "GRPCRoute"].into_iter().flat_map(|kind| setting.store.list_in(kind, namespace));
    for route in routes {
        let host = route.value.items_at(&["spec", "hostnames"]).first().and_then(Value::as_str).unwrap_or("*");
        for rule in route.value.items_at(&["spec", "rules"]) {
            let here = |b: &Value| b.str_at(&["name"]) == service.name.as_str();
            if rule.items_at(&["backendRefs"]).iter().any(here) {
                let path = rule.items_at(&["matches"]).first().map_or("/", |m| m.str_at(&["path", "value"]));
                add(&route.key, host, path);
            }
        }
    }
    card
}

/// With more endpoints than this, one thread goes to each node instead of one to each pod.
const SPELLED_THREADS: usize = 12;

fn bundles(card: &SliceCard, nodes: &[NodeBox]) -> Vec<Thread> {
    let by_pod: BTreeMap<&ObjectKey, &EndpointMark> =
        map_of(card.marks.iter().filter_map(|m| Some((m.pod.as_ref()?, m))));
    let backends = |node: &NodeBox| {
        let boxes = node.pods.iter().map(|p| &p.key);
        let dots = node.groups.iter().flat_map(|g| g.pods.iter().map(|(key, _)| key));
        let folded = node.folded.iter().flat_map(|f| f.pods.iter().map(|(key, _)| key));
        boxes.chain(dots).chain(folded).find_map(|key| by_pod.get(key)).map(|m| (*m).clone())
    };
    // Threads to a lower row would run over the nodes of the upper one.
    let top = nodes.first().map_or(0.0, |n| n.rect.y);
    let first_row = nodes.iter().filter(|n| (n.rect.y - top).abs() < 1.0);
    let reached: Vec<_> = first_row.filter_map(|n| backends(n).map(|mark| (n, mark))).collect();
    let pitch = card.rect.w / (reached.len() + 1) as f64;
    let thread = |(i, (node, mark)): (usize, &(&NodeBox, EndpointMark))| {
        let (x, y) = (card.rect.x + pitch * (i + 1) as f64, card.rect.bottom());
        let (tx, ty) = (node.rect.center().x, node.rect.y);
        let middle = (y + ty) / 2.0;
        let path = format!("M{x:.1} {y:.1}C{x:.1} {middle:.1} {tx:.1} {middle:.1} {tx:.1} {ty:.1}");
        Thread { pod: mark.pod.clone().unwrap_or_default(), path, state: mark.state }
    };
    reached.iter().enumerate().map(thread).collect()
}

/// Threads from the endpoints to their pods.
pub(super) fn threads(lane: &Lane, nodes: &[NodeBox]) -> Vec<Thread> {
    let Some(card) = &lane.slices else { return Vec::new() };
    let mut threads = Vec::new();
    if card.total > SPELLED_THREADS {
        return bundles(card, nodes);
    }
    for mark in &card.marks {
        let Some(pod) = &mark.pod else { continue };
        let target = nodes.iter().find_map(|n| n.pod_rect(pod));
        let Some(rect) = target else { continue };
        let (x, y) = (mark.at.x, card.rect.bottom());
        // A thread ends at the node's edge when it would have to cross other pods.
        let node_top = nodes.iter().find(|n| n.pod_rect(pod).is_some()).map_or(rect.y, |n| n.rect.y);
        let (tx, ty) = (rect.center().x, if rect.y - node_top > 60.0 { node_top } else { rect.y });
        let middle = (y + node_top) / 2.0;
        let path = format!("M{x:.1} {y:.1}C{x:.1} {middle:.1} {tx:.1} {middle:.1} {tx:.1} {node_top:.1}V{ty:.1}");
        threads.push(Thread { pod: pod.clone(), path, state: mark.state });
    }
    threads
}
