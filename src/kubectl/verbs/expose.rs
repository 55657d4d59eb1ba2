//! `kubectl expose`: a Service made out of what it is to lead to.

use super::{Act, BEGINNER, DRY, FILES, PRINT, Verb};
use crate::api::value::{Map, Value};
use crate::kubectl::arguments::Target;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::columns::format_labels;

pub const VERB: Verb = Verb {
    names: &["expose"],
    group: BEGINNER,
    short: "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
    usage: "(-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type]",
    examples: "# A service for a deployment\nkubectl expose deployment web --port=80 --target-port=8080\n\n# The same, reachable from outside on a port of every node\nkubectl expose deployment web --name=web-np --type=NodePort --port=80",
    flags: &[
        "port= target-port= name= type= selector= labels,l= protocol= external-ip= load-balancer-ip= cluster-ip= \
            session-affinity= overrides= override-type= save-config",
        FILES,
        PRINT,
        DRY,
    ],
    act: Act::Run(run),
};

const EXPOSABLE: [&str; 5] = ["ReplicationController", "Service", "Pod", "Deployment", "ReplicaSet"];

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own(super::NOTHING_NAMED));
    }
    let service = crate::kubectl::arguments::resource(call.cluster.store(), "services")?;
    // Here --selector is no filter but the new Service's own.
    let targets = expose_targets(call, &args)?;
    for target in targets {
        if !EXPOSABLE.contains(&target.resource.stored.as_str()) {
            let group = target.resource.group();
            let kind = &target.resource.kind;
            let shown = if group.is_empty() { kind.to_string() } else { format!("{kind}.{group}") };
            return Err(own(format!("cannot expose a {shown}")));
        }
        let object = service_for(call, &target)?;
        super::create::send(call, &service, object, "exposed", None)?;
    }
    Ok(Next::Done(0))
}

fn expose_targets(call: &mut Call, args: &[String]) -> Result<Vec<Target>, Failure> {
    if call.flags.has("filename") {
        return call.targets(args, false);
    }
    let crate::kubectl::arguments::Ask::Named(named) =
        crate::kubectl::arguments::ask(call.cluster.store(), args, false, false, false)?
    else {
        return Ok(Vec::new());
    };
    let namespace = call.namespace();
    let mut targets = Vec::new();
    for (resource, name) in named {
        let object = call.get(&resource, &namespace, &name)?;
        targets.push(Target { resource, object });
    }
    Ok(targets)
}

fn pairs(spec: &str) -> Result<Map, Failure> {
    let mut map = Map::new();
    for pair in spec.split(',') {
        let parts: Vec<&str> = pair.split('=').collect();
        match parts[..] {
            ["", _] => return Err(own("unexpected empty label key")),
            [key, value] => drop(map.insert(key, value)),
            _ => return Err(own(format!("unexpected label spec: {pair}"))),
        }
    }
    Ok(map)
}

fn selector(target: &Target) -> Result<String, String> {
    let value = &target.object.value;
    let of = |path: &[&str]| match format_labels(value.at(path)) {
        text if text == "<none>" => None,
        text => Some(text),
    };
    match target.resource.stored.as_str() {
        "Pod" => of(&["metadata", "labels"]).ok_or("the pod has no labels and cannot be exposed".to_string()),
        "Service" => of(&["spec", "selector"]).ok_or("the service has no pod selector set".to_string()),
        "ReplicationController" => Ok(of(&["spec", "selector"]).unwrap_or_default()),
        kind => {
            let word = kind.to_ascii_lowercase();
            if !value.items_at(&["spec", "selector", "matchExpressions"]).is_empty()
                && of(&["spec", "selector", "matchLabels"]).is_some()
            {
                return Err("couldn't convert expressions to map-based selector format".to_string());
            }
            of(&["spec", "selector", "matchLabels"])
                .ok_or(format!("invalid {word}: no selectors, therefore cannot be exposed"))
        }
    }
}

/// The ports of what is exposed, each once, with its protocols.
fn ports(target: &Target) -> Vec<(String, Vec<String>)> {
    let value = &target.object.value;
    let listed: Vec<(i64, &str)> = match target.resource.stored.as_str() {
        "Service" => value.items_at(&["spec", "ports"]).iter().map(|p| (p.int("port"), p.text("protocol"))).collect(),
        kind => {
            let spec = if kind == "Pod" { value.at(&["spec"]) } else { value.at(&["spec", "template", "spec"]) };
            let containers = spec.map(|s| s.items("containers")).unwrap_or(&[]);
            let all = containers.iter().flat_map(|c| c.items("ports"));
            all.map(|p| (p.int("containerPort"), p.text("protocol"))).collect()
        }
    };
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for (port, protocol) in listed {
        let (port, protocol) = (port.to_string(), if protocol.is_empty() { "TCP" } else { protocol }.to_string());
        match found.iter_mut().find(|(p, _)| *p == port) {
            Some((_, protocols)) if !protocols.contains(&protocol) => protocols.push(protocol),
            Some(_) => {}
            None => found.push((port, vec![protocol])),
        }
    }
    found
}

