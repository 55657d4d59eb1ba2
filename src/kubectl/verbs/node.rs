//! `kubectl cordon`, `uncordon`, `drain`, `taint`.

use super::{Act, CLUSTER, DRY, PRINT, VALIDATE, Verb};
use crate::api::json::quote;
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::apiserver::request::{Body, DeleteOptions, FieldValidation, PatchKind, Request, Subresource, Verb as Write};
use crate::apiserver::resource::Resource;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::arguments::{Target, resource};
use crate::kubectl::call::{Call, Follow, Next, Step, Streams, own};
use crate::kubectl::describe::taint_text;
use crate::kubectl::failure::Failure;
use crate::kubectl::run::DryRun;
use smol_str::SmolStr;

pub const CORDON: Verb = Verb {
    names: &["cordon"],
    group: CLUSTER,
    short: "Mark node as unschedulable",
    usage: "NODE",
    examples: "# No new pods there\nkubectl cordon node-1",
    flags: &["selector,l=", DRY],
    act: Act::Run(|call| cordon(call, true)),
};

pub const UNCORDON: Verb = Verb {
    names: &["uncordon"],
    group: CLUSTER,
    short: "Mark node as schedulable",
    usage: "NODE",
    examples: "# Pods may come again\nkubectl uncordon node-1",
    flags: &["selector,l=", DRY],
    act: Act::Run(|call| cordon(call, false)),
};

pub const DRAIN: Verb = Verb {
    names: &["drain"],
    group: CLUSTER,
    short: "Drain node in preparation for maintenance",
    usage: "NODE",
    examples: "# All pods off the node, those of daemon sets stay\nkubectl drain node-1 --ignore-daemonsets\n\n# Pods without a controller too\nkubectl drain node-1 --ignore-daemonsets --force",
    flags: &[
        "force ignore-daemonsets delete-emptydir-data grace-period# timeout~ selector,l= pod-selector= disable-eviction \
            skip-wait-for-delete-timeout# chunk-size#",
        DRY,
    ],
    act: Act::Run(drain),
};

pub const TAINT: Verb = Verb {
    names: &["taint"],
    group: CLUSTER,
    short: "Update the taints on one or more nodes",
    usage: "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
    examples: "# Only pods that tolerate it\nkubectl taint nodes node-1 dedicated=db:NoSchedule\n\n# Take it away\nkubectl taint nodes node-1 dedicated:NoSchedule-",
    flags: &["all overwrite selector,l=", PRINT, DRY, VALIDATE],
    act: Act::Run(taint),
};

fn nodes(call: &mut Call, word: &str) -> Result<Vec<Target>, Failure> {
    let args = call.flags.args.clone();
    let node = resource(call.cluster.store(), "nodes")?;
    if args.is_empty() {
        if call.flags.text("selector").is_empty() {
            return Err(call.usage(format!("USAGE: {word} [flags]")));
        }
        let objects = call.matching(&node)?;
        return Ok(objects.into_iter().map(|object| Target { resource: node.clone(), object }).collect());
    }
    let mut found = Vec::new();
    for name in &args {
        let name = name.strip_prefix("node/").or(name.strip_prefix("nodes/")).unwrap_or(name);
        let object = call.get(&node, "", name)?;
        found.push(Target { resource: node.clone(), object });
    }
    Ok(found)
}

fn cordon_one(call: &mut Call, target: &Target, on: bool) -> Result<(), Failure> {
    let (done, already) = if on { ("cordoned", "already cordoned") } else { ("uncordoned", "already uncordoned") };
    let now = target.object.value.at(&["spec", "unschedulable"]).and_then(Value::as_bool) == Some(true);
    let suffix = match call.dry_run()? {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    };
    if now == on {
        call.say(format!("node/{} {already}{suffix}", target.name()));
        return Ok(());
    }
    if call.dry_run()? != DryRun::Client {
        let mut patch = Value::map();
        patch.set_at(&["spec", "unschedulable"], if on { Value::Bool(true) } else { Value::Null });
        call.patch(&target.resource, "", target.name(), PatchKind::Strategic, patch)?;
    }
    call.say(format!("node/{} {done}{suffix}", target.name()));
    Ok(())
}

