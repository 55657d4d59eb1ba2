//! `kubelet`: runs the pods that are bound to nodes, one controller for the kubelets of all nodes.
//!
//! Upstream: `pkg/kubelet` (pod workers, `kuberuntime`, `prober`, `status`). A pod goes through: sandbox with addresses, init
//! containers one by one, containers; probes, restarts with back-off; at deletion the preStop hooks, SIGTERM, and SIGKILL when
//! the grace period is over. Before all that its volumes are set up. Left out: image garbage collection, eviction for want of
//! resources, storage that outlives a pod, ephemeral containers.

mod acting;
mod admission;
mod ending;
mod hook;
mod lifecycle;
mod probing;
mod pulling;
mod redefining;
mod status;
mod volumes;

pub use probing::count_rested;

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::view::{Pod, PodPhase};
use crate::apiserver::store::{Cause, Event, Store};
use crate::runtime::PodSandbox;
use crate::runtime::env::Resolver;
use crate::runtime::sandbox::Stop;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

pub const NAME: &str = "kubelet";

pub struct Kubelet;

impl Controller for Kubelet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        match event.key.kind.as_str() {
            "Pod" => {
                // Its own status writes tell it nothing new.
                if matches!(event.cause, Cause::Controller { name: NAME, .. }) && event.new.is_some() {
                    return;
                }
                let pod = event.new.as_ref().or(event.old.as_ref());
                if pod.is_some_and(|p| p.view().pod().is_some_and(|p| !p.node_name.is_empty())) {
                    enqueue(event.key.clone(), Duration::micros(1));
                }
            }
            "Node" if event.old.is_none() => {
                for pod in index.on_node(&event.key.name) {
                    enqueue(pod.clone(), settings.latencies.controller);
                }
            }
            // A pod may wait for one of these.
            kind @ ("Service" | "ConfigMap" | "Secret") if event.old.is_none() || kind != "Service" => {
                for name in index.pending(&event.key.namespace) {
                    let key = ObjectKey::new("Pod", event.key.namespace.clone(), name.clone());
                    enqueue(key, settings.latencies.controller);
                }
                if kind != "Service" {
                    volumes::watch(event, store, index, settings, enqueue);
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let Some(pod) = context.store.get(key).cloned() else {
            context.runtime.remove(key);
            return Reconcile::default();
        };
        let Some(view) = pod.view().pod().filter(|p| !p.node_name.is_empty()) else { return Reconcile::default() };
        if !context.settings.run_pods {
            // Who is deleted in a cluster that was taken over goes at once; who was going then stands as it stood.
            let taken_over = !context.settings.workloads;
            if taken_over && view.terminating && context.runtime.get(key).is_some_and(|s| !s.pod.is_terminating()) {
                context.runtime.remove(key);
                let mut result = Reconcile::default();
                result.purge(key.clone(), key.field("metadata.deletionTimestamp"));
                return result;
            }
            let same = context.runtime.get(key).is_some_and(|s| s.pod.uid() == pod.uid() && s.ips == view.ips);
            if !same {
                context.runtime.adopt(&pod, &context.settings.cluster_domain, context.now);
            }
            return Reconcile::default();
        }
        // No kubelet is there where no node is; one that lost its node goes on with what it has.
        let node = context.store.node(&view.node_name);
        let same = context.runtime.get(key).map(|s| s.pod.uid() == pod.uid());
        if !context.runtime.is_up(&view.node_name) || (node.is_none() && same.is_none()) {
            return Reconcile::default();
        }
        if same == Some(false) {
            context.runtime.remove(key);
        }
        let mut result = Reconcile::default();
        if matches!(view.phase, PodPhase::Succeeded | PodPhase::Failed) {
            if view.terminating {
                context.runtime.remove(key);
                result.purge(key.clone(), key.field("status.phase"));
            }
            return result;
        }
        if same != Some(true)
            && let Some(node) = node
            && admission::refuses(&pod, node, context, &mut result)
        {
            return result;
        }
        let mut worker = Worker::new(&pod, view, node, context, result);
        count_rested(key, &worker.sandbox, worker.context.recorder, worker.now);
        if worker.run() { worker.finish() } else { worker.result }
    }
}

/// One look at one pod.
struct Worker<'a, 'b> {
    context: &'a mut Context<'b>,
    pod: &'a Arc<Object>,
    view: &'a Pod,
    /// The node's object, if it has one.
    node: Option<&'b Arc<Object>>,
    sandbox: PodSandbox,
    result: Reconcile,
    now: Time,
}

impl<'a, 'b> Worker<'a, 'b> {
    fn new(
        pod: &'a Arc<Object>,
        view: &'a Pod,
        node: Option<&'b Arc<Object>>,
        context: &'a mut Context<'b>,
        result: Reconcile,
    ) -> Worker<'a, 'b> {
        let now = context.now;
        let sandbox = context.runtime.borrow_out(&pod.key);
        let sandbox = sandbox.unwrap_or_else(|| context.runtime.sandbox(pod, view, &context.settings.cluster_domain));
        Worker { context, pod, view, node, sandbox, result, now }
    }

