//! What controllers remember between two looks, as their upstream twins do in fields of their own.

use super::endpoints::EndpointsCache;
use super::endpointslice::SliceCache;
use crate::api::object::ObjectKey;
use crate::api::time::Time;
use crate::api::value::Value;
use imbl::{OrdMap, OrdSet};
use smol_str::SmolStr;

/// The memory of the controllers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What each endpoint controller knew of a Service when it last looked.
    pub(super) triggers: OrdMap<(&'static str, ObjectKey), Trigger>,
    /// What stands in Endpoints and slices, so that a look costs what has changed since the last one.
    pub(super) endpoints: OrdMap<ObjectKey, EndpointsCache>,
    pub(super) slices: OrdMap<ObjectKey, SliceCache>,
    /// Services (with an address type) whose slices bear hints of the topology annotation.
    pub(super) hinted: OrdSet<(ObjectKey, SmolStr)>,
    /// Conditions that pods have got of late, to be shared with the next ones that say the same.
    pub(super) conditions: Vec<(SharedCondition, Value)>,
    /// What images are called in statuses, by the name that their containers have for them: those that were asked for last.
    pub(super) images: Vec<(SmolStr, ImageNames)>,
    /// Since when a node has been seen with a taint that evicts.
    pub(super) tainted: OrdMap<SmolStr, Time>,
    /// Since when a node is missing that pods are bound to.
    pub(super) missing: OrdMap<SmolStr, Time>,
    /// How often the pods of an owner (its uid) were refused in a row.
    pub(super) refused: OrdMap<SmolStr, u32>,
}

impl Memory {
    /// Keeps a new condition for others, in place of the oldest one.
    pub(super) fn share_condition(&mut self, what: SharedCondition, condition: Value) -> Value {
        const SHARED: usize = 8;
        self.conditions.truncate(SHARED - 1);
        self.conditions.insert(0, (what, condition.clone()));
        condition
    }
}

/// What a pod's condition says, to find one that says the same.
#[derive(Clone, Debug)]
pub(super) struct SharedCondition {
    pub type_: &'static str,
    pub status: bool,
    /// The second of simulated time in which it became so, if that was when it was made.
    pub since: Option<u64>,
    pub reason: SmolStr,
    pub message: SmolStr,
    pub generation: Value,
}

/// An image's name with registry and tag, and the name that its digest gives it.
#[derive(Clone, Debug)]
pub(super) struct ImageNames {
    pub full: SmolStr,
    pub id: SmolStr,
}

/// State of the trigger-time tracker for one Service (`endpointslice/util/trigger_time_tracker.go`).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trigger {
    /// The Service's creation time at the last look.
    pub service: Option<Time>,
    /// The store's revision at the last look.
    pub revision: u64,
}
