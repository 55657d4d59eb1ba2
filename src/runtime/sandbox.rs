//! A pod's sandbox and the containers in it.

use super::behavior::Behavior;
use super::command;
use super::env::{self, Environment};
use super::files::Files;
use super::image;
use super::nginx::Site;
use super::probe::Probes;
use super::script::Script;
use super::volumes::{Mount, Volume};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::api::view::{Container, Pod};
use crate::later::Later;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

/// A pod on its node: one network namespace, some containers.
#[derive(Clone, Debug)]
pub struct PodSandbox {
    /// The pod as it was when the sandbox was made, or a container of it got another image. (Nothing else that matters here
    /// changes in its spec.)
    pub pod: Arc<Object>,
    pub node: SmolStr,
    /// The pod's addresses; the node's own for a host-network pod. Empty until the sandbox is made.
    pub ips: Vec<IpAddr>,
    pub host_network: bool,
    /// What `hostname` says in it.
    pub hostname: SmolStr,
    /// Its host name without a domain, where `setHostnameAsFQDN` makes `hostname` say the full one.
    pub short_hostname: SmolStr,
    /// The full name that `subdomain` gives the pod; empty without one.
    pub fqdn: SmolStr,
    /// Init containers, in order; then `containers`.
    pub init_containers: Vec<RunningContainer>,
    pub containers: Vec<RunningContainer>,
    /// The volumes that somebody asked for.
    pub volumes: Later<Arc<Vec<Volume>>>,
    /// When sandbox and images are there, so that containers can start.
    pub start_at: Option<Time>,
    /// When the containers get SIGKILL, once the pod is being deleted.
    pub kill_at: Option<Time>,
    /// Why the kubelet itself ends the pod, once it does.
    pub stop: Option<Stop>,
}

/// Why the kubelet ends a pod that nobody has deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Nothing but sidecars is left in it.
    Done,
    /// The pod has failed, whatever its containers did.
    Failed { reason: &'static str, message: SmolStr },
}

/// The reason of a container that never ran, or no longer did, when its pod was ended.
pub const LOST: &str = "ContainerStatusUnknown";

/// The reason of a container whose process could not be started.
pub const START_ERROR: &str = "StartError";

/// The state of a container, as `containerStatuses[].state` tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum ContainerState {
    Waiting { reason: SmolStr, message: SmolStr },
    Running { since: Time },
    Terminated { exit_code: i32, reason: SmolStr, started: Time, finished: Time },
}

impl Default for ContainerState {
    fn default() -> ContainerState {
        ContainerState::Waiting { reason: "ContainerCreating".into(), message: SmolStr::default() }
    }
}

/// What a container's command line comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Program {
    /// The image's server; it runs until it is told to end.
    Server,
    /// It waits, for ever or for a time.
    Sleep(Option<Duration>),
    /// It ends by itself.
    Exit { after: Duration, code: i32 },
    /// It waits until a name can be resolved (`until nslookup NAME; do …`).
    UntilName(SmolStr),
}

/// A container as the runtime knows it.
#[derive(Clone, Debug)]
pub struct RunningContainer {
    pub name: SmolStr,
    pub image: SmolStr,
    pub state: ContainerState,
    /// How the run before this one ended.
    pub last: Option<ContainerState>,
    pub restarts: u32,
    /// The back-off before the next restart.
    pub back_off: Duration,
    /// How long its image takes to come, while it is on its way.
    pub pulling: Option<Duration>,
    /// When a waiting container is started (again).
    pub start_at: Option<Time>,
    /// When the process ends because it has been told to, and with which code.
    pub stop_at: Option<Time>,
    pub stop_code: i32,
    /// Fixed when the container starts.
    pub env: Environment,
    /// What has been written since the start; the rest comes with the image and the kubelet.
    pub files: Files,
    /// Where it sees the pod's volumes, fixed when it starts.
    pub mounts: Vec<Mount>,
    /// Why its process could not be started the last time, in the runtime's words; empty: it could.
    pub start_error: SmolStr,
    /// What nginx serves in it, where a volume says so, or why it does not start.
    pub site: Option<Result<Arc<Site>, SmolStr>>,
    /// What its script still does to files.
    pub script: Script,
    pub program: Program,
    /// The port that its server could not have in this run, because another container of the pod listens there.
    pub taken_port: Option<u16>,
    pub behavior: Behavior,
    pub probes: Probes,
    /// Its answers change by themselves (`luksa/kubia-unhealthy` fails from the sixth request on), so no probe of it ever rests.
    pub restless: bool,
    /// The container as the manifest has it.
    pub spec: Value,
}

