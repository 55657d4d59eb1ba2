//! Manifests → a cluster with them in it, and a word on what was set aside.

use super::custom::Custom;
use super::read::{Read, stood};
use super::{Finding, Severity, snapshot, supply};
use crate::api::object::ObjectKey;
use crate::api::parse::Manifest;
use crate::api::schema::{Support, schema};
use crate::api::value::Value;
use crate::apiserver::resource;
use crate::apiserver::store::{Cause, Store};
use crate::arrange::set_of;
use crate::cluster::addons::Addon;
use crate::cluster::bootstrap;
use crate::cluster::{Cluster, LoadBalancerProvider, NodeSettings, Settings};
use crate::locale::Message;
use crate::text::LineIndex;
use crate::value;
use crate::workspace::{Applying, Prepared, Workspace, key_of};
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};

/// A cluster that was read.
#[derive(Clone, Debug)]
pub struct Stand {
    pub workspace: Workspace,
    /// Whether it stands as it stood; otherwise it was made from manifests.
    pub snapshot: bool,
    pub objects: usize,
    /// What there is to say of the reading.
    pub notes: Vec<Finding>,
    /// The custom resources among the files, whether the cluster holds them or not.
    pub(super) custom: Vec<Custom>,
}

/// A cluster that is being stood up, in pieces.
pub(super) struct Standing {
    files: Vec<Prepared>,
    notes: Vec<Finding>,
    snapshot: bool,
    custom: Vec<Custom>,
    part: Part,
}

/// What comes next.
enum Part {
    Name,
    Sift,
    Compare,
    SetAside,
    /// Building a cluster for what was read.
    Build,
    /// Taking objects over, some at a time, as they stood.
    Adopt(Box<Cluster>, std::vec::IntoIter<(SmolStr, Value)>),
    Adopted(Box<Cluster>),
    /// Applying the files, or looking at them.
    Apply(Box<Workspace>, Applying),
    /// Giving pods what they miss.
    Supply(Box<Workspace>),
    Done(Box<Workspace>),
    /// In between.
    Empty,
}

/// So many objects are taken over at a time.
pub(super) const OBJECTS: usize = 100;

impl Standing {
    pub fn new(read: Read) -> Standing {
        let Read { files, notes } = read;
        Standing { files, notes, snapshot: false, custom: Vec::new(), part: Part::Name }
    }

    /// Does the next piece. The cluster, once it stands.
    pub fn step(&mut self) -> Option<Stand> {
        self.part = match std::mem::replace(&mut self.part, Part::Empty) {
            Part::Name => self.name(),
            Part::Sift => self.sift(),
            Part::Compare => {
                self.notes.extend(described_twice(&self.files));
                Part::SetAside
            }
            Part::SetAside => self.set_aside(),
            Part::Build if self.snapshot => {
                let mut objects = as_it_stood(&self.files);
                Part::Adopt(Box::new(snapshot::fitting(&mut objects)), objects.into_iter())
            }
            Part::Build => {
                let cluster = prepared(&self.files, &mut self.notes);
                let (workspace, work) = Workspace::begin_over(cluster, std::mem::take(&mut self.files), true);
                Part::Apply(Box::new(workspace), work)
            }
            Part::Adopt(mut cluster, mut objects) => {
                cluster.adopt(objects.by_ref().take(OBJECTS));
                if objects.len() == 0 { Part::Adopted(cluster) } else { Part::Adopt(cluster, objects) }
            }
            Part::Adopted(mut cluster) => {
                cluster.adopted();
                let (workspace, work) = Workspace::begin_over(*cluster, std::mem::take(&mut self.files), false);
                Part::Apply(Box::new(workspace), work)
            }
            Part::Apply(mut workspace, mut work) => match workspace.go_on(&mut work) {
                false => Part::Apply(workspace, work),
                true if self.snapshot => Part::Done(workspace),
                true => Part::Supply(workspace),
            },
            Part::Supply(mut workspace) => {
                supply::configuration(workspace.cluster_mut(), &mut self.notes);
                Part::Done(workspace)
            }
            Part::Done(workspace) => {
                let objects = workspace.files().map(|f| workspace.manifests(&f.name).len()).sum();
                let (notes, custom) = (std::mem::take(&mut self.notes), std::mem::take(&mut self.custom));
                return Some(Stand { workspace: *workspace, snapshot: self.snapshot, objects, notes, custom });
            }
            Part::Empty => Part::Empty,
        };
        None
    }

