//! Where each pod stands in a Service's slices, so that a look at a Service costs what has changed since the last one.
//!
//! What comes out is what the whole look of [`super::endpointslice`] would come to: untouched pods stay where they are there,
//! too. Whatever this cannot follow (a changed Service or node, a hand in the slices, hints, a Service that gets its first or
//! loses its last endpoint) is left to the whole look.

use super::endpointslice::{CAPACITY, Draft, NAME, Plan, PortId, SERVICE_NAME};
use super::endpointslice::{endpoint, families, identity, new_slice, port_ids, ports, same_endpoint};
use super::{Context, hints, membership};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::Service;
use crate::apiserver::store::{Cause, Store};
use crate::arrange::Arrange;
use imbl::OrdMap;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands where.
#[derive(Clone, Debug)]
pub(super) struct SliceCache {
    /// The Service as it was at the last look, and the store's revision then.
    service: Arc<Object>,
    seen: u64,
    /// Pods that the selector matched at the last whole look.
    looked: usize,
    /// The slice of each pod.
    members: OrdMap<SmolStr, SmolStr>,
    /// The ports and the number of endpoints of each slice.
    slices: OrdMap<SmolStr, (Vec<PortId>, usize)>,
}

/// What must be written because of what has changed.
pub(super) struct Changes<'a> {
    pub cache: SliceCache,
    pub plan: Plan,
    pub pods: Vec<&'a Arc<Object>>,
}

impl SliceCache {
    /// After a whole look: what stands where once its plan is carried out.
    pub fn of(service: &Arc<Object>, pods: usize, existing: &[Arc<Object>], plan: &Plan, store: &Store) -> SliceCache {
        let mut cache = SliceCache {
            service: service.clone(),
            seen: store.revision(),
            looked: pods,
            members: OrdMap::new(),
            slices: OrdMap::new(),
        };
        for slice in plan.unchanged(existing) {
            cache.note(slice.name(), port_ids(slice.value.items_at(&["ports"])), slice.value.items_at(&["endpoints"]));
        }
        for draft in plan.create.iter().chain(&plan.update) {
            let name = SmolStr::from(draft.value.str_at(&["metadata", "name"]));
            cache.note(&name, port_ids(draft.value.items_at(&["ports"])), &draft.endpoints);
        }
        cache
    }

    fn note(&mut self, slice: &SmolStr, ports: Vec<PortId>, endpoints: &[Value]) {
        for endpoint in endpoints {
            self.members.insert(pod_of(endpoint), slice.clone());
        }
        self.slices.insert(slice.clone(), (ports, endpoints.len()));
    }

