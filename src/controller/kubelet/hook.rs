//! postStart and preStop: what a hook does, how long that takes, and whether it worked.
//!
//! Upstream: `pkg/kubelet/lifecycle`. A hook that asks by HTTP has worked when any answer comes, whatever its status. The fields
//! of a hook that the API knows and the kubelet does not (`tcpSocket`) fail it.

use super::Worker;
use super::probing::{self, REFUSED_STATUS};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::runtime::command;
use crate::runtime::probe::ProbeKind;
use crate::runtime::script::Surroundings;
use smol_str::SmolStr;

/// How a hook ended.
pub(super) struct Hook {
    pub worked: bool,
    pub took: Duration,
}

/// What an answer by HTTP takes.
const ANSWER: Duration = Duration::millis(10);

impl Worker<'_, '_> {
    /// Runs a hook of a container, if it has it.
    pub(super) fn hook(&mut self, init: bool, i: usize, name: &str) -> Hook {
        let container = if init { &mut self.sandbox.init_containers[i] } else { &mut self.sandbox.containers[i] };
        let hook = container.spec.at(&["lifecycle", name]).cloned().unwrap_or_default();
        if hook.as_map().is_none_or(|map| map.is_empty()) {
            return Hook { worked: true, took: Duration::ZERO };
        }
        if let Some(exec) = hook.field("exec") {
            let words: Vec<SmolStr> = exec.items("command").iter().filter_map(Value::as_smol).collect();
            let (code, took) = command::exec(container, self.sandbox.volumes.make_mut(), &words);
            let around = Surroundings { hostname: &self.sandbox.hostname, now: self.now };
            container.run_script(&words, self.sandbox.volumes.make_mut(), &around);
            return Hook { worked: code == 0, took };
        }
        if let Some(sleep) = hook.field("sleep") {
            return Hook { worked: true, took: Duration::secs(sleep.int("seconds").max(0) as u64) };
        }
        let Some(get) = hook.field("httpGet") else { return Hook { worked: false, took: Duration::ZERO } };
        let kind = ProbeKind::http_get(get);
        let answer = probing::ask(&self.sandbox, init, i, &kind, Duration::secs(30), self.now, 0, self.node_ip());
        let worked = answer.map_or_else(|output| output.starts_with(REFUSED_STATUS), |()| true);
        Hook { worked, took: ANSWER }
    }
}