fn cordon(call: &mut Call, on: bool) -> Result<Next, Failure> {
    let word = if on { "cordon NODE" } else { "uncordon NODE" };
    for target in nodes(call, word)? {
        cordon_one(call, &target, on)?;
    }
    Ok(Next::Done(0))
}

fn drain(call: &mut Call) -> Result<Next, Failure> {
    let targets = nodes(call, "drain NODE")?;
    let (force, ignore, empty) =
        (call.flags.is_on("force"), call.flags.is_on("ignore-daemonsets"), call.flags.is_on("delete-emptydir-data"));
    let mut evicted: Vec<Leaving> = Vec::new();
    let evicts = !call.flags.is_on("disable-eviction");
    let timeout = call.flags.duration("timeout").filter(|t| *t > 0).map(|t| Duration::micros(t.unsigned_abs()));
    for target in &targets {
        cordon_one(call, target, true)?;
        let mut pods = Vec::new();
        let (mut daemon, mut bare, mut local) = (Vec::new(), Vec::new(), Vec::new());
        for pod in call.cluster.store().list("Pod").filter(|p| p.value.str_at(&["spec", "nodeName"]) == target.name()) {
            let shown = format!("{}/{}", pod.namespace(), pod.name());
            if pod.annotation("kubernetes.io/config.mirror").is_some() {
                continue;
            }
            let finished = matches!(pod.value.str_at(&["status", "phase"]), "Succeeded" | "Failed");
            match pod.controller() {
                Some((owner, _)) if owner.kind == "DaemonSet" => {
                    daemon.push(shown);
                    continue;
                }
                None if !finished => bare.push(shown.clone()),
                _ => {}
            }
            if pod.value.items_at(&["spec", "volumes"]).iter().any(|v| v.field("emptyDir").is_some()) && !finished {
                local.push(shown);
            }
            pods.push(pod.clone());
        }
        let mut problems = Vec::new();
        if !bare.is_empty() && !force {
            problems.push(format!(
                "cannot delete Pods that declare no controller (use --force to override): {}",
                bare.join(", ")
            ));
        }
        if !daemon.is_empty() && !ignore {
            problems.push(format!(
                "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): {}",
                daemon.join(", ")
            ));
        }
        if !local.is_empty() && !empty {
            problems.push(format!(
                "cannot delete Pods with local storage (use --delete-emptydir-data to override): {}",
                local.join(", ")
            ));
        }
        if !problems.is_empty() {
            let inner = if problems.len() == 1 { problems.concat() } else { format!("[{}]", problems.join(", ")) };
            call.complain(format!(
                "error: unable to drain node {} due to error: {inner}, continuing command...",
                crate::api::json::quote(target.name())
            ));
            call.complain(format!("There are pending nodes to be drained:\n {}", target.name()));
            call.complain(inner_line(&problems));
            return Ok(Next::Done(1));
        }
        let mut warnings = Vec::new();
        if !daemon.is_empty() {
            warnings.push(format!("ignoring DaemonSet-managed Pods: {}", daemon.join(", ")));
        }
        if !bare.is_empty() {
            warnings.push(format!("deleting Pods that declare no controller: {}", bare.join(", ")));
        }
        if !local.is_empty() {
            warnings.push(format!("deleting Pods with local storage: {}", local.join(", ")));
        }
        if !warnings.is_empty() {
            call.complain(format!("Warning: {}", warnings.join("; ")));
        }
        let dry = call.dry_run()? != DryRun::None;
        let resource = resource(call.cluster.store(), "pods")?;
        for pod in pods {
            if dry {
                call.say(format!("evicting pod {}/{}", pod.namespace(), pod.name()));
                continue;
            }
            let grace = call.flags.number("grace-period").filter(|g| *g >= 0);
            let options = DeleteOptions { grace_period: grace, ..DeleteOptions::default() };
            if !evicts {
                call.send(&resource, pod.namespace(), pod.name(), Write::Delete(options.clone()))?;
            }
            evicted.push(Leaving {
                key: pod.key.clone(),
                uid: pod.uid().clone(),
                node: target.name().to_string(),
                options,
                next: evicts.then(|| call.now()),
                problem: None,
            });
        }
        if evicted.is_empty() {
            call.say(format!("node/{} drained", target.name()));
        }
    }
    if evicted.is_empty() {
        return Ok(Next::Done(0));
    }
    let until = timeout.map(|t| (t, call.now() + t));
    let names = targets.iter().map(|t| t.name().to_string()).collect();
    let resource = resource(call.cluster.store(), "pods")?;
    Ok(Next::Follow(Box::new(Drained { resource, evicts, pods: evicted, nodes: names, until })))
}

