//! `endpointslice-controller`: keeps the EndpointSlices of every Service with a selector, at most 100 endpoints a slice.
//!
//! Upstream: `staging/src/k8s.io/endpointslice/reconciler.go`. Where upstream takes endpoints out of a hash map in no
//! particular order, this goes by the pods' names. Hints are in [`super::hints`].

use super::endpoints::{HEADLESS, find_port, saw, target_ref};
use super::hints;
use super::membership::{self, annotate};
pub(super) use super::slice_cache::SliceCache;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::digits;
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::time::Time;
use crate::api::value::{Map, Value};
use crate::api::view::{Pod, Service, ServiceType};
use crate::apiserver::store::{Cause, Event, Store};
use crate::apiserver::write::controller_reference;
use crate::arrange::{Arrange, set_of};
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub const NAME: &str = "endpointslice-controller";
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
/// The most endpoints that a slice holds.
pub const CAPACITY: usize = 100;

pub struct EndpointSliceController;

impl Controller for EndpointSliceController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.endpoints;
        match event.key.kind.as_str() {
            "Service" => enqueue(event.key.clone(), after),
            "Pod" => {
                for key in &index.change().services {
                    enqueue(key.clone(), after);
                }
            }
            "EndpointSlice" => {
                // Somebody else touched a slice of ours (or one that has become or ceased to be ours).
                if matches!(event.cause, Cause::Controller { name: NAME, .. }) {
                    return;
                }
                for slice in [&event.old, &event.new].into_iter().flatten() {
                    if slice.label(MANAGED_BY) == Some(MANAGER) {
                        let service = slice.label(SERVICE_NAME).unwrap_or("");
                        enqueue(ObjectKey::new("Service", event.key.namespace.clone(), service), after);
                    }
                }
            }
            "Node" if hints::concerns(event) => {
                // Pods that were bound to it before there was one have waited for it. A node that gets another zone is no
                // reason to look: endpoints keep the old one until something of theirs changes.
                let waited = index.on_node(&event.key.name).filter(|_| event.old.is_none());
                for pod in waited.filter_map(|key| store.get(key)) {
                    for key in membership::services_of(pod, store, index) {
                        enqueue(key, after);
                    }
                }
                for service in store.list("Service").filter(|s| hints::wants_topology(s)) {
                    if hints::is_overloaded(service, store) {
                        enqueue(service.key.clone(), after);
                    }
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let store = context.store;
        let Some(service) = store.get(key) else {
            // Its slices go with it: the garbage collector sees to that.
            context.memory.triggers.remove(&(NAME, key.clone()));
            context.memory.slices.remove(key);
            return result;
        };
        let Some(view) = service.view().service() else { return result };
        if view.type_ == ServiceType::ExternalName || view.selector.is_empty() {
            return result;
        }
        // Taken out, so that it is changed in place unless a snapshot has it, too.
        if let Some(cache) = context.memory.slices.remove(key)
            && let Some(changes) = cache.changes(service, view, context)
        {
            result.looked += changes.pods.len();
            let since = membership::trigger_time(NAME, service, &changes.pods, context);
            context.memory.slices.insert(key.clone(), changes.cache);
            write(changes.plan, since, &saw(service, &changes.pods), service, &mut result);
            return result;
        }
        let pods: Vec<&Arc<Object>> = store.select("Pod", &key.namespace, &view.selector).collect();
        let ours = [(SERVICE_NAME.into(), key.name.clone()), (MANAGED_BY.into(), MANAGER.into())];
        let existing: Vec<Arc<Object>> = store.select("EndpointSlice", &key.namespace, &ours).cloned().collect();
        result.looked += pods.len();
        let since = membership::trigger_time(NAME, service, &pods, context);
        let families = families(view);
        let mut plan = Plan::default();
        for slice in &existing {
            if !families.contains(&slice.value.str_at(&["addressType"])) {
                plan.delete.push(slice.clone());
            }
        }
        let saw = saw(service, &pods);
        let only = families.len() == 1 && plan.delete.is_empty();
        let mut homeless = Vec::new();
        write(plan, since, &saw, service, &mut result);
        for family in families {
            let of_family: Vec<Arc<Object>> =
                existing.iter().filter(|s| s.value.str_at(&["addressType"]) == family).cloned().collect();
            let mut plan = by_family(service, view, &pods, &of_family, family, store);
            hints::apply(service, view, family, &of_family, &mut plan, context);
            plan.recycle(service);
            for draft in &mut plan.create {
                draft.name(service, context);
            }
            if only && !hints::are_wanted(service, view) {
                let cache = SliceCache::of(service, pods.len(), &of_family, &plan, store);
                context.memory.slices.insert(key.clone(), cache);
            }
            homeless.append(&mut plan.homeless);
            write(plan, since, &saw, service, &mut result);
        }
        tell_homeless(homeless, service, context);
        result
    }
}

/// The event about pods that are left out because their node is not known.
fn tell_homeless(mut skipped: Vec<SmolStr>, service: &Object, context: &mut Context) {
    // Each family has found the same.
    let mut told = BTreeSet::new();
    skipped.retain(|words| told.insert(words.clone()));
    let errors = match skipped.as_slice() {
        [] => return,
        [one] => one.clone(),
        several => format_smolstr!("[{}]", several.join(", ")),
    };
    let (namespace, name) = (service.namespace(), service.name());
    let message = format_smolstr!("Error updating Endpoint Slices for Service {namespace}/{name}: {errors}");
    context.recorder.say(service, "", true, "FailedToUpdateEndpointSlices", message, NAME, "", context.now);
}

/// Turns a plan into writes.
fn write(plan: Plan, since: Option<Time>, saw: &FieldRef, service: &Object, result: &mut Reconcile) {
    for mut draft in plan.create {
        if service.is_terminating() {
            break;
        }
        annotate(&mut draft.value, since);
        result.create("EndpointSlice", draft.finished(), saw.clone());
    }
    for mut draft in plan.update {
        annotate(&mut draft.value, since);
        let Some(old) = draft.old.clone() else { continue };
        result.update(&old, draft.finished(), saw.clone());
    }
    for slice in plan.delete {
        result.delete(slice.key.clone(), saw.clone());
    }
}

/// A slice as it is to be written.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// What it replaces; `None`: it is new.
    pub old: Option<Arc<Object>>,
    /// Everything but the endpoints.
    pub value: Value,
    pub endpoints: Vec<Value>,
}

