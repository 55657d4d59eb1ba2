//! Controllers: what makes the cluster become what its objects wish for.
//!
//! Upstream: `pkg/controller`, the scheduler and the kubelets. Each file models one controller; [`all`] is the registry.
//! Controllers are level-triggered: an event only puts a key into the work queue, and [`Controller::reconcile`] looks at the
//! state as it is then. They keep no state of their own; what they need to find quickly is in [`Index`], which follows the
//! store event by event, and what runs is in the runtime. What they want changed they return as [`Write`]s, each with the
//! field that made them act.

mod conditions;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod endpointslice;
mod endpointslice_mirroring;
mod garbage_collector;
mod hints;
pub mod index;
mod job;
mod kubelet;
pub mod membership;
mod memory;
mod namespace;
mod node_lifecycle;
pub mod pods;
pub mod recorder;
mod replicaset;
mod revisions;
mod scheduler;
mod selector;
mod service_lb;
mod serviceaccount;
pub mod settings;
mod slice_cache;
mod statefulset;
mod template_hash;

pub use index::Index;
pub use memory::Memory;
pub use recorder::Recorder;
pub use settings::{Latencies, LoadBalancerProvider, NodeSettings, ProxyMode, Settings};

use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::apiserver::store::{Event, Store};
use crate::apiserver::write::Random;
use crate::runtime::Runtime;
use std::sync::Arc;

/// What a controller sees and may touch.
pub struct Context<'a> {
    pub store: &'a Store,
    pub index: &'a Index,
    pub settings: &'a Settings,
    pub runtime: &'a mut Runtime,
    pub random: &'a mut Random,
    pub recorder: &'a mut Recorder,
    pub memory: &'a mut Memory,
    pub now: Time,
}

/// A change that a controller wants, and the field that made it want it.
#[derive(Clone, Debug)]
pub enum Write {
    Create {
        kind: &'static str,
        value: Value,
        saw: Arc<FieldRef>,
    },
    Update {
        old: Arc<Object>,
        value: Value,
        saw: Arc<FieldRef>,
    },
    /// With the grace period in seconds; `None`: the pod's own.
    Delete {
        key: ObjectKey,
        grace: Option<i64>,
        saw: Arc<FieldRef>,
    },
    /// Takes the object away whatever holds it.
    Purge {
        key: ObjectKey,
        saw: Arc<FieldRef>,
    },
}

/// When a key is looked at again without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requeue {
    pub at: Time,
    /// A timer that waits for nothing in particular (the next restart of a crash loop, a deadline ten minutes away): a
    /// cluster that has only such timers left has settled.
    pub standing: bool,
}

/// What came of a look at one key.
#[derive(Clone, Debug, Default)]
pub struct Reconcile {
    pub writes: Vec<Write>,
    pub requeue: Option<Requeue>,
    /// How many other objects were gone through for it, for the books of counted work.
    pub looked: usize,
}

impl Reconcile {
    /// Asks for another look at `at`; of several wishes the earliest counts.
    pub fn again(&mut self, at: Time) {
        self.wish(Requeue { at, standing: false });
    }

    /// Asks for another look at `at` that nobody needs to wait for.
    pub fn again_standing(&mut self, at: Time) {
        self.wish(Requeue { at, standing: true });
    }

    fn wish(&mut self, wish: Requeue) {
        self.requeue = Some(match self.requeue {
            // The earliest moment; standing only if every wish is.
            Some(old) => Requeue { at: old.at.min(wish.at), standing: old.standing && wish.standing },
            None => wish,
        });
    }

    pub fn create(&mut self, kind: &'static str, value: Value, saw: FieldRef) {
        self.writes.push(Write::Create { kind, value, saw: Arc::new(saw) });
    }

    pub fn update(&mut self, old: &Arc<Object>, value: Value, saw: FieldRef) {
        self.writes.push(Write::Update { old: old.clone(), value, saw: Arc::new(saw) });
    }

    /// Takes the object away whatever holds it.
    pub fn purge(&mut self, key: ObjectKey, saw: FieldRef) {
        self.writes.push(Write::Purge { key, saw: Arc::new(saw) });
    }

    pub fn delete(&mut self, key: ObjectKey, saw: FieldRef) {
        self.writes.push(Write::Delete { key, grace: None, saw: Arc::new(saw) });
    }
}

/// Puts a key into a controller's queue, to be looked at after a while.
pub type Enqueue<'a> = &'a mut dyn FnMut(ObjectKey, Duration);

/// A controller.
pub trait Controller: Sync {
    /// Its name in causes and explanations, e.g. `replicaset-controller`.
    fn name(&self) -> &'static str;

    /// The keys that an event concerns. Called for every write, so it must be quick to say "none".
    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue);

    /// Looks at one key and says what must change.
    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile;
}

pub use kubelet::count_rested;
pub use namespace::ACCOUNTS;
pub use scheduler::missing_claims;

/// Who makes a Service's endpoints.
pub const OF_ENDPOINTS: [&str; 2] = [endpoints::NAME, endpointslice::NAME];

/// The controllers that work even where pods stand still ([`Settings::workloads`]): what follows from a Service's or a pod's
/// change, and that a namespace comes and goes.
pub fn follows_changes(name: &str) -> bool {
    matches!(
        name,
        kubelet::NAME
            | endpoints::NAME
            | endpointslice::NAME
            | endpointslice_mirroring::NAME
            | namespace::NAME
            | ACCOUNTS
    )
}

/// The registry. A controller's place in it is its number in the work queue.
pub fn all() -> &'static [&'static dyn Controller] {
    &[
        &deployment::DeploymentController,
        &replicaset::ReplicaSetController { name: "replicaset-controller", kind: "ReplicaSet" },
        &replicaset::ReplicaSetController { name: "replication-controller", kind: "ReplicationController" },
        &statefulset::StatefulSetController,
        &daemonset::DaemonSetController,
        &job::JobController,
        &serviceaccount::ServiceAccountController,
        &scheduler::Scheduler,
        &kubelet::Kubelet,
        &endpoints::EndpointsController,
        &endpointslice::EndpointSliceController,
        &endpointslice_mirroring::MirroringController,
        &service_lb::ServiceLbController,
        &namespace::NamespaceController,
        &namespace::ServiceAccountController,
        &node_lifecycle::NodeLifecycleController,
        &garbage_collector::GarbageCollector,
        &disruption::DisruptionController,
        &cronjob::CronJobController,
    ]
}
