//! kube-proxy: from Services and EndpointSlices to the packet filter rules of each node.
//!
//! Upstream: `pkg/proxy` of Kubernetes v1.36 with its back ends iptables, ipvs and nftables. Kept up to date by the store's
//! events: a change costs what it touches. Left out: the winkernel back end, detection of local traffic by interface,
//! metrics, and the health check servers themselves (what they would answer is given).

mod endpoints;
mod health;
mod input;
mod iptables;
mod ipvs;
mod listing;
mod names;
mod nftables;
mod plan;
mod restore;
mod service_port;
mod settings;
mod stale;
mod topology;
mod tracker;

use crate::arrange::set_of;
pub use endpoints::Endpoint;
pub use health::HealthChecks;
pub use input::{ChunkInput, PortState};
pub use listing::Listing;
pub use restore::RestoreInput;
pub use service_port::ServicePort;
pub use settings::{DetectLocal, Family, Mode, NodeFacts, NodePortAddress, Place, Settings};
pub use stale::StaleUdp;
pub use topology::{Selection, Topology, select, topology_of};
pub use tracker::{Changes, ServiceName, Tracker};

use crate::apiserver::store::Store;
use crate::network::netfilter::{Chunk, Frame, Key, PortName, Program, Rules};
use imbl::OrdMap;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A back end: how it makes the rules of a node.
pub struct ModeRow {
    pub mode: Mode,
    pub name: &'static str,
    frame: fn(&Place) -> Frame,
    keys: fn(&ChunkInput) -> Vec<Key>,
    rules: fn(&ChunkInput) -> Rules,
}

/// The back ends.
pub const MODES: &[ModeRow] = &[
    ModeRow {
        mode: Mode::Iptables,
        name: "iptables",
        frame: iptables::frame,
        keys: iptables::keys,
        rules: iptables::rules,
    },
    ModeRow { mode: Mode::Ipvs, name: "ipvs", frame: ipvs::frame, keys: ipvs::keys, rules: ipvs::rules },
    ModeRow {
        mode: Mode::Nftables,
        name: "nftables",
        frame: nftables::frame,
        keys: nftables::keys,
        rules: nftables::rules,
    },
];

impl Mode {
    pub fn row(self) -> &'static ModeRow {
        MODES.iter().find(|row| row.mode == self).unwrap_or(&MODES[0])
    }

    /// As `--proxy-mode` names it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn read(name: &str) -> Option<Mode> {
        MODES.iter().find(|row| row.name == name).map(|row| row.mode)
    }
}

/// Many endpoints mean large tables; above this, comments of endpoints are left out.
const LARGE_CLUSTER_ENDPOINTS: usize = 1000;

/// The kube-proxies of all nodes. They share what they track and the rules that come out the same. Cheap to clone, so that a
/// snapshot of the cluster can keep its own.
#[derive(Clone, Debug)]
pub struct KubeProxies {
    settings: Settings,
    trackers: Vec<Tracker>,
    nodes: OrdMap<SmolStr, NodeProxy>,
    /// The store's revision that all of it is made from.
    revision: Option<u64>,
}

/// The kube-proxy of one node.
#[derive(Clone, Debug)]
pub struct NodeProxy {
    pub facts: NodeFacts,
    tables: Vec<FamilyTables>,
}

/// The rules of one family on a node.
#[derive(Clone, Debug)]
pub struct FamilyTables {
    pub place: Arc<Place>,
    pub program: Program,
    pub last: LastSync,
}

/// What the last sync of a node did.
#[derive(Clone, Debug)]
pub struct LastSync {
    /// All rules were written, not only those of changed Services.
    pub full: bool,
    pub services: BTreeSet<ServiceName>,
    /// The rules before it; `None` before the first.
    pub previous: Option<Program>,
    /// The cluster is so large that comments of endpoints are left out.
    pub large: bool,
}

impl NodeProxy {
    /// The rules of a family. IPv6 only when the node has an IPv6 address.
    pub fn tables(&self, family: Family) -> Option<&FamilyTables> {
        self.tables.iter().find(|t| t.place.family == family)
    }

    pub fn program(&self, family: Family) -> Option<&Program> {
        self.tables(family).map(|t| &t.program)
    }
}

