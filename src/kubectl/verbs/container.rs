//! `kubectl exec` and `attach`, and which pod and container is meant.

use super::{Act, FILES, TROUBLE, Verb};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::api::view::PodPhase;
use crate::apiserver::status::Status;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::arguments::resource;
use crate::kubectl::call::{Call, Exec, Next, own};
use crate::kubectl::failure::Failure;
use std::sync::Arc;

pub const EXEC: Verb = Verb {
    names: &["exec"],
    group: TROUBLE,
    short: "Execute a command in a container",
    usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    examples: "# One command\nkubectl exec web-1 -- env\n\n# A shell\nkubectl exec -it web-1 -- sh\n\n# In a certain container\nkubectl exec web-1 -c side -- ls /",
    flags: &["container,c= stdin,i tty,t quiet,q pod-running-timeout~", FILES],
    act: Act::Run(exec),
};

pub const ATTACH: Verb = Verb {
    names: &["attach"],
    group: TROUBLE,
    short: "Attach to a running container",
    usage: "(POD | TYPE/NAME) -c CONTAINER",
    examples: "",
    flags: &["container,c= stdin,i tty,t quiet,q pod-running-timeout~ detach-keys="],
    act: Act::Run(|_| {
        Err(own(
            "attaching to a process that runs already is not simulated here; kubectl exec -it POD -- sh opens a shell beside it, and kubectl logs shows what it prints",
        ))
    }),
};

/// Whom to prefer of the pods of a workload or Service (`podutils`): the one to look into, or the one whose logs tell most.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefer {
    Active,
    Logging,
}

/// The pod that `POD` or `TYPE/NAME` means: of a workload or Service, its first pod that runs.
pub(super) fn pod_of(call: &mut Call, word: &str) -> Result<Arc<Object>, Failure> {
    Ok(pods_of(call, word, Prefer::Active)?.remove(0))
}

/// The pods that `POD` or `TYPE/NAME` means, the preferred one first; never none.
pub(super) fn pods_of(call: &mut Call, word: &str, prefer: Prefer) -> Result<Vec<Arc<Object>>, Failure> {
    let namespace = call.namespace();
    let pods = resource(call.cluster.store(), "pods")?;
    let Some((kind, name)) = word.split_once('/') else {
        return Ok(vec![call.get(&pods, &namespace, word)?]);
    };
    let found = resource(call.cluster.store(), kind)?;
    let object = call.get(&found, &namespace, name)?;
    if found.stored == "Pod" {
        return Ok(vec![object]);
    }
    let mut candidates = selected(call.cluster, &object);
    if candidates.is_empty() {
        return Err(own(match found.stored.as_str() {
            "Service" if object.value.at(&["spec", "selector"]).is_none() => {
                let deed = if prefer == Prefer::Active { "attach to" } else { "get the logs from" };
                format!("cannot {deed} *v1.Service: invalid service '{name}': Service is defined without a selector")
            }
            _ => "timed out waiting for the condition".to_string(),
        }));
    }
    candidates.arrange_by_key(|pod| rank(pod, prefer));
    Ok(candidates)
}

/// Where a pod stands among its like: assigned, running, ready ones first, those that have long been ready before others; who
/// restarted often is interesting for its logs and to be avoided otherwise; then the oldest.
fn rank(pod: &Object, prefer: Prefer) -> impl Ord + use<> {
    let Some(view) = pod.view().pod() else { return Default::default() };
    let unknown = match view.phase {
        PodPhase::Pending => 2,
        PodPhase::Unknown => 1,
        // Go's map has no entry for pods that have ended, which makes them first among the ones and last among the others.
        PodPhase::Running => 0,
        _ => {
            if prefer == Prefer::Active {
                2
            } else {
                0
            }
        }
    };
    let ready = view.is_ready();
    let conditions = pod.value.items_at(&["status", "conditions"]);
    let since =
        conditions.iter().find(|c| ready && c.text("type") == "Ready").map_or("", |c| c.text("lastTransitionTime"));
    let restarts = view.statuses().map(|s| i64::from(s.restarts)).max().unwrap_or(0);
    (
        view.node_name.is_empty(),
        unknown,
        !ready,
        prefer == Prefer::Active && pod.is_terminating(),
        since.to_string(),
        if prefer == Prefer::Active { restarts } else { -restarts },
        pod.value.str_at(&["metadata", "creationTimestamp"]).to_string(),
    )
}

/// The pods that a workload or Service selects.
fn selected(cluster: &Cluster, object: &Object) -> Vec<Arc<Object>> {
    let labels = match object.key.kind.as_str() {
        "Service" | "ReplicationController" => object.value.at(&["spec", "selector"]),
        _ => object.value.at(&["spec", "selector", "matchLabels"]),
    };
    let Some(labels) = labels.and_then(Value::as_map) else { return Vec::new() };
    let pairs: Vec<_> = labels.iter().filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))).collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    cluster.store().select("Pod", object.namespace(), &pairs).cloned().collect()
}

