//! `kubectl run`: a pod out of an image, and with `-it` a place in it.

use super::create::send_object;
use super::{Act, BEGINNER, DRY, PRINT, Verb};
use crate::api::object::ObjectKey;
use crate::api::value::Value;
use crate::cluster::Cluster;
use crate::kubectl::arguments::resource;
use crate::kubectl::call::{Call, Exec, Follow, Next, Step, Streams, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::run::DryRun;

pub const VERB: Verb = Verb {
    names: &["run"],
    group: BEGINNER,
    short: "Run a particular image on the cluster",
    usage: "NAME --image=image [--env=\"key=value\"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...]",
    examples: "# A pod of nginx\nkubectl run web --image=nginx --port=80\n\n# A shell in a pod that goes when the shell ends\nkubectl run -it --rm client --image=busybox --restart=Never -- sh\n\n# A pod that only waits\nkubectl run client --image=curlimages/curl --command -- sleep infinity",
    flags: &[
        "image= env= port= labels,l= annotations= restart= image-pull-policy= stdin,i tty,t attach rm command expose quiet,q \
            privileged leave-stdin-open overrides= override-type= pod-running-timeout~ save-config cascade?background force \
            grace-period# timeout~ wait detach-keys= filename,f= recursive,R kustomize,k=",
        PRINT,
        DRY,
    ],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    if !call.flags.has("image") {
        return Err(own("required flag(s) \"image\" not set"));
    }
    let args = call.flags.args.clone();
    let Some(name) = args.first().filter(|_| call.flags.dash != Some(0)).cloned() else {
        return Err(call.usage("NAME is required for run"));
    };
    let image = call.flags.text("image").to_string();
    if image.is_empty() {
        return Err(own("--image is required"));
    }
    if image.contains(char::is_whitespace) || image.chars().any(|c| c.is_ascii_uppercase() && !image.contains(':')) {
        return Err(own(format!("invalid image name {}: invalid reference format", crate::api::json::quote(&image))));
    }
    let (stdin, tty, remove) = (call.flags.is_on("stdin"), call.flags.is_on("tty"), call.flags.is_on("rm"));
    let attach = call.flags.switch("attach").unwrap_or(stdin);
    if tty && !stdin {
        return Err(own("-i/--stdin is required for containers with -t/--tty=true"));
    }
    if call.flags.is_on("expose") && !call.flags.has("port") {
        return Err(own("--port must be set when exposing a service"));
    }
    if remove && !attach {
        return Err(own("--rm should only be used for attached containers"));
    }
    let dry_run = call.dry_run()?;
    if attach && dry_run != DryRun::None {
        return Err(own(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
        ));
    }
    let pod = pod(call, &name, &image, &args[1..])?;
    let pods = resource(call.cluster.store(), "pods")?;
    let namespace = call.namespace();
    if call.flags.is_on("expose") {
        let services = resource(call.cluster.store(), "services")?;
        let port = call.flags.number("port").unwrap_or(0);
        let mut service = crate::value!({ "apiVersion": "v1", "kind": "Service" });
        service.set_at(&["metadata", "name"], name.as_str());
        service.set_at(&["spec", "selector", "run"], name.as_str());
        service.set_at(&["spec", "ports"], crate::value!([{ "port": port, "protocol": "TCP", "targetPort": port }]));
        service.set_at(&["status", "loadBalancer"], Value::map());
        // The service is made first: two documents in YAML.
        send_object(call, &services, service, "created")?;
        if call.flags.text("output") == "yaml" {
            call.say("---");
        }
        return send_object(call, &pods, pod, "created");
    }
    if !attach {
        return send_object(call, &pods, pod, "created");
    }
    let command =
        pod.at(&["spec", "containers"]).and_then(Value::as_list).and_then(|c| c.first()).cloned().unwrap_or_default();
    let words: Vec<String> = ["command", "args"]
        .iter()
        .flat_map(|f| command.items(f))
        .filter_map(|w| w.as_str().map(str::to_string))
        .collect();
    let before = call.streams.out.len();
    send_object(call, &pods, pod, "created")?;
    // An attached run says nothing about the pod that it makes.
    call.streams.out.truncate(before);
    let exec = Exec {
        pod: ObjectKey::new("Pod", namespace, name),
        container: String::new().into(),
        words,
        stdin,
        tty,
        remove_after: remove,
        attached: true,
        greeting: if tty && !call.flags.is_on("quiet") {
            "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\nIf you don't see a command prompt, try pressing enter.\n".to_string()
        } else {
            String::new()
        },
    };
    Ok(Next::Follow(Box::new(UntilRunning { exec })))
}

fn pod(call: &Call, name: &str, image: &str, words: &[String]) -> Result<Value, Failure> {
    let mut container = crate::value!({ "image": image, "name": name, "resources": {} });
    let mut env = Vec::new();
    for pair in call.flags.all("env") {
        let Some((key, value)) = pair.split_once('=').filter(|(k, _)| !k.is_empty()) else {
            return Err(own(format!("invalid env: {pair}")));
        };
        env.push(crate::value!({ "name": key, "value": value }));
    }
    if !env.is_empty() {
        container.set_at(&["env"], env);
    }
    if !words.is_empty() {
        let list: Vec<Value> = words.iter().map(|w| Value::from(w.as_str())).collect();
        container.set_at(&[if call.flags.is_on("command") { "command" } else { "args" }], list);
    }
    if let Some(port) = call.flags.get("port") {
        let number: i64 = port
            .parse()
            .map_err(|_| own(format!("strconv.Atoi: parsing {}: invalid syntax", crate::api::json::quote(port))))?;
        container.set_at(&["ports"], crate::value!([{ "containerPort": number }]));
    }
    for (flag, field) in [("stdin", "stdin"), ("tty", "tty")] {
        if call.flags.is_on(flag) {
            container.set_at(&[field], true);
        }
    }
    if call.flags.is_on("stdin") && !call.flags.is_on("leave-stdin-open") {
        container.set_at(&["stdinOnce"], true);
    }
    if call.flags.is_on("privileged") {
        container.set_at(&["securityContext", "privileged"], true);
    }
    match call.flags.text("image-pull-policy") {
        "" => {}
        policy @ ("Always" | "IfNotPresent" | "Never") => container.set_at(&["imagePullPolicy"], policy),
        other => return Err(own(format!("invalid image pull policy: {other}"))),
    }
    let mut pod = crate::value!({ "apiVersion": "v1", "kind": "Pod" });
    pod.set_at(&["metadata", "name"], name);
    match call.flags.text("labels") {
        "" => pod.set_at(&["metadata", "labels", "run"], name),
        labels => {
            for pair in labels.split(',') {
                let Some((key, value)) = pair.split_once('=').filter(|(k, v)| !k.is_empty() && !v.contains('=')) else {
                    return Err(own(format!("unexpected label spec: {pair}")));
                };
                pod.set_at(&["metadata", "labels", key], value);
            }
        }
    }
    for pair in call.flags.all("annotations") {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(own(format!("invalid annotations format: {pair}")));
        };
        pod.set_at(&["metadata", "annotations", key], value);
    }
    pod.set_at(&["spec", "containers"], vec![container]);
    pod.set_at(&["spec", "dnsPolicy"], "ClusterFirst");
    match call.flags.text("restart") {
        "" => pod.set_at(&["spec", "restartPolicy"], "Always"),
        policy @ ("Always" | "OnFailure" | "Never") => pod.set_at(&["spec", "restartPolicy"], policy),
        other => return Err(own(format!("invalid restart policy: {other}"))),
    }
    pod.set_at(&["status"], Value::map());
    match call.flags.text("overrides") {
        "" => Ok(pod),
        text => overridden(pod, text, call.flags.text("override-type")),
    }
}