impl Draft {
    /// A slice as it stands, to be changed.
    pub fn of(slice: &Arc<Object>) -> Draft {
        Draft {
            old: Some(slice.clone()),
            value: slice.value.clone(),
            endpoints: slice.value.items_at(&["endpoints"]).to_vec(),
        }
    }

    /// Gives a new slice a free name.
    pub(super) fn name(&mut self, service: &Object, context: &mut Context) {
        let prefix = SmolStr::from(self.value.str_at(&["metadata", "generateName"]));
        loop {
            let name = format_smolstr!("{prefix}{}", context.random.suffix(5));
            let key = ObjectKey::new("EndpointSlice", service.namespace().clone(), name.clone());
            if context.store.get(&key).is_none() {
                self.value.set_at(&["metadata", "name"], name);
                return;
            }
        }
    }

    fn finished(mut self) -> Value {
        let endpoints = if self.endpoints.is_empty() { Value::Null } else { Value::list(self.endpoints) };
        self.value.set_at(&["endpoints"], endpoints);
        self.value
    }
}

/// What must be done to the slices of one address type.
#[derive(Default)]
pub(super) struct Plan {
    pub create: Vec<Draft>,
    pub update: Vec<Draft>,
    pub delete: Vec<Arc<Object>>,
    /// What there is to say of pods on nodes that nobody knows.
    pub homeless: Vec<SmolStr>,
}

impl Plan {
    /// Slices of the address type that the plan leaves alone.
    pub fn unchanged(&self, existing: &[Arc<Object>]) -> Vec<Arc<Object>> {
        let touched: BTreeSet<&SmolStr> =
            set_of(self.update.iter().filter_map(|d| d.old.as_ref()).chain(&self.delete).map(|slice| slice.name()));
        existing.iter().filter(|s| !touched.contains(s.name())).cloned().collect()
    }

