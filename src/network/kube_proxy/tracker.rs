//! The service ports of a cluster and their endpoints, kept up to date by the store's events.
//!
//! Upstream: the change trackers of `pkg/proxy` (`servicechangetracker.go`, `endpointschangetracker.go`).

use super::endpoints::{Endpoint, gather};
use super::input::PortState;
use super::service_port::{self, ServicePort};
use super::settings::Family;
use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::Store;
use crate::network::netfilter::PortName;
use imbl::OrdMap;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The label by which a slice names its Service.
const SERVICE_NAME: SmolStr = SmolStr::new_static("kubernetes.io/service-name");

/// Namespace and name of a Service.
pub type ServiceName = (SmolStr, SmolStr);

/// All service ports of one family.
#[derive(Clone, Debug)]
pub struct Tracker {
    family: Family,
    unfiltered: bool,
    ports: OrdMap<PortName, Arc<PortState>>,
    /// Endpoints of all service ports together.
    total: usize,
}

/// What an update changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The Services whose rules kube-proxy writes anew.
    pub services: BTreeSet<ServiceName>,
    pub ports: BTreeSet<PortName>,
}

/// The Services that the events after `revision` concern; `None` when the store does not reach back that far.
pub fn touched(store: &Store, revision: u64) -> Option<BTreeSet<ServiceName>> {
    if revision > store.revision() || !store.remembers(revision) {
        return None;
    }
    let mut names = BTreeSet::new();
    for event in store.events_since(revision) {
        match event.key.kind.as_str() {
            "Service" => {
                names.insert((event.key.namespace.clone(), event.key.name.clone()));
            }
            "EndpointSlice" => {
                for object in event.old.iter().chain(&event.new) {
                    names.extend(service_of(object));
                }
            }
            _ => {}
        }
    }
    Some(names)
}

/// The Service that a slice names.
fn service_of(slice: &Object) -> Option<ServiceName> {
    let service = &slice.view().endpoint_slice()?.service;
    (!service.is_empty()).then(|| (slice.key.namespace.clone(), service.clone()))
}

/// All slices, by the Service that they name.
pub fn slices_by_service(store: &Store) -> BTreeMap<ServiceName, Vec<&Arc<Object>>> {
    let mut slices: BTreeMap<ServiceName, Vec<&Arc<Object>>> = BTreeMap::new();
    for slice in store.list("EndpointSlice") {
        if let Some(name) = service_of(slice) {
            slices.entry(name).or_default().push(slice);
        }
    }
    slices
}

impl Tracker {
    /// `unfiltered`: see [`super::Settings::unfiltered`].
    pub fn new(family: Family, unfiltered: bool) -> Tracker {
        Tracker { family, unfiltered, ports: OrdMap::new(), total: 0 }
    }

    pub fn family(&self) -> Family {
        self.family
    }

    pub fn ports(&self) -> impl Iterator<Item = (&PortName, &Arc<PortState>)> {
        self.ports.iter()
    }

    pub fn get(&self, name: &PortName) -> Option<&Arc<PortState>> {
        self.ports.get(name)
    }

    /// How many endpoints all service ports have together; above 1,000, comments are left out of rules.
    pub fn total_endpoints(&self) -> usize {
        self.total
    }

    /// Reads the Services of `names` and their slices anew.
    pub fn update(&mut self, store: &Store, names: &BTreeSet<ServiceName>) -> Changes {
        let mut changes = Changes::default();
        for name in names {
            let selector = [(SERVICE_NAME, name.1.clone())];
            let slices = store.select("EndpointSlice", &name.0, &selector);
            let service = store.get(&ObjectKey::new("Service", name.0.clone(), name.1.clone()));
            self.renew(name, service, slices, &mut changes);
        }
        changes
    }

    /// Reads all Services and slices.
    pub fn update_all(&mut self, store: &Store) -> Changes {
        let slices = slices_by_service(store);
        let mut changes = Changes::default();
        let mut gone: BTreeSet<ServiceName> =
            self.ports.keys().map(|p| (p.namespace.clone(), p.service.clone())).collect();
        for service in store.list("Service") {
            let name = (service.key.namespace.clone(), service.key.name.clone());
            let own = slices.get(&name).map_or(&[][..], Vec::as_slice).iter().copied();
            self.renew(&name, Some(service), own, &mut changes);
            gone.remove(&name);
        }
        for name in gone {
            self.renew(&name, None, std::iter::empty(), &mut changes);
        }
        changes
    }

    fn renew<'a>(
        &mut self,
        name: &ServiceName,
        service: Option<&Arc<Object>>,
        slices: impl Iterator<Item = &'a Arc<Object>>,
        changes: &mut Changes,
    ) {
        let first = PortName { namespace: name.0.clone(), service: name.1.clone(), ..PortName::default() };
        let mut old: BTreeSet<PortName> = self
            .ports
            .range(first..)
            .take_while(|(p, _)| p.namespace == name.0 && p.service == name.1)
            .map(|(p, _)| p.clone())
            .collect();
        let seen = |object: &&Arc<Object>| self.unfiltered || service_port::watched(object);
        let ports = service.filter(seen).map(|s| service_port::read(s, self.family)).unwrap_or_default();
        let mut endpoints =
            if ports.is_empty() { BTreeMap::new() } else { gather(&name.0, &name.1, slices.filter(seen), self.family) };
        let mut changed = false;
        for port in ports {
            old.remove(&port.name);
            let endpoints = endpoints.remove(&port.name).unwrap_or_default();
            changed |= self.put(port, endpoints, changes);
        }
        for gone in old {
            if let Some(state) = self.ports.remove(&gone) {
                self.total -= state.endpoints.len();
            }
            changes.ports.insert(gone);
            changed = true;
        }
        if changed {
            changes.services.insert(name.clone());
        }
    }

    /// Whether kube-proxy would take it for a change.
    fn put(&mut self, port: ServicePort, endpoints: Vec<Endpoint>, changes: &mut Changes) -> bool {
        let name = port.name.clone();
        let state = Arc::new(PortState { port, endpoints });
        if self.ports.get(&name).is_some_and(|old| *old == state) {
            return false;
        }
        self.total += state.endpoints.len();
        let old = self.ports.insert(name.clone(), state.clone());
        changes.ports.insert(name);
        old.is_none_or(|old| {
            self.total -= old.endpoints.len();
            let pairs = || old.endpoints.iter().zip(&state.endpoints);
            old.port != state.port
                || old.endpoints.len() != state.endpoints.len()
                || pairs().any(|(a, b)| !a.same_to_proxy(b))
        })
    }
}
