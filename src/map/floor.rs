//! The floor: nodes in rows, each with its pods and its kernel strip, and below them the world outside the cluster.

use crate::api::object::{Object, ObjectKey};
use crate::api::view::{PodPhase, ServiceType};
use crate::arrange::set_of;
use crate::map::geometry::{Point, Rect, text_width};
use crate::map::places::{Crew, workload};
use crate::map::scene::{GroupKey, MARGIN, Setting};
use crate::map::tone::{Phase, phase};
use crate::trace::{Client, Place};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// How a pod or an endpoint is, as far as traffic cares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodState {
    Ready,
    #[default]
    NotReady,
    /// Not running yet.
    Pending,
    Terminating,
    /// Ended, well or not.
    Finished,
}

/// What a pod is in the story that the map tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodRole {
    #[default]
    Other,
    /// It sends the request.
    Client,
    /// It answers DNS questions.
    Dns,
    /// The lane's Service selects it.
    Backend,
    /// An ingress controller or gateway.
    Proxy,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PodBox {
    pub key: ObjectKey,
    pub rect: Rect,
    /// What a person calls it: the workload's name, or the pod's own when nothing generated it.
    pub stem: SmolStr,
    /// What was generated behind it (`78cb5f6d7c-kmtbr`); empty when nothing was.
    pub tail: SmolStr,
    pub address: SmolStr,
    pub state: PodState,
    pub role: PodRole,
    /// Why it waits or fails, in the kubelet's word (`CrashLoopBackOff`); empty when all is well.
    pub reason: SmolStr,
}

/// Pods of one workload on one node, drawn as dots.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub key: GroupKey,
    pub rect: Rect,
    pub pods: Crew,
    pub role: PodRole,
    /// Dots in a row.
    pub columns: usize,
}

/// The line above a group that is unfolded, which folds it again.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    pub key: GroupKey,
    pub rect: Rect,
    /// How many pods it holds.
    pub count: usize,
}

/// The height of that line.
const FOLD: f64 = 24.0;

/// The distance of dots in a group.
pub(super) const DOT: f64 = 11.0;
const GROUP_HEAD: f64 = 26.0;

impl Group {
    /// The middle of the i-th dot.
    pub fn dot(&self, i: usize) -> Point {
        let (row, column) = (i / self.columns.max(1), i % self.columns.max(1));
        Point::new(self.rect.x + 14.0 + column as f64 * DOT, self.rect.y + GROUP_HEAD + 6.0 + row as f64 * DOT)
    }

    pub fn dot_of(&self, pod: &ObjectKey) -> Option<Rect> {
        let at = self.dot(self.pods.iter().position(|(key, _)| key == pod)?);
        Some(Rect::new(at.x - 5.0, at.y - 5.0, 10.0, 10.0))
    }
}

/// The pods of a node that is drawn as a tile: a large cluster is first told by its nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    pub pods: Crew,
    pub ready: usize,
}

