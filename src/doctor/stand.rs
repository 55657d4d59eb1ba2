//! Manifests → a cluster with them in it, and a word on what was set aside.

use super::read::{Read, stood};
use super::{Finding, Severity, snapshot};
use crate::api::object::{Object, ObjectKey};
use crate::api::parse::{Manifest, parse};
use crate::api::schema::{Support, schema};
use crate::api::value::Value;
use crate::api::yaml;
use crate::apiserver::resource;
use crate::apiserver::store::{Cause, Store};
use crate::arrange::set_of;
use crate::cluster::addons::Addon;
use crate::cluster::bootstrap;
use crate::cluster::{Cluster, LoadBalancerProvider, NodeSettings, Settings};
use crate::locale::Message;
use crate::text::LineIndex;
use crate::value;
use crate::workspace::{File, Prepared, Workspace, key_of};
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

/// A custom resource, as far as something can be known of what its operator makes of it.
#[derive(Clone, Debug)]
pub(super) struct Custom {
    pub key: ObjectKey,
    /// Every `labels` in it, its own among them: operators give them to the pods that they make.
    labels: BTreeSet<(SmolStr, SmolStr)>,
    /// Secrets that it names: a Certificate's is made by cert-manager.
    secrets: BTreeSet<SmolStr>,
}

/// So deep labels of pods are looked for in a custom resource.
const DEEPEST: usize = 8;

impl Custom {
    fn of(value: &Value) -> Custom {
        let mut custom = Custom { key: key_of_value(value), labels: BTreeSet::new(), secrets: BTreeSet::new() };
        custom.gather(value, DEEPEST);
        custom
    }

    fn gather(&mut self, value: &Value, depth: usize) {
        if depth == 0 {
            return;
        }
        for (name, inner) in value.as_map().into_iter().flat_map(|map| map.iter()) {
            match (name.as_str(), inner) {
                ("labels" | "matchLabels", Value::Map(map)) => {
                    self.labels.extend(map.iter().filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))));
                }
                ("secretName", Value::String(name)) => drop(self.secrets.insert(name.clone())),
                _ => self.gather(inner, depth - 1),
            }
        }
        value.as_list().into_iter().flatten().for_each(|inner| self.gather(inner, depth - 1));
    }

    /// Whether pods that an operator makes out of it may bear all these labels: each is one of its own, or names it or its kind.
    pub fn may_bear(&self, selector: &[(SmolStr, SmolStr)]) -> bool {
        let names = |value: &SmolStr| *value == self.key.name || value.eq_ignore_ascii_case(&self.key.kind);
        selector.iter().all(|pair| self.labels.contains(pair) || names(&pair.1))
    }

    /// Whether it says that this Secret will be made.
    pub fn brings_secret(&self, namespace: &str, name: &str) -> bool {
        self.key.namespace == namespace && self.secrets.contains(name)
    }
}

/// The key of what a manifest describes; `default` where it names no namespace.
fn key_of_value(value: &Value) -> ObjectKey {
    let namespace = match value.str_at(&["metadata", "namespace"]) {
        "" => "default",
        given => given,
    };
    ObjectKey::new(value.str_at(&["kind"]), namespace, value.str_at(&["metadata", "name"]))
}