impl RunningContainer {
    pub fn new(pod: &Object, container: &Container) -> RunningContainer {
        let behavior = Behavior::of(pod, &container.value);
        RunningContainer {
            name: container.name.clone(),
            image: container.image.clone(),
            state: ContainerState::default(),
            last: None,
            restarts: 0,
            back_off: Duration::ZERO,
            pulling: None,
            start_at: None,
            stop_at: None,
            stop_code: 0,
            env: Environment::default(),
            files: Files::default(),
            mounts: Vec::new(),
            start_error: SmolStr::default(),
            site: None,
            script: Script::default(),
            program: command::program(&container.image, &container.value),
            taken_port: None,
            probes: Probes::read(&container.value),
            restless: image::base_name(&container.image).ends_with("unhealthy"),
            behavior,
            spec: container.value.clone(),
        }
    }

    /// An init container. A program that nobody knows does its work there and ends, as whoever wrote it there expects.
    pub fn before_others(pod: &Object, container: &Container) -> RunningContainer {
        let mut new = RunningContainer::new(pod, container);
        let own = command::starts_own_server(&container.image, &container.value);
        if new.program == Program::Server && !new.is_sidecar() && !own {
            new.program = Program::Exit { after: Duration::secs(1), code: 0 };
        }
        new
    }

    /// The words of its process, with `$(NAME)` replaced by the variables that it started with.
    pub fn words(&self) -> Vec<SmolStr> {
        let words = command::words(&self.spec);
        words.iter().map(|word| env::expand(word, |name| self.env.get(name))).collect()
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, ContainerState::Running { .. })
    }

    /// Since when it runs.
    pub fn started_at(&self) -> Option<Time> {
        match self.state {
            ContainerState::Running { since } => Some(since),
            _ => None,
        }
    }

    /// Runs and has passed its startup probe.
    pub fn is_started(&self) -> bool {
        self.is_running() && self.probes.startup.as_ref().is_none_or(|p| p.passed)
    }

    /// Runs, has started, and its readiness probe (if any) passes.
    pub fn is_ready(&self) -> bool {
        self.is_started() && self.probes.readiness.as_ref().is_none_or(|p| p.passed)
    }

    /// An init container that stays beside the others (`restartPolicy: Always`).
    pub fn is_sidecar(&self) -> bool {
        self.spec.str_at(&["restartPolicy"]) == "Always"
    }

    /// Whether its first process ends at SIGTERM.
    pub fn heeds_sigterm(&self) -> bool {
        if self.behavior.ignore_sigterm {
            return false;
        }
        match self.program {
            Program::Server => image::find(&self.image).is_none_or(|i| i.heeds_sigterm),
            // `sleep` as process 1 has no handler.
            _ => false,
        }
    }
}

impl PodSandbox {
    /// An empty sandbox of a pod that has been bound to a node.
    pub fn new(pod: &Arc<Object>, view: &Pod, cluster_domain: &str) -> PodSandbox {
        PodSandbox::with(pod, view, cluster_domain, |container| RunningContainer::new(pod, container))
    }

    /// The same, with containers that `make` knows how to make.
    pub fn with(
        pod: &Arc<Object>,
        view: &Pod,
        cluster_domain: &str,
        make: impl FnMut(&Container) -> RunningContainer,
    ) -> PodSandbox {
        let short_hostname = hostname(&pod.key, view);
        let fqdn = super::env::fqdn(&pod.key.namespace, view, &short_hostname, cluster_domain);
        let full = !fqdn.is_empty() && pod.value.get("spec").is_some_and(|s| s.flag("setHostnameAsFQDN"));
        let mut sandbox = PodSandbox {
            pod: pod.clone(),
            node: view.node_name.clone(),
            ips: Vec::new(),
            host_network: view.host_network,
            hostname: if full { fqdn.clone() } else { short_hostname.clone() },
            short_hostname,
            fqdn,
            init_containers: view.init_containers.iter().map(|c| RunningContainer::before_others(pod, c)).collect(),
            containers: view.containers.iter().map(make).collect(),
            volumes: Later::default(),
            start_at: None,
            kill_at: None,
            stop: None,
        };
        sandbox.await_init_containers();
        sandbox
    }

