//! The service ports of a cluster and their endpoints, kept up to date by the store's events.
//!
//! Upstream: the change trackers of `pkg/proxy` (`servicechangetracker.go`, `endpointschangetracker.go`).

use super::endpoints::{Endpoint, EndpointList, Gathered, MOST_ENDPOINTS, gather};
use super::input::PortState;
use super::service_port::{self, ServicePort};
use super::settings::Family;
use crate::api::object::{Object, ObjectKey};
use crate::api::view::EndpointSlice;
use crate::apiserver::store::Store;
use crate::arrange::{map_of, set_of};
use crate::network::netfilter::PortName;
use imbl::{OrdMap, OrdSet};
use smol_str::SmolStr;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// More slices than this are not followed one by one: reading all of them once is less work then.
const FEW_SLICES: usize = 4;

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
    /// Services that have an address more than once.
    shadowed: OrdSet<ServiceName>,
}

/// What an update changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The Services whose rules kube-proxy writes anew.
    pub services: BTreeSet<ServiceName>,
    pub ports: BTreeSet<PortName>,
}

/// What of a Service has changed.
#[derive(Clone, Debug, Default)]
pub struct Touched {
    /// Whether the Service itself has.
    service: bool,
    /// Slices of it, before and after.
    slices: Vec<SliceChange>,
}

/// A slice before and after a change.
type SliceChange = (Option<Arc<Object>>, Option<Arc<Object>>);

/// The Services that the events after `revision` concern; `None` when the store does not reach back that far.
pub fn touched(store: &Store, revision: u64) -> Option<BTreeMap<ServiceName, Touched>> {
    if revision > store.revision() || !store.remembers(revision) {
        return None;
    }
    let mut names: BTreeMap<ServiceName, Touched> = BTreeMap::new();
    for event in store.events_since(revision) {
        match event.key.kind.as_str() {
            "Service" => {
                names.entry((event.key.namespace.clone(), event.key.name.clone())).or_default().service = true;
            }
            "EndpointSlice" => {
                let (old, new) = (event.old.as_ref(), event.new.as_ref());
                for name in set_of([old, new].into_iter().flatten().filter_map(|slice| service_of(slice))) {
                    // A slice may go from one Service to another.
                    let own =
                        |slice: Option<&Arc<Object>>| slice.filter(|s| service_of(s).as_ref() == Some(&name)).cloned();
                    let change = (own(old), own(new));
                    names.entry(name).or_default().slices.push(change);
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
        Tracker { family, unfiltered, ports: OrdMap::new(), total: 0, shadowed: OrdSet::new() }
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

    /// Follows what has changed: slice by slice where only slices have, else the Service is read anew, and with it its slices
    /// unless what they say is known.
    pub fn update(&mut self, store: &Store, names: &BTreeMap<ServiceName, Touched>) -> Changes {
        let mut changes = Changes::default();
        for (name, touched) in names {
            if !touched.service && self.follow(name, &touched.slices, &mut changes) {
                continue;
            }
            let selector = [(SERVICE_NAME, name.1.clone())];
            let slices = store.select("EndpointSlice", &name.0, &selector);
            let service = store.get(&ObjectKey::new("Service", name.0.clone(), name.1.clone()));
            self.renew(name, service, slices, touched.slices.is_empty(), &mut changes);
        }
        changes
    }

    /// Reads all Services and slices.
    pub fn update_all(&mut self, store: &Store) -> Changes {
        let slices = slices_by_service(store);
        let mut changes = Changes::default();
        let mut gone: BTreeSet<ServiceName> =
            set_of(self.ports.keys().map(|p| (p.namespace.clone(), p.service.clone())));
        for service in store.list("Service") {
            let name = (service.key.namespace.clone(), service.key.name.clone());
            let own = slices.get(&name).map_or(&[][..], Vec::as_slice).iter().copied();
            self.renew(&name, Some(service), own, false, &mut changes);
            gone.remove(&name);
        }
        for name in gone {
            self.renew(&name, None, std::iter::empty(), false, &mut changes);
        }
        changes
    }

    /// Takes slices' changes into the lists of endpoints. False: read everything anew, because a list of ports has changed or
    /// an address stands in more than one slice.
    fn follow(&mut self, name: &ServiceName, list: &[SliceChange], changes: &mut Changes) -> bool {
        // Of several changes of a slice, the first state and the last count.
        let mut slices: BTreeMap<&ObjectKey, SliceChange> = BTreeMap::new();
        for (old, new) in list {
            let Some(slice) = old.as_ref().or(new.as_ref()) else { continue };
            slices.entry(&slice.key).or_insert_with(|| (old.clone(), None)).1.clone_from(new);
        }
        if slices.len() > FEW_SLICES {
            return false;
        }
        let first = PortName { namespace: name.0.clone(), service: name.1.clone(), ..PortName::default() };
        let own = self.ports.range(first..).take_while(|(p, _)| p.namespace == name.0 && p.service == name.1);
        let mut lists: BTreeMap<PortName, Followed> =
            map_of(own.map(|(p, s)| (p.clone(), Followed { list: s.endpoints.clone(), differs: None })));
        if lists.is_empty() || self.shadowed.contains(name) {
            return false;
        }
        let seen = |slice: &&Arc<Object>| self.unfiltered || service_port::watched(slice);
        let several = slices.len() > 1;
        for (key, (old, new)) in slices {
            // What two versions of a slice share at the same place is in the lists already.
            let versions = comparable(&old, &new);
            let skipped = |place: usize| {
                versions.is_some_and(|(a, b)| {
                    matches!((a.endpoints.get(place), b.endpoints.get(place)), (Some(x), Some(y)) if Arc::ptr_eq(x, y))
                })
            };
            let read =
                |slice: &Option<Arc<Object>>| gather(&name.0, &name.1, slice.iter().filter(seen), self.family, skipped);
            let (before, mut after) = (read(&old), read(&new));
            if before.shadowed || after.shadowed {
                return false;
            }
            for (port, followed) in &mut lists {
                let old = before.ports.get(port).map_or(&[][..], Vec::as_slice);
                let new = after.ports.remove(port).unwrap_or_default();
                if old != new && !followed.exchange(key, old, new) {
                    return false;
                }
            }
        }
        let mut changed = false;
        for (name, Followed { list, differs }) in lists {
            let (Some(differs), Some(state)) = (differs, self.ports.get_mut(&name)) else { continue };
            self.total = self.total + list.len() - state.endpoints.len();
            // An address that went from one slice to another is none that kube-proxy sees.
            changed |= differs && !(several && same_to_proxy(&state.endpoints, &list));
            *state = Arc::new(PortState { port: state.port.clone(), endpoints: list });
            changes.ports.insert(name);
        }
        if changed {
            changes.services.insert(name.clone());
        }
        true
    }

    /// Reads a Service and its slices. `as_before`: the slices are those of last time, and so are the endpoints of a port's name.
    fn renew<'a>(
        &mut self,
        name: &ServiceName,
        service: Option<&Arc<Object>>,
        slices: impl Iterator<Item = &'a Arc<Object>>,
        as_before: bool,
        changes: &mut Changes,
    ) {
        let first = PortName { namespace: name.0.clone(), service: name.1.clone(), ..PortName::default() };
        let mut old: BTreeSet<PortName> = set_of(
            self.ports
                .range(first..)
                .take_while(|(p, _)| p.namespace == name.0 && p.service == name.1)
                .map(|(p, _)| p.clone()),
        );
        let seen = |object: &&Arc<Object>| self.unfiltered || service_port::watched(object);
        let ports = service.filter(seen).map(|s| service_port::read(s, self.family)).unwrap_or_default();
        let known = as_before && !ports.is_empty() && ports.iter().all(|port| old.contains(&port.name));
        let mut gathered = if ports.is_empty() || known {
            Gathered::default()
        } else {
            gather(&name.0, &name.1, slices.filter(seen), self.family, |_| false)
        };
        match gathered.shadowed {
            _ if known => {}
            true => drop(self.shadowed.insert(name.clone())),
            false => drop(self.shadowed.remove(name)),
        }
        let mut changed = false;
        for port in ports {
            old.remove(&port.name);
            let endpoints = match self.ports.get(&port.name).filter(|_| known) {
                Some(state) => state.endpoints.clone(),
                None => gathered.ports.remove(&port.name).unwrap_or_default().into_iter().collect(),
            };
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
    fn put(&mut self, port: ServicePort, endpoints: EndpointList, changes: &mut Changes) -> bool {
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
            old.port != state.port || !same_to_proxy(&old.endpoints, &state.endpoints)
        })
    }
}

/// Two versions of a slice that say of the same ports where they are.
fn comparable<'a>(
    old: &'a Option<Arc<Object>>,
    new: &'a Option<Arc<Object>>,
) -> Option<(&'a EndpointSlice, &'a EndpointSlice)> {
    let (old, new) = (old.as_ref()?, new.as_ref()?);
    let (a, b) = (old.view().endpoint_slice()?, new.view().endpoint_slice()?);
    let same = a.ports == b.ports
        && a.address_type == b.address_type
        && service_port::watched(old) == service_port::watched(new);
    same.then_some((a, b))
}

fn same_to_proxy(one: &EndpointList, other: &EndpointList) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| Arc::ptr_eq(a, b) || a.same_to_proxy(b))
}