fn service_for(call: &mut Call, target: &Target) -> Result<Value, Failure> {
    let text = |name: &str| call.flags.text(name).to_string();
    let selector_text = match text("selector") {
        given if !given.is_empty() => given,
        _ => selector(target)
            .map_err(|e| own(format!("couldn't retrieve selectors via --selector flag or introspection: {e}")))?,
    };
    let known = ports(target);
    let cluster_ip = text("cluster-ip");
    let (mut port, mut many) = (text("port"), String::new());
    if port.is_empty() {
        match known.len() {
            0 if cluster_ip != "None" => {
                return Err(own("couldn't find port via --port flag or introspection"));
            }
            0 => {}
            1 => port = known[0].0.clone(),
            _ => many = known.iter().map(|(p, _)| p.as_str()).collect::<Vec<_>>().join(","),
        }
    }
    if selector_text.is_empty() {
        return Err(own("selector must be specified"));
    }
    let labels = match text("labels") {
        given if !given.is_empty() => given,
        _ => match format_labels(target.object.value.at(&["metadata", "labels"])) {
            none if none == "<none>" => String::new(),
            labels => labels,
        },
    };
    let name = match text("name") {
        given if !given.is_empty() => given,
        _ => target.name().get(..63).unwrap_or(target.name()).to_string(),
    };
    let mut service = crate::value!({ "apiVersion": "v1", "kind": "Service" });
    service.set_at(&["metadata", "name"], name);
    if !labels.is_empty() {
        service.set_at(&["metadata", "labels"], pairs(&labels)?);
    }
    service.set_at(&["spec", "selector"], pairs(&selector_text)?);
    let list = if many.is_empty() { port } else { many };
    let listed = service_ports(&list, &text("protocol"), &known, &text("target-port"))?;
    if !listed.is_empty() {
        service.set_at(&["spec", "ports"], listed);
    }
    let external = text("external-ip");
    if !external.is_empty() {
        service.set_at(&["spec", "externalIPs"], vec![Value::from(external)]);
    }
    for (flag, field) in [("type", "type"), ("cluster-ip", "clusterIP")] {
        if !text(flag).is_empty() {
            service.set_at(&["spec", field], text(flag));
        }
    }
    if text("type") == "LoadBalancer" && !text("load-balancer-ip").is_empty() {
        service.set_at(&["spec", "loadBalancerIP"], text("load-balancer-ip"));
    }
    match text("session-affinity").as_str() {
        "" => {}
        affinity @ ("None" | "ClientIP") => service.set_at(&["spec", "sessionAffinity"], affinity),
        other => return Err(own(format!("unknown session affinity: {other}"))),
    }
    service.set_at(&["status", "loadBalancer"], Value::map());
    Ok(service)
}

fn service_ports(
    list: &str,
    protocol: &str,
    known: &[(String, Vec<String>)],
    target: &str,
) -> Result<Vec<Value>, Failure> {
    let mut found = Vec::new();
    let numbers: Vec<&str> = list.split(',').filter(|p| !p.is_empty()).collect();
    for (i, text) in numbers.iter().enumerate() {
        let number: i64 = text
            .parse()
            .map_err(|_| own(format!("strconv.Atoi: parsing {}: invalid syntax", crate::api::json::quote(text))))?;
        let port = |name: String, protocol: &str| {
            let mut port = crate::value!({ "port": number, "protocol": protocol });
            if !name.is_empty() {
                port.set_at(&["name"], name);
            }
            let goal = match target {
                "" => Value::Int(number),
                text => text.parse::<i64>().map_or(Value::from(text), Value::Int),
            };
            port.set_at(&["targetPort"], goal);
            port
        };
        let name = if numbers.len() > 1 { format!("port-{}", i + 1) } else { String::new() };
        let own_protocols = known.iter().find(|(p, _)| p == text).map_or(&[][..], |(_, p)| p);
        match (protocol, own_protocols) {
            ("", [one]) => found.push(port(name, one)),
            ("", [_, _, ..]) => {
                for one in own_protocols {
                    found.push(port(format!("port-{}-{}", i + 1, one.to_ascii_lowercase()), one));
                }
            }
            ("", []) => found.push(port(name, "TCP")),
            (given, _) => found.push(port(name, given)),
        }
    }
    Ok(found)
}
