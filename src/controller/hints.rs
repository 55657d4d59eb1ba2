//! Hints of EndpointSlices: which zones or nodes an endpoint is meant for.
//!
//! Upstream: `endpointslice/trafficdist` (the field `trafficDistribution`) and `endpointslice/topologycache` (the annotation
//! `service.kubernetes.io/topology-mode: Auto`). Where upstream walks a map in no particular order, this goes by zone name.

use super::endpointslice::{Draft, NAME, Plan, SERVICE_NAME};
use super::{Context, Recorder};
use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::{Map, Value};
use crate::api::view::Service;
use crate::apiserver::store::{Event, Store};
use crate::arrange::map_of;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much more than its share an endpoint may get.
const OVERLOAD: f64 = 0.2;

/// Whether a change of a node may change zones of endpoints or hints.
pub(super) fn concerns(event: &Event) -> bool {
    let facts = |o: &Option<Arc<Object>>| {
        let o = o.as_ref()?;
        let node = o.view().node()?;
        Some((node.zone.clone(), node.is_ready(), cpu_millis(o)))
    };
    facts(&event.old) != facts(&event.new)
}

/// Whether the Service asks for hints by annotation.
pub(super) fn wants_topology(service: &Object) -> bool {
    let mode = service
        .annotation("service.kubernetes.io/topology-aware-hints")
        .or_else(|| service.annotation("service.kubernetes.io/topology-mode"));
    matches!(mode, Some("Auto" | "auto"))
}

/// Whether a zone has fewer of the endpoints that bear its hint than its CPUs ask for, so that a change of the nodes concerns
/// the Service (`GetOverloadedServices`). One without hints is left alone until something else makes it be looked at.
pub(super) fn is_overloaded(service: &Object, store: &Store) -> bool {
    let ratios = ratios(store).unwrap_or_default();
    let own = [(SmolStr::new_static(SERVICE_NAME), service.key.name.clone())];
    let mut by_family: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for slice in store.select("EndpointSlice", &service.key.namespace, &own) {
        let zones = by_family.entry(slice.value.str_at(&["addressType"])).or_default();
        for endpoint in slice.value.items_at(&["endpoints"]).iter().filter(|e| is_ready(e)) {
            for zone in endpoint.items_at(&["hints", "forZones"]) {
                *zones.entry(zone.text("name")).or_default() += 1;
            }
        }
    }
    by_family.values().filter(|zones| !zones.is_empty()).any(|zones| {
        let total: usize = zones.values().sum();
        let least = |ratio: f64| (total as f64 * ratio * (1.0 / (1.0 + OVERLOAD))).ceil() as usize;
        ratios.is_empty()
            || ratios.iter().any(|(zone, ratio)| *zones.get(zone.as_str()).unwrap_or(&0) < least(*ratio).max(1))
    })
}

/// Whether the Service's endpoints get hints of any kind.
pub(super) fn are_wanted(service: &Object, view: &Service) -> bool {
    wants_topology(service)
        || matches!(view.traffic_distribution.as_str(), "PreferClose" | "PreferSameZone" | "PreferSameNode")
}

/// Gives the endpoints of a plan their hints, and takes slices into the plan whose hints are wrong.
pub(super) fn apply(
    service: &Arc<Object>,
    view: &Service,
    family: &'static str,
    existing: &[Arc<Object>],
    plan: &mut Plan,
    context: &mut Context,
) {
    let memory_key = (service.key.clone(), SmolStr::from(family));
    if wants_topology(service) {
        let warning = by_topology(existing, plan, context.store);
        let now = context.now;
        match warning {
            Some(message) => {
                context.memory.hinted.remove(&memory_key);
                remove_hints(existing, plan);
                say(context.recorder, service, true, format_smolstr!("{message}, addressType: {family}"), now);
            }
            None => {
                if context.memory.hinted.insert(memory_key).is_none() {
                    let message = format_smolstr!("Topology Aware Hints has been enabled, addressType: {family}");
                    say(context.recorder, service, false, message, now);
                }
            }
        }
        return;
    }
    if context.memory.hinted.remove(&memory_key).is_some() {
        let message = format_smolstr!("Topology Aware Hints has been disabled, addressType: {family}");
        say(context.recorder, service, true, message, context.now);
    }
    if are_wanted(service, view) {
        by_distribution(view.traffic_distribution == "PreferSameNode", existing, plan);
    } else {
        remove_hints(existing, plan);
    }
}

fn say(recorder: &mut Recorder, service: &Object, warning: bool, message: SmolStr, now: Time) {
    let reason = if warning { "TopologyAwareHintsDisabled" } else { "TopologyAwareHintsEnabled" };
    recorder.say(service, "", warning, reason, message, NAME, "", now);
}