impl KubeProxies {
    pub fn new(settings: Settings) -> KubeProxies {
        KubeProxies { settings, trackers: Vec::new(), nodes: OrdMap::new(), revision: None }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn node(&self, name: &str) -> Option<&NodeProxy> {
        self.nodes.get(name)
    }

    pub fn nodes(&self) -> impl Iterator<Item = &NodeProxy> {
        self.nodes.values()
    }

    pub fn tracker(&self, family: Family) -> Option<&Tracker> {
        self.trackers.iter().find(|t| t.family() == family)
    }

    /// Brings all nodes' rules up to the store: by its events since the last time, or from scratch when it does not reach
    /// back that far. The store must be the one of last time or one that grew out of it; a store that went another way since
    /// wants the clone that was taken with it.
    ///
    /// Gives back which UDP flows every node's conntrack must now forget.
    pub fn sync(&mut self, store: &Store) -> StaleUdp {
        let touched = self.revision.and_then(|revision| tracker::touched(store, revision));
        let mut stale = StaleUdp::default();
        if touched.is_some() && self.revision == Some(store.revision()) {
            return stale;
        }
        let nodes_touched = self.revision.is_none_or(|revision| {
            touched.is_none() || store.events_since(revision).any(|event| event.key.kind == "Node")
        });
        let mut rebuilt: BTreeSet<SmolStr> = BTreeSet::new();
        if nodes_touched {
            rebuilt = self.renew_nodes(store);
        }
        let mut all_changes: BTreeMap<Family, Changes> = BTreeMap::new();
        for family in [Family::V4, Family::V6] {
            if !self.nodes.values().any(|n| n.tables(family).is_some()) {
                continue;
            }
            let known = self.trackers.iter().position(|t| t.family() == family);
            let place = known.unwrap_or_else(|| {
                self.trackers.push(Tracker::new(family, self.settings.unfiltered));
                self.trackers.len() - 1
            });
            let changes = match (&touched, known) {
                (Some(names), Some(_)) => self.trackers[place].update(store, names),
                _ => self.trackers[place].update_all(store),
            };
            let tracker = &self.trackers[place];
            changes.ports.iter().filter_map(|port| tracker.get(port)).for_each(|state| stale.add(state));
            all_changes.insert(family, changes);
        }
        self.write(&rebuilt, &all_changes);
        self.revision = Some(store.revision());
        stale
    }

    /// Takes over the nodes of the store; gives back those whose rules must be made from scratch.
    fn renew_nodes(&mut self, store: &Store) -> BTreeSet<SmolStr> {
        let mut rebuilt = BTreeSet::new();
        let mut gone: BTreeSet<SmolStr> = set_of(self.nodes.keys().cloned());
        for object in store.list("Node") {
            let Some(node) = object.view().node() else { continue };
            gone.remove(object.name());
            let facts = NodeFacts::read(object.name(), node);
            if self.nodes.get(object.name()).is_some_and(|n| n.facts == facts) {
                continue;
            }
            rebuilt.insert(facts.name.clone());
            let old = self.nodes.get(&facts.name);
            let tables = [Family::V4, Family::V6]
                .into_iter()
                .filter(|family| facts.ip(*family).is_some())
                .map(|family| {
                    let place = Arc::new(Place { family, settings: self.settings.clone(), node: facts.clone() });
                    let previous = old.and_then(|n| n.program(family)).cloned();
                    let program = Program::new(Arc::new((self.settings.mode.row().frame)(&place)));
                    let last = LastSync { full: true, services: BTreeSet::new(), previous, large: false };
                    FamilyTables { place, program, last }
                })
                .collect();
            self.nodes.insert(facts.name.clone(), NodeProxy { facts, tables });
        }
        for name in gone {
            self.nodes.remove(&name);
        }
        rebuilt
    }

    /// Makes the chunks of changed service ports, and all chunks of rebuilt nodes.
    fn write(&mut self, rebuilt: &BTreeSet<SmolStr>, changes: &BTreeMap<Family, Changes>) {
        let row = self.settings.mode.row();
        let mut nodes: Vec<(SmolStr, NodeProxy)> = std::mem::take(&mut self.nodes).into_iter().collect();
        for (family, changes) in changes {
            let Some(tracker) = self.trackers.iter().find(|t| t.family() == *family) else { continue };
            let large = tracker.total_endpoints() > LARGE_CLUSTER_ENDPOINTS;
            let (mut from_scratch, mut others) = (Vec::new(), Vec::new());
            for (name, node) in &mut nodes {
                let Some(tables) = node.tables.iter_mut().find(|t| t.place.family == *family) else { continue };
                tables.last.large = large;
                if rebuilt.contains(name) {
                    from_scratch.push(tables);
                } else {
                    let previous = Some(tables.program.clone());
                    tables.last = LastSync { full: false, services: changes.services.clone(), previous, large };
                    others.push(tables);
                }
            }
            if !from_scratch.is_empty() {
                for (name, state) in tracker.ports() {
                    write_port(row, name, Some(state), &mut from_scratch);
                }
            }
            for name in &changes.ports {
                write_port(row, name, tracker.get(name), &mut others);
            }
        }
        self.nodes = nodes.into_iter().collect();
    }
}

/// Writes the chunk of a service port on some nodes, or removes it when there is no such port any more. Nodes for which it
/// comes out the same share it.
fn write_port(row: &'static ModeRow, name: &PortName, state: Option<&Arc<PortState>>, nodes: &mut [&mut FamilyTables]) {
    let mut made: Vec<(Arc<ChunkInput>, Arc<Chunk>)> = Vec::new();
    // Chosen once for all nodes where none of them would choose otherwise.
    let selection = match (state, nodes.first()) {
        (Some(state), Some(tables)) if topology::is_same_everywhere(&state.port, &state.endpoints) => {
            Some(Arc::new(topology::select(&state.port, &state.endpoints, &tables.place.node)))
        }
        _ => None,
    };
    for tables in nodes {
        let Some(state) = state else {
            tables.program.remove(name);
            continue;
        };
        let input = ChunkInput::new(state.clone(), &tables.place, selection.as_ref());
        let chunk = match made.iter().find(|(other, _)| other.same(&input)) {
            Some((_, chunk)) => chunk.clone(),
            None => {
                let input = Arc::new(input);
                let keys = (row.keys)(&input);
                let chunk = {
                    let input = input.clone();
                    Arc::new(Chunk::new(name.clone(), keys, move || (row.rules)(&input)))
                };
                made.push((input, chunk.clone()));
                chunk
            }
        };
        tables.program.put(chunk);
    }
}