impl Folded {
    pub fn holds(&self, pod: &ObjectKey) -> bool {
        self.pods.iter().any(|(key, _)| key == pod)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct NodeBox {
    pub name: SmolStr,
    pub rect: Rect,
    pub address: SmolStr,
    pub zone: SmolStr,
    pub ready: bool,
    /// `spec.unschedulable`
    pub cordoned: bool,
    pub pods: Vec<PodBox>,
    pub groups: Vec<Group>,
    pub folds: Vec<Fold>,
    /// Whether the node is folded; then it has no pods and groups of its own here.
    pub folded: Option<Folded>,
    /// The strip of the kernel.
    pub kernel: Rect,
    /// Whether the trace passes through this kernel, so that it is drawn open.
    pub open: bool,
    /// Where packets between nodes run, below this node's row.
    pub bus: f64,
}

impl NodeBox {
    pub fn header(&self) -> Rect {
        Rect::new(self.rect.x, self.rect.y, self.rect.w, 30.0)
    }

    pub(super) fn pod_rect(&self, key: &ObjectKey) -> Option<Rect> {
        let own = self.pods.iter().find(|p| p.key == *key).map(|p| p.rect);
        let dot = || self.groups.iter().find_map(|g| g.dot_of(key));
        let tile = || self.folded.as_ref().filter(|f| f.holds(key)).map(|_| self.header());
        own.or_else(dot).or_else(tile)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum OutsideKind {
    /// The learner's computer.
    Learner,
    /// The cloud's load balancer of a Service; no addresses while it is pending.
    LoadBalancer { service: ObjectKey, addresses: Vec<SmolStr> },
    /// Any other address or name.
    Address { address: SmolStr, name: SmolStr },
}

#[derive(Clone, Debug, PartialEq)]
pub struct OutsideBox {
    pub kind: OutsideKind,
    pub rect: Rect,
}

/// Pods that no node has taken yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    pub rect: Rect,
    pub pods: Vec<PodBox>,
    pub groups: Vec<Group>,
    pub folds: Vec<Fold>,
}

/// What [`draw`] gives.
pub(super) struct Floor {
    pub nodes: Vec<NodeBox>,
    pub waiting: Option<Waiting>,
    pub outside: Vec<OutsideBox>,
    pub outside_top: f64,
    pub bottom: f64,
    /// Where it would end if it filled no more height than it needs.
    pub need: f64,
}

/// As wide as the generated end of a name and an address need, as high as four lines.
const POD: (f64, f64) = (124.0, 66.0);
const POD_GAP: f64 = 12.0;
/// Between the edge of a node and its pods.
const NODE_PAD: f64 = 14.0;
const NODE_HEAD: f64 = 44.0;
const OPEN_KERNEL: f64 = 86.0;
const SHUT_KERNEL: f64 = 50.0;
/// Between the pods and the kernel: where packets are seen falling into it.
const FALL: f64 = 58.0;
/// Between a row of nodes and what is below: where packets run from node to node.
const BUS: f64 = 26.0;
const OUTSIDE: f64 = 56.0;

/// More nodes than this are tiles, but for those that the request passes and those that somebody unfolds.
const NODES: usize = 24;
/// The height of a tile.
const TILE: f64 = 62.0;

/// What unfolds a node.
pub fn node_key(name: &SmolStr) -> GroupKey {
    GroupKey { node: name.clone(), workload: ObjectKey::new("Node", "", name.clone()) }
}

/// The nodes that are drawn whole in a cluster of many: where the client is, and where the request comes by.
fn whole(setting: &Setting) -> BTreeSet<SmolStr> {
    let hops = setting.trace.map_or(&[][..], |t| &t.hops);
    let mut whole: BTreeSet<SmolStr> = set_of(hops.iter().filter_map(|hop| match &hop.at {
        Place::Pod { node, .. } | Place::Kernel { node } | Place::Node { node } => Some(node.clone()),
        _ => None,
    }));
    match setting.client {
        Some(Client::Pod { namespace, name, .. }) => {
            let pod = setting.store.get(&ObjectKey::new("Pod", namespace.clone(), name.clone()));
            whole.extend(pod.and_then(|p| p.view().pod().map(|p| p.node_name.clone())));
        }
        Some(Client::Node { name }) => drop(whole.insert(name.clone())),
        _ => {}
    }
    whole
}

pub(super) fn draw(setting: &Setting, width: f64, top: f64) -> Floor {
    let names = setting.places.nodes();
    let many = names.len() > NODES;
    let whole = if many { whole(setting) } else { BTreeSet::new() };
    let is_folded = |name: &SmolStr| many && !whole.contains(name) && !setting.unfolded.contains(&node_key(name));
    let wanted = match names.len() {
        ..=12 => 232.0,
        13..=NODES => 170.0,
        _ => 128.0,
    };
    let gap = 22.0;
    let inner = width - 2.0 * MARGIN;
    let fit = (((inner + gap) / (wanted + gap)).floor() as usize).max(1);
    let columns = names.len().clamp(1, fit);
    // A last row of one node looks lost; spread them evenly instead.
    let rows = names.len().div_ceil(columns).max(1);
    let columns = names.len().div_ceil(rows).max(1);
    let node_width = (inner - gap * (columns - 1) as f64) / columns as f64;
    let roles = Roles::of(setting);
    let passed = kernels_of(setting);
    let mut nodes: Vec<NodeBox> = Vec::new();
    let mut y = top;
    let mut filled = 0.0;
    // A packet that is outside the cluster bears its label below its place.
    let label = if setting.trace.is_some_and(|t| t.hops.iter().any(|h| is_outside(&h.at))) { LABEL } else { 0.0 };
    let free = setting.height - top - OUTSIDE - label - rows as f64 * BUS;
    for row in names.chunks(columns) {
        let mut boxes: Vec<NodeBox> = row
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let x = MARGIN + i as f64 * (node_width + gap);
                let frame = Rect::new(x, y, node_width, 0.0);
                let shape = match (is_folded(name), many && !whole.contains(name)) {
                    (true, _) => Shape::Tile,
                    (_, foldable) => Shape::Whole { open: passed.contains(name), foldable },
                };
                node(setting, &roles, name, frame, shape)
            })
            .collect();
        let need = boxes.iter().map(|n| n.rect.h).fold(0.0, f64::max);
        // One row of nodes fills the height that there is, but not more than looks well.
        let height = if rows == 1 { need.max(free.min(420.0)) } else { need };
        filled += height - need;
        for node in &mut boxes {
            if node.folded.is_some() {
                // A tile stays as low as it is, whatever stands beside it.
                node.kernel = Rect::new(node.rect.x + 10.0, node.rect.bottom() - 12.0, node.rect.w - 20.0, 4.0);
                node.bus = y + height + 13.0;
                continue;
            }
            node.rect.h = height;
            let strip = if node.open { OPEN_KERNEL } else { SHUT_KERNEL };
            node.kernel = Rect::new(node.rect.x + 14.0, node.rect.bottom() - 14.0 - strip, node.rect.w - 28.0, strip);
            node.bus = node.rect.bottom() + 13.0;
        }
        y += height + BUS;
        nodes.extend(boxes);
    }
    let waiting = waiting(setting, &roles, width, y);
    if let Some(waiting) = &waiting {
        y = waiting.rect.bottom() + 16.0;
    }
    let outside = outside(setting, width, y);
    let bottom = outside.last().map_or(y, |o| o.rect.bottom()) + 12.0 + label;
    Floor { nodes, waiting, outside, outside_top: y, bottom: bottom.max(setting.height), need: bottom - filled }
}

/// Room for the label of a packet.
const LABEL: f64 = 46.0;

fn is_outside(place: &Place) -> bool {
    matches!(place, Place::Learner | Place::LoadBalancer { .. } | Place::Outside { .. })
}

/// The nodes whose kernel the request passes. Where only a name's question passed, the strip stays shut: it would take the
/// eye away from where the request is decided. A trace that is a lookup alone has nothing else to show.
fn kernels_of(setting: &Setting) -> BTreeSet<SmolStr> {
    let hops = setting.trace.map_or(&[][..], |t| &t.hops);
    let only_names = hops.iter().all(|hop| phase(hop) == Phase::Dns);
    set_of(hops.iter().filter(|hop| only_names || phase(hop) != Phase::Dns).filter_map(|hop| match &hop.at {
        Place::Kernel { node } => Some(node.clone()),
        _ => None,
    }))
}

/// How a node is drawn.
enum Shape {
    Tile,
    Whole { open: bool, foldable: bool },
}

fn node(setting: &Setting, roles: &Roles, name: &SmolStr, frame: Rect, shape: Shape) -> NodeBox {
    let object = setting.store.node(name);
    let view = object.and_then(|o| o.view().node());
    let (folded, open, foldable) = match shape {
        Shape::Tile => {
            let stand = setting.places.stand(name);
            let (pods, ready) = stand.map(|stand| (stand.all.clone(), stand.ready)).unwrap_or_default();
            (Some(Folded { pods, ready }), false, false)
        }
        Shape::Whole { open, foldable } => (None, open, foldable),
    };
    let (x, room) = (frame.x + NODE_PAD, frame.w - 2.0 * NODE_PAD);
    let head = frame.y + NODE_HEAD + if foldable { FOLD + 4.0 } else { 0.0 };
    let mut filled = match &folded {
        Some(_) => Filled { pods: Vec::new(), groups: Vec::new(), folds: Vec::new(), bottom: head },
        None => fill(setting, roles, name, x, head, room),
    };
    if foldable {
        let rect = Rect::new(x, frame.y + NODE_HEAD - 6.0, room, FOLD);
        filled.folds.insert(0, Fold { key: node_key(name), rect, count: setting.places.slots(name).len() });
    }
    let Filled { pods, groups, folds, bottom: y } = filled;
    let fall = if setting.places.nodes().len() > 6 { 30.0 } else { FALL };
    // Room for an open kernel, so that a request does not make the nodes grow.
    let height = match &folded {
        Some(_) => TILE,
        None => (y - POD_GAP - frame.y + fall + OPEN_KERNEL + 14.0).max(NODE_HEAD + POD.1 + fall + OPEN_KERNEL + 14.0),
    };
    NodeBox {
        name: name.clone(),
        rect: Rect::new(frame.x, frame.y, frame.w, height),
        address: view.and_then(|n| n.ip()).map(|ip| ip.to_smolstr()).unwrap_or_default(),
        zone: view.map(|n| n.zone.clone()).unwrap_or_default(),
        ready: view.is_some_and(|n| n.is_ready()),
        cordoned: view.is_some_and(|n| n.unschedulable),
        pods,
        groups,
        folds,
        folded,
        kernel: Rect::default(),
        open,
        bus: 0.0,
    }
}

/// Pods and groups in a box.
struct Filled {
    pods: Vec<PodBox>,
    groups: Vec<Group>,
    folds: Vec<Fold>,
    bottom: f64,
}

/// Fills the width `room` from (`x0`, `y`) down with the pods of a node ("" for the waiting ones): boxes while they are few,
/// dots by workload when they are many.
fn fill(setting: &Setting, roles: &Roles, name: &SmolStr, x0: f64, top: f64, room: f64) -> Filled {
    let slots = setting.places.slots(name);
    let columns = (((room + POD_GAP) / (POD.0 + POD_GAP)).floor() as usize).max(1);
    // Boxes grow a little to fill the row; dots do not.
    let pod_width = ((room - POD_GAP * (columns - 1) as f64) / columns as f64).min(160.0);
    let mut y = top;
    let (mut pods, mut groups, mut folds) = (Vec::new(), Vec::new(), Vec::new());
    let mut boxes = |keys: Vec<Option<&ObjectKey>>, y: f64| -> f64 {
        for (i, key) in keys.iter().enumerate() {
            let Some(object) = key.and_then(|k| setting.store.get(k)) else { continue };
            let (row, column) = (i / columns, i % columns);
            let x = x0 + column as f64 * (pod_width + POD_GAP);
            let rect = Rect::new(x, y + row as f64 * (POD.1 + POD_GAP), pod_width, POD.1);
            pods.push(pod_box(setting, object, rect, roles));
        }
        y + keys.len().div_ceil(columns) as f64 * (POD.1 + POD_GAP)
    };
    if slots.len() <= columns * 3 {
        y = boxes(slots.iter().map(Option::as_ref).collect(), y);
    } else {
        let crews = setting.places.stand(name).map_or(&[][..], |stand| &stand.crews).iter();
        let (few, many): (Vec<_>, Vec<_>) = crews.cloned().partition(|(_, crew)| crew.len() < 3);
        y = boxes(few.iter().flat_map(|(_, crew)| keys(crew)).collect(), y);
        let is_open = |workload: &ObjectKey| {
            setting.unfolded.contains(&GroupKey { node: name.clone(), workload: workload.clone() })
        };
        for (depth, workload, pods) in by_namespace(many, is_open) {
            let key = GroupKey { node: name.clone(), workload };
            let x = x0 + depth as f64 * 10.0;
            let room = room - depth as f64 * 10.0;
            if is_open(&key.workload) {
                // What is unfolded keeps a line that folds it again.
                folds.push(Fold { key, rect: Rect::new(x, y, room, FOLD), count: pods.len() });
                y += FOLD + 4.0;
                if folds.last().is_some_and(|f| f.key.workload.kind != "Namespace") {
                    y = boxes(keys(&pods).collect(), y);
                }
                continue;
            }
            let columns = (((room - 20.0) / DOT).floor() as usize).max(1);
            let height = GROUP_HEAD + pods.len().div_ceil(columns) as f64 * DOT + 8.0;
            let role = pods.first().map_or(PodRole::Other, |(key, _)| roles.of_pod(key));
            groups.push(Group { key, rect: Rect::new(x, y, room, height), pods, role, columns });
            y += height + POD_GAP;
        }
    }
    Filled { pods, groups, folds, bottom: y }
}

fn keys(crew: &Crew) -> impl Iterator<Item = Option<&ObjectKey>> {
    crew.iter().map(|(key, _)| Some(key))
}

/// More groups than this on one node are first told by their namespaces.
const GROUPS: usize = 5;

/// A namespace or workload with its pods, and how deep it stands.
type Nested = (usize, ObjectKey, Crew);

/// The groups as they are drawn. Many of several namespaces stand behind their namespace, until that is unfolded.
fn by_namespace(groups: Vec<(ObjectKey, Crew)>, is_open: impl Fn(&ObjectKey) -> bool) -> Vec<Nested> {
    let mut namespaces: Vec<SmolStr> = Vec::new();
    for (workload, _) in &groups {
        if !namespaces.contains(&workload.namespace) {
            namespaces.push(workload.namespace.clone());
        }
    }
    if groups.len() <= GROUPS || namespaces.len() < 2 {
        return groups.into_iter().map(|(workload, crew)| (0, workload, crew)).collect();
    }
    let mut nested = Vec::new();
    for namespace in namespaces {
        let key = ObjectKey::new("Namespace", "", namespace.clone());
        let own = || groups.iter().filter(|(workload, _)| workload.namespace == namespace);
        let all: Vec<_> = own().flat_map(|(_, crew)| crew.iter().cloned()).collect();
        let open = is_open(&key);
        nested.push((0, key, Arc::new(all)));
        if open {
            nested.extend(own().map(|(workload, crew)| (1, workload.clone(), crew.clone())));
        }
    }
    nested
}

/// The pods of the story.
struct Roles<'a> {
    client: Option<ObjectKey>,
    by_pod: BTreeMap<&'a ObjectKey, PodRole>,
}

