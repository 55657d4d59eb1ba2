//! The container runtime of all nodes: sandboxes with their addresses, running containers with their environment, files and
//! listening sockets, and what the programs in them answer.
//!
//! Upstream: containerd behind the kubelet's CRI, the CNI's address allocation, and the images themselves. The kubelet
//! (`controller::kubelet`) decides what runs; this module keeps what is running and plays the programs. Left out: real
//! processes, storage that outlives a pod, CPU and memory use.
//!
//! A program can be told to misbehave, by the annotation `giljabi.dev/behavior` of its pod (or
//! `giljabi.dev/behavior.<container>`), or by the variable `GILJABI_BEHAVIOR` of its container: see [`behavior`].

pub mod behavior;
pub mod command;
pub mod downward;
pub mod env;
pub mod files;
pub mod image;
pub mod nginx;
pub mod probe;
pub mod sandbox;
pub mod script;
pub mod serve;
pub mod token;
pub mod volumes;

pub use behavior::Behavior;
pub use sandbox::{ContainerState, PodSandbox, Program, RunningContainer};
pub use serve::{AppReply, AppRequest, Bind, Ending, Listener};

use crate::api::object::{Object, ObjectKey};
use crate::api::time::Time;
use crate::api::value::Value;
use crate::api::view::Pod;
use crate::apiserver::store::Store;
use crate::later::{Later, Twin};
use imbl::{OrdMap, OrdSet};
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

/// Variables that containers share.
type Variables = Arc<Vec<(SmolStr, SmolStr)>>;

/// Everything that runs. Cheap to clone: its maps share structure.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// `None` while the kubelet works on it.
    pods: OrdMap<ObjectKey, Option<Arc<PodSandbox>>>,
    /// Which pod has an address (host-network pods have none of their own).
    addresses: OrdMap<IpAddr, ObjectKey>,
    /// Where the search for a free address of a pod network goes on.
    next_address: OrdMap<SmolStr, u128>,
    /// Nodes without power, and since when.
    down: OrdMap<SmolStr, Time>,
    /// Images by node that have been pulled.
    images: Later<Arc<OrdSet<(SmolStr, SmolStr)>>>,
    /// The Services' variables by namespace and `enableServiceLinks`, with the revision of the Services that they are of.
    service_variables: Later<Arc<OrdMap<(SmolStr, bool), (u64, Variables)>>>,
    /// Requests that pods have served so far whose programs count them.
    served: OrdMap<ObjectKey, u64>,
    /// Containers of pods that came of late, before they ran: pods of one template share theirs, so they are alike.
    alike: Later<Arc<Vec<Alike>>>,
}

/// A container that has not run yet, with all that decides what it is like.
#[derive(Clone, Debug)]
struct Alike {
    spec: Value,
    annotations: Option<Value>,
    container: RunningContainer,
}

impl Runtime {
    /// Whether the same pods run on the same nodes in both, whatever they have served so far.
    pub fn is_same(&self, other: &Runtime) -> bool {
        self.pods.ptr_eq(&other.pods) && self.addresses.ptr_eq(&other.addresses) && self.down.ptr_eq(&other.down)
    }

    /// Leaves what only kubelets read to the runtime's twin, as `store` has done already.
    pub fn leave<W: Twin<Runtime>>(&mut self, store: &Store) {
        let keys: Vec<ObjectKey> = self.iter().map(|(key, _)| key.clone()).collect();
        let mut containers = 0;
        for (place, key) in keys.iter().enumerate() {
            let Some(sandbox) = self.get_mut(key) else { continue };
            let stored = store.get(key).filter(|pod| pod.revision == sandbox.pod.revision).cloned();
            let pod = &sandbox.pod;
            sandbox.pod = stored.unwrap_or_else(|| pod.without_value(|place| &W::get().at(place).pod.value, place));
            sandbox.volumes = Later::away(|place| &W::get().at(place).volumes, place);
            for container in sandbox.all_mut() {
                container.env.services = Later::away(|of| &W::get().container_at(of).env.services, containers);
                containers += 1;
            }
        }
        self.images = Later::away(|_| &W::get().images, 0);
        self.service_variables = Later::away(|_| &W::get().service_variables, 0);
        self.alike = Later::away(|_| &W::get().alike, 0);
    }

    /// The sandbox at a place in the order of [`Runtime::iter`].
    fn at(&self, place: usize) -> &PodSandbox {
        self.iter().nth(place).expect("twins have the same sandboxes").1
    }

    /// The container at a place in the order of the sandboxes.
    fn container_at(&self, place: usize) -> &RunningContainer {
        self.iter().flat_map(|(_, sandbox)| sandbox.all()).nth(place).expect("twins have the same containers")
    }

    pub fn get(&self, pod: &ObjectKey) -> Option<&Arc<PodSandbox>> {
        self.pods.get(pod)?.as_ref()
    }

