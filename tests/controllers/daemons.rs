//! A pod a node, while a DaemonSet changes its template.

use super::{apply, is_ready, pods, settle};
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, Settings};

fn daemons(strategy: &str, image: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: web}}
spec:
  updateStrategy: {{rollingUpdate: {strategy}}}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: \"{image}\"}}]}}
"
    )
}

#[test]
fn a_daemon_set_that_surges_has_the_new_pod_before_the_old_one_goes() {
    let mut cluster = Cluster::new(Settings::default());
    let nodes = cluster.store().list("Node").count();
    apply(&mut cluster, &daemons("{maxSurge: 1, maxUnavailable: 0}", "nginx:1.27"));
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "web").len(), nodes);
    apply(&mut cluster, &daemons("{maxSurge: 1, maxUnavailable: 0}", "nginx:1.28"));
    let (mut most, mut least) = (0, nodes);
    for _ in 0..1_000 {
        cluster.run_for(Duration::millis(100));
        let live: Vec<_> = pods(&cluster, "web").into_iter().filter(|p| !p.is_terminating()).collect();
        most = most.max(live.len());
        least = least.min(live.iter().filter(|p| is_ready(p)).count());
    }
    assert_eq!((most, least), (nodes + 1, nodes));
    settle(&mut cluster);
    let images = pods(&cluster, "web");
    assert_eq!(images.len(), nodes);
    assert!(images.iter().all(|p| p.value.items_at(&["spec", "containers"])[0].str_at(&["image"]) == "nginx:1.28"));
    // Without a surge the old one goes first, on one node at a time.
    apply(&mut cluster, &daemons("{maxUnavailable: 1}", "nginx:1.29"));
    let (mut most, mut least) = (0, nodes);
    for _ in 0..1_000 {
        cluster.run_for(Duration::millis(100));
        let live: Vec<_> = pods(&cluster, "web").into_iter().filter(|p| !p.is_terminating()).collect();
        most = most.max(live.len());
        least = least.min(live.iter().filter(|p| is_ready(p)).count());
    }
    assert_eq!((most, least), (nodes, nodes - 1));
}