    /// Leaves out what no object can be called.
    fn name(&mut self) -> Part {
        for file in &mut self.files {
            let lines = std::cell::OnceCell::new();
            let Prepared { file, manifests, .. } = file;
            manifests.retain(|m| {
                let fine = can_be_named(m);
                if !fine {
                    let message = Message::new("doctor-strange-name").with("kind", m.value.str_at(&["kind"]));
                    let mut finding = Finding::new(Severity::Error, "strange_name", ObjectKey::default(), message);
                    let lines = lines.get_or_init(|| LineIndex::new(&file.text));
                    finding.place = Some((file.name.clone(), lines.line_of(m.span.start as usize) as u32 + 1, 1));
                    self.notes.push(finding);
                }
                fine
            });
        }
        Part::Sift
    }

    fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.files.iter().flat_map(|f| &f.manifests)
    }

    /// Tells what stood from what is to be made, and notes what is only kept.
    fn sift(&mut self) -> Part {
        let snapshot = self.manifests().any(|m| stood(&m.value));
        self.snapshot = snapshot;
        let custom: BTreeSet<(SmolStr, SmolStr)> = set_of(self.manifests().filter_map(|m| defines(&m.value)));
        let built_in = |m: &&Manifest| is_served(&m.value, &BTreeSet::new());
        let mut customs = Vec::new();
        let mut kept: BTreeMap<SmolStr, usize> = BTreeMap::new();
        for m in self.manifests().filter(|m| !built_in(m)) {
            customs.push(Custom::of(&m.value));
            if is_served(&m.value, &custom) {
                *kept.entry(m.value.str_at(&["kind"]).into()).or_default() += 1;
            }
        }
        for (kind, count) in kept {
            let message = Message::new("doctor-custom").with("kind", &kind).with("count", count);
            self.notes.push(Finding::new(Severity::Info, "not_simulated", ObjectKey::default(), message));
        }
        self.custom = customs;
        Part::Compare
    }

    /// Leaves out what this cluster cannot hold.
    fn set_aside(&mut self) -> Part {
        let custom: BTreeSet<(SmolStr, SmolStr)> = set_of(self.manifests().filter_map(|m| defines(&m.value)));
        let mut aside: BTreeMap<(SmolStr, SmolStr), usize> = BTreeMap::new();
        for file in &mut self.files {
            file.manifests.retain(|m| {
                let keep = is_served(&m.value, &custom);
                if !keep {
                    let what =
                        (SmolStr::from(m.value.str_at(&["kind"])), SmolStr::from(m.value.str_at(&["apiVersion"])));
                    *aside.entry(what).or_default() += 1;
                }
                keep
            });
        }
        for ((kind, version), count) in aside {
            let message =
                Message::new("doctor-aside").with("kind", &kind).with("version", &version).with("count", count);
            self.notes.push(Finding::new(Severity::Info, "set_aside", ObjectKey::default(), message));
        }
        Part::Build
    }

    /// How far it is, in hundredths.
    pub fn percent(&self) -> usize {
        match &self.part {
            Part::Name | Part::Sift | Part::Compare => 0,
            Part::SetAside | Part::Build => 20,
            Part::Adopt(cluster, left) => 20 + 50 * cluster.store().len() / (cluster.store().len() + left.len()).max(1),
            Part::Adopted(_) => 70,
            Part::Apply(..) => 85,
            Part::Supply(_) | Part::Done(_) | Part::Empty => 100,
        }
    }
}

/// Objects that the files describe more than once, and not alike.
fn described_twice(files: &[Prepared]) -> Vec<Finding> {
    let mut seen: BTreeMap<ObjectKey, Vec<&Value>> = BTreeMap::new();
    for manifest in
        files.iter().flat_map(|f| &f.manifests).filter(|m| !m.value.str_at(&["metadata", "name"]).is_empty())
    {
        seen.entry(key_of(manifest)).or_default().push(&manifest.value);
    }
    let differ = seen.into_iter().filter(|(_, all)| all.iter().any(|value| *value != all[0]));
    differ
        .map(|(key, all)| {
            let message = Message::new("doctor-described-twice").with("count", all.len());
            Finding::new(Severity::Info, "described_twice", key, message)
        })
        .collect()
}

