//! `kubectl create deployment`, `job`, `cronjob`, `poddisruptionbudget`.

use super::{GENERATE, GROUP, made, name, named, required};
use crate::api::value::Value;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::verbs::{Act, DRY, PRINT, Verb};

pub const DEPLOYMENT: Verb = Verb {
    names: &["deployment", "deploy"],
    group: GROUP,
    short: "Create a deployment with the specified name",
    usage: "NAME --image=image -- [COMMAND] [args...]",
    examples: "# Two pods of nginx\nkubectl create deployment web --image=nginx --replicas=2 --port=80",
    flags: &["image= port# replicas,r#", GENERATE, PRINT, DRY],
    act: Act::Run(deployment),
};

pub const JOB: Verb = Verb {
    names: &["job"],
    group: GROUP,
    short: "Create a job with the specified name",
    usage: "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
    examples: "# Run a command once\nkubectl create job hello --image=busybox -- echo hello",
    flags: &["image= from=", GENERATE, PRINT, DRY],
    act: Act::Run(job),
};

pub const CRON_JOB: Verb = Verb {
    names: &["cronjob", "cj"],
    group: GROUP,
    short: "Create a cron job with the specified name",
    usage: "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
    examples: "# Say hello every minute\nkubectl create cronjob hello --image=busybox --schedule=\"*/1 * * * *\" -- echo hello",
    flags: &["image= schedule= restart=", GENERATE, PRINT, DRY],
    act: Act::Run(cron_job),
};

pub const DISRUPTION_BUDGET: Verb = Verb {
    names: &["poddisruptionbudget", "pdb"],
    group: GROUP,
    short: "Create a pod disruption budget with the specified name",
    usage: "NAME --selector=SELECTOR --min-available=N [--dry-run=server|client|none]",
    examples: "# At least one pod must stay\nkubectl create pdb web --selector=app=web --min-available=1",
    flags: &["min-available= max-unavailable= selector=", GENERATE, PRINT, DRY],
    act: Act::Run(disruption_budget),
};

/// The name of a container made out of its image's: the last part without tag and digest, in characters that a name may have.
pub fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let bare = last.split('@').next().unwrap_or(last);
    let bare = bare.split(':').next().unwrap_or(bare);
    bare.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' }).collect()
}

fn words(call: &Call) -> Vec<Value> {
    call.flags.after_dash().iter().map(|w| Value::from(w.as_str())).collect()
}

fn deployment(call: &mut Call) -> Result<Next, Failure> {
    required(call, &["image"])?;
    let name = name(call)?;
    let images = call.flags.list("image");
    let command = words(call);
    if images.len() > 1 && !command.is_empty() {
        return Err(own("cannot specify multiple --image options and command"));
    }
    let replicas = call.flags.number("replicas").unwrap_or(1);
    if replicas < 0 {
        return Err(own("cannot specify a negative number of replicas"));
    }
    let mut containers: Vec<Value> = Vec::new();
    for image in &images {
        let mut own_name = container_name(image);
        if containers.iter().any(|c| c.text("name") == own_name) {
            own_name = format!("{own_name}-{}", containers.len());
        }
        let mut container = crate::value!({ "image": (image.as_str()), "name": own_name, "resources": {} });
        if !command.is_empty() {
            container.set_at(&["command"], command.clone());
        }
        if let Some(port) = call.flags.number("port").filter(|p| *p > 0) {
            container.set_at(&["ports"], crate::value!([{ "containerPort": port }]));
        }
        containers.push(container);
    }
    let mut object = named("apps/v1", "Deployment", &name);
    let labels = crate::value!({ "app": (name.as_str()) });
    object.set_at(&["metadata", "labels"], labels.clone());
    object.set_at(&["spec", "replicas"], replicas);
    object.set_at(&["spec", "selector", "matchLabels"], labels.clone());
    object.set_at(&["spec", "strategy"], Value::map());
    object.set_at(&["spec", "template", "metadata", "labels"], labels);
    object.set_at(&["spec", "template", "spec", "containers"], containers);
    object.set_at(&["status"], Value::map());
    made(call, "deployments", object, "failed to create deployment")
}

