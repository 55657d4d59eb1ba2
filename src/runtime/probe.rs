//! Probes: what a container's manifest asks for, and where each stands. `controller::kubelet` runs them.
//!
//! Upstream: `pkg/kubelet/prober`. A probe whose result stands (passed or failed often enough) and whose container does not
//! change is not run again and again: its ticks have fixed moments, and it wakes at the next one when something in the
//! container changes. What can be seen from outside is the same.

use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use smol_str::SmolStr;

/// What a probe does.
#[derive(Clone, Debug, PartialEq)]
pub enum ProbeKind {
    Exec(Vec<SmolStr>),
    /// A port is a number or the name of a container port.
    HttpGet {
        path: SmolStr,
        port: SmolStr,
        https: bool,
        host: SmolStr,
    },
    TcpSocket {
        port: SmolStr,
    },
    Grpc {
        port: u16,
    },
}

impl ProbeKind {
    /// The port that it asks, as the manifest has it.
    pub fn port(&self) -> Option<&SmolStr> {
        match self {
            ProbeKind::HttpGet { port, .. } | ProbeKind::TcpSocket { port } => Some(port),
            ProbeKind::Exec(_) | ProbeKind::Grpc { .. } => None,
        }
    }

    /// `httpGet` of a probe or a hook.
    pub fn http_get(get: &Value) -> ProbeKind {
        ProbeKind::HttpGet {
            path: match get.str_at(&["path"]) {
                "" => "/".into(),
                path => path.into(),
            },
            port: port_of(get),
            https: get.str_at(&["scheme"]) == "HTTPS",
            host: get.str_at(&["host"]).into(),
        }
    }
}

fn port_of(action: &Value) -> SmolStr {
    match action.get("port") {
        Some(Value::Int(n)) => n.to_string().into(),
        Some(Value::String(s)) => s.clone(),
        _ => SmolStr::default(),
    }
}

/// A probe and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub kind: ProbeKind,
    pub initial_delay: Duration,
    pub period: Duration,
    pub timeout: Duration,
    pub success_threshold: u32,
    pub failure_threshold: u32,
    /// The result that counts: readiness and startup begin failed, liveness begins passed.
    pub passed: bool,
    /// Equal results in a row.
    pub streak: u32,
    pub last: Option<bool>,
    /// The first tick of this run of the container; later ones follow by `period`.
    pub first_tick: Time,
    /// When it is due, unless it rests.
    pub next: Time,
    /// Why it last failed, as the event tells it.
    pub output: SmolStr,
    /// The last run could not even be made, so that it has no result (a port by a name that no port has).
    pub errored: bool,
}

/// The probes of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probes {
    pub startup: Option<Probe>,
    pub readiness: Option<Probe>,
    pub liveness: Option<Probe>,
}