    /// Turns creations into updates of slices that would be deleted.
    fn recycle(&mut self, service: &Object) {
        let mut i = 0;
        while i < self.delete.len() && !self.create.is_empty() {
            let old = &self.delete[i];
            let same_type = self
                .create
                .last()
                .is_some_and(|d| d.value.str_at(&["addressType"]) == old.value.str_at(&["addressType"]));
            if same_type && owned_by(old, service) {
                let old = self.delete.remove(i);
                let Some(draft) = self.create.pop() else { break };
                let mut value = draft.value;
                value.set_at(&["metadata", "name"], old.name());
                value.remove_at(&["metadata", "generateName"]);
                if let Some(prefix) = old.value.at(&["metadata", "generateName"]) {
                    value.set_at(&["metadata", "generateName"], prefix.clone());
                }
                self.update.push(Draft { old: Some(old), value, endpoints: draft.endpoints });
            } else {
                i += 1;
            }
        }
    }
}

pub(super) fn owned_by(slice: &Object, service: &Object) -> bool {
    let owners = slice.value.items_at(&["metadata", "ownerReferences"]);
    owners.iter().any(|o| o.str_at(&["uid"]) == service.uid() && o.str_at(&["kind"]) == "Service")
}

/// The address types of a Service.
pub(super) fn families(view: &Service) -> Vec<&'static str> {
    let has = |family: &str| view.ip_families.iter().any(|f| f == family);
    let mut families = Vec::new();
    if has("IPv4") {
        families.push("IPv4");
    }
    if has("IPv6") {
        families.push("IPv6");
    }
    if families.is_empty() {
        return match view.cluster_ip() {
            Some(ip) if ip.is_ipv6() => vec!["IPv6"],
            Some(_) => vec!["IPv4"],
            None => vec!["IPv4", "IPv6"],
        };
    }
    families
}

/// What makes an endpoint the same one: its address, host name and pod.
pub(super) type Identity = (SmolStr, SmolStr, SmolStr);

pub(super) fn identity(endpoint: &Value) -> Identity {
    let first = endpoint.items_at(&["addresses"]).first().and_then(Value::as_smol).unwrap_or_default();
    (endpoint.str_at(&["targetRef", "name"]).into(), first, endpoint.str_at(&["hostname"]).into())
}

/// The endpoints that pods with one set of ports should have, by identity.
type Desired = BTreeMap<Identity, Value>;

fn by_family(
    service: &Arc<Object>,
    view: &Service,
    pods: &[&Arc<Object>],
    existing: &[Arc<Object>],
    family: &'static str,
    store: &Store,
) -> Plan {
    let mut plan = Plan::default();
    // Sets of ports are few: a list of groups in a fixed order.
    let mut groups: BTreeMap<Vec<PortId>, (Value, Desired)> = BTreeMap::new();
    for object in pods {
        let Some(pod) = object.view().pod() else { continue };
        if !membership::is_eligible(pod, true) {
            continue;
        }
        let (id, ports) = ports(view, pod);
        let desired = &mut groups.entry(id).or_insert_with(|| (ports.value(), Desired::new())).1;
        let node = store.node(&pod.node_name);
        if node.is_none() && !view.publish_not_ready {
            plan.homeless.push(format_smolstr!(
                "skipping Pod {} for Service {}/{}: Node {} Not Found",
                object.name(),
                service.namespace(),
                service.name(),
                pod.node_name
            ));
            continue;
        }
        if let Some(endpoint) = endpoint(object, pod, node, service, view, family) {
            desired.insert(identity(&endpoint), endpoint);
        }
    }
    let mut slices_by_ports: BTreeMap<Vec<PortId>, Vec<Arc<Object>>> = BTreeMap::new();
    for slice in existing {
        if owned_by(slice, service) {
            slices_by_ports.entry(port_ids(slice.value.items_at(&["ports"]))).or_default().push(slice.clone());
        } else {
            plan.delete.push(slice.clone());
        }
    }
    for (id, (ports, desired)) in &mut groups {
        let slices = slices_by_ports.remove(id).unwrap_or_default();
        by_ports(service, view, &slices, std::mem::take(desired), ports, family, &mut plan);
    }
    // Sets of ports that nobody has any more.
    plan.delete.extend(slices_by_ports.into_values().flatten());
    if existing.len() == plan.delete.len() && plan.create.is_empty() {
        let placeholder = new_slice(service, view, &Value::Null, family);
        let keeps = plan.delete.len() == 1 && is_placeholder(&plan.delete[0], &placeholder, service);
        if keeps {
            plan.delete.clear();
        } else {
            plan.create.push(placeholder);
        }
    }
    plan
}