    /// What has changed since the last look. `None`: look at everything.
    pub fn changes<'a>(
        mut self,
        service: &Arc<Object>,
        view: &Service,
        context: &mut Context<'a>,
    ) -> Option<Changes<'a>> {
        let store = context.store;
        if !membership::asks_the_same(&self.service, service) || hints::are_wanted(service, view) {
            return None;
        }
        self.service = service.clone();
        let names =
            membership::changed_pods(store, service.namespace(), self.seen, self.members.len().max(self.looked))?;
        let disturbed = store.events_since(self.seen).any(|e| match e.key.kind.as_str() {
            "Node" => hints::concerns(e),
            "EndpointSlice" => {
                let ours = |o: &Arc<Object>| o.label(SERVICE_NAME) == Some(service.name());
                !matches!(e.cause, Cause::Controller { name: NAME, .. })
                    && e.key.namespace == service.key.namespace
                    && [&e.old, &e.new].into_iter().flatten().any(ours)
            }
            _ => false,
        });
        if disturbed {
            return None;
        }
        let family = *families(view).first()?;
        let was_empty = self.members.is_empty();
        let mut touched: BTreeMap<SmolStr, Draft> = BTreeMap::new();
        let mut new: BTreeMap<Vec<PortId>, (Value, Vec<Value>)> = BTreeMap::new();
        let mut pods = Vec::new();
        // There is something to say then.
        let mut homeless = false;
        for name in names {
            let key = ObjectKey::new("Pod", service.namespace().clone(), name.clone());
            let object = store.get(&key).filter(|p| membership::selects(view, p));
            pods.extend(object);
            let wanted = object.and_then(|object| {
                let pod = object.view().pod().filter(|p| membership::is_eligible(p, true))?;
                let node = store.node(&pod.node_name);
                if node.is_none() && !view.publish_not_ready {
                    homeless = true;
                    return None;
                }
                Some((ports(view, pod), endpoint(object, pod, node, service, view, family)?))
            });
            if homeless {
                return None;
            }
            let mut placed = false;
            if let Some(slice) = self.members.get(&name).cloned() {
                let old = store.get(&ObjectKey::new("EndpointSlice", service.namespace().clone(), slice.clone()))?;
                let listed = touched.get(&slice).map_or_else(|| old.value.items_at(&["endpoints"]), |d| &d.endpoints);
                let at = listed.iter().position(|e| e.str_at(&["targetRef", "name"]) == name)?;
                let here = &self.slices.get(&slice)?.0;
                match &wanted {
                    Some(((ids, _), endpoint)) if ids == here && identity(endpoint) == identity(&listed[at]) => {
                        placed = true;
                        if !same_endpoint(endpoint, &listed[at]) {
                            touched.entry(slice).or_insert_with(|| Draft::of(old)).endpoints[at] = endpoint.clone();
                        }
                    }
                    _ => {
                        touched.entry(slice).or_insert_with(|| Draft::of(old)).endpoints.remove(at);
                        self.members.remove(&name);
                    }
                }
            }
            if let Some(((ids, ports), endpoint)) = wanted.filter(|_| !placed) {
                new.entry(ids).or_insert_with(|| (ports.value(), Vec::new())).1.push(endpoint);
            }
        }
        let mut plan = Plan::default();
        if self.members.is_empty() && touched.is_empty() && new.is_empty() {
            // No pod of the Service has come so far that it could stand anywhere.
            self.seen = store.revision();
            return Some(Changes { cache: self, plan, pods });
        }
        if was_empty {
            return None;
        }
        for (ids, (ports, list)) in new {
            self.place(service, view, family, &ids, &ports, list, &mut touched, &mut plan, context)?;
        }
        for (name, draft) in touched {
            if draft.endpoints.is_empty() {
                self.slices.remove(&name);
                plan.delete.extend(draft.old);
            } else {
                if let Some(slice) = self.slices.get_mut(&name) {
                    slice.1 = draft.endpoints.len();
                }
                plan.update.push(draft);
            }
        }
        // Slices that would be used again, and the placeholder of a Service without endpoints, are the whole look's.
        if self.members.is_empty() || (!plan.delete.is_empty() && !plan.create.is_empty()) {
            return None;
        }
        self.seen = store.revision();
        Some(Changes { cache: self, plan, pods })
    }

    /// Finds room for new endpoints: in slices that are written anyway, the fullest first; then in the one that they fill
    /// best; then in new ones.
    #[allow(clippy::too_many_arguments)]
    fn place(
        &mut self,
        service: &Arc<Object>,
        view: &Service,
        family: &'static str,
        ids: &Vec<PortId>,
        ports: &Value,
        list: Vec<Value>,
        touched: &mut BTreeMap<SmolStr, Draft>,
        plan: &mut Plan,
        context: &mut Context,
    ) -> Option<()> {
        let mut rest = std::collections::VecDeque::from(list);
        let mut open: Vec<(usize, SmolStr)> = touched
            .iter()
            .filter(|(name, d)| !d.endpoints.is_empty() && self.slices.get(*name).is_some_and(|s| s.0 == *ids))
            .map(|(name, d)| (d.endpoints.len(), name.clone()))
            .collect();
        open.arrange_by_key(|(count, _)| std::cmp::Reverse(*count));
        for (_, name) in open {
            let Some(draft) = touched.get_mut(&name) else { continue };
            while draft.endpoints.len() < CAPACITY {
                let Some(endpoint) = rest.pop_front() else { break };
                self.members.insert(pod_of(&endpoint), name.clone());
                draft.endpoints.push(endpoint);
            }
        }
        while !rest.is_empty() {
            let best = self
                .slices
                .iter()
                .filter(|(name, slice)| slice.0 == *ids && !touched.contains_key(*name))
                .filter(|(_, slice)| rest.len() < CAPACITY && slice.1 > 0 && slice.1 + rest.len() <= CAPACITY)
                .max_by_key(|(name, slice)| (slice.1, std::cmp::Reverse((*name).clone())))
                .map(|(name, _)| name.clone());
            let (name, mut draft) = match best {
                Some(name) => {
                    let key = ObjectKey::new("EndpointSlice", service.namespace().clone(), name.clone());
                    let draft = Draft::of(context.store.get(&key)?);
                    (name, draft)
                }
                None => {
                    let mut draft = new_slice(service, view, ports, family);
                    draft.name(service, context);
                    (draft.value.str_at(&["metadata", "name"]).into(), draft)
                }
            };
            while draft.endpoints.len() < CAPACITY {
                let Some(endpoint) = rest.pop_front() else { break };
                self.members.insert(pod_of(&endpoint), name.clone());
                draft.endpoints.push(endpoint);
            }
            if draft.old.is_some() {
                touched.insert(name, draft);
            } else {
                self.slices.insert(name, (ids.clone(), draft.endpoints.len()));
                plan.create.push(draft);
            }
        }
        Some(())
    }
}

/// The name of the pod behind an endpoint.
fn pod_of(endpoint: &Value) -> SmolStr {
    endpoint.at(&["targetRef", "name"]).and_then(Value::as_smol).unwrap_or_default()
}
