//! The cluster as it is installed: nodes, system namespaces, the Service `kubernetes`, CoreDNS.
//!
//! Upstream: kubeadm, minikube's addresses (the API server on 192.168.49.2:8443), the CoreDNS manifest.

use super::{Cluster, NodeSettings, node_labels};
use crate::api::value::{Map, Value};
use crate::apiserver::store::Cause;
use crate::apiserver::write::Writer;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// The version that the cluster says it is.
pub const VERSION: &str = "v1.36.2";

/// Writes all of it; telling the controllers is left to who goes on with the cluster.
pub(super) fn install(cluster: &mut Cluster) {
    let settings = cluster.settings().clone();
    let dns_ip = settings.dns_ip;
    let kubernetes_ip = first_service_ip(&settings.service_cidr);
    let now = cluster.now();
    let Cluster { store, random, .. } = cluster;
    let mut writer = Writer { store, random, now, cause: Cause::Bootstrap };
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        writer.create("Namespace", namespace(name));
    }
    for node in &settings.nodes {
        writer.create("Node", node_object(node, &format_smolstr!("{now}")));
    }
    if let Some(first) = settings.nodes.first() {
        writer.create("Endpoints", kubernetes_endpoints(first.ip));
        writer.create("EndpointSlice", kubernetes_slice(first.ip));
    }
    writer.create("Service", kubernetes_service(kubernetes_ip));
    writer.create("ConfigMap", coredns_config(&settings.cluster_domain));
    writer.create("Service", dns_service(dns_ip));
    if settings.run_pods {
        writer.create("Deployment", coredns_deployment());
    }
}

/// The first address of the Service network: the API server's own.
fn first_service_ip(cidr: &str) -> IpAddr {
    match cidr.parse() {
        Ok(ipnet::IpNet::V4(net)) => IpAddr::V4((u32::from(net.network()) + 1).into()),
        Ok(ipnet::IpNet::V6(net)) => IpAddr::V6((u128::from(net.network()) + 1).into()),
        Err(_) => IpAddr::from([10, 96, 0, 1]),
    }
}

/// A Namespace as the API server would have made it.
pub(crate) fn namespace(name: &str) -> Value {
    value!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
        "spec": { "finalizers": ["kubernetes"] },
        "status": { "phase": "Active" }
    })
}

/// A node as its kubelet registers it.
pub(super) fn node_object(node: &NodeSettings, now: &SmolStr) -> Value {
    let labels: Map = node_labels(node).into_iter().map(|(k, v)| (k, Value::from(v))).collect();
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        value!({
            "type": type_, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now
        })
    };
    let capacity = value!({
        "cpu": (node.cpus.to_string()),
        "ephemeral-storage": "61255492Ki",
        "memory": (format_smolstr!("{}Ki", u64::from(node.memory_gib) * 1_048_576)),
        "pods": (node.max_pods.to_string())
    });
    let cidrs: Vec<Value> = node.pod_cidrs.iter().map(Value::from).collect();
    value!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": (&node.name), "labels": labels },
        "spec": {
            "podCIDR": (node.pod_cidrs.first().cloned().unwrap_or_default()),
            "podCIDRs": cidrs
        },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": (node.ip.to_string()) },
                { "type": "Hostname", "address": (&node.name) }
            ],
            "capacity": (capacity.clone()),
            "allocatable": capacity,
            "conditions": [
                (condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available")),
                (condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure")),
                (condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available")),
                (condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"))
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": "6.12.0",
                "kubeProxyVersion": "",
                "kubeletVersion": VERSION,
                "operatingSystem": "linux",
                "osImage": "Debian GNU/Linux 12 (bookworm)"
            }
        }
    })
}

fn kubernetes_endpoints(ip: IpAddr) -> Value {
    value!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" }
        },
        "subsets": [{
            "addresses": [{ "ip": (ip.to_string()) }],
            "ports": [{ "name": "https", "port": 8443, "protocol": "TCP" }]
        }]
    })
}

fn kubernetes_slice(ip: IpAddr) -> Value {
    value!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": "kubernetes" }
        },
        "addressType": (if ip.is_ipv6() { "IPv6" } else { "IPv4" }),
        "endpoints": [{ "addresses": [(ip.to_string())], "conditions": { "ready": true } }],
        "ports": [{ "name": "https", "port": 8443, "protocol": "TCP" }]
    })
}