/// `--overrides`: JSON that is put over the generated pod.
fn overridden(pod: Value, text: &str, kind: &str) -> Result<Value, Failure> {
    let (documents, problems) = crate::api::parse::parse("overrides", text);
    let patch = documents.into_iter().next().map(|d| d.value).filter(|v| problems.is_empty() && v.as_map().is_some());
    let patch = patch.ok_or_else(|| {
        let first = text.chars().next().unwrap_or(' ');
        own(format!("Invalid JSON Patch: invalid character '{first}' looking for beginning of value"))
    })?;
    match kind {
        "" | "merge" | "strategic" => Ok(crate::apiserver::patch::merge(&pod, &patch)),
        other => Err(own(format!("invalid override type {other:?}: must be one of [json merge strategic]"))),
    }
}

/// Waits until the pod runs, then goes into it.
struct UntilRunning {
    exec: Exec,
}

impl Follow for UntilRunning {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        let Some(pod) = cluster.store().get(&self.exec.pod).cloned() else {
            streams.err.push_str(&format!("error: pods {:?} not found\n", self.exec.pod.name.as_str()));
            return Step::Next(Next::Done(1));
        };
        let running =
            pod.value.str_at(&["status", "phase"]) != "Pending" && !pod.value.str_at(&["status", "phase"]).is_empty();
        if running {
            return Step::Next(Next::Exec(std::mem::take(&mut self.exec)));
        }
        let waiting = crate::kubectl::output::columns::pod_status(&pod.value).reason;
        if matches!(waiting.as_str(), "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName") {
            streams.err.push_str("error: timed out waiting for the condition\n");
            return Step::Next(Next::Done(1));
        }
        Step::Wait(super::get::next_look(cluster))
    }
}
