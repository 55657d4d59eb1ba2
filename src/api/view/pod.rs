//! `v1.Pod` and `v1.Node` as the scheduler, the kubelet, the endpoint controllers and the network read them.

use super::{Protocol, port, text, texts};
use crate::api::value::Value;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PodPhase {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// Empty when unnamed.
    pub name: SmolStr,
    pub number: u16,
    pub protocol: Protocol,
    /// 0 when none.
    pub host_port: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub name: SmolStr,
    pub image: SmolStr,
    pub ports: Vec<ContainerPort>,
    /// The container as the manifest has it: probes, env, command and the rest.
    pub value: Value,
}

/// A condition of a pod's or node's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub type_: SmolStr,
    /// `True`, `False` or `Unknown`.
    pub status: SmolStr,
    pub reason: SmolStr,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    pub name: SmolStr,
    pub ready: bool,
    pub started: bool,
    pub restarts: u32,
    /// `waiting`, `running` or `terminated`, with its reason.
    pub state: SmolStr,
    pub reason: SmolStr,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    pub phase: PodPhase,
    /// Empty until scheduled.
    pub node_name: SmolStr,
    pub ip: Option<IpAddr>,
    pub ips: Vec<IpAddr>,
    pub host_network: bool,
    pub hostname: SmolStr,
    pub subdomain: SmolStr,
    pub init_containers: Arc<[Container]>,
    pub containers: Arc<[Container]>,
    /// `spec.dnsPolicy`.
    pub dns_policy: SmolStr,
    /// `spec.dnsConfig` and `spec.hostAliases`, where there is any of them.
    names: Option<Arc<[Option<Value>; 2]>>,
    pub terminating: bool,
    /// The condition `Ready` is `True`.
    ready: bool,
    /// `status.containerStatuses`, read when somebody asks.
    statuses: Option<Value>,
}

impl Pod {
    /// `spec.dnsConfig`.
    pub fn dns_config(&self) -> Option<&Value> {
        self.names.as_ref()?[0].as_ref()
    }

    /// `spec.hostAliases`, in their order.
    pub fn host_aliases(&self) -> &[Value] {
        self.names.as_ref().and_then(|names| names[1].as_ref()?.as_list()).unwrap_or(&[])
    }

    pub(super) fn read(value: &Value) -> Pod {
        Pod::read_with(value, None)
    }

    /// The reading of the next version of a pod: the containers of a spec hardly ever change.
    pub(super) fn next(&self, old: &Value, new: &Value) -> Pod {
        Pod::read_with(new, Some((self, old)))
    }

    fn read_with(value: &Value, before: Option<(&Pod, &Value)>) -> Pod {
        let null = Value::Null;
        let part = |field: &str| value.get(field).unwrap_or(&null);
        let (spec, status) = (part("spec"), part("status"));
        // The same parts of the version before, and what was read in them.
        let (earlier, old) = before.unzip();
        let old_part = |field: &str| old.and_then(|old| old.get(field));
        let (old_spec, old_status) = (old_part("spec"), old_part("status"));
        let kept = |part: &Value, old: Option<&Value>| earlier.filter(|_| old.is_some_and(|old| old.is_same(part)));
        let mut pod = match kept(spec, old_spec) {
            Some(pod) => Pod {
                node_name: pod.node_name.clone(),
                host_network: pod.host_network,
                hostname: pod.hostname.clone(),
                subdomain: pod.subdomain.clone(),
                init_containers: pod.init_containers.clone(),
                containers: pod.containers.clone(),
                dns_policy: pod.dns_policy.clone(),
                names: pod.names.clone(),
                ..Pod::default()
            },
            None => {
                let containers = |field: &str, of: fn(&Pod) -> &Arc<[Container]>| -> Arc<[Container]> {
                    let Some(list) = spec.get(field) else { return Arc::default() };
                    match kept(list, old_spec.and_then(|old| old.get(field))) {
                        Some(pod) => of(pod).clone(),
                        None => list.as_list().unwrap_or(&[]).iter().map(container).collect(),
                    }
                };
                let names = ["dnsConfig", "hostAliases"].map(|field| spec.get(field).cloned());
                Pod {
                    node_name: text(spec, &["nodeName"]),
                    host_network: spec.flag("hostNetwork"),
                    hostname: text(spec, &["hostname"]),
                    subdomain: text(spec, &["subdomain"]),
                    init_containers: containers("initContainers", |p| &p.init_containers),
                    containers: containers("containers", |p| &p.containers),
                    dns_policy: text(spec, &["dnsPolicy"]),
                    names: names.iter().any(Option::is_some).then(|| Arc::new(names)),
                    ..Pod::default()
                }
            }
        };
        pod.terminating = value.at(&["metadata", "deletionTimestamp"]).is_some();
        match kept(status, old_status) {
            Some(same) => pod.take_status(same),
            None => {
                let ips = status.get("podIPs").unwrap_or(&null);
                pod.read_status(status, kept(ips, old_status.and_then(|old| old.get("podIPs"))));
            }
        }
        pod
    }

    /// Has the status that another version of it has.
    fn take_status(&mut self, same: &Pod) {
        self.phase = same.phase;
        self.ready = same.ready;
        self.ip = same.ip;
        self.ips.clone_from(&same.ips);
        self.statuses.clone_from(&same.statuses);
    }

