//! The endpoints of a Service as its EndpointSlices list them: looked up once for all drawings until a slice changes.

use crate::api::object::ObjectKey;
use crate::api::view::EndpointSlice;
use crate::apiserver::store::Store;
use crate::map::floor::PodState;
use crate::map::geometry::text_width;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// An address behind a Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    pub address: SmolStr,
    /// What it belongs to, if its slice says so.
    pub pod: Option<ObjectKey>,
    pub state: PodState,
}

/// All of a Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Endpoints {
    pub slices: Vec<ObjectKey>,
    /// The slices' ports, with their names if they have any.
    pub ports: Vec<String>,
    /// By address.
    pub all: Vec<Endpoint>,
    /// Where in `all` a pod stands.
    by_pod: BTreeMap<ObjectKey, usize>,
    /// How many of them are ready.
    pub ready: usize,
    /// The width of the widest address, as it is drawn.
    pub widest: f64,
}

/// The EndpointSlices of a Service.
pub fn slices_of<'a>(
    store: &'a Store,
    service: &'a ObjectKey,
) -> impl Iterator<Item = (&'a ObjectKey, &'a EndpointSlice)> {
    store
        .list_in("EndpointSlice", &service.namespace)
        .filter_map(|o| o.view().endpoint_slice().map(|s| (&o.key, s)))
        .filter(move |(_, s)| s.service == service.name)
}

impl Endpoints {
    pub fn of(store: &Store, service: &ObjectKey) -> Endpoints {
        let mut found: BTreeMap<SmolStr, (Option<ObjectKey>, PodState)> = BTreeMap::new();
        let mut endpoints = Endpoints::default();
        for (key, slice) in slices_of(store, service) {
            endpoints.slices.push(key.clone());
            for port in &slice.ports {
                let Some(number) = port.port else { continue };
                let label = if port.name.is_empty() { number.to_string() } else { format!("{} {number}", port.name) };
                if !endpoints.ports.contains(&label) {
                    endpoints.ports.push(label);
                }
            }
            for endpoint in &slice.endpoints {
                let state = match (endpoint.ready, endpoint.terminating) {
                    (true, _) => PodState::Ready,
                    (false, true) => PodState::Terminating,
                    (false, false) => PodState::NotReady,
                };
                for address in &endpoint.addresses {
                    found.entry(address.clone()).or_insert((endpoint.target.clone(), state));
                }
            }
        }
        for (address, (pod, state)) in found {
            endpoints.ready += usize::from(state == PodState::Ready);
            endpoints.widest = endpoints.widest.max(text_width(&address, 12.0, true));
            if let Some(pod) = &pod {
                endpoints.by_pod.insert(pod.clone(), endpoints.all.len());
            }
            endpoints.all.push(Endpoint { address, pod, state });
        }
        endpoints
    }

    /// The endpoint that is this pod.
    pub fn of_pod(&self, pod: &ObjectKey) -> Option<&Endpoint> {
        self.all.get(*self.by_pod.get(pod)?)
    }
}
