//! Containers whose definition changes while their pod stands: the image is what the API lets change.
//!
//! Upstream: `containerChanged` and its callers in `kuberuntime_manager.go`.

use super::Worker;
use crate::api::time::Duration;
use crate::api::view::Container;
use crate::runtime::{ContainerState, RunningContainer};
use smol_str::format_smolstr;

impl Worker<'_, '_> {
    fn told(&self, init: bool) -> &[Container] {
        if init { &self.view.init_containers } else { &self.view.containers }
    }

    /// Whether the manifest tells of another image than the one that a container has.
    pub(super) fn is_redefined(&self, init: bool, i: usize) -> bool {
        let list = if init { &self.sandbox.init_containers } else { &self.sandbox.containers };
        self.told(init).get(i).is_some_and(|told| list[i].name == told.name && list[i].image != told.image)
    }

    /// Takes new definitions over: what runs is stopped first, what waits waits for the new image.
    pub(super) fn take_definitions(&mut self) {
        for init in [true, false] {
            let count = if init { self.sandbox.init_containers.len() } else { self.sandbox.containers.len() };
            for i in 0..count {
                if self.is_redefined(init, i) {
                    self.take_definition(init, i);
                }
            }
        }
    }

    fn take_definition(&mut self, init: bool, i: usize) {
        let container = self.container(init, i);
        let begun = container.start_at.is_some();
        match container.state {
            ContainerState::Running { .. } if !init => {
                let why = format_smolstr!("Container {} definition changed, will be restarted", container.name);
                self.kill(init, i, why);
            }
            ContainerState::Running { .. } if container.is_sidecar() => {
                let why = format_smolstr!("Init container {} definition changed", container.name);
                self.kill(init, i, why);
            }
            // An init container ends what it has begun, and what has ended for good does not come back.
            ContainerState::Running { .. } => {}
            ContainerState::Terminated { .. } if !begun => {}
            _ => self.redefine(init, i),
        }
    }

    /// A container that does not run is what the manifest now says; it keeps its past, and starts when its image is there.
    pub(super) fn redefine(&mut self, init: bool, i: usize) {
        let Some(told) = self.told(init).get(i).cloned() else { return };
        let pull = self.context.settings.latencies.image_pull;
        // A pod that has not been accepted yet has all its images to look for.
        let accepted = self.sandbox.start_at;
        let pulling =
            accepted.and_then(|_| self.context.runtime.pull(&self.view.node_name, &told.image).then_some(pull));
        let new = if init { RunningContainer::before_others } else { RunningContainer::new };
        let new = new(self.pod, &told);
        let now = self.now;
        let container = self.container(init, i);
        let old = std::mem::replace(container, new);
        container.state = old.state;
        container.last = old.last;
        container.restarts = old.restarts;
        container.pulling = pulling;
        container.start_at = accepted.map(|at| at.max(now) + pulling.unwrap_or(Duration::ZERO));
        self.sandbox.pod = self.pod.clone();
    }
}