impl Probes {
    pub fn read(container: &Value) -> Probes {
        Probes {
            startup: container.get("startupProbe").map(|p| read(p, false)),
            readiness: container.get("readinessProbe").map(|p| read(p, false)),
            liveness: container.get("livenessProbe").map(|p| read(p, true)),
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &Probe> {
        [&self.startup, &self.readiness, &self.liveness].into_iter().flatten()
    }

    pub fn is_empty(&self) -> bool {
        self.startup.is_none() && self.readiness.is_none() && self.liveness.is_none()
    }

    /// A container (re)starts at `now`: results are forgotten and ticks counted anew.
    pub fn restart(&mut self, now: Time) {
        for (probe, passed) in [(&mut self.startup, false), (&mut self.readiness, false), (&mut self.liveness, true)] {
            if let Some(probe) = probe {
                probe.passed = passed;
                probe.streak = 0;
                probe.last = None;
                probe.errored = false;
                probe.first_tick = now + probe.initial_delay;
                probe.next = probe.first_tick;
            }
        }
    }

    /// Something in the container has changed: probes that rest run again at their next tick.
    pub fn wake(&mut self, now: Time) {
        for probe in [&mut self.startup, &mut self.readiness, &mut self.liveness].into_iter().flatten() {
            if probe.is_quiet() {
                probe.next = probe.tick_after(now);
                probe.last = None;
                probe.streak = 0;
                probe.errored = false;
            }
        }
    }

    /// The container runs already; a status from elsewhere says whether it is ready.
    pub fn adopt(&mut self, ready: bool) {
        if let Some(startup) = &mut self.startup {
            startup.passed = true;
        }
        if let Some(readiness) = &mut self.readiness {
            readiness.passed = ready;
        }
    }
}

impl Probe {
    /// Takes a result; true when the result that counts has changed or a failed liveness or startup probe must act.
    pub fn record(&mut self, ok: bool) -> bool {
        self.streak = if self.last == Some(ok) { self.streak.saturating_add(1) } else { 1 };
        self.last = Some(ok);
        self.errored = false;
        let enough = self.streak >= if ok { self.success_threshold } else { self.failure_threshold };
        let changed = enough && self.passed != ok;
        if changed {
            self.passed = ok;
        }
        changed
    }

    /// Whether running it again would change nothing as long as its container stays the same.
    pub fn is_quiet(&self) -> bool {
        self.errored
            || self.last.is_some_and(|ok| {
                ok == self.passed && self.streak >= if ok { self.success_threshold } else { self.failure_threshold }
            })
    }

    /// The first tick after `now`.
    pub fn tick_after(&self, now: Time) -> Time {
        if now < self.first_tick {
            return self.first_tick;
        }
        let period = self.period.0.max(1);
        Time(self.first_tick.0 + (now.since(self.first_tick).0 / period + 1) * period)
    }
}

fn read(value: &Value, passed: bool) -> Probe {
    let number = |field: &str, default: i64| value.get(field).and_then(Value::as_i64).unwrap_or(default).max(0);
    let seconds = |field: &str, default: i64| Duration::secs(number(field, default) as u64);
    let kind = if let Some(exec) = value.get("exec") {
        ProbeKind::Exec(exec.items_at(&["command"]).iter().filter_map(Value::as_smol).collect())
    } else if let Some(get) = value.get("httpGet") {
        ProbeKind::http_get(get)
    } else if let Some(grpc) = value.get("grpc") {
        let number = grpc.get("port").and_then(Value::as_i64).unwrap_or(0);
        ProbeKind::Grpc { port: u16::try_from(number).unwrap_or(0) }
    } else {
        ProbeKind::TcpSocket { port: value.get("tcpSocket").map(port_of).unwrap_or_default() }
    };
    let positive = |field: &str, default: i64| u32::try_from(number(field, default)).unwrap_or(u32::MAX).max(1);
    Probe {
        kind,
        initial_delay: seconds("initialDelaySeconds", 0),
        period: Duration::secs(u64::from(positive("periodSeconds", 10))),
        timeout: Duration::secs(u64::from(positive("timeoutSeconds", 1))),
        success_threshold: positive("successThreshold", 1),
        failure_threshold: positive("failureThreshold", 3),
        passed,
        streak: 0,
        last: None,
        first_tick: Time(0),
        next: Time(0),
        output: SmolStr::default(),
        errored: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn thresholds_decide_and_ticks_have_fixed_moments() {
        let mut probe = read(&value!({ "exec": { "command": ["true"] }, "successThreshold": 2 }), false);
        assert!(!probe.record(true) && !probe.is_quiet());
        assert!(probe.record(true) && probe.passed && probe.is_quiet());
        assert!(!probe.record(false) && !probe.record(false) && probe.passed);
        assert!(probe.record(false) && !probe.passed);
        probe.first_tick = Time(0) + Duration::secs(3);
        assert_eq!(probe.tick_after(Time(0)), Time(0) + Duration::secs(3));
        assert_eq!(probe.tick_after(Time(0) + Duration::secs(13)), Time(0) + Duration::secs(23));
    }
}
