//! A pod's volumes: what the kubelet puts into them, and what containers find where they are mounted.
//!
//! Upstream: `pkg/volume` (`configmap`, `secret`, `downwardapi`, `projected`, `emptydir`, the atomic writer) and
//! `pkg/kubelet/kubelet_pods.go` (makeMounts). What else may be mounted (claims, folders of the node, network file systems) is
//! a folder of the pod's own of which nobody here knows what is in it: what is not found there is looked for in the image. Left
//! out: sizes, owners, groups of file systems.
//!
//! The volume of the service account's token, which every pod has, is not kept: what is in it follows from the pod
//! ([`super::token`]).

use super::sandbox::RunningContainer;
use super::{downward, env, token};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;
use std::sync::Arc;

/// A file in a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub text: SmolStr,
    pub mode: u32,
}

/// Files by their path in a volume, which begins with no slash; in the order of their paths. There are few, so they stand in a row.
#[derive(Clone, Debug, Default)]
pub struct Tree(Arc<Vec<(SmolStr, File)>>);

impl Tree {
    fn place(&self, path: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(path))
    }

    pub fn get(&self, path: &str) -> Option<&File> {
        Some(&self.0[self.place(path).ok()?].1)
    }

    fn insert(&mut self, path: SmolStr, file: File) {
        let place = self.place(&path);
        let files = Arc::make_mut(&mut self.0);
        match place {
            Ok(at) => files[at].1 = file,
            Err(at) => files.insert(at, (path, file)),
        }
    }

    fn remove(&mut self, path: &str) {
        if let Ok(at) = self.place(path) {
            Arc::make_mut(&mut self.0).remove(at);
        }
    }

    /// Whether files lie in a folder.
    fn has_in(&self, folder: &str) -> bool {
        self.0.iter().any(|(path, _)| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// A volume of a pod on its node.
#[derive(Clone, Debug)]
pub struct Volume {
    pub name: SmolStr,
    /// Its place in `spec.volumes`.
    pub place: usize,
    /// The kubelet writes it, and containers only read it.
    pub filled: bool,
    /// Something may be in it that nobody here knows of.
    pub unknown: bool,
    /// It is there, so that containers can have it.
    pub mounted: bool,
    pub files: Tree,
    /// When it was last filled.
    pub written: Time,
    /// What it was filled from.
    sources: Vec<Source>,
    /// When it is filled (again), while that is to come.
    pub wait: Option<Wait>,
}

/// The next try to fill a volume.
#[derive(Clone, Debug)]
pub struct Wait {
    pub next: Time,
    /// How long it took to this try from the one before, which failed.
    pub delay: Duration,
    /// Why that failed.
    pub failure: Option<Failure>,
}

/// Why a volume cannot be filled.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// In the kubelet's words.
    pub message: SmolStr,
    pub wants: Vec<Want>,
}

/// What is missing for a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// The field of the volume that asks for it: `configMap.name`, `projected.sources[1].secret.items[0].key`.
    pub field: SmolStr,
    pub object: ObjectKey,
    /// The key that the object lacks; empty when the object itself is missing.
    pub key: SmolStr,
}

/// What a volume was filled from, and how that was then.
#[derive(Clone, Debug)]
enum Source {
    /// At this revision; 0: it was not there.
    Object(ObjectKey, u64),
    /// The pod's labels and annotations.
    Pod([Value; 2]),
}

impl Source {
    fn of_object(store: &Store, key: ObjectKey) -> Source {
        let revision = store.get(&key).map_or(0, |o| o.revision);
        Source::Object(key, revision)
    }

    fn of_pod(pod: &Object) -> Source {
        Source::Pod(["labels", "annotations"].map(|f| pod.value.at(&["metadata", f]).cloned().unwrap_or_default()))
    }

    fn has_changed(&self, store: &Store, pod: &Object) -> bool {
        match self {
            Source::Object(key, revision) => store.get(key).map_or(0, |o| o.revision) != *revision,
            Source::Pod(before) => {
                let now = Source::of_pod(pod);
                !matches!(now, Source::Pod(now) if now.iter().zip(before).all(|(a, b)| a.is_same(b) || a == b))
            }
        }
    }
}

