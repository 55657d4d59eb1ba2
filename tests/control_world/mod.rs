//! Clusters that tests and measurements of the control plane work on: pods of Deployments behind Services, about a hundred to
//! a node.

use giljabi::api::value::Value;
use giljabi::apiserver::defaulting;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::{Cluster, Settings};
use giljabi::value;

/// A new cluster with nodes for so many pods.
pub fn nodes_for(pods: usize) -> Cluster {
    Cluster::new(Settings::with_nodes(pods.div_ceil(100) + 2))
}

/// Wishes for `pods` pods of one Deployment behind one Service, both of this name; nothing has been done about it yet.
pub fn deploy(cluster: &mut Cluster, name: &str, pods: usize) {
    let mut deployment = value!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "replicas": (pods as i64),
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": {
                    "containers": [{
                        "name": "web", "image": "luksa/kubia",
                        "ports": [{ "containerPort": 8080, "name": "http", "protocol": "TCP" }],
                        "readinessProbe": { "httpGet": { "path": "/", "port": 8080 } }
                    }]
                }
            }
        }
    });
    defaulting::workload::default_deployment(&mut deployment);
    let number = cluster.store().list("Service").count();
    let ip = format!("10.{}.{}.{}", 100 + number / 62_500, number / 250 % 250, 1 + number % 250);
    cluster.write(Cause::User, |w| {
        w.create(
            "Service",
            value!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": { "name": name, "namespace": "default" },
                "spec": {
                    "type": "ClusterIP", "clusterIP": (ip.as_str()), "clusterIPs": [(ip.as_str())],
                    "ipFamilies": ["IPv4"],
                    "selector": { "app": name },
                    "ports": [{ "port": 80, "targetPort": "http", "protocol": "TCP" }]
                }
            }),
        );
        w.create("Deployment", deployment);
    });
}

/// How many ready endpoints a Service has.
pub fn ready_endpoints(cluster: &Cluster, service: &str) -> usize {
    let label = [("kubernetes.io/service-name".into(), service.into())];
    let slices = cluster.store().select("EndpointSlice", "default", &label);
    slices.filter_map(|s| s.view().endpoint_slice()).flat_map(|s| &s.endpoints).filter(|e| e.ready).count()
}

/// Lets the cluster come to rest, and sees to it that it does.
pub fn settle(cluster: &mut Cluster) {
    let settled = cluster.run_until_settled();
    assert_eq!(settled.busy, None, "it never rests: {settled:?}");
}

/// Makes the first pod of the namespace fail its readiness probe, or pass it again, and lets everybody learn of it.
pub fn flip(cluster: &mut Cluster, fails: bool) {
    let pod = cluster.store().list_in("Pod", "default").next().map(|p| p.key.clone()).expect("a pod");
    cluster.change_container(&pod, "", |c| c.behavior.status = fails.then_some(500));
    settle(cluster);
}

/// Asks for one pod more, or fewer, of a Deployment, and lets the cluster come to rest.
pub fn scale_by(cluster: &mut Cluster, name: &str, more: i64) {
    let deployment = cluster.store().list_in("Deployment", "default").find(|d| d.name() == name).cloned();
    let deployment = deployment.expect("the Deployment");
    let replicas = deployment.value.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1);
    let mut value = deployment.value.clone();
    value.set_at(&["spec", "replicas"], replicas + more);
    cluster.write(Cause::User, |w| w.update(&deployment, value));
    settle(cluster);
}
