//! Ending pods: one that is deleted, one whose work is done, one whose time is over.
//!
//! Upstream: `SyncTerminatingPod` with `kuberuntime_container.go` and `kuberuntime_termination_order.go`, `active_deadline.go`,
//! and the end of `computePodActions`, which kills a pod when nothing but sidecars is left in it.

use super::Worker;
use super::lifecycle::end_of;
use crate::api::time::{Duration, Time, parse};
use crate::api::value::Value;
use crate::runtime::sandbox::{LOST, Stop};
use crate::runtime::{ContainerState, RunningContainer};
use smol_str::format_smolstr;

/// What a container has at least to end in, however long it had to wait for its turn.
const SHORTEST_GRACE: Duration = Duration::secs(2);

impl Worker<'_, '_> {
    /// When the pod may be active no longer (`spec.activeDeadlineSeconds`, from its start on the node).
    pub(super) fn deadline(&self) -> Option<Time> {
        let seconds = self.pod.value.at(&["spec", "activeDeadlineSeconds"])?.as_i64()?;
        let started = parse(self.pod.value.str_at(&["status", "startTime"])).unwrap_or(self.now);
        Some(started + Duration::secs(seconds.max(0) as u64))
    }

    /// The pod has been active for too long: whatever it does, it has failed.
    pub(super) fn exceed_deadline(&mut self) {
        let message = "Pod was active on the node longer than the specified deadline";
        self.say("", false, "DeadlineExceeded", message);
        self.stop(Stop::Failed { reason: "DeadlineExceeded", message: message.into() });
    }

    /// Whether nothing is left to do for the pod but to end its sidecars.
    pub(super) fn has_done_its_work(&mut self) -> bool {
        let is_left = |c: &RunningContainer| c.is_sidecar() && (c.is_running() || c.start_at.is_some());
        if !self.sandbox.init_containers.iter().any(is_left) {
            return false;
        }
        let is_over =
            |c: &RunningContainer| matches!(c.state, ContainerState::Terminated { .. }) && c.start_at.is_none();
        let has_failed = |c: &RunningContainer| {
            !c.is_sidecar() && is_over(c) && !matches!(c.state, ContainerState::Terminated { exit_code: 0, .. })
        };
        self.sandbox.containers.iter().all(is_over)
            || (self.restart_policy() == "Never" && self.sandbox.init_containers.iter().any(has_failed))
    }

    /// The kubelet itself ends the pod.
    pub(super) fn stop(&mut self, why: Stop) {
        self.sandbox.stop = Some(why);
        self.end_all();
        self.go_on_stopping();
    }

    /// One step on the way to the end of a pod that the kubelet itself ends.
    pub(super) fn go_on_stopping(&mut self) {
        self.advance_stops();
        if self.sandbox.all().any(RunningContainer::is_running) {
            self.probe();
            return;
        }
        // Once a pod is initialized, what does not run in it counts as lost.
        let done =
            |c: &RunningContainer| c.is_sidecar() || matches!(c.state, ContainerState::Terminated { exit_code: 0, .. });
        if self.sandbox.has_begun() || self.sandbox.init_containers.iter().all(done) {
            for container in &mut self.sandbox.containers {
                if matches!(container.state, ContainerState::Waiting { .. }) {
                    let (started, finished) = Default::default();
                    container.state =
                        ContainerState::Terminated { exit_code: 137, reason: LOST.into(), started, finished };
                }
            }
        }
    }

    /// Every container: whether it is an init container, and its number among its like.
    fn places(&self) -> Vec<(bool, usize)> {
        let init = (0..self.sandbox.init_containers.len()).map(|i| (true, i));
        init.chain((0..self.sandbox.containers.len()).map(|i| (false, i))).collect()
    }

    pub(super) fn grace(&self) -> Duration {
        let seconds = self.pod.value.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64);
        let own = || self.pod.value.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64);
        Duration::secs(seconds.or_else(own).unwrap_or(30).max(0) as u64)
    }

    /// Tells everything in the pod to end: hooks, SIGTERM, SIGKILL. Sidecars are told when all that came after them has ended,
    /// the last one first.
    fn end_all(&mut self) {
        let now = self.now;
        let stop = self.context.settings.latencies.stop;
        let deadline = now + self.grace();
        let mut sidecars = Vec::new();
        // When the next sidecar has its turn.
        let mut turn = now;
        for (init, i) in self.places() {
            let container = self.container(init, i);
            container.start_at = None;
            if !container.is_running() {
                continue;
            }
            let name = container.name.clone();
            self.say(&name, false, "Killing", format_smolstr!("Stopping container {name}"));
            let hook = self.pre_stop(init, i);
            let container = self.container(init, i);
            if init && container.is_sidecar() {
                sidecars.push((i, now + hook));
            } else {
                turn = turn.max(tell_to_end(container, now + hook, deadline, stop));
            }
        }
        for (i, ready) in sidecars.into_iter().rev() {
            let deadline = if turn > now { deadline.max(turn + SHORTEST_GRACE) } else { deadline };
            let ended = tell_to_end(&mut self.sandbox.init_containers[i], ready.max(turn), deadline, stop);
            turn = turn.max(ended);
        }
        self.sandbox.kill_at = Some(deadline);
    }

    /// The pod is being deleted. False once it is gone.
    pub(super) fn terminate(&mut self) -> bool {
        let deadline = self.now + self.grace();
        if self.sandbox.kill_at.is_none() {
            self.end_all();
        }
        // A second deletion may have shortened the grace period.
        let kill_at = self.sandbox.kill_at.unwrap_or(deadline).min(deadline);
        for container in self.sandbox.all_mut() {
            if container.is_running() {
                let kill_at = if container.is_sidecar() { kill_at + SHORTEST_GRACE } else { kill_at };
                container.stop_at = Some(container.stop_at.unwrap_or(kill_at).min(kill_at));
            }
        }
        self.advance_stops();
        if self.sandbox.all().any(RunningContainer::is_running) {
            // Probes of readiness go on while the pod goes.
            self.probe();
            return true;
        }
        self.context.runtime.put(self.pod.key.clone(), self.sandbox.clone());
        self.context.runtime.remove(&self.pod.key);
        let saw = self.pod.key.field("metadata.deletionTimestamp");
        if self.pod.value.items_at(&["metadata", "finalizers"]).is_empty() {
            self.result.purge(self.pod.key.clone(), saw);
        }
        false
    }

    /// Ends what has come to its end by now.
    fn advance_stops(&mut self) {
        let now = self.now;
        for (init, i) in self.places() {
            let container = self.container(init, i);
            let ContainerState::Running { since } = container.state else { continue };
            if let Some((_, code)) = end_of(container, since).filter(|(at, _)| *at <= now) {
                self.ended(init, i, code);
            }
        }
    }
}

/// SIGTERM at `told`, SIGKILL at `deadline`; gives when the container ends.
fn tell_to_end(container: &mut RunningContainer, told: Time, deadline: Time, stop: Duration) -> Time {
    let heeds = container.heeds_sigterm();
    let end = if heeds { told + stop } else { deadline };
    container.stop_at = Some(end.min(deadline));
    container.stop_code = if heeds && end <= deadline { 0 } else { 137 };
    match container.state {
        ContainerState::Running { since } => end_of(container, since).map_or(deadline, |(at, _)| at),
        _ => told,
    }
}
