//! Starting, ending and restarting containers.

use super::{Worker, go_duration, pulling};
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::runtime::env::{self, Environment};
use crate::runtime::sandbox::START_ERROR;
use crate::runtime::{ContainerState, Program, RunningContainer, command};
use smol_str::{SmolStr, format_smolstr};

/// The back-off after the first restart, and the longest one.
pub(super) const FIRST_BACK_OFF: Duration = Duration::secs(10);
pub(super) const LONGEST_BACK_OFF: Duration = Duration::secs(300);
/// A run of this length clears the back-off.
const CLEARED_AFTER: Duration = Duration::secs(600);
/// From an end to the first restart.
const RESTART_DELAY: Duration = Duration::secs(1);
/// Programs that end by themselves later than this are nothing to wait for.
const FAR: Duration = Duration::secs(60);

/// How long a server tries to have its port, as nginx does: five times, half a second apart.
const BINDING: Duration = Duration::millis(2_500);

/// How long the registry takes to say that the node has the newest image already (`imagePullPolicy: Always`).
const LOOKED_UP: Duration = Duration::millis(600);

/// When a container will end or start by itself, and whether that is nothing to wait for.
pub(super) fn next_event(container: &RunningContainer, now: Time) -> Option<(Time, bool)> {
    match container.state {
        ContainerState::Running { since } => {
            let end = end_of(container, since).map(|(end, _)| end);
            let step = container.script.next(since).filter(|at| *at > now);
            let next = end.into_iter().chain(step).min()?;
            let round = container.script.is_endless() && step == Some(next) && end != Some(next);
            Some((next, (round || next.since(now) > FAR) && container.stop_at.is_none()))
        }
        _ => {
            let at = container.start_at.filter(|at| *at > now)?;
            // A crash loop or a failing pull goes on for ever; an image on its way comes.
            let comes = container.pulling.is_some() && !container.behavior.image_pull_error;
            Some((at, matches!(container.state, ContainerState::Waiting { .. }) && !comes))
        }
    }
}

/// When a running container ends, and with which code.
pub(super) fn end_of(container: &RunningContainer, since: Time) -> Option<(Time, i32)> {
    let natural = match container.program {
        Program::Exit { after, code } => Some((since + after, code)),
        Program::Sleep(Some(time)) => Some((since + time, 0)),
        _ => None,
    };
    let unbound = container.taken_port.map(|_| (since + BINDING, 1));
    let crash = container.behavior.crash.map(|(after, code)| (since + after, code));
    let stop = container.stop_at.map(|at| (at, container.stop_code));
    [natural, unbound, crash, stop].into_iter().flatten().min()
}

impl Worker<'_, '_> {
    /// Starts what may start and ends what has ended, until nothing more happens at this moment.
    pub(super) fn advance(&mut self) {
        for _ in 0..self.sandbox.init_containers.len() + 2 {
            let mut changed = false;
            let mut blocked = false;
            for i in 0..self.sandbox.init_containers.len() {
                changed |= self.advance_one(true, i);
                let container = &self.sandbox.init_containers[i];
                let done = if container.is_sidecar() { container.is_started() } else { is_done(container) };
                // A sidecar that starts again holds up nothing that has started.
                if !done && !self.sandbox.has_begun() {
                    blocked = true;
                    break;
                }
            }
            if !blocked {
                for i in 0..self.sandbox.containers.len() {
                    changed |= self.advance_one(false, i);
                }
            }
            if !changed {
                break;
            }
        }
    }

    pub(super) fn container(&mut self, init: bool, i: usize) -> &mut RunningContainer {
        if init { &mut self.sandbox.init_containers[i] } else { &mut self.sandbox.containers[i] }
    }

    fn advance_one(&mut self, init: bool, i: usize) -> bool {
        let now = self.now;
        let container = self.container(init, i);
        match container.state {
            ContainerState::Waiting { .. } if container.start_at.is_none_or(|at| at <= now) => self.start(init, i),
            ContainerState::Terminated { .. } if container.start_at.is_some_and(|at| at <= now) => self.start(init, i),
            ContainerState::Running { since } => {
                if let Some((_, code)) = end_of(container, since).filter(|(at, _)| *at <= now) {
                    self.ended(init, i, code);
                    return true;
                }
                if let Program::UntilName(name) = &container.program {
                    let name = name.clone();
                    if self.resolves(&name) {
                        self.ended(init, i, 0);
                        return true;
                    }
                }
                false
            }
            _ => false,
        }
    }