/// All containers of a pod as kubectl lists them; `init` says it of those.
fn all_containers(pod: &Object) -> String {
    let names = |field| pod.value.items_at(&["spec", field]).iter().map(|c| c.text("name"));
    let init = names("initContainers").map(|name| format!("{name} (init)"));
    names("containers").map(str::to_string).chain(init).collect::<Vec<_>>().join(", ")
}

/// Refuses a container that the pod does not have.
pub(super) fn known(pod: &Object, wanted: &str) -> Result<(), Failure> {
    let mut fields = ["containers", "initContainers"].iter().flat_map(|f| pod.value.items_at(&["spec", f]));
    if fields.any(|c| c.text("name") == wanted) {
        return Ok(());
    }
    Err(own(format!("container {wanted} is not valid for pod {} out of: {}", pod.name(), all_containers(pod))))
}

/// The container that is meant: the one named, the default one, or the first (which is then said).
pub(super) fn container(call: &mut Call, pod: &Object, quiet: bool) -> Result<String, Failure> {
    let named = call.flags.get("container").filter(|name| !name.is_empty());
    let default = pod.annotation("kubectl.kubernetes.io/default-container").filter(|name| !name.is_empty());
    if let Some(wanted) = named.or(default).map(str::to_string) {
        known(pod, &wanted)?;
        return Ok(wanted);
    }
    Ok(first(call, pod, quiet))
}

/// The first container, and a word that there are others.
pub(super) fn first(call: &mut Call, pod: &Object, quiet: bool) -> String {
    let count = |field| pod.value.items_at(&["spec", field]).len();
    let first = pod.value.items_at(&["spec", "containers"]).first().map_or("", |c| c.text("name")).to_string();
    if count("containers") + count("initContainers") > 1 && !quiet {
        let all = all_containers(pod);
        call.complain(format!("Defaulted container {} out of: {all}", crate::api::json::quote(&first)));
    }
    first
}

fn exec(call: &mut Call) -> Result<Next, Failure> {
    let (before, after) = (call.flags.before_dash().to_vec(), call.flags.after_dash().to_vec());
    let (target, words) = match (call.flags.dash, before.as_slice()) {
        (_, []) if !call.flags.has("filename") => {
            return Err(call.usage("pod, type/name or --filename must be specified"));
        }
        (Some(_), [pod]) => (pod.clone(), after),
        (Some(_), [_, ..]) => {
            return Err(own(
                "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples",
            ));
        }
        (None, [_]) => return Err(call.usage("you must specify at least one command for the container")),
        (None, _) => {
            return Err(
                call.usage("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead")
            );
        }
        (Some(_), []) => return Err(call.usage("pod, type/name or --filename must be specified")),
    };
    if words.is_empty() {
        return Err(call.usage("you must specify at least one command for the container"));
    }
    let pod = pod_of(call, &target)?;
    let phase = pod.value.str_at(&["status", "phase"]).to_string();
    if matches!(phase.as_str(), "Succeeded" | "Failed") {
        return Err(own(format!("cannot exec into a container in a completed pod; current phase is {phase}")));
    }
    let name = container(call, &pod, call.flags.is_on("quiet"))?;
    check_running(call, &pod, &name)?;
    let (stdin, mut tty) = (call.flags.is_on("stdin"), call.flags.is_on("tty"));
    tty = tty && stdin;
    Ok(Next::Exec(Exec {
        pod: pod.key.clone(),
        container: name.into(),
        words,
        stdin,
        tty,
        remove_after: false,
        attached: false,
        greeting: String::new(),
    }))
}

/// What the API server or the kubelet says when a container cannot be entered.
fn check_running(call: &Call, pod: &Object, container: &str) -> Result<(), Failure> {
    let node = pod.value.str_at(&["spec", "nodeName"]);
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", pod.name())).into());
    }
    let running =
        call.cluster.runtime().get(&pod.key).and_then(|s| s.container(container)).is_some_and(|c| c.is_running());
    if !call.cluster.runtime().is_up(node) {
        let ip = pod.value.str_at(&["status", "hostIP"]);
        return Err(Failure::from(Status::unknown(format!(
            "error dialing backend: dial tcp {ip}:10250: connect: no route to host"
        ))));
    }
    if running {
        return Ok(());
    }
    Err(own(format!(
        "Internal error occurred: unable to upgrade connection: container not found ({})",
        crate::api::json::quote(container)
    )))
}