    /// Every sandbox, ordered by namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<PodSandbox>)> {
        self.pods.iter().filter_map(|(key, sandbox)| Some((key, sandbox.as_ref()?)))
    }

    /// Puts a sandbox in place of the pod's old one.
    pub fn put(&mut self, pod: ObjectKey, sandbox: PodSandbox) {
        if !sandbox.host_network {
            for ip in &sandbox.ips {
                self.addresses.insert(*ip, pod.clone());
            }
        }
        let sandbox = Some(Arc::new(sandbox));
        match self.pods.get_mut(&pod) {
            Some(place) => *place = sandbox,
            None => drop(self.pods.insert(pod, sandbox)),
        }
    }

    /// An empty sandbox of a pod that has been bound to a node.
    pub fn sandbox(&mut self, pod: &Arc<Object>, view: &Pod, cluster_domain: &str) -> PodSandbox {
        const KNOWN: usize = 4;
        let annotations = pod.value.at(&["metadata", "annotations"]);
        PodSandbox::with(pod, view, cluster_domain, |container| {
            let is_it =
                |known: &&Alike| known.spec.is_same(&container.value) && known.annotations.as_ref() == annotations;
            if let Some(known) = self.alike.iter().find(is_it) {
                return known.container.clone();
            }
            let new = RunningContainer::new(pod, container);
            let (spec, annotations) = (container.value.clone(), annotations.cloned());
            let alike = self.alike.make_mut();
            alike.truncate(KNOWN - 1);
            alike.insert(0, Alike { spec, annotations, container: new.clone() });
            new
        })
    }

    /// Takes a sandbox out to be worked on and [`Runtime::put`] back; it keeps its addresses. Copied when a snapshot has it, too.
    pub fn borrow_out(&mut self, pod: &ObjectKey) -> Option<PodSandbox> {
        self.pods.get_mut(pod)?.take().map(Arc::unwrap_or_clone)
    }

    /// A sandbox to change; copied first when it is shared with a snapshot.
    pub fn get_mut(&mut self, pod: &ObjectKey) -> Option<&mut PodSandbox> {
        self.pods.get_mut(pod)?.as_mut().map(Arc::make_mut)
    }

    /// Tears a sandbox down and frees its addresses.
    pub fn remove(&mut self, pod: &ObjectKey) -> Option<Arc<PodSandbox>> {
        let sandbox = self.pods.remove(pod)??;
        for ip in &sandbox.ips {
            if self.addresses.get(ip) == Some(pod) {
                self.addresses.remove(ip);
            }
        }
        self.served.remove(pod);
        Some(sandbox)
    }

    /// Everything in a pod stops, and its addresses are free again; the kubelet will start it anew.
    pub fn reboot(&mut self, pod: &ObjectKey, now: Time) {
        let Some(mut sandbox) = self.remove(pod).map(Arc::unwrap_or_clone) else { return };
        sandbox.reboot(now);
        self.put(pod.clone(), sandbox);
    }

    /// The pod that has this address for its own.
    pub fn pod_at(&self, ip: IpAddr) -> Option<&ObjectKey> {
        self.addresses.get(&ip)
    }

    /// Takes the next free address of a pod network (`host-local` IPAM: it goes on after the last one, and round). `None`:
    /// the network is full or not a network.
    pub fn allocate(&mut self, cidr: &str, pod: &ObjectKey) -> Option<IpAddr> {
        let network: ipnet::IpNet = cidr.parse().ok()?;
        let (first, size) = match network {
            ipnet::IpNet::V4(n) => (u128::from(u32::from(n.network())), 1_u128 << (32 - n.prefix_len())),
            ipnet::IpNet::V6(n) => (u128::from(n.network()), 1_u128.checked_shl(u32::from(128 - n.prefix_len()))?),
        };
        // The network, its gateway (.1) and the last one are never given away.
        let usable = size.checked_sub(3)?.min(1 << 20);
        let at = self.next_address.get(cidr).copied().unwrap_or(0);
        for step in 0..usable {
            let offset = (at + step) % usable;
            let number = first + 2 + offset;
            let ip = match network {
                ipnet::IpNet::V4(_) => IpAddr::V4(u32::try_from(number).ok()?.into()),
                ipnet::IpNet::V6(_) => IpAddr::V6(number.into()),
            };
            if !self.addresses.contains_key(&ip) {
                self.addresses.insert(ip, pod.clone());
                self.next_address.insert(cidr.into(), offset + 1);
                return Some(ip);
            }
        }
        None
    }

    /// Whether the node has power and its kubelet works.
    pub fn is_up(&self, node: &str) -> bool {
        !self.down.contains_key(node)
    }

    /// Pulls a node's plug, or puts it back.
    pub fn set_power(&mut self, node: &str, up: bool, now: Time) {
        if up {
            self.down.remove(node);
        } else if self.is_up(node) {
            self.down.insert(node.into(), now);
        }
    }

    /// Since when a node has been without power.
    pub fn down_since(&self, node: &str) -> Option<Time> {
        self.down.get(node).copied()
    }

    /// Whether the image must still be pulled; remembers that it then is there.
    pub fn pull(&mut self, node: &str, image: &str) -> bool {
        self.images.make_mut().insert((node.into(), image.into())).is_none()
    }

    /// The Services' variables for pods of a namespace, made once between two changes of Services (`revision` tells those
    /// apart).
    pub(crate) fn service_variables(
        &mut self,
        store: &Store,
        namespace: &SmolStr,
        links: bool,
        revision: u64,
    ) -> Variables {
        let key = (namespace.clone(), links);
        if let Some((at, pairs)) = self.service_variables.get(&key)
            && *at == revision
        {
            return pairs.clone();
        }
        let pairs = Arc::new(env::service_variables(store, namespace, links));
        self.service_variables.make_mut().insert(key, (revision, pairs.clone()));
        pairs
    }

    /// Counts a request that `pod` serves; gives the number of earlier ones.
    pub(crate) fn count_request(&mut self, pod: &ObjectKey) -> u64 {
        let served = self.served.get(pod).copied().unwrap_or(0);
        self.served.insert(pod.clone(), served + 1);
        served
    }

    /// Takes a pod over as it is, from a status that came from elsewhere (a pasted cluster): its containers run, or not, as
    /// the status says, with the addresses that it names.
    pub fn adopt(&mut self, pod: &Arc<Object>, cluster_domain: &str, now: Time) {
        let Some(view) = pod.view().pod() else { return };
        if view.ips.is_empty() {
            return;
        }
        self.put(pod.key.clone(), PodSandbox::adopted(pod, view, cluster_domain, now));
    }
}