/// A service port's list of endpoints while slices' changes are taken into it.
struct Followed {
    list: EndpointList,
    /// Whether anything of the list has changed, and if so whether kube-proxy would take it for a change.
    differs: Option<bool>,
}

impl Followed {
    /// Exchanges the endpoints of one slice for new ones, touching only those that are not the same. False: an address stands
    /// in more than one slice, or the list was cut, and which one counts is not for this to say.
    fn exchange(&mut self, slice: &ObjectKey, old: &[Arc<Endpoint>], new: Vec<Arc<Endpoint>>) -> bool {
        if self.list.len() + new.len() > MOST_ENDPOINTS {
            return false;
        }
        let mut differs = false;
        let mut old = old.iter().peekable();
        let mut new = new.into_iter().peekable();
        loop {
            // The two lists side by side, in the order of their texts.
            let order = match (old.peek(), new.peek()) {
                (Some(a), Some(b)) => a.text.cmp(&b.text),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let before = if order.is_le() { old.next() } else { None };
            let after = if order.is_ge() { new.next() } else { None };
            let Some(text) = before.or(after.as_ref()).map(|e| &e.text) else { break };
            let place = self.list.binary_search_by(|e| e.text.cmp(text));
            match (before, after, place) {
                (Some(before), Some(after), Ok(place)) if self.list[place].is_of(slice) => {
                    if *before != after {
                        differs |= !before.same_to_proxy(&after);
                        self.list.set(place, after);
                    }
                }
                (Some(_), None, Ok(place)) if self.list[place].is_of(slice) => {
                    self.list.remove(place);
                    differs = true;
                }
                (None, Some(after), Err(place)) => {
                    self.list.insert(place, after);
                    differs = true;
                }
                _ => return false,
            }
        }
        self.differs = Some(self.differs.unwrap_or(false) || differs);
        true
    }
}