    /// Reads a status; `same_ips` has the same addresses.
    fn read_status(&mut self, status: &Value, same_ips: Option<&Pod>) {
        self.phase = match status.text("phase") {
            "Running" => PodPhase::Running,
            "Succeeded" => PodPhase::Succeeded,
            "Failed" => PodPhase::Failed,
            "Unknown" => PodPhase::Unknown,
            _ => PodPhase::Pending,
        };
        let is_ready = |c: &Value| c.text("type") == "Ready" && c.text("status") == "True";
        self.ready = status.items("conditions").iter().any(is_ready);
        self.statuses = status.get("containerStatuses").cloned();
        let (ip, list) = (status.text("podIP"), status.items("podIPs"));
        match same_ips {
            Some(same) => self.ips.clone_from(&same.ips),
            None => self.ips = list.iter().filter_map(|p| p.text("ip").parse().ok()).collect(),
        }
        // It is the first of the list, mostly.
        let first = list.first().filter(|first| first.text("ip") == ip).and(self.ips.first());
        self.ip = first.copied().or_else(|| ip.parse().ok());
        if self.ips.is_empty() {
            self.ips.extend(self.ip);
        }
    }

    /// The condition `Ready` is `True`.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// The states of the containers, as the status has them.
    pub fn statuses(&self) -> impl Iterator<Item = ContainerStatus> + '_ {
        self.statuses.as_ref().and_then(Value::as_list).unwrap_or(&[]).iter().map(container_status)
    }

    /// The number of the container port that bears `name` for `protocol` (`podutil.FindPort`): the containers, then the
    /// init containers that restart always (sidecars).
    pub fn named_port(&self, name: &str, protocol: Protocol) -> Option<u16> {
        let sidecars = self.init_containers.iter().filter(|c| c.value.str_at(&["restartPolicy"]) == "Always");
        let found = |c: &Container| c.ports.iter().find(|p| p.name == name && p.protocol == protocol).map(|p| p.number);
        self.containers.iter().chain(sidecars).find_map(found)
    }
}

/// A taint of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taint {
    pub key: SmolStr,
    pub value: SmolStr,
    pub effect: SmolStr,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    pub internal_ips: Vec<IpAddr>,
    /// The pod networks of the node (`spec.podCIDRs`).
    pub pod_cidrs: Vec<SmolStr>,
    /// The label `topology.kubernetes.io/zone`.
    pub zone: SmolStr,
    pub unschedulable: bool,
    pub taints: Vec<Taint>,
    pub conditions: Vec<Condition>,
}

impl Node {
    pub(super) fn read(value: &Value) -> Node {
        let mut pod_cidrs = texts(value, &["spec", "podCIDRs"]);
        if pod_cidrs.is_empty() {
            pod_cidrs.extend(value.at(&["spec", "podCIDR"]).and_then(Value::as_smol));
        }
        Node {
            internal_ips: value
                .items_at(&["status", "addresses"])
                .iter()
                .filter(|a| a.str_at(&["type"]) == "InternalIP")
                .filter_map(|a| a.str_at(&["address"]).parse().ok())
                .collect(),
            pod_cidrs,
            zone: text(value, &["metadata", "labels", "topology.kubernetes.io/zone"]),
            unschedulable: value.at(&["spec", "unschedulable"]).and_then(Value::as_bool) == Some(true),
            taints: value
                .items_at(&["spec", "taints"])
                .iter()
                .map(|t| Taint { key: text(t, &["key"]), value: text(t, &["value"]), effect: text(t, &["effect"]) })
                .collect(),
            conditions: conditions(value),
        }
    }

    pub fn ip(&self) -> Option<IpAddr> {
        self.internal_ips.first().copied()
    }

    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
    }
}

fn conditions(value: &Value) -> Vec<Condition> {
    let read =
        |c: &Value| Condition { type_: text(c, &["type"]), status: text(c, &["status"]), reason: text(c, &["reason"]) };
    value.items_at(&["status", "conditions"]).iter().map(read).collect()
}

fn container(value: &Value) -> Container {
    let read_port = |p: &Value| ContainerPort {
        name: text(p, &["name"]),
        number: port(p, &["containerPort"]),
        protocol: Protocol::read(p.str_at(&["protocol"])),
        host_port: port(p, &["hostPort"]),
    };
    Container {
        name: text(value, &["name"]),
        image: text(value, &["image"]),
        ports: value.items_at(&["ports"]).iter().map(read_port).collect(),
        value: value.clone(),
    }
}

fn container_status(value: &Value) -> ContainerStatus {
    let state = value.get("state").and_then(Value::as_map).and_then(|m| m.iter().next());
    ContainerStatus {
        name: text(value, &["name"]),
        ready: value.get("ready").and_then(Value::as_bool) == Some(true),
        started: value.get("started").and_then(Value::as_bool) == Some(true),
        restarts: value.get("restartCount").and_then(Value::as_i64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        state: state.map(|(name, _)| name.clone()).unwrap_or_default(),
        reason: state.map(|(_, s)| text(s, &["reason"])).unwrap_or_default(),
    }
}