/// Whether an object's name can be one: in a path of the API server, on one line, without tricks. An API server that is asked
/// to make something else says so itself, so this is for objects that are taken over as they are.
fn can_be_named(manifest: &Manifest) -> bool {
    let fine = |text: &str| {
        text.len() <= 253
            && text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '<' | '>' | '"' | '\'' | '\\'))
    };
    let value = &manifest.value;
    ["name", "namespace"].iter().all(|field| fine(value.str_at(&["metadata", field])))
        && ["kind", "apiVersion"].iter().all(|field| fine(&value.str_at(&[field]).replace('/', "")))
}

/// The group and kind that a CustomResourceDefinition brings.
fn defines(value: &Value) -> Option<(SmolStr, SmolStr)> {
    (value.str_at(&["kind"]) == "CustomResourceDefinition")
        .then(|| (value.str_at(&["spec", "group"]).into(), value.str_at(&["spec", "names", "kind"]).into()))
}

/// Whether this cluster can hold the object, or must refuse it in words (a version that is gone).
fn is_served(value: &Value, custom: &BTreeSet<(SmolStr, SmolStr)>) -> bool {
    let (kind, version) = (value.str_at(&["kind"]), value.str_at(&["apiVersion"]));
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let kinds = schema().kinds();
    let of = |version: &'static str| version.split_once('/').map_or("", |(group, _)| group);
    let of_kubernetes = !group.contains('.') || kinds.iter().any(|k| of(k.group_version) == group);
    let known = kinds.iter().any(|k| k.kind == kind);
    (known && of_kubernetes) || custom.contains(&(group.into(), kind.into()))
}

/// The objects as they stood, and what follows from them.
fn as_it_stood(files: &[Prepared]) -> Vec<(SmolStr, Value)> {
    let store = Store::default();
    let mut objects: Vec<(SmolStr, Value)> = Vec::new();
    let mut custom: Vec<&Manifest> = Vec::new();
    for manifest in files.iter().flat_map(|f| &f.manifests) {
        let (version, kind) = (manifest.value.str_at(&["apiVersion"]), manifest.value.str_at(&["kind"]));
        let add_on = schema().kind(version, kind).filter(|k| k.support == Support::AddOn);
        match resource::find(&store, version, kind) {
            Some(resource) => objects.push((resource.stored.clone(), placed(&manifest.value, resource.namespaced))),
            None if add_on.is_some() => {
                objects.push((kind.into(), placed(&manifest.value, add_on.is_some_and(|k| k.namespaced))))
            }
            None => custom.push(manifest),
        }
    }
    let described: BTreeSet<(SmolStr, SmolStr)> = set_of(custom.iter().filter_map(|m| defines(&m.value)));
    for manifest in
        custom.into_iter().filter(|m| !described.contains(&(SmolStr::default(), m.value.str_at(&["kind"]).into())))
    {
        let kind = manifest.value.str_at(&["kind"]);
        let group = manifest.value.str_at(&["apiVersion"]).split('/').next().unwrap_or("");
        let built_in = schema().kinds().iter().any(|k| k.kind == kind && k.support != Support::AddOn);
        let stored = if built_in { format_smolstr!("{kind}.{group}") } else { kind.into() };
        objects.push((stored, manifest.value.clone()));
    }
    objects.extend(slices_of_endpoints(&objects));
    objects.extend(namespaces_of(&objects));
    objects
}

/// The object with the namespace that it lies in.
fn placed(value: &Value, namespaced: bool) -> Value {
    let mut value = value.clone();
    if !namespaced {
        value.remove_at(&["metadata", "namespace"]);
    } else if value.str_at(&["metadata", "namespace"]).is_empty() {
        value.set_at(&["metadata", "namespace"], "default");
    }
    value
}

/// The namespaces that objects lie in and that did not come along.
fn namespaces_of(objects: &[(SmolStr, Value)]) -> Vec<(SmolStr, Value)> {
    let name = |v: &Value| SmolStr::from(v.str_at(&["metadata", "name"]));
    let given: BTreeSet<SmolStr> = set_of(objects.iter().filter(|(k, _)| k == "Namespace").map(|(_, v)| name(v)));
    let used: BTreeSet<SmolStr> =
        set_of(objects.iter().map(|(_, v)| SmolStr::from(v.str_at(&["metadata", "namespace"]))));
    let missing = used.into_iter().filter(|n| !n.is_empty() && !given.contains(n));
    missing.map(|n| ("Namespace".into(), bootstrap::namespace(&n))).collect()
}

