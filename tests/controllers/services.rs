//! Addresses of Services: load balancers, mirrored Endpoints, what stands in slices.

use super::{apply, deployment, get, kubectl, reasons, settle, single};
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, LoadBalancerProvider, Settings};

#[test]
fn a_load_balancer_of_another_class_is_left_alone_and_an_address_comes_back() {
    let mut cluster = Cluster::new(Settings::default());
    cluster.set_load_balancer(LoadBalancerProvider::MetalLb);
    let balancer = |name: &str, more: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{type: LoadBalancer, {more} selector: {{app: x}}, ports: [{{port: 80}}]}}}}"
        )
    };
    apply(&mut cluster, &balancer("a", ""));
    apply(&mut cluster, &balancer("b", "loadBalancerClass: example.com/other,"));
    settle(&mut cluster);
    let ip = |cluster: &Cluster, name: &str| {
        let service = get(cluster, "Service", name).expect("a Service");
        let points = service.value.items_at(&["status", "loadBalancer", "ingress"]);
        points.first().map(|p| p.text("ip").to_string())
    };
    assert_eq!((ip(&cluster, "a").as_deref(), ip(&cluster, "b")), (Some("192.168.49.100"), None));
    kubectl(&mut cluster, "patch svc a -p {\"spec\":{\"type\":\"ClusterIP\"}}", "");
    settle(&mut cluster);
    assert_eq!(ip(&cluster, "a"), None, "no balancer, no address");
    apply(&mut cluster, &balancer("c", ""));
    settle(&mut cluster);
    assert_eq!(ip(&cluster, "c").as_deref(), Some("192.168.49.100"), "what a had is free again");
}

#[test]
fn hand_written_endpoints_are_mirrored_up_to_a_thousand() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, "{apiVersion: v1, kind: Service, metadata: {name: far}, spec: {ports: [{port: 80}]}}");
    let addresses: String = (0..1_100).map(|i| format!("{{ip: 10.50.{}.{}}},", i / 250, i % 250 + 1)).collect();
    apply(
        &mut cluster,
        &format!(
            "{{apiVersion: v1, kind: Endpoints, metadata: {{name: far, labels: {{team: a}}}}, subsets: [{{addresses: [{addresses}], ports: [{{port: 80}}]}}]}}"
        ),
    );
    settle(&mut cluster);
    let label = [("kubernetes.io/service-name".into(), "far".into())];
    let slices: Vec<_> = cluster.store().select("EndpointSlice", "default", &label).cloned().collect();
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].value.items_at(&["endpoints"]).len(), 1_000);
    assert_eq!(slices[0].label("team"), Some("a"));
    assert_eq!(
        reasons(&cluster, "Endpoints", "far"),
        [
            "TooManyAddressesToMirror: A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 100 addresses were skipped"
        ]
    );
    kubectl(&mut cluster, "label endpoints far endpointslice.kubernetes.io/skip-mirror=true", "");
    settle(&mut cluster);
    assert_eq!(cluster.store().select("EndpointSlice", "default", &label).count(), 0);
}

#[test]
fn endpoints_keep_the_zone_of_their_node_until_something_of_theirs_changes() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &deployment(2, "1", "0"));
    kubectl(&mut cluster, "expose deployment web --port=80", "");
    settle(&mut cluster);
    let zones = |cluster: &Cluster| -> Vec<String> {
        let own = [("kubernetes.io/service-name".into(), "web".into())];
        let slices = cluster.store().select("EndpointSlice", "default", &own);
        slices.flat_map(|s| s.value.items_at(&["endpoints"])).map(|e| e.text("zone").to_string()).collect()
    };
    let before = zones(&cluster);
    kubectl(&mut cluster, "label nodes --all --overwrite topology.kubernetes.io/zone=moon", "");
    settle(&mut cluster);
    assert_eq!(zones(&cluster), before);
    kubectl(&mut cluster, "scale deployment web --replicas=3", "");
    settle(&mut cluster);
    assert_eq!(zones(&cluster), ["moon"; 3]);
}

#[test]
fn a_pod_on_a_node_that_nobody_knows_is_left_out_with_a_word() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &single("lost", "nodeName: nowhere,"));
    kubectl(&mut cluster, "expose pod lost --port=80", "");
    cluster.run_for(Duration::secs(1));
    let status = r#"{"status":{"phase":"Running","podIP":"10.9.9.9","podIPs":[{"ip":"10.9.9.9"}],"conditions":[{"type":"Ready","status":"True"}]}}"#;
    kubectl(&mut cluster, &format!("patch pod lost --subresource=status --type=merge -p {status}"), "");
    cluster.run_for(Duration::secs(1));
    let addresses = |cluster: &Cluster| {
        let own = [("kubernetes.io/service-name".into(), "lost".into())];
        let slices = cluster.store().select("EndpointSlice", "default", &own);
        slices.map(|s| s.value.items_at(&["endpoints"]).len()).sum::<usize>()
    };
    assert_eq!(addresses(&cluster), 0);
    assert_eq!(
        reasons(&cluster, "Service", "lost"),
        [
            "FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service default/lost: skipping Pod lost for Service default/lost: Node nowhere Not Found"
        ]
    );
    // Nobody ever comes: it is cleared up after a while, not at once.
    assert!(get(&cluster, "Pod", "lost").is_some());
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "lost").is_none());
}
