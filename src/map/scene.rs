//! The whole drawing: the lane of names and addresses above, the floor of nodes and the world outside below.

use crate::api::object::ObjectKey;
use crate::apiserver::store::Store;
use crate::map::floor::{self, Group, NodeBox, OutsideBox, OutsideKind, PodBox, Waiting};
use crate::map::geometry::{Point, Rect};
use crate::map::lane::{self, Lane, ServiceChip};
use crate::map::places::Places;
use crate::trace::{Client, Place, Trace};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A group of pods: one workload on one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKey {
    pub node: SmolStr,
    pub workload: ObjectKey,
}

/// What is to be drawn, and how large.
pub struct Setting<'a> {
    pub store: &'a Store,
    pub places: &'a Places,
    pub width: f64,
    /// The height to fill; the drawing may need more.
    pub height: f64,
    /// The Service whose name, address and endpoints the upper lane shows.
    pub service: Option<&'a ObjectKey>,
    pub client: Option<&'a Client>,
    /// Its places are all drawn, and the kernels it passes are drawn open.
    pub trace: Option<&'a Trace>,
    pub unfolded: &'a BTreeSet<GroupKey>,
    /// How wide the words before the other Services are; they depend on the language.
    pub title: f64,
}

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    /// The height that it needs; what is more only fills its frame.
    pub need: f64,
    /// The Services that the lane does not show.
    pub services: Vec<ServiceChip>,
    pub lane: Option<Lane>,
    pub nodes: Vec<Arc<NodeBox>>,
    /// Pods that no node has taken yet.
    pub waiting: Option<Waiting>,
    pub outside: Vec<OutsideBox>,
    /// Where the text "outside the cluster" stands.
    pub outside_top: f64,
}

/// The margin around everything.
pub(super) const MARGIN: f64 = 24.0;

impl Scene {
    /// Lays out a cluster.
    pub fn draw(setting: &Setting) -> Scene {
        let width = setting.width.max(320.0);
        let (services, lane_top) = lane::chips(setting, width);
        let mut lane = lane::draw(setting, width, lane_top);
        let floor_top = lane.as_ref().map_or(lane_top, |l| l.bottom + 36.0);
        let floor = floor::draw(setting, width, floor_top);
        if let Some(lane) = &mut lane {
            lane.threads = lane::threads(lane, &floor.nodes);
        }
        Scene {
            width,
            height: floor.bottom,
            need: floor.need,
            services,
            lane,
            nodes: floor.nodes.into_iter().map(Arc::new).collect(),
            waiting: floor.waiting,
            outside: floor.outside,
            outside_top: floor.outside_top,
        }
    }

    pub fn node(&self, name: &str) -> Option<&NodeBox> {
        self.nodes.iter().find(|n| n.name == name).map(Arc::as_ref)
    }

    /// Every pod that has a box of its own.
    pub fn pods(&self) -> impl Iterator<Item = &PodBox> {
        self.nodes.iter().flat_map(|n| &n.pods).chain(self.waiting.iter().flat_map(|w| &w.pods))
    }

    /// Every group of pods.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.nodes.iter().flat_map(|n| &n.groups).chain(self.waiting.iter().flat_map(|w| &w.groups))
    }

    /// Where a label from `x` on, `w` wide and `h` high, that belongs to `p` covers least: between the pods and the kernels of a
    /// row while the packet is there, below the line while it is between nodes.
    pub fn quiet_top(&self, p: Point, (x, w, h): (f64, f64, f64)) -> f64 {
        let at = self.nodes.iter().find(|n| n.rect.contains(p));
        let outside =
            |o: &&OutsideBox| p.x >= o.rect.x && p.x <= o.rect.right() && (p.y - o.rect.center().y).abs() < 30.0;
        let Some(node) = at else {
            // Below all of them: there may be several rows.
            let bottom = self.outside.iter().map(|o| o.rect.bottom()).fold(0.0, f64::max);
            return if self.outside.iter().any(|o| outside(&o)) { bottom + 6.0 } else { p.y + 8.0 };
        };
        // A label may reach over its neighbours in the row, too.
        let near = |n: &&Arc<NodeBox>| n.rect.x < x + w && n.rect.right() > x;
        let beside = |n: &&Arc<NodeBox>| near(n) && (n.rect.y - node.rect.y).abs() < 1.0;
        let row = || self.nodes.iter().filter(beside);
        let boxes = || row().flat_map(|n| n.pods.iter().map(|b| b.rect).chain(n.groups.iter().map(|g| g.rect)));
        let top = boxes().map(Rect::bottom).filter(|b| *b <= node.kernel.y).fold(node.rect.y + 30.0, f64::max);
        // As near to the packet as the free stretch lets it be; in its middle where there is hardly room.
        let (first, last) = (top + 8.0, node.kernel.y - h - 8.0);
        let quiet = if first < last { (p.y - h / 2.0).clamp(first, last) } else { (first + last) / 2.0 };
        let covers = |y: f64| boxes().any(|b| b.overlaps(Rect::new(x, y, w, h)));
        let below = || self.nodes.iter().filter(near).any(|n| n.rect.y > node.rect.bottom());
        match p.y {
            y if y > node.kernel.bottom() - 1.0 => {
                if below() {
                    quiet
                } else {
                    y + 8.0
                }
            }
            y if y >= top - 1.0 || covers(y + 6.0) => quiet,
            y => y + 6.0,
        }
    }

    /// Where a pod is drawn: its box, or its dot in a group.
    pub fn pod_rect(&self, key: &ObjectKey) -> Option<Rect> {
        if let Some(pod) = self.pods().find(|p| p.key == *key) {
            return Some(pod.rect);
        }
        let tile = || self.nodes.iter().find_map(|n| n.folded.as_ref()?.holds(key).then(|| n.header()));
        self.groups().find_map(|g| g.dot_of(key)).or_else(tile)
    }

    /// Where a place of a trace is drawn.
    pub fn place_rect(&self, place: &Place) -> Option<Rect> {
        let outside =
            |wanted: &dyn Fn(&OutsideKind) -> bool| self.outside.iter().find(|o| wanted(&o.kind)).map(|o| o.rect);
        match place {
            Place::Pod { pod, node } => self.pod_rect(pod).or_else(|| self.node(node).map(|n| n.header())),
            Place::Kernel { node } => self.node(node).map(|n| n.kernel),
            Place::Node { node } => self.node(node).map(|n| n.header()),
            Place::Learner => outside(&|k| matches!(k, OutsideKind::Learner)),
            Place::LoadBalancer { service } => {
                outside(&|k| matches!(k, OutsideKind::LoadBalancer { service: s, .. } if s == service))
            }
            Place::Outside { ip, .. } => {
                let wanted = ip.to_string();
                outside(&|k| matches!(k, OutsideKind::Address { address, .. } if *address == wanted))
            }
        }
    }
}