fn is_placeholder(slice: &Object, placeholder: &Draft, service: &Object) -> bool {
    slice.value.items_at(&["endpoints"]).is_empty()
        && slice.value.items_at(&["ports"]).is_empty()
        && slice.value.at(&["metadata", "labels"]) == placeholder.value.at(&["metadata", "labels"])
        && owned_by(slice, service)
}

fn by_ports(
    service: &Arc<Object>,
    view: &Service,
    slices: &[Arc<Object>],
    mut desired: Desired,
    ports: &Value,
    family: &'static str,
    plan: &mut Plan,
) {
    let mut update: Vec<Draft> = Vec::new();
    let mut unchanged: Vec<Arc<Object>> = Vec::new();
    // 1. What stands in slices already, and is still wanted, stays where it is.
    for slice in slices {
        let before = slice.value.items_at(&["endpoints"]);
        let mut kept = Vec::with_capacity(before.len());
        let mut changed = false;
        for endpoint in before {
            if let Some(wanted) = desired.remove(&identity(endpoint)) {
                changed |= !same_endpoint(&wanted, endpoint);
                kept.push(wanted);
            }
        }
        let (labels, relabelled) = slice_labels(slice.value.at(&["metadata", "labels"]), service, view);
        if changed || kept.len() != before.len() {
            if kept.is_empty() {
                plan.delete.push(slice.clone());
            } else {
                let mut draft = Draft { endpoints: kept, ..Draft::of(slice) };
                draft.value.set_at(&["metadata", "labels"], labels);
                update.push(draft);
            }
        } else if relabelled {
            let mut draft = Draft::of(slice);
            draft.value.set_at(&["metadata", "labels"], labels);
            update.push(draft);
        } else {
            unchanged.push(slice.clone());
        }
    }
    let mut rest: std::collections::VecDeque<Value> = desired.into_values().collect();
    // 2. Slices that are written anyway are filled up, the fullest first.
    if !rest.is_empty() {
        update.arrange_by_key(|d| std::cmp::Reverse(d.endpoints.len()));
        for draft in &mut update {
            while draft.endpoints.len() < CAPACITY {
                let Some(endpoint) = rest.pop_front() else { break };
                draft.endpoints.push(endpoint);
            }
        }
    }
    // 3. What is left goes into the slice that it fills best, or into new ones.
    while !rest.is_empty() {
        let fits = |s: &Arc<Object>| {
            let used = s.value.items_at(&["endpoints"]).len() + rest.len();
            (used <= CAPACITY).then(|| CAPACITY - used)
        };
        let best = unchanged
            .iter()
            .enumerate()
            .filter_map(|(i, s)| Some((fits(s)?, i)))
            .filter(|(free, _)| *free < CAPACITY)
            .min()
            .filter(|_| rest.len() < CAPACITY);
        let mut draft = match best {
            Some((_, i)) => Draft::of(&unchanged.remove(i)),
            None => new_slice(service, view, ports, family),
        };
        while draft.endpoints.len() < CAPACITY {
            let Some(endpoint) = rest.pop_front() else { break };
            draft.endpoints.push(endpoint);
        }
        if draft.old.is_some() { update.push(draft) } else { plan.create.push(draft) }
    }
    plan.update.append(&mut update);
}

/// Equal in everything but hints.
pub(super) fn same_endpoint(a: &Value, b: &Value) -> bool {
    ["conditions", "nodeName", "zone", "targetRef"].iter().all(|field| a.get(field) == b.get(field))
}

