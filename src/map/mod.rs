//! The map: where everything of a cluster is drawn. Above, what is nowhere: names, virtual IPs, EndpointSlices, Ingress rules.
//! Below, what is somewhere: nodes with their pods and their kernel, where the kube-proxy rules live, and the world outside.
//!
//! This is layout and nothing else: it reads a store and a trace and gives boxes and ways. The screen and the SVG export
//! draw them; words and colours are theirs.

mod floor;
pub mod geometry;
mod lane;
mod places;
mod scene;
mod stage;
mod stream;
#[cfg(test)]
mod tests;
mod tone;
mod way;

pub use floor::{Fold, Folded, Group, NodeBox, OutsideBox, OutsideKind, PodBox, PodRole, PodState, Waiting, node_key};
pub use geometry::{Point, Rect, Way};
pub use lane::{EndpointMark, Lane, PortChip, RouteCard, ServiceChip, SliceCard, Thread, VipCard, VipKind};
pub use places::{Places, workload};
pub use scene::{GroupKey, Scene, Setting};
pub use stage::{Stage, number, stage_of, stages};
pub use stream::{Arrival, Stream, stream_width, streams};
pub use tone::{Phase, Tone, of_hop, of_step, phase};
pub use way::{Leg, legs};
