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

#[test]
fn what_a_service_asks_for_anew_its_endpoints_have_and_what_is_nothing_to_them_writes_nothing() {
    let mut cluster = Cluster::new(Settings::default());
    let pod = |name: &str, app: &str, probe: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {app}}}}}, spec: {{containers: [{{name: a, image: nginx, ports: [{{name: web, containerPort: 80}}, {{name: other, containerPort: 81}}], {probe}}}]}}}}"
        )
    };
    apply(&mut cluster, &pod("a", "near", ""));
    apply(&mut cluster, &pod("b", "near", "readinessProbe: {tcpSocket: {port: 9}}"));
    apply(&mut cluster, &pod("c", "far", ""));
    let service = "{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {selector: {app: near}, ports: [{port: 80, targetPort: web}]}}";
    apply(&mut cluster, service);
    settle(&mut cluster);
    // What a Service's slice and its Endpoints say: who is ready, at which port, and the Service's label.
    let told = |cluster: &Cluster| {
        let own = [("kubernetes.io/service-name".into(), "x".into())];
        let slice = cluster.store().select("EndpointSlice", "default", &own).next().expect("a slice").clone();
        let view = slice.view().endpoint_slice().expect("a slice");
        let ready = view.endpoints.iter().filter(|e| e.ready).map(|e| e.addresses[0].to_string());
        let old = get(cluster, "Endpoints", "x").expect("Endpoints");
        let subset = old.view().endpoints().expect("Endpoints").subsets[0].clone();
        let mut both: [Vec<String>; 2] =
            [ready.collect(), subset.ready.iter().map(|e| e.addresses[0].to_string()).collect()];
        both.iter_mut().for_each(|list| list.sort());
        let [ready, also] = both;
        assert_eq!(ready, also);
        assert_eq!(view.ports[0].port, subset.ports[0].port);
        assert_eq!(slice.label("tag"), old.label("tag"));
        let pod = |ip: &String| {
            let found = cluster
                .store()
                .list_in("Pod", "default")
                .find(|p| p.view().pod().and_then(|p| p.ip).is_some_and(|own| own.to_string() == *ip));
            found.expect("a pod").name().to_string()
        };
        let port = view.ports[0].port.expect("a port");
        (
            ready.iter().map(pod).collect::<Vec<_>>().join(" "),
            port,
            slice.label("tag").unwrap_or("").to_string(),
            slice.revision.max(old.revision),
        )
    };
    let patch = |cluster: &mut Cluster, patch: &str| {
        kubectl(cluster, &format!("patch svc x --type=json -p [{patch}]"), "");
        settle(cluster);
        told(cluster)
    };
    let first = told(&cluster);
    assert_eq!((first.0.as_str(), first.1), ("a", 80));
    // Twice, since the second edit meets what the first has left.
    for port in [81, 82] {
        let edit = format!("{{\"op\":\"replace\",\"path\":\"/spec/ports/0/port\",\"value\":{port}}}");
        assert_eq!(patch(&mut cluster, &edit), first, "its own port is nothing to its endpoints");
    }
    let edit = |path: &str, value: &str| format!("{{\"op\":\"add\",\"path\":\"{path}\",\"value\":{value}}}");
    let mut steps = Vec::new();
    for (path, value) in [
        ("/spec/ports/0/targetPort", "\"other\""),
        ("/spec/ports/0/targetPort", "8080"),
        ("/spec/publishNotReadyAddresses", "true"),
        ("/spec/publishNotReadyAddresses", "false"),
        ("/metadata/labels", "{\"tag\":\"new\"}"),
        ("/spec/selector", "{\"app\":\"far\"}"),
    ] {
        let (who, port, tag, _) = patch(&mut cluster, &edit(path, value));
        steps.push(format!("{who} {port} {tag}"));
    }
    assert_eq!(steps, ["a 81 ", "a 8080 ", "a b 8080 ", "a 8080 ", "a 8080 new", "c 8080 new"]);
}
