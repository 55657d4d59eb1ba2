//! Running probes and acting on their results.

use super::{Worker, go_duration, pulling};
use crate::api::digits;
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::api::view::Protocol;
use crate::controller::Recorder;
use crate::runtime::image::Wire;
use crate::runtime::probe::{Probe, ProbeKind};
use crate::runtime::volumes::Volume;
use crate::runtime::{AppRequest, ContainerState, Ending, PodSandbox, RunningContainer, command};
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Startup,
    Readiness,
    Liveness,
}

const ALL: [Which; 3] = [Which::Startup, Which::Readiness, Which::Liveness];

impl Which {
    fn of(self, container: &RunningContainer) -> Option<&Probe> {
        match self {
            Which::Startup => container.probes.startup.as_ref(),
            Which::Readiness => container.probes.readiness.as_ref(),
            Which::Liveness => container.probes.liveness.as_ref(),
        }
    }

    fn of_mut(self, container: &mut RunningContainer) -> Option<&mut Probe> {
        match self {
            Which::Startup => container.probes.startup.as_mut(),
            Which::Readiness => container.probes.readiness.as_mut(),
            Which::Liveness => container.probes.liveness.as_mut(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Which::Startup => "Startup",
            Which::Readiness => "Readiness",
            Which::Liveness => "Liveness",
        }
    }
}

/// Counts what goes on without a look: the failures of probes that rest (nothing comes of them any more, so they are not run,
/// but they are seen), and the waiting for an image.
pub fn count_rested(pod: &ObjectKey, sandbox: &PodSandbox, recorder: &mut Recorder, now: Time) {
    for container in sandbox.all().filter(|c| c.is_running() && !c.restless) {
        for which in ALL {
            let Some(probe) = which.of(container).filter(|p| p.errored || (p.last == Some(false) && p.is_quiet()))
            else {
                continue;
            };
            if has_turn(which, container) {
                recorder.repeat(pod, UNHEALTHY, failure_message(which, probe), probe.period, now);
            }
        }
    }
    pulling::count_waiting(pod, sandbox, recorder, now);
}

const UNHEALTHY: &str = "Unhealthy";

fn failure_message(which: Which, probe: &Probe) -> SmolStr {
    let how = if probe.errored { "errored and resulted in unknown state" } else { "failed" };
    format_smolstr!("{} probe {how}: {}", which.name(), probe.output)
}

/// Whether the probe has its turn: the startup probe until it has passed, the others after that. Only readiness is still asked
/// of a container that has been told to end.
fn has_turn(which: Which, container: &RunningContainer) -> bool {
    if container.stop_at.is_some() && which != Which::Readiness {
        return false;
    }
    let started = container.probes.startup.as_ref().is_none_or(|p| p.passed);
    if which == Which::Startup { !started } else { started }
}

/// When the next probe of a container is due, and whether that is nothing to wait for. `None`: all probes rest.
pub(super) fn next_tick(container: &RunningContainer, now: Time) -> Option<(Time, bool)> {
    if container.probes.is_empty() || !container.is_running() {
        return None;
    }
    let ContainerState::Running { since } = container.state else { return None };
    let late = since + container.behavior.slow_start;
    ALL.iter()
        .filter(|which| has_turn(**which, container))
        .filter_map(|which| which.of(container))
        .filter_map(|probe| {
            if !probe.is_quiet() {
                return Some((probe.next, false));
            }
            if container.restless {
                return Some((probe.next, true));
            }
            // A slow starter listens later, and no event tells.
            (late > now).then(|| (probe.tick_after(late), false))
        })
        .min()
}

impl Worker<'_, '_> {
    /// Runs the probes that are due.
    pub(super) fn probe(&mut self) {
        for init in [true, false] {
            let count = if init { self.sandbox.init_containers.len() } else { self.sandbox.containers.len() };
            for i in 0..count {
                for which in ALL {
                    self.probe_one(init, i, which);
                }
            }
        }
    }

