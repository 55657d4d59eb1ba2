//! `kubectl create service`.

use super::{GENERATE, GROUP, made, name, named};
use crate::api::value::Value;
use crate::apiserver::validation::names;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::verbs::{Act, DRY, PRINT, Verb};

pub const VERB: Verb = Verb {
    names: &["service", "svc"],
    group: GROUP,
    short: "Create a service using a specified subcommand",
    usage: "",
    examples: "",
    flags: &[],
    act: Act::Parent(&[
        Verb {
            names: &["clusterip"],
            group: GROUP,
            short: "Create a ClusterIP service",
            usage: "NAME [--tcp=<port>:<targetPort>] [--dry-run=server|client|none]",
            examples: "# A service on port 80 that leads to port 8080\nkubectl create service clusterip web --tcp=80:8080\n\n# A headless one\nkubectl create service clusterip web --clusterip=None",
            flags: &["tcp= clusterip=", GENERATE, PRINT, DRY],
            act: Act::Run(|call| run(call, "ClusterIP")),
        },
        Verb {
            names: &["externalname"],
            group: GROUP,
            short: "Create an ExternalName service",
            usage: "NAME --external-name external.name [--dry-run=server|client|none]",
            examples: "# A name in the cluster for a name outside\nkubectl create service externalname db --external-name=db.example.com",
            flags: &["tcp= external-name=", GENERATE, PRINT, DRY],
            act: Act::Run(|call| run(call, "ExternalName")),
        },
        Verb {
            names: &["loadbalancer"],
            group: GROUP,
            short: "Create a LoadBalancer service",
            usage: "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
            examples: "# A service with an address of its own outside\nkubectl create service loadbalancer web --tcp=80:8080",
            flags: &["tcp=", GENERATE, PRINT, DRY],
            act: Act::Run(|call| run(call, "LoadBalancer")),
        },
        Verb {
            names: &["nodeport"],
            group: GROUP,
            short: "Create a NodePort service",
            usage: "NAME [--tcp=port:targetPort] [--dry-run=server|client|none]",
            examples: "# A service on a port of every node\nkubectl create service nodeport web --tcp=80:8080 --node-port=30080",
            flags: &["tcp= node-port#", GENERATE, PRINT, DRY],
            act: Act::Run(|call| run(call, "NodePort")),
        },
    ]),
};

fn run(call: &mut Call, type_: &str) -> Result<Next, Failure> {
    if type_ == "ExternalName" {
        super::required(call, &["external-name"])?;
    }
    let name = name(call)?;
    let (cluster_ip, external) =
        (call.flags.text("clusterip").to_string(), call.flags.text("external-name").to_string());
    let specs = call.flags.list("tcp");
    if cluster_ip != "None" && specs.is_empty() && type_ != "ExternalName" {
        return Err(own("at least one tcp port specifier must be provided"));
    }
    if type_ == "ExternalName" && !names::is_dns1123_subdomain(&external).is_empty() {
        return Err(own(format!("invalid service external name {external}")));
    }
    let node_port = call.flags.number("node-port").unwrap_or(0);
    let mut ports = Vec::new();
    for spec in &specs {
        let (port, target) = parse_ports(spec)?;
        let mut entry =
            crate::value!({ "name": (spec.replace(':', "-")), "port": port, "protocol": "TCP", "targetPort": target });
        if node_port != 0 {
            entry.set_at(&["nodePort"], node_port);
        }
        ports.push(entry);
    }
    let mut service = named("v1", "Service", &name);
    service.set_at(&["metadata", "labels", "app"], name.as_str());
    service.set_at(&["spec", "selector", "app"], name.as_str());
    service.set_at(&["spec", "type"], type_);
    if !ports.is_empty() {
        service.set_at(&["spec", "ports"], ports);
    }
    if !external.is_empty() {
        service.set_at(&["spec", "externalName"], external);
    }
    if !cluster_ip.is_empty() {
        service.set_at(&["spec", "clusterIP"], cluster_ip);
    }
    service.set_at(&["status", "loadBalancer"], Value::map());
    made(call, "services", service, &format!("failed to create {type_} service"))
}

/// `80`, `80:8080`, `80:http` (upstream `parsePorts`).
fn parse_ports(spec: &str) -> Result<(i64, Value), Failure> {
    let mut parts = spec.split(':');
    let (port, target) = (parts.next().unwrap_or(""), parts.next());
    let quote = crate::api::json::quote;
    let number = port.parse::<u16>().map_err(|_| {
        let why = if port.parse::<u64>().is_ok() { "value out of range" } else { "invalid syntax" };
        own(format!("strconv.ParseUint: parsing {}: {why}", quote(port)))
    })?;
    let number = i64::from(number);
    let Some(target) = target else { return Ok((number, Value::Int(number))) };
    match target.parse::<i64>() {
        Ok(n) => {
            let problems = names::is_valid_port_num(n);
            if problems.is_empty() { Ok((number, Value::Int(n))) } else { Err(own(problems.join(","))) }
        }
        Err(_) => {
            let problems = names::is_valid_port_name(target);
            if problems.is_empty() { Ok((number, Value::from(target))) } else { Err(own(problems.join(","))) }
        }
    }
}