fn inner_line(problems: &[String]) -> String {
    problems.iter().map(|p| format!("error: {p}")).collect::<Vec<_>>().join("\n")
}

/// What a refused eviction waits before it is tried again.
const AGAIN: Duration = Duration::secs(5);

/// A pod that is to leave its node.
struct Leaving {
    key: ObjectKey,
    uid: SmolStr,
    node: String,
    options: DeleteOptions,
    /// When its eviction is tried next; `None` once it goes.
    next: Option<Time>,
    /// Why it stays.
    problem: Option<String>,
}

/// Evicts pods, those that a budget holds again and again, and waits until they are gone.
struct Drained {
    resource: Resource,
    evicts: bool,
    pods: Vec<Leaving>,
    nodes: Vec<String>,
    /// How long it may take at most, and until when that is.
    until: Option<(Duration, Time)>,
}

impl Drained {
    /// Tries the evictions that are due.
    fn evict(&mut self, cluster: &mut Cluster, streams: &mut Streams) {
        let late = self.until.filter(|(_, until)| cluster.now() >= *until);
        for pod in &mut self.pods {
            if pod.problem.is_some() || pod.next.is_none_or(|next| next > cluster.now()) {
                continue;
            }
            let ObjectKey { namespace, name, .. } = &pod.key;
            streams.out.push_str(&format!("evicting pod {namespace}/{name}\n"));
            let about = format!("error when evicting pods/{} -n {}", quote(name), quote(namespace));
            if let Some((timeout, _)) = late {
                pod.problem = Some(format!("{about}: global timeout reached: {}", go_duration(timeout)));
                continue;
            }
            let request = Request {
                resource: self.resource.clone(),
                namespace: namespace.clone(),
                name: name.clone(),
                subresource: Subresource::None,
                verb: Write::Evict(pod.options.clone()),
                dry_run: false,
                field_validation: FieldValidation::default(),
            };
            match cluster.request(&request).result {
                Err(status) if status.reason == "TooManyRequests" => {
                    streams.err.push_str(&format!("{about} (will retry after 5s): {}\n", status.message));
                    pod.next = Some(cluster.now() + AGAIN);
                }
                Err(status) if status.reason != "NotFound" => {
                    pod.problem = Some(format!("{about}: {}", status.message))
                }
                _ => pod.next = None,
            }
        }
    }

    /// Says what stays and why.
    fn give_up(&self, cluster: &Cluster, streams: &mut Streams) {
        let (mut failed, mut all) = (Vec::new(), Vec::new());
        for node in &self.nodes {
            let here: Vec<&Leaving> = self.pods.iter().filter(|p| p.node == *node).collect();
            if here.is_empty() {
                streams.out.push_str(&format!("node/{node} drained\n"));
                continue;
            }
            let problems: Vec<String> = here.iter().filter_map(|p| p.problem.clone()).collect();
            let inner = if problems.len() == 1 { problems.concat() } else { format!("[{}]", problems.join(", ")) };
            let shown = quote(node);
            streams.err.push_str(&format!("There are pending pods in node {shown} when an error occurred: {inner}\n"));
            for pod in here.iter().filter(|p| cluster.store().get(&p.key).is_some()) {
                streams.err.push_str(&format!("pod/{}\n", pod.key.name));
            }
            streams.err.push_str(&format!(
                "error: unable to drain node {shown} due to error: {inner}, continuing command...\n"
            ));
            failed.push(format!(" {node}\n"));
            all.extend(problems);
        }
        streams.err.push_str(&format!("There are pending nodes to be drained:\n{}", failed.concat()));
        streams.err.push_str(&format!("{}\n", inner_line(&all)));
    }
}