    fn probe_one(&mut self, init: bool, i: usize, which: Which) {
        let now = self.now;
        let container = if init { &mut self.sandbox.init_containers[i] } else { &mut self.sandbox.containers[i] };
        if !container.is_running() || !has_turn(which, container) {
            return;
        }
        let due = which.of(container).is_some_and(|p| p.next <= now);
        if !due {
            return;
        }
        let Some(kind) = which.of(container).map(|p| p.kind.clone()) else { return };
        let known = kind.port().map_or(Ok(0), |port| number_of(container, port));
        if let (Err(output), Some(probe)) = (known, which.of_mut(container)) {
            // Without a result: no threshold counts it.
            probe.errored = true;
            probe.output = output;
            probe.next = probe.tick_after(now);
            let message = failure_message(which, probe);
            let name = container.name.clone();
            self.say(&name, true, UNHEALTHY, message);
            return;
        }
        let timeout = which.of(container).map_or(Duration::secs(1), |p| p.timeout);
        let earlier = if container.restless { self.context.runtime.count_request(&self.pod.key) } else { 0 };
        let outcome = match &kind {
            ProbeKind::Exec(words) => exec(container, self.sandbox.volumes.make_mut(), words, timeout),
            _ => ask(&self.sandbox, init, i, &kind, timeout, self.now, earlier, self.node_ip()),
        };
        let container = if init { &mut self.sandbox.init_containers[i] } else { &mut self.sandbox.containers[i] };
        let name = container.name.clone();
        let Some(probe) = which.of_mut(container) else { return };
        let ok = outcome.is_ok();
        probe.record(ok);
        probe.next = probe.tick_after(now);
        let failed_for_good = !ok && probe.streak >= probe.failure_threshold;
        if let Err(output) = outcome {
            probe.output = output;
            let message = failure_message(which, probe);
            self.say(&name, true, UNHEALTHY, message);
        }
        if failed_for_good && which != Which::Readiness {
            let (word, field) =
                if which == Which::Liveness { ("liveness", "livenessProbe") } else { ("startup", "startupProbe") };
            let why = match init {
                true => format_smolstr!("Init container {name} failed {word} probe"),
                false if self.restart_policy() == "Never" => format_smolstr!("Container {name} failed {word} probe"),
                false => format_smolstr!("Container {name} failed {word} probe, will be restarted"),
            };
            // A probe may have a grace period of its own.
            let spec = &self.container(init, i).spec;
            let own = spec.at(&[field, "terminationGracePeriodSeconds"]).and_then(Value::as_i64);
            let grace = own.map_or_else(|| self.grace(), |seconds| Duration::secs(seconds.max(0) as u64));
            self.kill_within(init, i, why, grace);
        }
    }
}

fn exec(
    container: &mut RunningContainer,
    volumes: &mut [Volume],
    words: &[SmolStr],
    timeout: Duration,
) -> Result<(), SmolStr> {
    let (code, time) = command::exec(container, volumes, words);
    if time > timeout {
        return Err(format_smolstr!(
            "command timed out: \"{}\" timed out after {}s",
            words.join(" "),
            timeout.as_secs()
        ));
    }
    match code {
        0 => Ok(()),
        127 => Err(format_smolstr!(
            "OCI runtime exec failed: exec failed: unable to start container process: {}",
            command::not_found(words.first().map_or("", SmolStr::as_str))
        )),
        _ => {
            let first = words.first().map(SmolStr::as_str).unwrap_or_default();
            let file = words.iter().skip(1).find(|w| !w.starts_with('-')).cloned().unwrap_or_default();
            Err(match first.rsplit('/').next() {
                Some("ls") => format_smolstr!("ls: cannot access '{file}': No such file or directory\n"),
                Some("cat") => format_smolstr!("cat: {file}: No such file or directory\n"),
                _ => SmolStr::default(),
            })
        }
    }
}

/// The number of a container's port that is told by number or name; else, why there is none: what is not the name of a port is
/// taken for a number.
fn number_of(container: &RunningContainer, port: &SmolStr) -> Result<u16, SmolStr> {
    if let Ok(number) = port.parse() {
        return Ok(number);
    }
    let ports = container.spec.items_at(&["ports"]);
    let found = ports.iter().find(|p| p.str_at(&["name"]) == port).and_then(|p| p.get("containerPort"));
    let number = found.and_then(|n| n.as_i64()).and_then(|n| u16::try_from(n).ok());
    number.ok_or_else(|| format_smolstr!("strconv.Atoi: parsing \"{port}\": invalid syntax"))
}

/// How the kubelet tells of an answer whose status is no success.
pub(super) const REFUSED_STATUS: &str = "HTTP probe failed with statuscode: ";

/// Asks a port of the pod from its node, as the kubelet does.
#[allow(clippy::too_many_arguments)]
pub(super) fn ask(
    sandbox: &PodSandbox,
    init: bool,
    i: usize,
    kind: &ProbeKind,
    timeout: Duration,
    now: Time,
    earlier: u64,
    node_ip: Option<IpAddr>,
) -> Result<(), SmolStr> {
    let container = if init { &sandbox.init_containers[i] } else { &sandbox.containers[i] };
    let Some(ip) = sandbox.ip() else { return Err("no address".into()) };
    let (port, path, scheme) = match kind {
        ProbeKind::HttpGet { port, path, https, .. } => {
            (port.clone(), path.clone(), if *https { "https" } else { "http" })
        }
        ProbeKind::TcpSocket { port } => (port.clone(), SmolStr::default(), "tcp"),
        ProbeKind::Grpc { port } => (format_smolstr!("{port}"), SmolStr::default(), "grpc"),
        ProbeKind::Exec(_) => return Ok(()),
    };
    let number = number_of(container, &port)?;
    let address = SocketAddr::new(ip, number);
    let listener = sandbox.listener(number, Protocol::Tcp, false, now);
    let what = || match scheme {
        "tcp" => String::new(),
        _ => format!("Get \"{scheme}://{address}{path}\": "),
    };
    if scheme == "grpc" {
        // Its client dials again and again until its time is over, whatever keeps it from speaking HTTP/2.
        return match listener {
            Some(listener) if listener.wire == Wire::Grpc => Ok(()),
            _ => Err(format_smolstr!(
                "timeout: failed to connect service \"{address}\" within {}: context deadline exceeded",
                go_duration(timeout)
            )),
        };
    }
    let Some(listener) = listener else {
        return Err(format_smolstr!("{}dial tcp {address}: connect: connection refused", what()));
    };
    if scheme == "tcp" {
        return Ok(());
    }
    match (scheme, listener.wire) {
        ("https", Wire::Https) | ("http", Wire::Http) => {}
        ("https", _) => {
            return Err(format_smolstr!("{}http: server gave HTTP response to HTTPS client", what()));
        }
        // nginx and Go answer plain HTTP on a TLS port with 400.
        ("http", Wire::Https) => return Err(format_smolstr!("{REFUSED_STATUS}400")),
        _ => return Err(format_smolstr!("{}EOF", what())),
    }
    let peer = SocketAddr::new(node_ip.unwrap_or(ip), 40_000);
    let host = digits::socket(&ip, number);
    let request = AppRequest { method: "GET", host: &host, path: &path, headers: &[], peer, local: address };
    let reply = sandbox.answer(&listener, &request, earlier);
    if reply.ending == Ending::Hang || reply.latency > timeout {
        return Err(format_smolstr!(
            "{}context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            what()
        ));
    }
    if reply.ending == Ending::Close {
        return Err(format_smolstr!("{}EOF", what()));
    }
    if (200..400).contains(&reply.status) { Ok(()) } else { Err(format_smolstr!("{REFUSED_STATUS}{}", reply.status)) }
}
