//! `kubectl create ingress`.

use super::{GENERATE, GROUP, made, name, named};
use crate::api::value::Value;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::verbs::{Act, DRY, PRINT, Verb};

pub const VERB: Verb = Verb {
    names: &["ingress", "ing"],
    group: GROUP,
    short: "Create an ingress with the specified name",
    usage: "NAME --rule=host/path=service:port[,tls[=secret]]",
    examples: "# One host, every path\nkubectl create ingress web --class=nginx --rule=\"shop.example.com/*=web:80\"\n\n# With a certificate\nkubectl create ingress web --rule=\"shop.example.com/*=web:80,tls=shop-tls\"\n\n# Everything to one service\nkubectl create ingress web --default-backend=web:80",
    flags: &["class= rule= default-backend= annotation=", GENERATE, PRINT, DRY],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let name = name(call)?;
    let rules: Vec<String> = call.flags.all("rule").map(str::to_string).collect();
    let default = call.flags.text("default-backend").to_string();
    if default.is_empty() && rules.is_empty() {
        return Err(own(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)",
        ));
    }
    if let Some(rule) = rules.iter().find(|r| !is_rule(r)) {
        return Err(own(format!(
            "rule {rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
        )));
    }
    let annotations: Vec<String> = call.flags.all("annotation").map(str::to_string).collect();
    if let Some(odd) = annotations.iter().find(|a| !a.contains('=')) {
        return Err(own(format!("annotation {odd} is invalid and should be in format key=[value]")));
    }
    if !default.is_empty() && default.split(':').count() != 2 {
        return Err(own("default-backend should be in format servicename:serviceport"));
    }
    let mut ingress = named("networking.k8s.io/v1", "Ingress", &name);
    for (key, value) in annotations.iter().filter_map(|a| a.split_once('=')) {
        ingress.set_at(&["metadata", "annotations", key], value);
    }
    let class = call.flags.text("class");
    if !class.is_empty() {
        ingress.set_at(&["spec", "ingressClassName"], class);
    }
    if !default.is_empty() {
        ingress.set_at(&["spec", "defaultBackend"], backend(&default));
    }
    let tls = certificates(&rules);
    if !tls.is_empty() {
        ingress.set_at(&["spec", "tls"], tls);
    }
    let listed = hosts(&rules);
    if !listed.is_empty() {
        ingress.set_at(&["spec", "rules"], listed);
    }
    ingress.set_at(&["status", "loadBalancer"], Value::map());
    made(call, "ingresses", ingress, "failed to create ingress")
}

/// `^(?P<host>[\w\*\-\.]*)(?P<path>/.*)=(?P<service>[\w\-]+:[\w\-]+)(,(?P<tls>tls)(=(?P<secret>[\w\-\.]*))?)?$`, read by hand.
fn is_rule(rule: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let Some(slash) = rule.find('/') else { return false };
    if !rule[..slash].chars().all(|c| word(c) || "*-.".contains(c)) {
        return false;
    }
    // The path may hold equal signs: any of them may be the one before the service.
    rule.match_indices('=').filter(|(at, _)| *at > slash).any(|(at, _)| {
        let (service, tls) = rule[at + 1..].split_once(',').map_or((&rule[at + 1..], None), |(s, t)| (s, Some(t)));
        let named = |t: &str| !t.is_empty() && t.chars().all(|c| word(c) || c == '-');
        let leads = service.split_once(':').is_some_and(|(name, port)| named(name) && named(port));
        let sealed = match tls {
            None => true,
            Some("tls") => true,
            Some(tls) => tls.strip_prefix("tls=").is_some_and(|s| s.chars().all(|c| word(c) || "-.".contains(c))),
        };
        leads && sealed
    })
}

fn backend(text: &str) -> Value {
    let (name, port) = text.split_once(':').unwrap_or((text, ""));
    let mut backend = Value::map();
    backend.set_at(&["service", "name"], name);
    match port.parse::<i64>() {
        Ok(number) => backend.set_at(&["service", "port", "number"], number),
        Err(_) => backend.set_at(&["service", "port", "name"], port),
    }
    backend
}

/// The host of a rule and its way: what stands before `,tls`.
fn parts(rule: &str) -> (&str, &str) {
    let plain = rule.split(',').next().unwrap_or(rule);
    plain.split_once('/').unwrap_or((plain, ""))
}

fn certificates(rules: &[String]) -> Vec<Value> {
    let mut seen: Vec<&str> = Vec::new();
    let mut found: Vec<(String, Vec<Value>)> = Vec::new();
    for rule in rules {
        let Some((_, tls)) = rule.split_once(',') else { continue };
        let (host, _) = parts(rule);
        if seen.contains(&host) {
            continue;
        }
        seen.push(host);
        let secret = tls.split_once('=').map_or("", |(_, s)| s).to_string();
        match found.iter_mut().find(|(s, _)| *s == secret) {
            Some((_, hosts)) => hosts.push(Value::from(host)),
            None if host.is_empty() && secret.is_empty() => {}
            None => found.push((secret, if host.is_empty() { Vec::new() } else { vec![Value::from(host)] })),
        }
    }
    let made = |(secret, hosts): (String, Vec<Value>)| {
        let mut entry = Value::map();
        if !hosts.is_empty() {
            entry.set_at(&["hosts"], hosts);
        }
        if !secret.is_empty() {
            entry.set_at(&["secretName"], secret);
        }
        entry
    };
    found.into_iter().map(made).collect()
}

fn hosts(rules: &[String]) -> Vec<Value> {
    let mut found: Vec<(String, Vec<Value>)> = Vec::new();
    for rule in rules {
        let (host, way) = parts(rule);
        let mut sides = way.split('=');
        let (path, service) = (format!("/{}", sides.next().unwrap_or("")), sides.next().unwrap_or(""));
        let (path, type_) = match path.strip_suffix('*') {
            Some(prefix) => (prefix.to_string(), "Prefix"),
            None => (path, "Exact"),
        };
        let entry = crate::value!({ "backend": (backend(service)), "path": path, "pathType": type_ });
        match found.iter_mut().find(|(h, _)| h == host) {
            Some((_, paths)) => paths.push(entry),
            None => found.push((host.to_string(), vec![entry])),
        }
    }
    let made = |(host, paths): (String, Vec<Value>)| {
        let mut rule = Value::map();
        if !host.is_empty() {
            rule.set_at(&["host"], host);
        }
        rule.set_at(&["http", "paths"], paths);
        rule
    };
    found.into_iter().map(made).collect()
}