fn pod_spec(image: &str, name: &str, command: Vec<Value>, restart: &str) -> Value {
    let mut container = crate::value!({ "image": image, "name": name, "resources": {} });
    if !command.is_empty() {
        container.set_at(&["command"], command);
    }
    let mut template = crate::value!({ "metadata": {} });
    template.set_at(&["spec", "containers"], vec![container]);
    template.set_at(&["spec", "restartPolicy"], restart);
    template
}

fn job(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let (image, from) = (call.flags.text("image").to_string(), call.flags.text("from").to_string());
    match (image.is_empty(), from.is_empty()) {
        (true, true) | (false, false) => return Err(own("either --image or --from must be specified")),
        (true, false) if !call.flags.after_dash().is_empty() => {
            return Err(own("cannot specify --from and command"));
        }
        _ => {}
    }
    let mut object = named("batch/v1", "Job", &name);
    if image.is_empty() {
        let (kind, source) = from.split_once('/').unwrap_or(("", from.as_str()));
        if !matches!(kind, "cronjob" | "cronjobs" | "cj" | "cronjob.batch" | "cronjobs.batch") {
            return Err(own(format!("from must be an existing cronjob; {from} is not one")));
        }
        let resource = crate::kubectl::arguments::resource(call.cluster.store(), "cronjobs")?;
        let namespace = call.namespace();
        let cron = call.get(&resource, &namespace, source)?;
        object.set_at(&["metadata", "annotations", "cronjob.kubernetes.io/instantiate"], "manual");
        object.set_at(&["spec"], cron.value.at(&["spec", "jobTemplate", "spec"]).cloned().unwrap_or_default());
    } else {
        object.set_at(&["spec", "template"], pod_spec(&image, &name, words(call), "Never"));
    }
    object.set_at(&["status"], Value::map());
    made(call, "jobs", object, "failed to create job")
}

fn cron_job(call: &mut Call) -> Result<Next, Failure> {
    required(call, &["image", "schedule"])?;
    let name = name(call)?;
    let restart = match call.flags.text("restart") {
        "" => "OnFailure",
        given => given,
    };
    let mut object = named("batch/v1", "CronJob", &name);
    object.set_at(&["spec", "schedule"], call.flags.text("schedule"));
    object.set_at(&["spec", "jobTemplate", "metadata", "name"], name.as_str());
    let template = pod_spec(call.flags.text("image"), &name, words(call), restart);
    object.set_at(&["spec", "jobTemplate", "spec", "template"], template);
    object.set_at(&["status"], Value::map());
    made(call, "cronjobs", object, "failed to create cronjob")
}

fn disruption_budget(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let selector = call.flags.text("selector").to_string();
    if selector.is_empty() {
        return Err(own("a selector must be specified"));
    }
    let (min, max) = (call.flags.text("min-available").to_string(), call.flags.text("max-unavailable").to_string());
    if min.is_empty() == max.is_empty() {
        return Err(own(if min.is_empty() {
            "one of min-available or max-unavailable must be specified"
        } else {
            "min-available and max-unavailable cannot be both specified"
        }));
    }
    let mut object = named("policy/v1", "PodDisruptionBudget", &name);
    let bound = |text: &str| text.parse::<i64>().map_or(Value::from(text), Value::Int);
    if min.is_empty() {
        object.set_at(&["spec", "maxUnavailable"], bound(&max));
    } else {
        object.set_at(&["spec", "minAvailable"], bound(&min));
    }
    for (key, value) in selector.split(',').filter_map(|p| p.split_once('=')) {
        object.set_at(&["spec", "selector", "matchLabels", key], value.trim_start_matches('='));
    }
    made(call, "poddisruptionbudgets", object, "failed to create poddisruptionbudgets")
}
