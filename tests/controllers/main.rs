//! Controllers one by one, against what theirs do upstream: what a rollout may never fall below or rise above, ordinals one by
//! one or all at once, evictions in time, what the garbage collector leaves, load balancers, mirrored Endpoints. Manifests go
//! the whole way, through the API server. Transcripts of the same subjects are in `tests/golden/shell`.

mod cronjobs;
mod daemons;
mod jobs;
mod kubelet;
mod nodes;
mod ordinals;
mod owners;
mod pod_ends;
mod rollouts;
mod services;
mod volumes;

use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::time::Duration;
use giljabi::cluster::Cluster;
use giljabi::kubectl::call::{Config, Files, Next, Step};
use std::sync::Arc;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Option<String> {
        None
    }
    fn folder(&self, _: &str) -> Option<Vec<String>> {
        None
    }
}

/// Runs kubectl with `input` on its standard input, to its end.
fn kubectl(cluster: &mut Cluster, line: &str, input: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_string).collect();
    let started = giljabi::kubectl::start(cluster, &mut Config::default(), &NoFiles, input, &words);
    let (mut streams, mut next) = (started.streams, started.next);
    while let Next::Follow(mut follow) = next {
        next = match follow.step(cluster, &mut streams) {
            Step::Wait(until) => {
                let time = until.since(cluster.now());
                cluster.run_for(time.max(Duration::millis(1)));
                Next::Follow(follow)
            }
            Step::Next(after) => after,
        };
    }
    assert!(matches!(next, Next::Done(0)), "kubectl {line}: {}", streams.err);
    streams.out
}

fn apply(cluster: &mut Cluster, text: &str) {
    kubectl(cluster, "apply -f -", text);
}

fn settle(cluster: &mut Cluster) {
    let settled = cluster.run_until_settled();
    assert_eq!(settled.busy, None, "after {settled:?}");
}

fn get(cluster: &Cluster, kind: &str, name: &str) -> Option<Arc<Object>> {
    cluster.store().get(&ObjectKey::new(kind, "default", name)).cloned()
}

fn pods(cluster: &Cluster, app: &str) -> Vec<Arc<Object>> {
    cluster.store().select("Pod", "default", &[("app".into(), app.into())]).cloned().collect()
}

fn is_ready(pod: &Object) -> bool {
    !pod.is_terminating() && pod.view().pod().is_some_and(|p| p.is_ready())
}

fn reasons(cluster: &Cluster, kind: &str, name: &str) -> Vec<String> {
    let key = ObjectKey::new(kind, "default", name);
    cluster.recorder().about(&key).map(|r| format!("{}: {}", r.reason, r.message)).collect()
}

fn deployment(replicas: i64, surge: &str, unavailable: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  strategy: {{rollingUpdate: {{maxSurge: {surge}, maxUnavailable: {unavailable}}}}}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'nginx:1.28'}}]}}
"
    )
}

/// A pod of one container with these lines in its spec.
fn single(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {name}}}}}, spec: {{{spec} containers: [{{name: a, image: nginx}}]}}}}"
    )
}

fn condition(cluster: &Cluster, kind: &str, name: &str, type_: &str) -> Option<(String, String)> {
    let object = get(cluster, kind, name)?;
    let found = object.value.items_at(&["status", "conditions"]).iter().find(|c| c.str_at(&["type"]) == type_)?;
    Some((found.str_at(&["reason"]).into(), found.str_at(&["message"]).into()))
}