    /// In a pod with init containers, whatever has not run yet waits for them, in the kubelet's word.
    fn await_init_containers(&mut self) {
        if self.init_containers.is_empty() {
            return;
        }
        for container in self.all_mut() {
            if let ContainerState::Waiting { reason, .. } = &mut container.state {
                *reason = "PodInitializing".into();
            }
        }
    }

    /// Whether a container beyond the init containers has ever started.
    pub fn has_begun(&self) -> bool {
        self.containers.iter().any(|c| !matches!(c.state, ContainerState::Waiting { .. }) || c.last.is_some())
    }

    /// A sandbox that matches a status from elsewhere: what the status calls running runs; a status without container
    /// statuses follows the phase; readiness is what the status says, and probes go on from there.
    pub fn adopted(pod: &Arc<Object>, view: &Pod, cluster_domain: &str, now: Time) -> PodSandbox {
        let mut sandbox =
            PodSandbox { ips: view.ips.clone(), start_at: Some(now), ..PodSandbox::new(pod, view, cluster_domain) };
        let running = pod.value.str_at(&["status", "phase"]) == "Running";
        let pod_ready = view.is_ready();
        for container in &mut sandbox.containers {
            let status = view.statuses().find(|s| s.name == container.name);
            let status = status.as_ref();
            let (state, ready) = match status {
                Some(s) => (s.state.clone(), s.ready),
                None if running => ("running".into(), pod_ready),
                None => ("waiting".into(), false),
            };
            container.restarts = status.map_or(0, |s| s.restarts);
            container.state = match state.as_str() {
                "running" => ContainerState::Running { since: now },
                "terminated" => ContainerState::Terminated {
                    exit_code: 0,
                    reason: status.map(|s| s.reason.clone()).unwrap_or_default(),
                    started: now,
                    finished: now,
                },
                _ => ContainerState::Waiting {
                    reason: status.map(|s| s.reason.clone()).unwrap_or_default(),
                    message: SmolStr::default(),
                },
            };
            container.probes.adopt(ready);
        }
        sandbox
    }

    /// The node has lost its power and come back: nothing runs any more, and everything starts anew in a new sandbox.
    pub fn reboot(&mut self, now: Time) {
        self.ips.clear();
        self.start_at = None;
        for volume in self.volumes.make_mut() {
            volume.mounted = false;
        }
        for container in self.all_mut() {
            let ContainerState::Running { since } = container.state else { continue };
            container.last = Some(ContainerState::Terminated {
                exit_code: 255,
                reason: "Unknown".into(),
                started: since,
                finished: now,
            });
            container.state = ContainerState::default();
            container.start_at = None;
            container.stop_at = None;
        }
        self.await_init_containers();
    }

    /// Every container, init containers first.
    pub fn all(&self) -> impl Iterator<Item = &RunningContainer> {
        self.init_containers.iter().chain(&self.containers)
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut RunningContainer> {
        self.init_containers.iter_mut().chain(&mut self.containers)
    }

    /// A container by name; the first one when `name` is empty.
    pub fn container(&self, name: &str) -> Option<&RunningContainer> {
        if name.is_empty() { self.containers.first() } else { self.all().find(|c| c.name == name) }
    }

    pub fn container_mut(&mut self, name: &str) -> Option<&mut RunningContainer> {
        if name.is_empty() { self.containers.first_mut() } else { self.all_mut().find(|c| c.name == name) }
    }

    pub fn ip(&self) -> Option<IpAddr> {
        self.ips.first().copied()
    }
}

/// The pod's host name: `spec.hostname`, else its name, cut to 63 characters; a host-network pod has its node's.
fn hostname(key: &ObjectKey, view: &Pod) -> SmolStr {
    if view.host_network {
        return view.node_name.clone();
    }
    let name = if view.hostname.is_empty() { &key.name } else { &view.hostname };
    let cut = name.get(..63).map_or(name.as_str(), |n| n.trim_end_matches(['-', '.']));
    cut.into()
}