fn service(name: &str, namespace: &str, labels: Value, ip: IpAddr, ports: Value) -> Value {
    value!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": namespace, "labels": labels },
        "spec": {
            "clusterIP": (ip.to_string()),
            "clusterIPs": [(ip.to_string())],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": [(if ip.is_ipv6() { "IPv6" } else { "IPv4" })],
            "ipFamilyPolicy": "SingleStack",
            "ports": ports,
            "sessionAffinity": "None",
            "type": "ClusterIP"
        },
        "status": { "loadBalancer": {} }
    })
}

fn kubernetes_service(ip: IpAddr) -> Value {
    service(
        "kubernetes",
        "default",
        value!({ "component": "apiserver", "provider": "kubernetes" }),
        ip,
        value!([{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443 }]),
    )
}

fn dns_service(ip: IpAddr) -> Value {
    let labels = value!({
        "k8s-app": "kube-dns",
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS"
    });
    let mut value = service(
        "kube-dns",
        "kube-system",
        labels,
        ip,
        value!([
            { "name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53 },
            { "name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53 },
            { "name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153 }
        ]),
    );
    value.set_at(&["spec", "selector"], value!({ "k8s-app": "kube-dns" }));
    value
}

fn coredns_config(domain: &str) -> Value {
    let corefile = format!(
        ".:53 {{\n    errors\n    health {{\n       lameduck 5s\n    }}\n    ready\n    kubernetes {domain} in-addr.arpa ip6.arpa {{\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    }}\n    prometheus :9153\n    forward . /etc/resolv.conf {{\n       max_concurrent 1000\n    }}\n    cache 30\n    loop\n    reload\n    loadbalance\n}}\n"
    );
    value!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "coredns", "namespace": "kube-system" },
        "data": { "Corefile": corefile }
    })
}

fn coredns_deployment() -> Value {
    let probe = |path: &str, port: i64| {
        value!({
            "failureThreshold": 5,
            "httpGet": { "path": path, "port": port, "scheme": "HTTP" },
            "periodSeconds": 10,
            "successThreshold": 1,
            "timeoutSeconds": 5
        })
    };
    value!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "coredns", "namespace": "kube-system", "labels": { "k8s-app": "kube-dns" } },
        "spec": {
            "progressDeadlineSeconds": 600,
            "replicas": 1,
            "revisionHistoryLimit": 10,
            "selector": { "matchLabels": { "k8s-app": "kube-dns" } },
            "strategy": { "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": 1 }, "type": "RollingUpdate" },
            "template": {
                "metadata": { "labels": { "k8s-app": "kube-dns" } },
                "spec": {
                    "containers": [{
                        "name": "coredns",
                        "image": "registry.k8s.io/coredns/coredns:v1.13.1",
                        "imagePullPolicy": "IfNotPresent",
                        "args": ["-conf", "/etc/coredns/Corefile"],
                        "ports": [
                            { "containerPort": 53, "name": "dns", "protocol": "UDP" },
                            { "containerPort": 53, "name": "dns-tcp", "protocol": "TCP" },
                            { "containerPort": 9153, "name": "metrics", "protocol": "TCP" },
                            { "containerPort": 8080, "name": "liveness-probe", "protocol": "TCP" },
                            { "containerPort": 8181, "name": "readiness-probe", "protocol": "TCP" }
                        ],
                        "livenessProbe": (probe("/health", 8080)),
                        "readinessProbe": (probe("/ready", 8181)),
                        "resources": {
                            "limits": { "memory": "170Mi" },
                            "requests": { "cpu": "100m", "memory": "70Mi" }
                        },
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File"
                    }],
                    "dnsPolicy": "Default",
                    "priorityClassName": "system-cluster-critical",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "securityContext": {},
                    "serviceAccount": "coredns",
                    "serviceAccountName": "coredns",
                    "terminationGracePeriodSeconds": 30,
                    "tolerations": [
                        { "key": "CriticalAddonsOnly", "operator": "Exists" },
                        { "effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane" }
                    ]
                }
            }
        }
    })
}