pub(super) fn new_slice(service: &Arc<Object>, view: &Service, ports: &Value, family: &'static str) -> Draft {
    let name = service.name();
    let prefix = if name.len() < 253 { format_smolstr!("{name}-") } else { name.clone() };
    let (labels, _) = slice_labels(None, service, view);
    let owner = controller_reference(service);
    let value = value!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": prefix,
            "namespace": (service.namespace()),
            "labels": labels,
            "ownerReferences": [owner]
        },
        "addressType": family,
        "ports": (ports.clone())
    });
    Draft { old: None, value, endpoints: Vec::new() }
}

/// The labels of a slice, and whether the Service's own have changed since they were copied.
fn slice_labels(current: Option<&Value>, service: &Object, view: &Service) -> (Map, bool) {
    let without_ours = |labels: Option<&Value>| {
        let mut map = labels.and_then(Value::as_map).cloned().unwrap_or_default();
        map.retain(|k, _| !matches!(k, SERVICE_NAME | MANAGED_BY | HEADLESS));
        map
    };
    let mut labels = without_ours(service.value.at(&["metadata", "labels"]));
    let changed = labels != without_ours(current);
    if view.cluster_ips.is_empty() {
        labels.insert(HEADLESS, "");
    }
    labels.insert(SERVICE_NAME, service.name());
    labels.insert(MANAGED_BY, MANAGER);
    (labels, changed)
}

/// A port as groups are told apart by: name, protocol, number, application protocol.
pub(super) type PortId = (SmolStr, SmolStr, i64, SmolStr);

/// The ports that a pod offers for a Service.
pub(super) struct Ports(pub(super) Vec<PortId>);

impl Ports {
    pub(super) fn value(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let ports = self.0.iter().map(|(name, protocol, number, app)| {
            let mut map = Map::new();
            if !app.is_empty() {
                map.insert("appProtocol", app);
            }
            map.insert("name", name);
            map.insert("port", *number);
            map.insert("protocol", protocol);
            Value::from(map)
        });
        Value::list(ports.collect())
    }
}

pub(super) fn ports(view: &Service, pod: &Pod) -> (Vec<PortId>, Ports) {
    let mut list: Vec<PortId> = Vec::with_capacity(view.ports.len());
    for port in &view.ports {
        if let Some(number) = find_port(pod, port) {
            list.push((port.name.clone(), port.protocol.upper().into(), number.into(), port.app_protocol.clone()));
        }
    }
    let mut id = list.clone();
    id.arrange();
    (id, Ports(list))
}

/// The ports of a slice or of a subset of Endpoints, in order.
pub(super) fn port_ids(ports: &[Value]) -> Vec<PortId> {
    let text = |p: &Value, field| SmolStr::from(p.str_at(&[field]));
    let mut ids: Vec<PortId> = ports
        .iter()
        .map(|p| {
            let number = p.get("port").and_then(Value::as_i64).unwrap_or(0);
            (text(p, "name"), text(p, "protocol"), number, text(p, "appProtocol"))
        })
        .collect();
    ids.arrange();
    ids
}

/// The endpoint of a pod; `None` when it has no address of the family.
pub(super) fn endpoint(
    object: &Object,
    pod: &Pod,
    node: Option<&Arc<Object>>,
    service: &Object,
    view: &Service,
    family: &str,
) -> Option<Value> {
    let addresses: Vec<Value> = pod
        .ips
        .iter()
        .filter(|ip| ip.is_ipv6() == (family == "IPv6"))
        .map(|ip| Value::String(digits::address(ip)))
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let serving = pod.is_ready();
    let ready = view.publish_not_ready || (serving && !pod.terminating);
    let mut conditions = Map::with_capacity(3);
    conditions.push("ready", ready);
    conditions.push("serving", serving);
    conditions.push("terminating", pod.terminating);
    let mut map = Map::with_capacity(6);
    map.push("addresses", addresses);
    map.push("conditions", conditions);
    if membership::bears_hostname(pod, service) {
        map.push("hostname", &pod.hostname);
    }
    if !pod.node_name.is_empty() {
        map.push("nodeName", &pod.node_name);
    }
    map.push("targetRef", target_ref(object));
    if let Some(zone) = node.and_then(|n| n.view().node()).map(|n| &n.zone).filter(|z| !z.is_empty()) {
        map.push("zone", zone);
    }
    Some(map.into())
}
