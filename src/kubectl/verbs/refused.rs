//! Verbs that cannot be simulated: each says so in one line and names the nearest thing that can.

use super::{ADVANCED, Act, CLUSTER, DEPLOY, DRY, FILES, OTHER, PRINT, SELECT, SETTINGS, TROUBLE, Verb};
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;

macro_rules! refused {
    ($name:ident, $word:literal, $group:expr, $short:literal, $flags:expr, $words:literal) => {
        pub const $name: Verb = Verb {
            names: &[$word],
            group: $group,
            short: $short,
            usage: "",
            examples: "",
            flags: $flags,
            act: Act::Run(|_| Err(own($words))),
        };
    };
}

pub const TOP: Verb = Verb {
    names: &["top"],
    group: CLUSTER,
    short: "Display resource (CPU/memory) usage",
    usage: "",
    examples: "",
    flags: &["containers no-headers sort-by= use-protocol-buffers show-capacity sum show-swap", SELECT],
    // The words of a cluster without the metrics server, which this one is.
    act: Act::Run(|_| Err(own("Metrics API not available"))),
};

refused!(
    AUTOSCALE,
    "autoscale",
    DEPLOY,
    "Auto-scale a deployment, replica set, stateful set, or replication controller",
    &["min# max# cpu-percent# cpu= memory= name=", FILES, PRINT, DRY],
    "autoscaling needs measured load, which is not simulated here; kubectl scale sets the number of pods"
);
refused!(
    CERTIFICATE,
    "certificate",
    CLUSTER,
    "Modify certificate resources",
    &[FILES, PRINT],
    "certificate signing is not simulated here; openssl req -new -x509 makes a self-signed certificate"
);
refused!(
    PROXY,
    "proxy",
    TROUBLE,
    "Run a proxy to the Kubernetes API server",
    &[
        "port,p# address= www= api-prefix= accept-hosts= accept-paths= reject-paths= unix-socket= www-prefix= keepalive~ disable-filter append-server-path reject-methods="
    ],
    "the API server's HTTP interface is not simulated here; kubectl get --raw /healthz and kubectl get -o json show what it answers"
);
refused!(
    CP,
    "cp",
    TROUBLE,
    "Copy files and directories to and from containers",
    &["container,c= no-preserve retries#"],
    "copying is not simulated here; kubectl exec POD -- cat FILE > FILE brings a file out, and a ConfigMap volume brings one in"
);
pub const AUTH: Verb = Verb {
    names: &["auth"],
    group: TROUBLE,
    short: "Inspect authorization",
    usage: "can-i VERB [TYPE | TYPE/NAME | NONRESOURCEURL]",
    examples: "# Check whether pods may be created\nkubectl auth can-i create pods",
    flags: &["list quiet,q no-headers subresource=", SELECT, FILES, PRINT],
    act: Act::Run(auth),
};

/// Nobody is refused here, as nobody is for an administrator's kubeconfig: every question is answered with yes.
fn auth(call: &mut Call) -> Result<Next, Failure> {
    match call.flags.args.first().map(String::as_str) {
        Some("can-i") if call.flags.args.len() > 1 => {
            if !call.flags.is_on("quiet") {
                call.say("yes");
            }
            Ok(Next::Done(0))
        }
        Some("can-i") => Err(own(
            "you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.",
        )),
        Some("whoami") => {
            call.say("ATTRIBUTE   VALUE\nUsername    minikube-user\nGroups      [system:masters system:authenticated]");
            Ok(Next::Done(0))
        }
        _ => Err(own("authorisation is not simulated here: every request is allowed, and kubectl auth can-i says so")),
    }
}
refused!(
    DEBUG,
    "debug",
    TROUBLE,
    "Create debugging sessions for troubleshooting workloads and nodes",
    &[
        "image= stdin,i tty,t target= container,c= copy-to= profile= attach env= share-processes same-node replace quiet,q set-image= image-pull-policy= arguments-only custom= keep-labels keep-annotations keep-liveness keep-readiness keep-startup keep-init-containers",
        FILES
    ],
    "ephemeral containers are not simulated here; kubectl run -it --rm client --image=busybox --restart=Never -- sh opens a shell with tools beside the pod, and ssh NODE one on its node"
);
refused!(
    KUSTOMIZE,
    "kustomize",
    ADVANCED,
    "Build a kustomization target from a directory or URL",
    &["output,o= enable-helm load-restrictor= reorder="],
    "kustomize is not simulated here; write the manifests that it would make, and apply them with -f"
);
refused!(
    PLUGIN,
    "plugin",
    OTHER,
    "Provides utilities for interacting with plugins",
    &["name-only"],
    "unable to find any kubectl plugins in your PATH"
);

pub const COMPLETION: Verb = Verb {
    names: &["completion"],
    group: SETTINGS,
    short: "Output shell completion code for the specified shell (bash, zsh, fish, or powershell)",
    usage: "SHELL",
    examples: "",
    flags: &[],
    act: Act::Run(|call| match call.flags.args.first().map(String::as_str) {
        Some("bash" | "zsh" | "fish" | "powershell") => {
            call.say("# This terminal completes kubectl's words by itself: press Tab.");
            Ok(Next::Done(0))
        }
        Some(other) => Err(own(format!(
            "Unsupported shell type {}.\nSee 'kubectl completion -h' for help and examples",
            crate::api::json::quote(other)
        ))),
        None => Err(own("Shell not specified.\nSee 'kubectl completion -h' for help and examples")),
    }),
};
