//! `endpointslice-mirroring-controller`: copies hand-written Endpoints of Services without selector into EndpointSlices, which
//! are what kube-proxy reads.
//!
//! Upstream: `pkg/controller/endpointslicemirroring`.

use super::endpointslice::{MANAGED_BY, PortId, Ports, SERVICE_NAME, port_ids};
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::{Map, Value};
use crate::apiserver::store::{Cause, Event, Store};
use crate::apiserver::write::controller_reference;
use crate::arrange::Arrange;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub const NAME: &str = "endpointslice-mirroring-controller";
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
/// The most addresses of one subset that are copied.
const CAPACITY: usize = 1_000;

pub struct MirroringController;

impl Controller for MirroringController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let key = |name: &str| ObjectKey::new("Endpoints", event.key.namespace.clone(), name);
        let after = settings.latencies.endpoints;
        match event.key.kind.as_str() {
            "Endpoints" | "Service" => enqueue(key(&event.key.name), after),
            "EndpointSlice" if !matches!(event.cause, Cause::Controller { name: NAME, .. }) => {
                for slice in [&event.old, &event.new].into_iter().flatten() {
                    if slice.label(MANAGED_BY) == Some(MANAGER) {
                        enqueue(key(slice.label(SERVICE_NAME).unwrap_or("")), after);
                    }
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let store = context.store;
        let ours = [(SERVICE_NAME.into(), key.name.clone()), (MANAGED_BY.into(), MANAGER.into())];
        let existing: Vec<&Arc<Object>> = store.select("EndpointSlice", &key.namespace, &ours).collect();
        let service = store.get(&ObjectKey::new("Service", key.namespace.clone(), key.name.clone()));
        let selectorless = service.is_some_and(|s| s.view().service().is_some_and(|view| view.selector.is_empty()));
        let endpoints = store.get(key).filter(|e| selectorless && is_mirrored(e));
        let Some(endpoints) = endpoints else {
            for slice in existing {
                result.delete(slice.key.clone(), key.field("subsets"));
            }
            return result;
        };
        let (mut wanted, skipped) = desired(endpoints);
        skipped.tell(endpoints, context);
        let mut by_group: BTreeMap<Group, Vec<&Arc<Object>>> = BTreeMap::new();
        for slice in existing {
            by_group.entry(group_of(slice)).or_default().push(slice);
        }
        let (labels, annotations) = (labels(endpoints), annotations(endpoints));
        let (mut create, mut delete): (Vec<Value>, Vec<&Arc<Object>>) = (Vec::new(), Vec::new());
        for (group, list) in &mut wanted {
            let mut slices = by_group.remove(group).unwrap_or_default();
            if list.is_empty() {
                delete.append(&mut slices);
                continue;
            }
            let list: Vec<Value> = list.values().take(CAPACITY).cloned().collect();
            let value = slice_value(endpoints, group, &labels, &annotations, list.clone());
            if slices.is_empty() {
                create.push(value);
                continue;
            }
            let first = slices.remove(0);
            delete.append(&mut slices);
            let same = sorted(first.value.items_at(&["endpoints"])) == sorted(&list)
                && first.value.at(&["metadata", "labels"]) == Some(&labels)
                && first.value.at(&["metadata", "annotations"]).and_then(Value::as_map).cloned().unwrap_or_default()
                    == annotations;
            if !same {
                result.update(first, named(value, first), endpoints.key.field("subsets"));
            }
        }
        delete.extend(by_group.into_values().flatten());
        // What would be deleted is used again for what would be created.
        for value in create {
            let family = value.str_at(&["addressType"]);
            match delete.iter().position(|s| s.value.str_at(&["addressType"]) == family) {
                Some(at) => {
                    let old = delete.remove(at);
                    result.update(old, named(value, old), endpoints.key.field("subsets"));
                }
                None => result.create("EndpointSlice", value, endpoints.key.field("subsets")),
            }
        }
        for slice in delete {
            result.delete(slice.key.clone(), endpoints.key.field("subsets"));
        }
        result
    }
}

fn is_mirrored(endpoints: &Object) -> bool {
    endpoints.label("endpointslice.kubernetes.io/skip-mirror") != Some("true")
        && endpoints.annotation("control-plane.alpha.kubernetes.io/leader").is_none()
}

/// What tells slices apart: address type, then ports (name, protocol, number, application protocol).
type Group = (&'static str, Vec<PortId>);

/// The endpoints of each group, by address, host name and target.
type Wanted = BTreeMap<(SmolStr, SmolStr, SmolStr), Value>;

/// Addresses that were not copied, and how many of them are none at all.
#[derive(Default)]
struct Skipped {
    all: usize,
    invalid: usize,
}

impl Skipped {
    fn tell(&self, endpoints: &Object, context: &mut Context) {
        let mut say = |reason, message: SmolStr| {
            context.recorder.say(endpoints, "", true, reason, message, NAME, "", context.now);
        };
        if self.invalid > 0 {
            let message =
                format_smolstr!("Skipped {} invalid IP addresses when mirroring to EndpointSlices", self.invalid);
            say("InvalidIPAddress", message);
        }
        if self.all > self.invalid {
            let message = format_smolstr!(
                "A max of {CAPACITY} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were \
                 skipped",
                self.all
            );
            say("TooManyAddressesToMirror", message);
        }
    }
}

fn desired(endpoints: &Object) -> (BTreeMap<Group, Wanted>, Skipped) {
    let (mut groups, mut skipped): (BTreeMap<Group, Wanted>, Skipped) = Default::default();
    for subset in endpoints.value.items_at(&["subsets"]) {
        let ports = port_ids(subset.items_at(&["ports"]));
        for family in ["IPv4", "IPv6"] {
            groups.entry((family, ports.clone())).or_default();
        }
        let mut added = 0;
        for (field, ready) in [("addresses", true), ("notReadyAddresses", false)] {
            for address in subset.items_at(&[field]) {
                if added >= CAPACITY {
                    break;
                }
                let Ok(ip) = address.str_at(&["ip"]).parse::<IpAddr>() else {
                    skipped.invalid += 1;
                    continue;
                };
                let family = if ip.is_ipv6() { "IPv6" } else { "IPv4" };
                let text = format_smolstr!("{ip}");
                let mut map = Map::new();
                map.insert("addresses", Value::list(vec![Value::String(text.clone())]));
                let mut conditions = Map::new();
                conditions.insert("ready", ready);
                map.insert("conditions", conditions);
                for field in ["hostname", "nodeName", "targetRef"] {
                    if let Some(value) = address.get(field).filter(|v| v.as_str() != Some("")) {
                        map.insert(field, value.clone());
                    }
                }
                let id = (text, address.str_at(&["hostname"]).into(), address.str_at(&["targetRef", "name"]).into());
                groups.entry((family, ports.clone())).or_default().insert(id, map.into());
                added += 1;
            }
        }
        skipped.all += subset.items("addresses").len() + subset.items("notReadyAddresses").len() - added;
    }
    (groups, skipped)
}

fn group_of(slice: &Object) -> Group {
    let family = if slice.value.str_at(&["addressType"]) == "IPv6" { "IPv6" } else { "IPv4" };
    (family, port_ids(slice.value.items_at(&["ports"])))
}

fn sorted(endpoints: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = endpoints.iter().map(crate::api::json::to_string).collect();
    texts.arrange();
    texts
}

/// The slice's labels: those of the Endpoints object, and whose it is.
fn labels(endpoints: &Object) -> Value {
    let mut labels = endpoints.value.at(&["metadata", "labels"]).and_then(Value::as_map).cloned().unwrap_or_default();
    labels.insert(SERVICE_NAME, endpoints.name());
    labels.insert(MANAGED_BY, MANAGER);
    labels.into()
}

fn annotations(endpoints: &Object) -> Map {
    let found = endpoints.value.at(&["metadata", "annotations"]).and_then(Value::as_map);
    let mut annotations = found.cloned().unwrap_or_default();
    annotations.remove(super::membership::TRIGGER_TIME);
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    annotations
}

fn slice_value(
    endpoints: &Arc<Object>,
    (family, ports): &Group,
    labels: &Value,
    annotations: &Map,
    list: Vec<Value>,
) -> Value {
    let name = endpoints.name();
    let prefix = if name.len() < 253 { format_smolstr!("{name}-") } else { name.clone() };
    let owner = controller_reference(endpoints);
    let mut value = value!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": prefix,
            "namespace": (endpoints.namespace()),
            "labels": (labels.clone()),
            "ownerReferences": [owner]
        },
        "addressType": (*family),
        "endpoints": list,
        "ports": (Ports(ports.clone()).value())
    });
    if !annotations.is_empty() {
        value.set_at(&["metadata", "annotations"], annotations.clone());
    }
    value
}

/// The new content under the old slice's name.
fn named(mut value: Value, old: &Object) -> Value {
    value.remove_at(&["metadata", "generateName"]);
    if let Some(prefix) = old.value.at(&["metadata", "generateName"]) {
        value.set_at(&["metadata", "generateName"], prefix.clone());
    }
    value.set_at(&["metadata", "name"], old.name());
    value
}