/// Stands up what was read.
pub fn stand(read: Read) -> Stand {
    let Read { mut files, mut notes } = read;
    for file in &mut files {
        let lines = LineIndex::new(&file.file.text);
        file.manifests.retain(|m| {
            let fine = can_be_named(m);
            if !fine {
                let message = Message::new("doctor-strange-name").with("kind", m.value.str_at(&["kind"]));
                let mut finding = Finding::new(Severity::Error, "strange_name", ObjectKey::default(), message);
                finding.place = Some((file.file.name.clone(), lines.line_of(m.span.start as usize) as u32 + 1, 1));
                notes.push(finding);
            }
            fine
        });
    }
    let all = || files.iter().flat_map(|f| &f.manifests);
    let snapshot = all().any(|m| stood(&m.value));
    let custom: BTreeSet<(SmolStr, SmolStr)> = set_of(all().filter_map(|m| defines(&m.value)));
    let built_in = |m: &&Manifest| is_served(&m.value, &BTreeSet::new());
    let customs = all().filter(|m| !built_in(m)).map(|m| Custom::of(&m.value)).collect();
    let mut kept: BTreeMap<SmolStr, usize> = BTreeMap::new();
    for m in all().filter(|m| !built_in(m) && is_served(&m.value, &custom)) {
        *kept.entry(m.value.str_at(&["kind"]).into()).or_default() += 1;
    }
    for (kind, count) in kept {
        let message = Message::new("doctor-custom").with("kind", &kind).with("count", count);
        notes.push(Finding::new(Severity::Info, "not_simulated", ObjectKey::default(), message));
    }
    notes.extend(described_twice(&files));
    let mut aside: BTreeMap<(SmolStr, SmolStr), usize> = BTreeMap::new();
    for file in &mut files {
        file.manifests.retain(|m| {
            let keep = is_served(&m.value, &custom);
            if !keep {
                let what = (SmolStr::from(m.value.str_at(&["kind"])), SmolStr::from(m.value.str_at(&["apiVersion"])));
                *aside.entry(what).or_default() += 1;
            }
            keep
        });
    }
    for ((kind, version), count) in aside {
        let message = Message::new("doctor-aside").with("kind", &kind).with("version", &version).with("count", count);
        notes.push(Finding::new(Severity::Info, "set_aside", ObjectKey::default(), message));
    }
    let objects = files.iter().map(|f| f.manifests.len()).sum();
    let workspace = if snapshot { as_it_stood(files) } else { from_manifests(files, &mut notes) };
    Stand { workspace, snapshot, objects, notes, custom: customs }
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

/// About so long a file of [`to_edit`] gets.
const FILE_BYTES: usize = 256 << 10;

/// The cluster with files that a person can edit: what was read, without the noise, a file a namespace (more where there is
/// much).
pub fn to_edit(stand: &Stand) -> Workspace {
    let workspace = &stand.workspace;
    let mut texts: BTreeMap<SmolStr, Vec<String>> = BTreeMap::new();
    for manifest in workspace.files().flat_map(|f| workspace.manifests(&f.name)) {
        let namespace = key_of(manifest).namespace;
        let parts = texts.entry(if namespace.is_empty() { "cluster".into() } else { namespace }).or_default();
        if parts.last().is_none_or(|text| text.len() > FILE_BYTES) {
            parts.push(String::new());
        }
        if let Some(text) = parts.last_mut() {
            if !text.is_empty() {
                text.push_str("---\n");
            }
            text.push_str(&yaml::print(&manifest.value));
        }
    }
    let name = |group: &SmolStr, i: usize| match i {
        0 => format_smolstr!("{group}.yaml"),
        i => format_smolstr!("{group}-{}.yaml", i + 1),
    };
    let files = texts.into_iter().flat_map(|(group, parts)| {
        parts.into_iter().enumerate().map(|(i, text)| File { name: name(&group, i), text }).collect::<Vec<_>>()
    });
    let prepared = files.map(|file| {
        let (manifests, reading) = parse(&file.name, &file.text);
        Prepared { file, manifests, reading }
    });
    Workspace::of(workspace.cluster().clone(), prepared.collect(), false)
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

fn as_it_stood(files: Vec<Prepared>) -> Workspace {
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
    Workspace::of(snapshot::take_over(objects), files, false)
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

fn from_manifests(files: Vec<Prepared>, notes: &mut Vec<Finding>) -> Workspace {
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
    supply_accounts(&mut cluster, &files, notes);
    cluster.run_until_settled();
    let mut workspace = Workspace::of(cluster, files, true);
    supply(workspace.cluster_mut(), notes);
    workspace
}

/// Puts the ServiceAccounts there that the pods of workloads run under and that no file has: without them there would be no pods
/// to say anything of. Each is told.
fn supply_accounts(cluster: &mut Cluster, files: &[Prepared], notes: &mut Vec<Finding>) {
    let manifests = || files.iter().flat_map(|f| &f.manifests);
    let given: BTreeSet<ObjectKey> = set_of(manifests().map(key_of).filter(|key| key.kind == "ServiceAccount"));
    let used: BTreeSet<ObjectKey> = set_of(manifests().filter_map(|manifest| {
        let account = manifest.value.str_at(&["spec", "template", "spec", "serviceAccountName"]);
        let key = ObjectKey::new("ServiceAccount", key_of(manifest).namespace, account);
        (!matches!(account, "" | "default") && !given.contains(&key)).then_some(key)
    }));
    for key in used {
        let value = value!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": (&key.name), "namespace": (&key.namespace) }
        });
        cluster.write(Cause::User, |writer| drop(writer.create("ServiceAccount", value)));
        let message = Message::new("doctor-supplied").with("kind", &key.kind).with("name", &key.name);
        notes.push(Finding::new(Severity::Info, "supplied", key, message));
    }
}

/// So often what is found missing is put there: a pod may miss one thing after the other.
const MOST_ROUNDS: usize = 20;

/// Puts ConfigMaps and Secrets there that pods wait for and that no file has: they are often made by hand or by another tool,
/// and without them nothing else could be said of those pods. Each is told.
fn supply(cluster: &mut Cluster, notes: &mut Vec<Finding>) {
    let mut ours: BTreeSet<ObjectKey> = BTreeSet::new();
    for _ in 0..MOST_ROUNDS {
        let missing: BTreeSet<(ObjectKey, SmolStr)> =
            set_of(cluster.store().list("Pod").flat_map(|pod| missing_of(pod)));
        if missing.is_empty() {
            return;
        }
        for (key, field) in missing {
            let old = cluster.store().get(&key).cloned();
            if old.is_none() {
                ours.insert(key.clone());
                let message = Message::new("doctor-supplied").with("kind", &key.kind).with("name", &key.name);
                notes.push(Finding::new(Severity::Warning, "supplied", key.clone(), message));
            } else if !ours.contains(&key) {
                let message = Message::new("doctor-key-supplied").with("kind", &key.kind).with("name", &key.name);
                notes.push(Finding::new(Severity::Warning, "key_supplied", key.clone(), message.with("key", &field)));
            }
            cluster.write(Cause::User, |writer| {
                let mut value = old.as_ref().map_or_else(
                    || {
                        value!({
                            "apiVersion": "v1",
                            "kind": (&key.kind),
                            "metadata": { "name": (&key.name), "namespace": (&key.namespace) }
                        })
                    },
                    |old| old.value.clone(),
                );
                if !field.is_empty() {
                    value.set_at(&["data", &field], "");
                }
                // A new object, so that the kubelet looks again.
                writer.purge(&key);
                drop(writer.create(if key.kind == "Secret" { "Secret" } else { "ConfigMap" }, value));
            });
        }
        cluster.run_until_settled();
    }
}

/// What a pod's containers wait for, in the kubelet's words: `secret "db" not found`, `couldn't find key a in Secret shop/db`.
fn missing_of(pod: &Object) -> Vec<(ObjectKey, SmolStr)> {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let waiting =
        lists.iter().flat_map(|l| pod.value.items_at(&["status", l])).filter_map(|s| s.at(&["state", "waiting"]));
    let read = |state: &Value| {
        let words = state.text("message");
        if let Some(rest) = words.strip_suffix("\" not found") {
            let (kind, name) = rest.split_once(" \"")?;
            let kind = if kind == "secret" { "Secret" } else { "ConfigMap" };
            return Some((ObjectKey::new(kind, pod.namespace().clone(), name), SmolStr::default()));
        }
        let (field, rest) = words.strip_prefix("couldn't find key ")?.split_once(" in ")?;
        let (kind, whole) = rest.split_once(' ')?;
        let name = whole.rsplit('/').next()?;
        Some((ObjectKey::new(kind, pod.namespace().clone(), name), field.into()))
    };
    waiting.filter(|state| state.text("reason") == "CreateContainerConfigError").filter_map(read).collect()
}