fn is_ready(endpoint: &Value) -> bool {
    endpoint.at(&["conditions", "ready"]).and_then(Value::as_bool) == Some(true)
}

fn remove_hints(existing: &[Arc<Object>], plan: &mut Plan) {
    for slice in plan.unchanged(existing) {
        if slice.value.items_at(&["endpoints"]).iter().any(|e| e.get("hints").is_some()) {
            plan.update.push(Draft::of(&slice));
        }
    }
    for draft in plan.create.iter_mut().chain(&mut plan.update) {
        for endpoint in &mut draft.endpoints {
            endpoint.remove_at(&["hints"]);
        }
    }
}

/// `trafficDistribution`: every ready endpoint is meant for its own zone (and node).
fn by_distribution(nodes: bool, existing: &[Arc<Object>], plan: &mut Plan) {
    let named = |name: &Value| {
        let mut map = Map::new();
        map.insert("name", name.clone());
        Value::list(vec![map.into()])
    };
    let hints = |endpoint: &Value| {
        let mut hints = Map::new();
        if let Some(zone) = endpoint.get("zone") {
            hints.insert("forZones", named(zone));
        }
        if let Some(node) = endpoint.get("nodeName").filter(|_| nodes) {
            hints.insert("forNodes", named(node));
        }
        (!hints.is_empty()).then(|| Value::from(hints))
    };
    for slice in plan.unchanged(existing) {
        let endpoints = slice.value.items_at(&["endpoints"]);
        if endpoints.iter().any(|e| is_ready(e) && e.get("hints") != hints(e).as_ref()) {
            plan.update.push(Draft::of(&slice));
        }
    }
    for draft in plan.create.iter_mut().chain(&mut plan.update) {
        for endpoint in draft.endpoints.iter_mut().filter(|e| is_ready(e)) {
            match hints(endpoint) {
                Some(hints) => endpoint.set_at(&["hints"], hints),
                None => drop(endpoint.remove_at(&["hints"])),
            }
        }
    }
}

fn cpu_millis(node: &Object) -> u64 {
    let text = node.value.str_at(&["status", "allocatable", "cpu"]);
    match text.strip_suffix('m') {
        Some(millis) => millis.parse().unwrap_or(0),
        None => text.parse::<f64>().map_or(0, |cpus| (cpus * 1_000.0) as u64),
    }
}

/// The share of the cluster's CPUs that each zone has; `None` when nodes say too little.
fn ratios(store: &Store) -> Option<BTreeMap<SmolStr, f64>> {
    let mut by_zone: BTreeMap<SmolStr, u64> = BTreeMap::new();
    for object in store.list("Node") {
        let Some(node) = object.view().node() else { continue };
        let control_plane = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
        if control_plane.iter().any(|l| object.label(l).is_some()) || !node.is_ready() {
            continue;
        }
        let cpu = cpu_millis(object);
        if node.zone.is_empty() || cpu == 0 {
            return None;
        }
        *by_zone.entry(node.zone.clone()).or_default() += cpu;
    }
    let total: u64 = by_zone.values().sum();
    (by_zone.len() >= 2 && total > 0)
        .then(|| map_of(by_zone.into_iter().map(|(zone, cpu)| (zone, cpu as f64 / total as f64))))
}

struct Allocation {
    minimum: usize,
    maximum: usize,
    desired: f64,
}