    /// Whether a Service has the name that a pod of this namespace asks for: `web`, `web.shop`, `web.shop.svc`, or in full.
    fn resolves(&self, name: &str) -> bool {
        let mut parts = name.trim_end_matches('.').splitn(3, '.');
        let service = parts.next().unwrap_or("");
        let namespace = parts.next().unwrap_or(&self.pod.key.namespace);
        let rest = parts.next().unwrap_or("svc");
        let domain = rest.strip_prefix("svc").and_then(|d| if d.is_empty() { Some(d) } else { d.strip_prefix('.') });
        if !domain.is_some_and(|d| d.is_empty() || d == self.context.settings.cluster_domain) {
            return false;
        }
        self.context.store.get(&ObjectKey::new("Service", namespace, service)).is_some()
    }

    fn start(&mut self, init: bool, i: usize) -> bool {
        let now = self.now;
        let (name, image) = {
            let container = self.container(init, i);
            (container.name.clone(), container.image.clone())
        };
        if self.container(init, i).behavior.image_pull_error {
            self.pull_failed(init, i, &name, &image);
            return false;
        }
        let spec = self.container(init, i).spec.clone();
        match self.environment(&spec) {
            Ok(env) => self.container(init, i).env = env,
            Err(message) => {
                let container = self.container(init, i);
                container.state = ContainerState::Waiting {
                    reason: "CreateContainerConfigError".into(),
                    message: message.clone().into(),
                };
                container.start_at = Some(now);
                self.say(&name, true, "Failed", format_smolstr!("Error: {message}"));
                return false;
            }
        }
        let wanting = if init { &self.sandbox.init_containers[i] } else { &self.sandbox.containers[i] };
        let taken = self.sandbox.taken_port(wanting, now);
        let container = self.container(init, i);
        container.taken_port = taken;
        let again = matches!(container.state, ContainerState::Terminated { .. }) || container.last.is_some();
        if let ContainerState::Terminated { .. } = container.state {
            container.last = Some(container.state.clone());
        }
        if again {
            container.restarts += 1;
        }
        container.state = ContainerState::Running { since: now };
        let always = container.spec.text("imagePullPolicy") == "Always";
        let pulled = container.pulling.take().or_else(|| always.then_some(LOOKED_UP));
        container.start_at = None;
        container.stop_at = None;
        container.files = Default::default();
        container.probes.restart(now);
        self.take_volumes(init, i);
        let field = self.field_of(&name);
        self.say_pulled(&field, &image, pulled);
        self.say_of(field.clone(), false, "Created", SmolStr::new_static("Container created"));
        let container = self.container(init, i);
        container.start_error = SmolStr::default();
        if let Some(program) = command::lacking(&image, &container.spec) {
            self.start_failed(init, i, &program);
            return true;
        }
        self.say_of(field, false, "Started", SmolStr::new_static("Container started"));
        self.act(init, i);
        self.post_start(init, i);
        true
    }

