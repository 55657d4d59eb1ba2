//! `kubectl port-forward`.

use super::container::pod_of;
use super::{Act, TROUBLE, Verb};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::kubectl::arguments::resource;
use crate::kubectl::call::{Call, Forward, Next, own};
use crate::kubectl::failure::Failure;
use std::sync::Arc;

pub const VERB: Verb = Verb {
    names: &["port-forward"],
    group: TROUBLE,
    short: "Forward one or more local ports to a pod",
    usage: "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
    examples: "# localhost:8080 leads to port 80 of a pod of the deployment\nkubectl port-forward deployment/web 8080:80\n\n# The same by way of a service (it only picks the pod)\nkubectl port-forward service/web 8080:80",
    flags: &["address= pod-running-timeout~"],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    if args.len() < 2 {
        return Err(call.usage("TYPE/NAME and list of ports are required for port-forward"));
    }
    let service = service_of(call, &args[0])?;
    let pod = pod_of(call, &args[0])?;
    let phase = pod.value.str_at(&["status", "phase"]).to_string();
    if phase != "Running" {
        return Err(own(format!("unable to forward port because pod is not running. Current status={phase}")));
    }
    let addresses = match call.flags.list("address") {
        given if given.is_empty() => vec!["127.0.0.1".to_string(), "[::1]".to_string()],
        given => given.iter().map(|a| if a == "localhost" { "127.0.0.1".to_string() } else { a.clone() }).collect(),
    };
    let mut forwards = Vec::new();
    for spec in &args[1..] {
        let (local, remote) = spec.split_once(':').unwrap_or((spec, spec));
        let remote = remote_port(&pod, service.as_deref(), remote)?;
        let local = match local {
            "" => 40_000 + remote % 20_000,
            text => match text.parse::<u16>() {
                Ok(port) => port,
                Err(_) if !spec.contains(':') => remote,
                Err(_) => {
                    return Err(own(format!(
                        "error parsing local port {}: strconv.ParseUint: parsing {}: invalid syntax",
                        crate::api::json::quote(text),
                        crate::api::json::quote(text)
                    )));
                }
            },
        };
        for address in &addresses {
            call.say(format!("Forwarding from {address}:{local} -> {remote}"));
            forwards.push(Forward { address: address.clone(), local, pod: pod.key.clone(), remote });
        }
    }
    Ok(Next::Forward(forwards))
}

fn service_of(call: &mut Call, word: &str) -> Result<Option<Arc<Object>>, Failure> {
    let Some((kind, name)) = word.split_once('/') else { return Ok(None) };
    let found = resource(call.cluster.store(), kind)?;
    if found.stored != "Service" {
        return Ok(None);
    }
    let namespace = call.namespace();
    Ok(Some(call.get(&found, &namespace, name)?))
}

/// The port of the pod: a Service's port is translated to its target, a name to its number.
fn remote_port(pod: &Object, service: Option<&Object>, word: &str) -> Result<u16, Failure> {
    let named = |name: &str| {
        let containers = pod.value.items_at(&["spec", "containers"]);
        let port = containers.iter().flat_map(|c| c.items("ports")).find(|p| p.text("name") == name);
        port.and_then(|p| u16::try_from(p.int("containerPort")).ok())
    };
    let Some(service) = service else {
        return word
            .parse::<u16>()
            .ok()
            .or_else(|| named(word))
            .ok_or_else(|| own(format!("Pod '{}' does not have a named port '{word}'", pod.name())));
    };
    let ports = service.value.items_at(&["spec", "ports"]);
    let found = ports.iter().find(|p| p.text("name") == word || p.int("port").to_string() == word);
    let Some(port) = found else {
        return Err(own(format!("Service {} does not have a service port {word}", service.name())));
    };
    match port.get("targetPort") {
        Some(Value::String(name)) => {
            named(name).ok_or_else(|| own(format!("Pod '{}' does not have a named port '{name}'", pod.name())))
        }
        Some(Value::Int(number)) => Ok(u16::try_from(*number).unwrap_or(0)),
        _ => Ok(u16::try_from(port.int("port")).unwrap_or(0)),
    }
}