/// What the kubelet puts into a volume.
#[derive(Default)]
pub struct Content {
    files: Tree,
    sources: Vec<Source>,
}

impl Content {
    /// Files that nobody has to look up.
    pub(super) fn of<const N: usize>(files: [(&str, SmolStr); N]) -> Content {
        let mut content = Content::default();
        for (path, text) in files {
            content.files.insert(path.into(), File { text, mode: 0o644 });
        }
        content
    }
}

/// The volumes of a pod that somebody asked for: all but the token's, which admission adds.
pub fn own_volumes(pod: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let spec = pod.get("spec").map_or(&[][..], |spec| spec.items("volumes"));
    spec.iter().enumerate().filter(|(_, v)| !token::is_its_volume(v))
}

/// The ConfigMaps and Secrets that a pod's volumes name.
pub fn named_objects(pod: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    own_volumes(pod).flat_map(|(_, volume)| {
        let projected = volume.items_at(&["projected", "sources"]).iter();
        let of_source = |source| {
            [("ConfigMap", "configMap"), ("Secret", "secret")]
                .into_iter()
                .filter_map(move |(kind, field)| Some((kind, Value::get(source, field)?.text("name"))))
        };
        let config = volume.get("configMap").map(|c| ("ConfigMap", c.text("name")));
        let secret = volume.get("secret").map(|s| ("Secret", s.text("secretName")));
        config.into_iter().chain(secret).chain(projected.flat_map(of_source))
    })
}

impl Volume {
    /// A volume of a pod that is new on its node.
    pub fn new(place: usize, spec: &Value) -> Volume {
        let filled = ["configMap", "secret", "downwardAPI", "projected"].iter().any(|kind| spec.get(kind).is_some());
        Volume {
            name: spec.text("name").into(),
            place,
            filled,
            unknown: !filled && spec.get("emptyDir").is_none(),
            mounted: false,
            files: Tree::default(),
            written: Time::default(),
            sources: Vec::new(),
            wait: None,
        }
    }

    /// Takes new content over.
    pub fn fill(&mut self, content: Content, now: Time) {
        self.mounted = true;
        self.wait = None;
        self.sources = content.sources;
        if self.filled {
            self.files = content.files;
            self.written = now;
        }
    }

    /// Whether what it was filled from is not as it was.
    pub fn is_stale(&self, store: &Store, pod: &Object) -> bool {
        self.sources.iter().any(|source| source.has_changed(store, pod))
    }

    /// The folder that the links beside it lead into, as the atomic writer names it by its time.
    fn dated_folder(&self) -> SmolStr {
        let text = self.written.text().replace(['-', ':'], "_").replace('T', "_");
        let digits = self.name.bytes().fold(self.written.0 | 1, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
        format_smolstr!("..{}.{:09}", text.trim_end_matches('Z'), digits % 1_000_000_000)
    }
}

/// What a volume of a pod holds now, or why it cannot be filled.
pub fn content(store: &Store, pod: &Object, volume: &Value, node_ip: Option<IpAddr>) -> Result<Content, Failure> {
    let mut filling =
        Filling { store, pod, node_ip, content: Content::default(), messages: Vec::new(), wants: Vec::new() };
    let mode = |source: &Value| source.get("defaultMode").and_then(Value::as_i64).unwrap_or(0o644);
    if let Some(source) = volume.get("configMap") {
        filling.object("ConfigMap", "configMap", "name", source, mode(source));
    } else if let Some(source) = volume.get("secret") {
        filling.object("Secret", "secret", "secretName", source, mode(source));
    } else if let Some(source) = volume.get("downwardAPI") {
        filling.downward(source, mode(source));
    } else if let Some(projected) = volume.get("projected") {
        let mode = mode(projected);
        for (i, source) in projected.items("sources").iter().enumerate() {
            let field = |kind: &str| format!("projected.sources[{i}].{kind}");
            if let Some(source) = source.get("secret") {
                filling.object("Secret", &field("secret"), "name", source, mode);
            } else if let Some(source) = source.get("configMap") {
                filling.object("ConfigMap", &field("configMap"), "name", source, mode);
            } else if let Some(source) = source.get("downwardAPI") {
                filling.downward(source, mode);
            } else if let Some(source) = source.get("serviceAccountToken") {
                filling.put(source.text("path"), token::token(pod, source), mode);
            }
        }
    } else if let Some(claim) = volume.get("persistentVolumeClaim") {
        filling.claim(volume.text("name"), claim.text("claimName"));
    }
    filling.done()
}

/// A volume that is being filled.
struct Filling<'a> {
    store: &'a Store,
    pod: &'a Object,
    node_ip: Option<IpAddr>,
    content: Content,
    messages: Vec<SmolStr>,
    wants: Vec<Want>,
}