/// Endpoints that came without their slices, as slices: rules and DNS are made from those.
fn slices_of_endpoints(objects: &[(SmolStr, Value)]) -> Vec<(SmolStr, Value)> {
    let name_of = |v: &Value, label: &[&str]| {
        (SmolStr::from(v.str_at(&["metadata", "namespace"])), SmolStr::from(v.str_at(label)))
    };
    let sliced: BTreeSet<_> = set_of(
        objects
            .iter()
            .filter(|(kind, _)| kind == "EndpointSlice")
            .map(|(_, v)| name_of(v, &["metadata", "labels", "kubernetes.io/service-name"])),
    );
    let mut made = Vec::new();
    for (_, endpoints) in objects.iter().filter(|(kind, _)| kind == "Endpoints") {
        let (namespace, name) = name_of(endpoints, &["metadata", "name"]);
        if sliced.contains(&(namespace.clone(), name.clone())) {
            continue;
        }
        for (i, subset) in endpoints.items_at(&["subsets"]).iter().enumerate() {
            let mut list = Vec::new();
            for (field, ready) in [("addresses", true), ("notReadyAddresses", false)] {
                for address in subset.items(field) {
                    let mut endpoint =
                        value!({ "addresses": [(address.text("ip"))], "conditions": { "ready": ready } });
                    for field in ["nodeName", "targetRef", "hostname"] {
                        if let Some(given) = address.get(field) {
                            endpoint.set_at(&[field], given.clone());
                        }
                    }
                    list.push(endpoint);
                }
            }
            let slice = value!({
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": (format_smolstr!("{name}-{i}")),
                    "namespace": (&namespace),
                    "labels": { "kubernetes.io/service-name": (&name) }
                },
                "addressType": "IPv4",
                "endpoints": (Value::list(list)),
                "ports": (subset.get("ports").cloned().unwrap_or_else(|| Value::list(Vec::new())))
            });
            made.push(("EndpointSlice".into(), slice));
        }
    }
    made
}

/// Nodes on which everything fits: the question is who gets through, not what a machine can carry.
fn roomy(index: usize) -> NodeSettings {
    NodeSettings {
        max_pods: 60_000,
        cpus: 4_096,
        memory_gib: 65_536,
        pod_cidrs: vec![format_smolstr!("10.{}.0.0/16", 240 + index)],
        ..NodeSettings::numbered(index)
    }
}

/// A cluster in which manifests can be applied: roomy, with their namespaces and accounts.
fn prepared(files: &[Prepared], notes: &mut Vec<Finding>) -> Cluster {
    let settings = Settings {
        nodes: (0..3).map(roomy).collect(),
        load_balancer: LoadBalancerProvider::Cloud,
        ..Settings::default()
    };
    let mut cluster = Cluster::new(settings);
    let mut gateways = false;
    let mut namespaces: BTreeSet<SmolStr> = BTreeSet::new();
    for manifest in files.iter().flat_map(|f| &f.manifests) {
        let (version, kind) = (manifest.value.str_at(&["apiVersion"]), manifest.value.str_at(&["kind"]));
        gateways |= schema().kind(version, kind).is_some_and(|k| k.support == Support::AddOn);
        namespaces.insert(key_of(manifest).namespace);
    }
    if gateways && cluster.install(Addon::NginxGateway).is_ok() {
        notes.push(Finding::new(
            Severity::Info,
            "gateway_added",
            ObjectKey::default(),
            Message::new("doctor-gateway-added"),
        ));
    }
    let described: BTreeSet<SmolStr> = set_of(
        files
            .iter()
            .flat_map(|f| &f.manifests)
            .filter(|m| m.value.str_at(&["kind"]) == "Namespace")
            .map(|m| m.value.str_at(&["metadata", "name"]).into()),
    );
    for namespace in namespaces.into_iter().filter(|n| !n.is_empty() && !described.contains(n)) {
        let key = ObjectKey::new("Namespace", "", namespace.clone());
        if cluster.store().get(&key).is_some() {
            continue;
        }
        cluster.write(Cause::User, |writer| {
            writer.create("Namespace", bootstrap::namespace(&namespace));
        });
        let message = Message::new("doctor-namespace-added").with("namespace", &namespace);
        notes.push(Finding::new(Severity::Info, "namespace_added", key, message));
    }
    supply::accounts(&mut cluster, files, notes);
    cluster.run_until_settled();
    cluster
}