impl Follow for Drained {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        let done = if self.evicts { "evicted" } else { "deleted" };
        self.pods.retain(|pod| {
            let there = cluster.store().get(&pod.key).is_some_and(|o| *o.uid() == pod.uid);
            if !there {
                streams.out.push_str(&format!("pod/{} {done}\n", pod.key.name));
            }
            there
        });
        self.evict(cluster, streams);
        if let Some((timeout, _)) = self.until.filter(|(_, until)| cluster.now() >= *until) {
            for pod in self.pods.iter_mut().filter(|p| p.next.is_none() && p.problem.is_none()) {
                let (name, namespace) = (quote(&pod.key.name), quote(&pod.key.namespace));
                pod.problem = Some(format!(
                    "error when waiting for pod {name} in namespace {namespace} to terminate: global timeout reached: {}",
                    go_duration(timeout)
                ));
            }
        }
        if self.pods.is_empty() {
            for node in &self.nodes {
                streams.out.push_str(&format!("node/{node} drained\n"));
            }
            return Step::Next(Next::Done(0));
        }
        if self.pods.iter().all(|p| p.problem.is_some()) {
            self.give_up(cluster, streams);
            return Step::Next(Next::Done(1));
        }
        Step::Wait(super::get::next_look(cluster))
    }
}

/// A time span as Go prints it: `1m30s`.
fn go_duration(span: Duration) -> String {
    let seconds = span.0 / Duration::secs(1).0;
    let rest = (span.0 % Duration::secs(1).0) as f64 / Duration::secs(1).0 as f64;
    let tail = format!("{}s", (seconds % 60) as f64 + rest);
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) if seconds == 0 => format!("{}ms", rest * 1000.0),
        (0, 0) => tail,
        (0, minutes) => format!("{minutes}m{tail}"),
        (hours, minutes) => format!("{hours}h{minutes}m{tail}"),
    }
}

fn taint(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let is_spec = |a: &String| a.contains('=') || a.ends_with('-') || a.contains(':');
    let at = args.iter().position(is_spec).unwrap_or(args.len());
    let (heads, specs) = args.split_at(at);
    let Some(kind) = heads.first() else {
        return Err(own("one or more resources must be specified as <resource> <name> or <resource>/<name>"));
    };
    let kind = kind.split('/').next().unwrap_or(kind);
    if !matches!(kind, "node" | "nodes" | "no") {
        return Err(own(format!("invalid resource type {kind}, only node types are supported")));
    }
    if specs.is_empty() {
        return Err(own("at least one taint update is required"));
    }
    let targets = call.targets(heads, false)?;
    let overwrite = call.flags.is_on("overwrite");
    for target in targets {
        let mut taints: Vec<Value> = target.object.value.items_at(&["spec", "taints"]).to_vec();
        let (mut set, mut removed) = (false, false);
        for spec in specs {
            if let Some(gone) = spec.strip_suffix('-') {
                let (key, effect) = gone.split_once(':').unwrap_or((gone, ""));
                let key = key.split('=').next().unwrap_or(key);
                let before = taints.len();
                taints.retain(|t| !(t.text("key") == key && (effect.is_empty() || t.text("effect") == effect)));
                if taints.len() == before {
                    return Err(own(format!("taint {} not found", crate::api::json::quote(gone))));
                }
                removed = true;
                continue;
            }
            let Some((pair, effect)) = spec.rsplit_once(':') else {
                return Err(own(format!("unknown taint spec: {spec}")));
            };
            if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
                return Err(own(format!("invalid taint effect: {effect}, unsupported taint effect")));
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let mut entry = crate::value!({ "effect": effect, "key": key });
            if !value.is_empty() {
                entry.set_at(&["value"], value);
            }
            match taints.iter_mut().find(|t| t.text("key") == key && t.text("effect") == effect) {
                Some(_) if !overwrite => {
                    return Err(own(format!(
                        "node {} already has {key} taint(s) with same effect(s) and --overwrite is false",
                        target.name()
                    )));
                }
                Some(old) => *old = entry,
                None => taints.push(entry),
            }
            set = true;
        }
        taints.arrange_by_key(taint_text);
        let mut value = target.object.value.clone();
        if taints.is_empty() {
            value.remove_at(&["spec", "taints"]);
        } else {
            value.set_at(&["spec", "taints"], taints);
        }
        if call.dry_run()? != DryRun::Client {
            call.send(&target.resource, "", target.name(), Write::Update(Body::Content(value.clone())))?;
        }
        let done = match (set, removed) {
            (true, true) => "modified",
            (true, false) => "tainted",
            _ => "untainted",
        };
        call.print_done(&target.resource, &value, done)?;
    }
    Ok(Next::Done(0))
}