impl Filling<'_> {
    fn put(&mut self, path: &str, text: impl Into<SmolStr>, mode: i64) {
        let mode = u32::try_from(mode).unwrap_or(0o644);
        self.content.files.insert(path.into(), File { text: text.into(), mode });
    }

    fn want(&mut self, field: String, object: &ObjectKey, key: &str) {
        self.wants.push(Want { field: field.into(), object: object.clone(), key: key.into() });
    }

    /// The keys of a ConfigMap or a Secret.
    fn object(&mut self, kind: &str, field: &str, name_field: &str, source: &Value, mode: i64) {
        let key = ObjectKey::new(kind, self.pod.key.namespace.clone(), source.text(name_field));
        self.content.sources.push(Source::of_object(self.store, key.clone()));
        let optional = source.flag("optional");
        let object = self.store.get(&key);
        if object.is_none() && !optional {
            self.messages.push(format_smolstr!("{} \"{}\" not found", kind.to_lowercase(), key.name));
            self.want(format!("{field}.{name_field}"), &key, "");
            return;
        }
        let items = source.items("items");
        if items.is_empty() {
            for (name, text) in object.into_iter().flat_map(|o| data_of(o)) {
                self.put(&name, text, mode);
            }
            return;
        }
        for (i, item) in items.iter().enumerate() {
            let wanted = item.text("key");
            match object.and_then(|o| datum_of(o, wanted)) {
                Some(text) => {
                    let mode = item.get("mode").and_then(Value::as_i64).unwrap_or(mode);
                    self.put(item.text("path"), text, mode);
                }
                None if optional => {}
                None => {
                    self.messages.push(match kind {
                        "Secret" => format_smolstr!("references non-existent secret key: {wanted}"),
                        _ => format_smolstr!("configmap references non-existent config key: {wanted}"),
                    });
                    self.want(format!("{field}.items[{i}].key"), &key, wanted);
                    return;
                }
            }
        }
    }

    /// What a pod knows of itself.
    fn downward(&mut self, source: &Value, mode: i64) {
        self.content.sources.push(Source::of_pod(self.pod));
        for item in source.items("items") {
            let text = match (item.get("fieldRef"), item.get("resourceFieldRef")) {
                (Some(field), _) => downward::field(self.pod, field.text("fieldPath"), self.node_ip),
                (_, Some(resource)) => downward::resource(self.store, self.pod, "", resource),
                _ => continue,
            };
            let mode = item.get("mode").and_then(Value::as_i64).unwrap_or(mode);
            self.put(item.text("path"), text, mode);
        }
    }

    /// A claim has only to be there.
    fn claim(&mut self, volume: &str, name: &str) {
        let namespace = &self.pod.key.namespace;
        let key = ObjectKey::new("PersistentVolumeClaim", namespace.clone(), name);
        if self.store.get(&key).is_none() {
            self.messages.push(format_smolstr!(
                "unmounted volumes=[{volume}], unattached volumes=[], failed to process volumes=[{volume}]: error processing PVC {namespace}/{name}: failed to fetch PVC from API server: persistentvolumeclaims \"{name}\" not found"
            ));
            self.want("persistentVolumeClaim.claimName".into(), &key, "");
        }
    }

    fn done(self) -> Result<Content, Failure> {
        match &self.messages[..] {
            [] => Ok(self.content),
            [one] => Err(Failure { message: one.clone(), wants: self.wants }),
            all => Err(Failure { message: format_smolstr!("[{}]", all.join(", ")), wants: self.wants }),
        }
    }
}