/// The annotation: every zone gets endpoints in proportion to its CPUs. Gives back why it cannot be done.
fn by_topology(existing: &[Arc<Object>], plan: &mut Plan, store: &Store) -> Option<String> {
    let unchanged = plan.unchanged(existing);
    let total = plan.create.iter().chain(&plan.update).flat_map(|d| &d.endpoints).filter(|e| is_ready(e)).count()
        + unchanged.iter().flat_map(|s| s.value.items_at(&["endpoints"])).filter(|e| is_ready(e)).count();
    let Some(ratios) = ratios(store) else {
        return Some(
            "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes".into(),
        );
    };
    if ratios.len() > total {
        return Some(format!("Insufficient number of endpoints ({total} endpoints, {} zones)", ratios.len()));
    }
    let mut allocations: BTreeMap<SmolStr, Allocation> = BTreeMap::new();
    let mut minimum_total = 0;
    for (zone, ratio) in &ratios {
        let desired = ratio * total as f64;
        let minimum = (desired * (1.0 / (1.0 + OVERLOAD))).ceil() as usize;
        minimum_total += minimum;
        if minimum_total > total {
            return Some(format!(
                "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ({total} endpoints, {} zones)",
                ratios.len()
            ));
        }
        allocations.insert(zone.clone(), Allocation { minimum, maximum: 0, desired: desired.max(minimum as f64) });
    }
    for allocation in allocations.values_mut() {
        allocation.maximum = allocation.minimum + total - minimum_total;
    }
    // Slices whose hints still hold stay as they are.
    let mut hinted: BTreeMap<SmolStr, usize> = BTreeMap::new();
    for slice in unchanged {
        match hints_of(&slice, &hinted, &allocations) {
            Some(own) => {
                for (zone, count) in own {
                    *hinted.entry(zone).or_default() += count;
                }
            }
            None => plan.update.push(Draft::of(&slice)),
        }
    }
    let mut endpoints: Vec<&mut Value> =
        plan.create.iter_mut().chain(&mut plan.update).flat_map(|d| &mut d.endpoints).collect();
    for endpoint in endpoints.iter_mut().filter(|e| is_ready(e)) {
        let zone: SmolStr = endpoint.str_at(&["zone"]).into();
        if zone.is_empty() {
            return Some("One or more endpoints do not have a zone specified".into());
        }
        *hinted.entry(zone.clone()).or_default() += 1;
        set_zone(endpoint, &zone);
    }
    let (mut giving, mut receiving) = exchange(&allocations, &hinted);
    for endpoint in endpoints.iter_mut().filter(|e| is_ready(e)) {
        let zone: SmolStr = endpoint.str_at(&["zone"]).into();
        let Some(give) = giving.get_mut(&zone).filter(|n| **n > 0) else { continue };
        let Some((to, receive)) = receiving.iter_mut().find(|(_, n)| **n > 0) else { break };
        set_zone(endpoint, to);
        *give -= 1;
        *receive -= 1;
    }
    hinted.is_empty().then(|| "No hints allocated for zones".into())
}

fn set_zone(endpoint: &mut Value, zone: &SmolStr) {
    let mut name = Map::new();
    name.insert("name", zone);
    let mut hints = Map::new();
    hints.insert("forZones", Value::list(vec![name.into()]));
    endpoint.set_at(&["hints"], hints);
}

/// How many endpoints a slice gives each zone; `None` when its hints must be made anew.
fn hints_of(
    slice: &Object,
    hinted: &BTreeMap<SmolStr, usize>,
    allocations: &BTreeMap<SmolStr, Allocation>,
) -> Option<BTreeMap<SmolStr, usize>> {
    let mut own: BTreeMap<SmolStr, usize> = BTreeMap::new();
    for endpoint in slice.value.items_at(&["endpoints"]).iter().filter(|e| is_ready(e)) {
        let zones = endpoint.items_at(&["hints", "forZones"]);
        if zones.is_empty() {
            return None;
        }
        for zone in zones {
            let name: SmolStr = zone.str_at(&["name"]).into();
            allocations.get(&name)?;
            *own.entry(name).or_default() += 1;
        }
    }
    let fits = own.iter().all(|(zone, count)| {
        let before = hinted.get(zone).copied().unwrap_or(0);
        allocations.get(zone).is_some_and(|a| count + before <= a.maximum)
    });
    fits.then_some(own)
}

/// How many endpoints each zone gives away, and how many each gets.
fn exchange(
    allocations: &BTreeMap<SmolStr, Allocation>,
    hinted: &BTreeMap<SmolStr, usize>,
) -> (BTreeMap<SmolStr, usize>, BTreeMap<SmolStr, usize>) {
    let mut surplus: BTreeMap<&SmolStr, f64> = BTreeMap::new();
    let mut lack: BTreeMap<&SmolStr, f64> = BTreeMap::new();
    for (zone, allocation) in allocations {
        let difference = hinted.get(zone).copied().unwrap_or(0) as f64 - allocation.desired;
        if difference > 0.0 {
            surplus.insert(zone, difference);
        } else if difference < 0.0 {
            lack.insert(zone, -difference);
        }
    }
    let most = |zones: &BTreeMap<&SmolStr, f64>| {
        let mut best: Option<(SmolStr, f64)> = None;
        for (zone, amount) in zones {
            if *amount > best.as_ref().map_or(0.0, |b| b.1) {
                best = Some(((*zone).clone(), *amount));
            }
        }
        best
    };
    let (mut giving, mut receiving) = (BTreeMap::new(), BTreeMap::new());
    while let (Some((from, give)), Some((to, get))) = (most(&surplus), most(&lack)) {
        if (give < 1.0 && get < 1.0) || give < 0.5 || get < 0.5 {
            break;
        }
        *giving.entry(from.clone()).or_default() += 1;
        *receiving.entry(to.clone()).or_default() += 1;
        if let Some(amount) = surplus.get_mut(&from) {
            *amount -= 1.0;
        }
        if let Some(amount) = lack.get_mut(&to) {
            *amount -= 1.0;
        }
    }
    (giving, receiving)
}
