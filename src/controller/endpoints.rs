//! `endpoint-controller`: keeps the Endpoints object of every Service with a selector.
//!
//! Upstream: `pkg/controller/endpoint/endpoints_controller.go` and `pkg/api/v1/endpoints/util.go` (repacking). At most 1,000
//! addresses stand in an object, as there. The order of ports in a subset goes by the same hash as upstream's; the order of
//! subsets does too, but that hash takes in uids.

use super::membership::{self, annotate, drop_empty};
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::digits;
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::value::{Map, Value};
use crate::api::view::{Pod, Service, ServicePort, ServiceType, TargetPort};
use crate::apiserver::store::{Event, Store};
use crate::arrange::Arrange;
use crate::value;
use imbl::OrdMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub const NAME: &str = "endpoint-controller";
/// The most addresses that one object holds.
const CAPACITY: usize = 1_000;
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
pub(super) const HEADLESS: &str = "service.kubernetes.io/headless";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

pub struct EndpointsController;

impl Controller for EndpointsController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.endpoints;
        match event.key.kind.as_str() {
            "Service" => enqueue(event.key.clone(), after),
            "Endpoints" if event.new.is_none() => {
                enqueue(ObjectKey::new("Service", event.key.namespace.clone(), event.key.name.clone()), after);
            }
            "Pod" => {
                for key in &index.change().services {
                    enqueue(key.clone(), after);
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let store = context.store;
        let endpoints_key = ObjectKey::new("Endpoints", key.namespace.clone(), key.name.clone());
        let current = store.get(&endpoints_key);
        let Some(service) = store.get(key) else {
            // The Service is gone: so is what bears its name, whoever wrote it.
            if current.is_some() {
                result.delete(endpoints_key, key.field(""));
            }
            context.memory.triggers.remove(&(NAME, key.clone()));
            context.memory.endpoints.remove(key);
            return result;
        };
        let Some(view) = service.view().service() else { return result };
        if view.type_ == ServiceType::ExternalName || view.selector.is_empty() {
            return result;
        }
        // Taken out, so that it is changed in place unless a snapshot has it, too.
        let cached = context.memory.endpoints.remove(key).and_then(|c| c.caught_up(service, view, store));
        let (subsets, truncated, pods) = match cached {
            Some((cache, changed)) => {
                let (subset, truncated) = cache.subset();
                context.memory.endpoints.insert(key.clone(), cache);
                (Vec::from_iter(subset), truncated, changed)
            }
            None => {
                let pods: Vec<&Arc<Object>> = store.select("Pod", &key.namespace, &view.selector).collect();
                let mut subsets = repack(service, view, &pods);
                let total: usize = subsets.iter().map(|s| s.ready.len() + s.not_ready.len()).sum();
                let truncated = total > CAPACITY;
                if let Some(cache) = EndpointsCache::of(service, view, &pods, store) {
                    context.memory.endpoints.insert(key.clone(), cache);
                }
                if truncated {
                    truncate(&mut subsets);
                }
                (subsets, truncated, pods)
            }
        };
        result.looked += pods.len();
        let since = membership::trigger_time(NAME, service, &pods, context);
        let subsets: Vec<Value> = subsets.into_iter().map(Subset::into_value).collect();
        let labels = labels(service, view);
        let was_marked = current.is_some_and(|c| c.annotation(OVER_CAPACITY).is_some());
        if let Some(current) = current {
            // What had to be cut is written each time: the whole is never equal to what stands there.
            let same = !truncated
                && !was_marked
                && current.value.items_at(&["subsets"]) == subsets
                && same_labels(current, service);
            if same {
                return result;
            }
        }
        let mut value = match current {
            Some(current) => current.value.clone(),
            None => value!({
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": { "name": (&key.name), "namespace": (&key.namespace) }
            }),
        };
        value.set_at(&["metadata", "labels"], labels);
        annotate(&mut value, since);
        if truncated {
            value.set_at(&["metadata", "annotations", OVER_CAPACITY], "truncated");
        } else if was_marked {
            value.remove_at(&["metadata", "annotations", OVER_CAPACITY]);
            drop_empty(&mut value, "annotations");
        }
        if subsets.is_empty() {
            value.remove_at(&["subsets"]);
        } else {
            value.set_at(&["subsets"], subsets);
        }
        let saw = saw(service, &pods);
        match current {
            Some(current) => result.update(current, value, saw),
            None => result.create("Endpoints", value, saw),
        }
        result
    }
}

/// What made the controller act: the pod that changed last, or the selector.
pub(super) fn saw(service: &Arc<Object>, pods: &[&Arc<Object>]) -> FieldRef {
    match pods.iter().max_by_key(|p| p.revision).filter(|p| p.revision > service.revision) {
        Some(pod) => pod.key.field("status.conditions"),
        None => service.key.field("spec.selector"),
    }
}

/// The labels of the Endpoints object: the Service's, who manages it, and whether the Service is headless.
fn labels(service: &Object, view: &Service) -> Map {
    let mut labels = service.value.at(&["metadata", "labels"]).and_then(Value::as_map).cloned().unwrap_or_default();
    labels.insert(MANAGED_BY, "endpoint-controller");
    if view.cluster_ips.is_empty() {
        labels.insert(HEADLESS, "");
    } else {
        labels.remove(HEADLESS);
    }
    labels
}

/// Whether the object's labels, without those of the controller's own, are the Service's.
fn same_labels(current: &Object, service: &Object) -> bool {
    let read = |o: &Object| o.value.at(&["metadata", "labels"]).and_then(Value::as_map).cloned().unwrap_or_default();
    let mut own = read(current);
    if own.remove(MANAGED_BY).and_then(|v| v.as_smol()).as_deref() != Some("endpoint-controller") {
        return false;
    }
    own.remove(HEADLESS);
    let mut wanted = read(service);
    wanted.remove(MANAGED_BY);
    own == wanted
}

/// Addresses that offer the same ports.
#[derive(Clone)]
struct Subset {
    ready: Vec<Value>,
    not_ready: Vec<Value>,
    ports: Vec<Port>,
}

type Port = (SmolStr, u16, &'static str, SmolStr);

impl Subset {
    fn into_value(self) -> Value {
        let mut map = Map::with_capacity(3);
        if !self.ready.is_empty() {
            map.push("addresses", self.ready);
        }
        if !self.not_ready.is_empty() {
            map.push("notReadyAddresses", self.not_ready);
        }
        if !self.ports.is_empty() {
            map.push("ports", self.ports.iter().map(port_value).collect::<Vec<_>>());
        }
        map.into()
    }
}

fn port_value((name, number, protocol, app): &Port) -> Value {
    let mut map = Map::new();
    if !name.is_empty() {
        map.insert("name", name);
    }
    map.insert("port", i64::from(*number));
    map.insert("protocol", *protocol);
    if !app.is_empty() {
        map.insert("appProtocol", app);
    }
    map.into()
}

/// An address in its place: the bytes of its text, then the pod's uid.
type Place = (SmolStr, SmolStr);

/// Groups the pods' addresses by the ports that they offer (`RepackSubsets`).
fn repack(service: &Arc<Object>, view: &Service, pods: &[&Arc<Object>]) -> Vec<Subset> {
    let mut addresses: BTreeMap<Place, Value> = BTreeMap::new();
    // Not ready trumps ready where both are said of one address.
    let mut by_port: BTreeMap<Option<Port>, BTreeMap<Place, bool>> = BTreeMap::new();
    for object in pods {
        let Some(pod) = object.view().pod() else { continue };
        if !membership::is_eligible(pod, view.publish_not_ready) {
            continue;
        }
        let Some(ip) = address_of(view, pod) else { continue };
        let place: Place = (ip.clone(), object.uid().clone());
        let ready = view.publish_not_ready || pod.is_ready();
        let mut offer = |port: Option<Port>| {
            by_port.entry(port).or_default().entry(place.clone()).and_modify(|r| *r &= ready).or_insert(ready);
        };
        let mut offered = false;
        if view.ports.is_empty() {
            // Only a headless Service may have no ports.
            if view.headless {
                offer(None);
                offered = true;
            }
        } else {
            for port in &view.ports {
                if let Some(number) = find_port(pod, port) {
                    offer(Some((port.name.clone(), number, port.protocol.upper(), port.app_protocol.clone())));
                    offered = true;
                }
            }
        }
        if offered {
            addresses.entry(place).or_insert_with(|| address_value(&ip, object, service));
        }
    }
    // Ports with the same addresses in the same states share a subset.
    let mut groups: Vec<(BTreeMap<Place, bool>, Vec<Port>)> = Vec::new();
    for (port, set) in by_port {
        match groups.iter_mut().find(|(other, _)| *other == set) {
            Some((_, ports)) => ports.extend(port),
            None => groups.push((set, port.into_iter().collect())),
        }
    }
    let mut subsets: Vec<Subset> = groups
        .into_iter()
        .map(|(set, mut ports)| {
            ports.arrange_by_key(port_hash);
            let pick = |wanted: bool| {
                set.iter().filter(|(_, ready)| **ready == wanted).map(|(place, _)| addresses[place].clone()).collect()
            };
            Subset { ready: pick(true), not_ready: pick(false), ports }
        })
        .collect();
    if subsets.len() > 1 {
        subsets.arrange_by_key(|s| fnv128a(&crate::api::json::to_string(&s.clone().into_value())));
    }
    subsets
}

/// What stands in a Service's Endpoints when all its pods offer the same ports: one subset, kept in order, so that a look costs
/// what has changed since the last one.
#[derive(Clone, Debug)]
pub(super) struct EndpointsCache {
    /// The Service as it was at the last look, and the store's revision then.
    service: Arc<Object>,
    seen: u64,
    /// Pods that the selector matched at the last whole look.
    looked: usize,
    /// None before the first address.
    ports: Option<Vec<Port>>,
    places: OrdMap<Place, (bool, Value)>,
    by_pod: OrdMap<SmolStr, Place>,
}

/// A pod's place and state, with the ports that it offers.
type Offer = (Place, bool, Vec<Port>);

fn offer(object: &Arc<Object>, view: &Service) -> Option<Offer> {
    let pod = object.view().pod()?;
    if !membership::is_eligible(pod, view.publish_not_ready) {
        return None;
    }
    let ip = address_of(view, pod)?;
    let mut ports: Vec<Port> = Vec::with_capacity(view.ports.len());
    for port in &view.ports {
        if let Some(number) = find_port(pod, port) {
            ports.push((port.name.clone(), number, port.protocol.upper(), port.app_protocol.clone()));
        }
    }
    if ports.is_empty() && !(view.ports.is_empty() && view.headless) {
        return None;
    }
    let ready = view.publish_not_ready || pod.is_ready();
    Some(((ip, object.uid().clone()), ready, ports))
}

impl EndpointsCache {
    /// `None` when pods offer different ports, or none at all.
    fn of(service: &Arc<Object>, view: &Service, pods: &[&Arc<Object>], store: &Store) -> Option<EndpointsCache> {
        let mut cache = EndpointsCache {
            service: service.clone(),
            seen: store.revision(),
            looked: pods.len(),
            ports: None,
            places: OrdMap::new(),
            by_pod: OrdMap::new(),
        };
        for object in pods {
            let Some((place, ready, ports)) = offer(object, view) else { continue };
            if *cache.ports.get_or_insert_with(|| ports.clone()) != ports {
                return None;
            }
            cache.places.insert(place.clone(), (ready, address_value(&place.0, object, service)));
            cache.by_pod.insert(object.name().clone(), place);
        }
        Some(cache)
    }

    /// The cache after the changes since the last look, and the pods that changed. `None`: look at everything.
    fn caught_up<'a>(
        mut self,
        service: &Arc<Object>,
        view: &Service,
        store: &'a Store,
    ) -> Option<(EndpointsCache, Vec<&'a Arc<Object>>)> {
        if !membership::asks_the_same(&self.service, service) {
            return None;
        }
        self.service = service.clone();
        let names =
            membership::changed_pods(store, service.namespace(), self.seen, self.places.len().max(self.looked))?;
        let mut changed = Vec::new();
        for name in names {
            let object = store.get(&ObjectKey::new("Pod", service.namespace().clone(), name.clone()));
            let object = object.filter(|o| membership::selects(view, o));
            changed.extend(object);
            let offered = object.and_then(|object| Some((object, offer(object, view)?)));
            let before = self.by_pod.get(&name);
            // Of a pod that stands where it stood nothing else can have changed.
            if let Some((_, (place, ready, ports))) = &offered
                && before == Some(place)
                && self.ports.as_ref() == Some(ports)
                && let Some(slot) = self.places.get_mut(place)
            {
                slot.0 = *ready;
                continue;
            }
            if let Some(place) = before.cloned() {
                self.places.remove(&place);
                self.by_pod.remove(&name);
            }
            let Some((object, (place, ready, ports))) = offered else { continue };
            if *self.ports.get_or_insert_with(|| ports.clone()) != ports {
                return None;
            }
            self.places.insert(place.clone(), (ready, address_value(&place.0, object, service)));
            self.by_pod.insert(name, place);
        }
        self.seen = store.revision();
        Some((self, changed))
    }

    /// The one subset, cut to what an object holds, and whether it was cut.
    fn subset(&self) -> (Option<Subset>, bool) {
        let mut ready = Vec::with_capacity(self.places.len().min(CAPACITY));
        let mut not_ready = Vec::new();
        for (is_ready, address) in self.places.values() {
            if *is_ready {
                ready.push(address.clone());
                // Full of ready ones, and none of the others is kept then.
                if ready.len() == CAPACITY {
                    break;
                }
            } else if not_ready.len() < CAPACITY {
                not_ready.push(address.clone());
            }
        }
        let truncated = self.places.len() > CAPACITY;
        not_ready.truncate(CAPACITY - ready.len());
        let mut ports = self.ports.clone().unwrap_or_default();
        ports.arrange_by_key(port_hash);
        ports.dedup();
        let subset = (!self.places.is_empty()).then_some(Subset { ready, not_ready, ports });
        (subset, truncated)
    }
}

/// The number that a Service port leads to in a pod; `None` when no container port bears the name.
pub(super) fn find_port(pod: &Pod, port: &ServicePort) -> Option<u16> {
    match &port.target_port {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => pod.named_port(name, port.protocol),
    }
}

/// The pod's address of the Service's family.
fn address_of(view: &Service, pod: &Pod) -> Option<SmolStr> {
    let v6 = match view.cluster_ip() {
        Some(ip) => ip.is_ipv6(),
        None => match view.ip_families.first() {
            Some(family) => family == "IPv6",
            None => pod.ip.is_some_and(|ip| ip.is_ipv6()),
        },
    };
    pod.ips.iter().find(|ip: &&IpAddr| ip.is_ipv6() == v6).map(digits::address)
}

fn address_value(ip: &SmolStr, object: &Object, service: &Object) -> Value {
    let mut map = Map::with_capacity(4);
    let pod = object.view().pod();
    if let Some(pod) = pod.filter(|pod| membership::bears_hostname(pod, service)) {
        map.push("hostname", &pod.hostname);
    }
    map.push("ip", ip);
    map.push("nodeName", pod.map(|pod| pod.node_name.clone()).unwrap_or_default());
    map.push("targetRef", target_ref(object));
    map.into()
}

/// The reference from an endpoint to its pod.
pub(super) fn target_ref(pod: &Object) -> Value {
    let mut map = Map::with_capacity(4);
    map.push("kind", SmolStr::new_static("Pod"));
    map.push("name", &pod.key.name);
    map.push("namespace", &pod.key.namespace);
    map.push("uid", pod.uid());
    map.into()
}

/// Where a port stands among the others of its subset: upstream sorts by the FNV-128a hash of the struct as go-spew prints it.
fn port_hash((name, number, protocol, app): &Port) -> u128 {
    let app = if app.is_empty() { "<nil>" } else { app };
    fnv128a(&format!(
        "(v1.EndpointPort){{Name:(string){name} Port:(int32){number} Protocol:(v1.Protocol){protocol} AppProtocol:(*string){app}}}"
    ))
}

fn fnv128a(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// Cuts the subsets to what one object holds: ready addresses first, each subset in proportion.
fn truncate(subsets: &mut [Subset]) {
    let ready: usize = subsets.iter().map(|s| s.ready.len()).sum();
    let not_ready: usize = subsets.iter().map(|s| s.not_ready.len()).sum();
    let (cut_ready, max, total) =
        if ready > CAPACITY { (true, CAPACITY, ready) } else { (false, CAPACITY - ready, not_ready) };
    let mut left = max;
    for subset in subsets {
        let list = if cut_ready { &mut subset.ready } else { &mut subset.not_ready };
        let share = (list.len() as f64 / total as f64 * max as f64).ceil() as usize;
        list.truncate(share.min(left));
        left -= list.len();
        if cut_ready {
            subset.not_ready.clear();
        }
    }
}