    /// Moves the pod on as far as it goes at this moment. False: the pod is gone.
    fn run(&mut self) -> bool {
        if self.view.terminating {
            return self.terminate();
        }
        if self.sandbox.stop.is_some() {
            self.go_on_stopping();
            return true;
        }
        if let Some(deadline) = self.deadline() {
            if deadline <= self.now {
                self.exceed_deadline();
                return true;
            }
            self.result.again_standing(deadline);
        }
        self.take_definitions();
        if self.sandbox.start_at.is_none() {
            if !self.mount() {
                return true;
            }
            self.accept();
        }
        if self.sandbox.ips.is_empty() && !self.make_sandbox() {
            return true;
        }
        if !self.sandbox.volumes.is_empty() {
            self.refresh_volumes();
        }
        self.follow_scripts();
        self.advance();
        self.probe();
        // A probe may have killed what can start again at once.
        self.advance();
        if self.has_done_its_work() {
            self.stop(Stop::Done);
        }
        true
    }

    /// Writes the status, puts the sandbox back, and asks for the next look.
    fn finish(mut self) -> Reconcile {
        self.plan_next();
        let status = status::build(self.pod, self.view, &self.sandbox, self.node_ip(), self.context, self.now);
        if self.pod.value.get("status") != Some(&status) {
            let mut value = self.pod.value.clone();
            value.set_at(&["status"], status);
            self.result.update(self.pod, value, self.pod.key.field("spec.containers"));
        }
        self.context.runtime.put(self.pod.key.clone(), self.sandbox);
        self.result
    }

    /// A pod is new on the node: how long its sandbox and images take.
    fn accept(&mut self) {
        let latencies = &self.context.settings.latencies;
        let jitter = self.context.random.below(latencies.pod_start_jitter.0 + 1);
        let mut time = latencies.pod_start + Duration::micros(jitter);
        let pull = latencies.image_pull;
        for container in self.sandbox.all_mut() {
            if self.context.runtime.pull(&self.view.node_name, &container.image) {
                container.pulling = Some(pull);
                time = time + pull;
            }
        }
        self.sandbox.start_at = Some(self.now + time);
    }

    /// Makes the sandbox when its time has come, with addresses of the node's pod networks. False: not yet.
    fn make_sandbox(&mut self) -> bool {
        let start = self.sandbox.start_at.unwrap_or(self.now);
        if start > self.now {
            return false;
        }
        let Some(node) = self.node.and_then(|n| n.view().node()) else { return false };
        self.warn_of_resolver();
        if self.sandbox.host_network {
            self.sandbox.ips.clone_from(&node.internal_ips);
            return !self.sandbox.ips.is_empty();
        }
        for cidr in &node.pod_cidrs {
            self.sandbox.ips.extend(self.context.runtime.allocate(cidr, &self.pod.key));
        }
        if self.sandbox.ips.is_empty() {
            let message = format_smolstr!(
                "Failed to create pod sandbox: failed to allocate for range 0: no IP addresses available in range set: {}",
                node.pod_cidrs.first().cloned().unwrap_or_default()
            );
            self.say("", true, "FailedCreatePodSandBox", message);
            self.result.again_standing(self.now + Duration::secs(15));
            return false;
        }
        true
    }

    /// What of the pod's DNS settings does not fit into a `resolv.conf`. The cluster's own do.
    fn warn_of_resolver(&mut self) {
        if self.pod.value.at(&["spec", "dnsConfig"]).is_none() {
            return;
        }
        let settings = &self.context.settings;
        let (_, warnings) =
            Resolver::formed(self.pod, settings.dns_ip, settings.upstream_dns, &settings.cluster_domain);
        for words in warnings {
            self.say("", true, "DNSConfigForming", words);
        }
    }

    /// When something will happen by itself.
    fn plan_next(&mut self) {
        if self.sandbox.ips.is_empty() {
            if let Some(at) = self.sandbox.start_at.filter(|at| *at > self.now) {
                self.result.again(at);
            }
            return;
        }
        let now = self.now;
        let mut wishes: Vec<(Time, bool)> = Vec::new();
        for container in self.sandbox.all() {
            wishes.extend(lifecycle::next_event(container, now));
            wishes.extend(probing::next_tick(container, now));
        }
        if let Some(at) = self.sandbox.kill_at.filter(|at| *at > now) {
            wishes.push((at, false));
        }
        for (at, standing) in wishes {
            if standing { self.result.again_standing(at) } else { self.result.again(at) }
        }
    }

    fn say(&mut self, container: &str, warning: bool, reason: &'static str, message: impl Into<SmolStr>) {
        self.say_of(self.field_of(container), warning, reason, message);
    }

    /// The field that events about a container name; empty for the pod itself.
    fn field_of(&self, container: &str) -> SmolStr {
        let list = if self.sandbox.init_containers.iter().any(|c| c.name == container) {
            "initContainers"
        } else {
            "containers"
        };
        if container.is_empty() { SmolStr::default() } else { ["spec.", list, "{", container, "}"].concat().into() }
    }

    fn say_of(&mut self, field: SmolStr, warning: bool, reason: &'static str, message: impl Into<SmolStr>) {
        let node = self.view.node_name.clone();
        self.context.recorder.say(self.pod, field, warning, reason, message, NAME, node, self.now);
    }

    fn restart_policy(&self) -> &str {
        match self.pod.value.str_at(&["spec", "restartPolicy"]) {
            "" => "Always",
            policy => policy,
        }
    }

    fn node_ip(&self) -> Option<std::net::IpAddr> {
        self.node?.view().node()?.ip()
    }
}

/// A duration as Go prints it: `10s`, `1m20s`, `5m0s`.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}