impl<'a> Roles<'a> {
    fn of(setting: &Setting<'a>) -> Roles<'a> {
        let client = match setting.client {
            Some(Client::Pod { namespace, name, .. }) => Some(ObjectKey::new("Pod", namespace.clone(), name.clone())),
            _ => None,
        };
        let mut by_pod = BTreeMap::new();
        for object in setting.store.list("EndpointSlice") {
            let Some(slice) = object.view().endpoint_slice() else { continue };
            let here = setting.service.is_some_and(|s| s.name == slice.service && s.namespace == *object.namespace());
            let role = match (object.namespace().as_str(), slice.service.as_str()) {
                ("kube-system", "kube-dns") => PodRole::Dns,
                _ if here => PodRole::Backend,
                (namespace, _) if namespace.contains("ingress") || namespace.contains("gateway") => PodRole::Proxy,
                _ => continue,
            };
            for pod in slice.endpoints.iter().filter_map(|e| e.target.as_ref()) {
                by_pod.insert(pod, role);
            }
        }
        Roles { client, by_pod }
    }

    fn of_pod(&self, key: &ObjectKey) -> PodRole {
        if self.client.as_ref() == Some(key) {
            return PodRole::Client;
        }
        self.by_pod.get(key).copied().unwrap_or_default()
    }
}

pub(super) fn state_of(object: &Object) -> PodState {
    let Some(pod) = object.view().pod() else { return PodState::NotReady };
    match pod.phase {
        _ if pod.terminating => PodState::Terminating,
        PodPhase::Succeeded | PodPhase::Failed => PodState::Finished,
        PodPhase::Pending | PodPhase::Unknown => PodState::Pending,
        PodPhase::Running if pod.is_ready() => PodState::Ready,
        PodPhase::Running => PodState::NotReady,
    }
}

/// A generated name taken apart: the workload's name, and what a controller put behind it. A StatefulSet's ordinal belongs to
/// the name.
fn stem_and_tail(setting: &Setting, pod: &Object) -> (SmolStr, SmolStr) {
    let owner = workload(setting.store, pod);
    let tail = pod.name().strip_prefix(owner.name.as_str()).and_then(|rest| rest.strip_prefix('-'));
    match tail {
        Some(tail) if owner.kind != "StatefulSet" && *owner != pod.key => (owner.name.clone(), tail.into()),
        _ => (pod.name().clone(), SmolStr::default()),
    }
}

fn pod_box(setting: &Setting, object: &Object, rect: Rect, roles: &Roles) -> PodBox {
    let view = object.view().pod();
    let reason = view.and_then(|p| p.statuses().find(|s| s.state != "running" && !s.reason.is_empty()));
    let (stem, tail) = stem_and_tail(setting, object);
    PodBox {
        key: object.key.clone(),
        rect,
        stem,
        tail,
        address: view.and_then(|p| p.ip).map(|ip| ip.to_smolstr()).unwrap_or_default(),
        state: state_of(object),
        role: roles.of_pod(&object.key),
        reason: reason.map(|s| s.reason).unwrap_or_default(),
    }
}

fn waiting(setting: &Setting, roles: &Roles, width: f64, y: f64) -> Option<Waiting> {
    if setting.places.slots("").is_empty() {
        return None;
    }
    let inner = width - 2.0 * MARGIN;
    let Filled { pods, groups, folds, bottom } =
        fill(setting, roles, &SmolStr::default(), MARGIN + 20.0, y + 30.0, inner - 40.0);
    Some(Waiting { rect: Rect::new(MARGIN, y, inner, bottom - y + 4.0), pods, groups, folds })
}

fn outside(setting: &Setting, width: f64, top: f64) -> Vec<OutsideBox> {
    let mut kinds = vec![OutsideKind::Learner];
    for object in setting.store.list("Service") {
        let Some(service) = object.view().service() else { continue };
        if service.type_ == ServiceType::LoadBalancer {
            let addresses = service.load_balancer.iter().map(|p| match p.ip {
                Some(ip) => ip.to_smolstr(),
                None => p.hostname.clone(),
            });
            kinds.push(OutsideKind::LoadBalancer { service: object.key.clone(), addresses: addresses.collect() });
        }
        if service.type_ == ServiceType::ExternalName {
            kinds.push(OutsideKind::Address { address: SmolStr::default(), name: service.external_name.clone() });
        }
    }
    let mut add = |address: SmolStr, name: &SmolStr| {
        let same = |k: &OutsideKind| matches!(k, OutsideKind::Address { address: a, name: n } if *a == address || (a.is_empty() && n == name));
        match kinds.iter_mut().find(|k| same(k)) {
            Some(OutsideKind::Address { address: a, .. }) => *a = address,
            _ => kinds.push(OutsideKind::Address { address, name: name.clone() }),
        }
    };
    for object in setting.store.list("EndpointSlice") {
        let Some(slice) = object.view().endpoint_slice() else { continue };
        // Endpoints that somebody wrote by hand; those of nodes (the API server's own) are no outsiders.
        for endpoint in slice.endpoints.iter().filter(|e| e.target.is_none() && slice.service != "kubernetes") {
            for address in &endpoint.addresses {
                if address.parse::<IpAddr>().is_ok() {
                    add(address.clone(), &SmolStr::default());
                }
            }
        }
    }
    for hop in setting.trace.map_or(&[][..], |t| &t.hops) {
        if let Place::Outside { ip, name } = &hop.at {
            add(ip.to_smolstr(), name);
        }
    }
    let (mut x, mut y) = (MARGIN + 134.0, top + 6.0);
    let mut boxes = Vec::new();
    for kind in kinds {
        let w = match &kind {
            OutsideKind::Learner => 132.0,
            OutsideKind::LoadBalancer { service, addresses } => {
                let words = addresses.iter().map(|a| text_width(a, 12.0, false) + 10.0).sum::<f64>();
                match addresses.is_empty() {
                    true => 210.0 + text_width(&service.name, 12.0, false),
                    false => (150.0 + text_width(&service.name, 12.0, false)).max(126.0 + words),
                }
            }
            OutsideKind::Address { address, name } => {
                text_width(address, 12.0, true) + text_width(name, 12.0, false) + 40.0
            }
        };
        if x + w > width - MARGIN && x > MARGIN {
            (x, y) = (MARGIN, y + 52.0);
        }
        boxes.push(OutsideBox { kind, rect: Rect::new(x, y, w.min(width - 2.0 * MARGIN), 38.0) });
        x += w + 12.0;
    }
    boxes
}