    /// The runtime has made a container whose process it cannot start.
    fn start_failed(&mut self, init: bool, i: usize, program: &str) {
        let problem = command::not_found(program);
        let message = format_smolstr!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: {problem}"
        );
        let container = self.container(init, i);
        container.start_error = message.clone();
        let name = container.name.clone();
        self.say(&name, true, "Failed", format_smolstr!("Error: {message}"));
        self.ended(init, i, 128);
        let container = self.container(init, i);
        if container.start_at.is_some() && matches!(container.state, ContainerState::Terminated { .. }) {
            let waiting = ContainerState::Waiting { reason: "RunContainerError".into(), message };
            container.last = Some(std::mem::replace(&mut container.state, waiting));
        }
    }

    /// Runs a container's postStart hook; one that fails kills the container.
    fn post_start(&mut self, init: bool, i: usize) {
        if self.hook(init, i, "postStart").worked {
            return;
        }
        let name = self.container(init, i).name.clone();
        self.say(&name, true, "FailedPostStartHook", "PostStartHook failed");
        self.kill(init, i, "FailedPostStartHook".into());
    }

    /// Runs a container's preStop hook, which delays the end of it, and tells if it failed.
    pub(super) fn pre_stop(&mut self, init: bool, i: usize) -> Duration {
        let hook = self.hook(init, i, "preStop");
        if !hook.worked {
            let name = self.container(init, i).name.clone();
            self.say(&name, true, "FailedPreStopHook", "PreStopHook failed");
        }
        hook.took
    }

    /// The container's variables as they are at this moment.
    fn environment(&mut self, spec: &Value) -> Result<Environment, String> {
        let links = self.pod.value.at(&["spec", "enableServiceLinks"]).and_then(Value::as_bool) != Some(false);
        let namespace = &self.pod.key.namespace;
        let (store, revision) = (self.context.store, self.context.index.services_revision());
        let services = self.context.runtime.service_variables(store, namespace, links, revision);
        let plain = spec.items_at(&["env"]).is_empty() && spec.items_at(&["envFrom"]).is_empty();
        let own = if plain {
            Vec::new()
        } else {
            env::own_variables(store, self.pod, spec, &self.sandbox.ips, self.node_ip(), &services)?
        };
        Ok(Environment { own: own.into(), services: services.into() })
    }

    /// A container's process has ended.
    pub(super) fn ended(&mut self, init: bool, i: usize, code: i32) {
        let now = self.now;
        let policy = self.restart_policy().to_string();
        let (uid, key) = (self.pod.uid().to_string(), self.pod.key.clone());
        let going = self.view.terminating || self.sandbox.stop.is_some();
        let container = self.container(init, i);
        let ContainerState::Running { since } = container.state else { return };
        let reason = match code {
            _ if !container.start_error.is_empty() => START_ERROR,
            0 => "Completed",
            _ => "Error",
        };
        let ended =
            ContainerState::Terminated { exit_code: code, reason: reason.into(), started: since, finished: now };
        container.state = ended.clone();
        container.stop_at = None;
        if !going && self.is_redefined(init, i) {
            self.redefine(init, i);
            return;
        }
        let container = self.container(init, i);
        let restart = !going
            && match policy.as_str() {
                _ if container.is_sidecar() => true,
                "Never" => false,
                "OnFailure" => code != 0,
                _ => !init || code != 0,
            };
        if !restart {
            container.start_at = None;
            return;
        }
        if now.since(since) >= CLEARED_AFTER {
            container.back_off = Duration::ZERO;
        }
        if container.back_off == Duration::ZERO {
            container.back_off = FIRST_BACK_OFF;
            container.start_at = Some(now + RESTART_DELAY);
            return;
        }
        let wait = container.back_off;
        let name = container.name.clone();
        container.back_off = (wait + wait).min(LONGEST_BACK_OFF);
        container.start_at = Some(now + wait);
        container.last = Some(ended);
        let whom = format!("container={name} pod={}_{}({uid})", key.name, key.namespace);
        container.state = ContainerState::Waiting {
            reason: pulling::CRASH_LOOP.into(),
            message: format_smolstr!("back-off {} restarting failed {whom}", go_duration(wait)),
        };
        self.say(&name, true, "BackOff", pulling::restart_message(&key, &uid, &name));
    }

    /// Tells a running container to end (a failed hook, another image): its preStop hook runs, and it has the rest of the grace
    /// period, unless it heeds SIGTERM.
    pub(super) fn kill(&mut self, init: bool, i: usize, why: SmolStr) {
        self.kill_within(init, i, why, self.grace());
    }

    /// [`Worker::kill`] with a grace period that is not the pod's.
    pub(super) fn kill_within(&mut self, init: bool, i: usize, why: SmolStr, grace: Duration) {
        let stop = self.context.settings.latencies.stop;
        let now = self.now;
        let container = self.container(init, i);
        if container.stop_at.is_some() {
            return;
        }
        let name = container.name.clone();
        self.say(&name, false, "Killing", why);
        let hook = self.pre_stop(init, i);
        let container = self.container(init, i);
        let heeds = container.heeds_sigterm() && hook + stop <= grace;
        container.stop_at = Some(now + if heeds { hook + stop } else { grace });
        container.stop_code = if heeds { 0 } else { 137 };
    }
}

/// Whether an init container has done its work.
fn is_done(container: &RunningContainer) -> bool {
    matches!(container.state, ContainerState::Terminated { exit_code: 0, .. }) && container.start_at.is_none()
}
