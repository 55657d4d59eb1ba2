//! `kubectl config`: one cluster, its contexts, and the namespace that a context stands in.

use super::{Act, SETTINGS, Verb};
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::tabwriter;

const GROUP: &str = "Available Commands:";

const fn part(
    names: &'static [&'static str],
    short: &'static str,
    usage: &'static str,
    flags: &'static [&'static str],
    run: fn(&mut Call) -> Result<Next, Failure>,
) -> Verb {
    Verb { names, group: GROUP, short, usage, examples: "", flags, act: Act::Run(run) }
}

pub const VERB: Verb = Verb {
    names: &["config"],
    group: SETTINGS,
    short: "Modify kubeconfig files",
    usage: "SUBCOMMAND",
    examples: "# Stand in another namespace from now on\nkubectl config set-context --current --namespace=shop",
    flags: &[],
    act: Act::Parent(&[
        part(&["current-context"], "Display the current-context", "[flags]", &[], |call| {
            let current = call.config.current.clone();
            call.say(current);
            Ok(Next::Done(0))
        }),
        part(&["get-clusters"], "Display clusters defined in the kubeconfig", "[flags]", &[], |call| {
            call.say("NAME\nminikube");
            Ok(Next::Done(0))
        }),
        part(
            &["get-contexts"],
            "Describe one or many contexts",
            "[(-o|--output=)name)]",
            &["no-headers output,o="],
            get_contexts,
        ),
        part(&["get-users"], "Display users defined in the kubeconfig", "[flags]", &[], |call| {
            call.say("NAME\nminikube");
            Ok(Next::Done(0))
        }),
        part(
            &["set-context"],
            "Set a context entry in kubeconfig",
            "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] [--namespace=namespace]",
            &["current"],
            set_context,
        ),
        part(&["use-context", "use"], "Set the current-context in a kubeconfig file", "CONTEXT_NAME", &[], use_context),
        part(
            &["view"],
            "Display merged kubeconfig settings or a specified kubeconfig file",
            "[flags]",
            &["minify raw flatten output,o= merge template="],
            view,
        ),
    ]),
};

fn get_contexts(call: &mut Call) -> Result<Next, Failure> {
    let wanted = call.flags.args.clone();
    for name in &wanted {
        if !call.config.contexts.iter().any(|(n, _)| n == name) {
            return Err(own(format!("context {name} not found")));
        }
    }
    let shown: Vec<(String, String)> =
        call.config.contexts.iter().filter(|(n, _)| wanted.is_empty() || wanted.contains(n)).cloned().collect();
    if call.flags.text("output") == "name" {
        shown.iter().for_each(|(n, _)| call.say(n));
        return Ok(Next::Done(0));
    }
    let mut text = String::new();
    if !call.flags.is_on("no-headers") {
        text.push_str("CURRENT\tNAME\tCLUSTER\tAUTHINFO\tNAMESPACE\n");
    }
    for (name, namespace) in &shown {
        let mark = if *name == call.config.current { "*" } else { "" };
        text.push_str(&format!("{mark}\t{name}\tminikube\tminikube\t{namespace}\n"));
    }
    call.streams.out.push_str(&tabwriter::align(&text, 6, 3));
    Ok(Next::Done(0))
}

fn set_context(call: &mut Call) -> Result<Next, Failure> {
    let name = match (call.flags.is_on("current"), call.flags.args.first()) {
        (true, None) => call.config.current.clone(),
        (true, Some(_)) => return Err(own("you cannot specify both a context name and --current")),
        (false, Some(name)) => name.clone(),
        (false, None) => return Err(own("you must specify a non-empty context name or --current")),
    };
    let namespace = call.flags.get("namespace").map(str::to_string);
    match call.config.contexts.iter_mut().find(|(n, _)| *n == name) {
        Some((_, old)) => {
            if let Some(namespace) = namespace {
                *old = namespace;
            }
            call.say(format!("Context {} modified.", crate::api::json::quote(&name)));
        }
        None => {
            call.config.contexts.push((name.clone(), namespace.unwrap_or_default()));
            call.say(format!("Context {} created.", crate::api::json::quote(&name)));
        }
    }
    Ok(Next::Done(0))
}

fn use_context(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let [name] = &args[..] else { return Err(own("Unexpected args: ")) };
    if !call.config.contexts.iter().any(|(n, _)| n == name) {
        return Err(own(format!("no context exists with the name: {}", crate::api::json::quote(name))));
    }
    call.config.current = name.clone();
    call.say(format!("Switched to context {}.", crate::api::json::quote(name)));
    Ok(Next::Done(0))
}

fn view(call: &mut Call) -> Result<Next, Failure> {
    let contexts: Vec<crate::api::value::Value> = call
        .config
        .contexts
        .iter()
        .map(|(name, namespace)| {
            let mut context = crate::value!({ "cluster": "minikube", "user": "minikube" });
            if !namespace.is_empty() {
                context.set_at(&["namespace"], namespace.as_str());
            }
            crate::value!({ "context": context, "name": (name.as_str()) })
        })
        .collect();
    let server = call.cluster.settings().nodes.first().map_or(String::new(), |n| format!("https://{}:8443", n.ip));
    let config = crate::value!({
        "apiVersion": "v1",
        "clusters": [{ "cluster": { "certificate-authority": "/home/learner/.minikube/ca.crt", "server": server }, "name": "minikube" }],
        "contexts": contexts,
        "current-context": (call.config.current.as_str()),
        "kind": "Config",
        "users": [{ "name": "minikube", "user": { "client-certificate": "/home/learner/.minikube/profiles/minikube/client.crt", "client-key": "/home/learner/.minikube/profiles/minikube/client.key" } }]
    });
    let files = call.files;
    let output = match call.flags.text("output") {
        "" => "yaml",
        other => other,
    };
    let format = crate::kubectl::output::Format::parse(output, &|p| files.read(p)).map_err(own)?;
    let text = format.print(&config, "").map_err(own)?;
    call.streams.out.push_str(&text);
    Ok(Next::Done(0))
}