/// The value of a key of a ConfigMap or (decoded) of a Secret, as a file has it.
fn datum_of(object: &Object, key: &str) -> Option<SmolStr> {
    let of = |field: &str| object.value.get(field)?.get(key)?.as_smol();
    let decoded = |text: SmolStr| {
        let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
        Some(SmolStr::from(String::from_utf8_lossy(&bytes)))
    };
    match object.key.kind.as_str() {
        "Secret" => of("data").and_then(decoded),
        _ => of("data").or_else(|| of("binaryData").and_then(decoded)),
    }
}

/// All keys of a ConfigMap or a Secret with their values.
fn data_of(object: &Object) -> Vec<(SmolStr, SmolStr)> {
    let keys = ["data", "binaryData"].iter().filter_map(|f| object.value.get(f)?.as_map()).flat_map(|m| m.keys());
    keys.filter_map(|key| Some((key.clone(), datum_of(object, key)?))).collect()
}

/// A volume, or a part of it, at a path of a container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Without a slash at the end.
    path: SmolStr,
    /// The volume's place in the sandbox.
    volume: usize,
    /// The part of the volume that is mounted; empty: all of it.
    part: SmolStr,
    read_only: bool,
    /// A part of what the kubelet writes stays as it was when the container started.
    frozen: Option<Tree>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    File {
        text: SmolStr,
        mode: u32,
        /// Where it leads, if it is a link.
        link: Option<SmolStr>,
    },
    Folder {
        link: Option<SmolStr>,
    },
}

/// The system's words for what a mount does not allow.
pub const READ_ONLY: &str = "Read-only file system";

/// The mounts of a container that starts now.
pub fn mounts_of(container: &RunningContainer, volumes: &[Volume]) -> Vec<Mount> {
    let of = |mount: &Value| {
        let name = mount.text("name");
        let volume = volumes.iter().position(|v| v.name == name)?;
        let part = match mount.text("subPathExpr") {
            "" => mount.text("subPath").into(),
            expression => env::expand(expression, |name| container.env.get(name)),
        };
        let part: SmolStr = part.trim_matches('/').into();
        let Volume { filled, files, .. } = &volumes[volume];
        Some(Mount {
            path: mount.text("mountPath").trim_end_matches('/').into(),
            volume,
            frozen: (*filled && !part.is_empty()).then(|| part_of(files, &part)),
            part,
            read_only: *filled || mount.flag("readOnly"),
        })
    };
    container.spec.items("volumeMounts").iter().filter_map(of).collect()
}

/// A file of a tree, under the empty name, or what is in a folder of it.
fn part_of(files: &Tree, part: &str) -> Tree {
    let mut found = Tree::default();
    if let Some(file) = files.get(part) {
        found.insert(SmolStr::default(), file.clone());
        return found;
    }
    for (path, file) in files.0.iter() {
        if let Some(rest) = path.strip_prefix(part).and_then(|rest| rest.strip_prefix('/')) {
            found.insert(rest.into(), file.clone());
        }
    }
    found
}

impl Mount {
    /// The volume's place in the sandbox.
    pub fn volume(&self) -> usize {
        self.volume
    }

    /// Whether it lies somewhere in a folder.
    pub(super) fn is_below(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The path within the mount of a path that lies in it: empty for the mount's own.
    fn within<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.path.as_str())?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// The files, and the path among them of a path within the mount.
    fn place<'v>(&'v self, volumes: &'v [Volume], rest: &str) -> (Option<&'v Tree>, SmolStr) {
        let volume = volumes.get(self.volume);
        if let Some(frozen) = &self.frozen {
            return (Some(frozen), rest.into());
        }
        let rest = match volume.filter(|v| v.filled && rest.starts_with("..")) {
            // The links of the atomic writer.
            Some(volume) => {
                let (first, inner) = rest.split_once('/').unwrap_or((rest, ""));
                if first == "..data" || first == volume.dated_folder() { inner } else { rest }
            }
            None => rest,
        };
        let path = match (self.part.is_empty(), rest.is_empty()) {
            (true, _) => rest.into(),
            (_, true) => self.part.clone(),
            _ => format_smolstr!("{}/{rest}", self.part),
        };
        (volume.map(|v| &v.files), path)
    }

    /// Whether the kubelet's links are to be seen in it.
    fn has_links(&self, volumes: &[Volume]) -> bool {
        self.part.is_empty() && volumes.get(self.volume).is_some_and(|v| v.filled)
    }
}

/// The mount that a path lies in, and the path within it.
fn mount_at<'m, 'p>(mounts: &'m [Mount], path: &'p str) -> Option<(&'m Mount, &'p str)> {
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let hits = mounts.iter().filter_map(|m| Some((m, m.within(path)?)));
    hits.max_by_key(|(mount, _)| mount.path.len())
}

/// Whether the kubelet alone writes at a path, where a volume is mounted; `None`: none is.
pub fn is_filled(mounts: &[Mount], volumes: &[Volume], path: &str) -> Option<bool> {
    let (mount, _) = mount_at(mounts, path)?;
    Some(volumes.get(mount.volume).is_some_and(|v| v.filled))
}

/// What is at a path: `None`: it lies in no mount; `Some(None)`: nothing is there.
pub fn entry(mounts: &[Mount], volumes: &[Volume], path: &str) -> Option<Option<Entry>> {
    let (mount, rest) = mount_at(mounts, path)?;
    let (tree, place) = mount.place(volumes, rest);
    let Some(tree) = tree else { return Some(None) };
    // What stands in the volume itself are links.
    let linked = mount.has_links(volumes) && !rest.is_empty() && !rest.contains('/');
    let link = match rest {
        _ if !linked => None,
        "..data" => volumes.get(mount.volume).map(Volume::dated_folder),
        _ if rest.starts_with("..") => None,
        _ => Some(format_smolstr!("..data/{rest}")),
    };
    if let Some(file) = tree.get(&place) {
        return Some(Some(Entry::File { text: file.text.clone(), mode: file.mode, link }));
    }
    let is_folder = place.is_empty() || rest.is_empty() || tree.has_in(&place);
    if !is_folder && volumes.get(mount.volume).is_some_and(|v| v.unknown) {
        return None;
    }
    Some(is_folder.then_some(Entry::Folder { link }))
}

/// The names in a folder, as far as mounts have them: `None` when it lies in none. Mounts below it count in any case.
pub fn names(mounts: &[Mount], volumes: &[Volume], path: &str) -> (Option<Vec<SmolStr>>, Vec<SmolStr>) {
    let first = |rest: &str| SmolStr::from(rest.split('/').next().unwrap_or(""));
    let folder = path.trim_end_matches('/');
    let inside = mounts.iter().filter(|m| m.is_below(path));
    let below: Vec<SmolStr> = inside.map(|m| first(&m.path[folder.len() + 1..])).collect();
    let Some((mount, rest)) = mount_at(mounts, path) else { return (None, below) };
    let (tree, place) = mount.place(volumes, rest);
    let prefix = if place.is_empty() { String::new() } else { format!("{place}/") };
    let mut names: Vec<SmolStr> = Vec::new();
    if rest.is_empty() && mount.has_links(volumes) {
        names.extend(volumes.get(mount.volume).map(Volume::dated_folder));
        names.push("..data".into());
    }
    names.extend(
        tree.into_iter().flat_map(|t| t.0.iter()).filter_map(|(path, _)| path.strip_prefix(prefix.as_str())).map(first),
    );
    names.retain(|name| !name.is_empty());
    names.arrange();
    names.dedup();
    (Some(names), below)
}

/// Writes a file (`None`: takes it away) where a mount lies; `None`: there is none.
pub fn write(
    mounts: &[Mount],
    volumes: &mut [Volume],
    path: &str,
    text: Option<&str>,
) -> Option<Result<(), &'static str>> {
    let (mount, rest) = mount_at(mounts, path)?;
    if mount.read_only {
        return Some(Err(READ_ONLY));
    }
    let (_, place) = mount.place(volumes, rest);
    if place.is_empty() {
        return Some(Err("Is a directory"));
    }
    let files = &mut volumes.get_mut(mount.volume)?.files;
    match text {
        Some(text) => {
            let mode = files.get(&place).map_or(0o644, |f| f.mode);
            files.insert(place, File { text: text.into(), mode });
        }
        None => files.remove(&place),
    }
    Some(Ok(()))
}
