//! Discovery: which resources the API server serves. The built-in ones come from the schema; a CustomResourceDefinition in
//! the store brings its own (apiextensions-apiserver). A kind that an add-on may bring is served from then on, and checked
//! against the schema if the schema has it; any other custom kind is kept as it comes.

use crate::api::object::{Object, ObjectKey};
use crate::api::schema::{KindInfo, StructId, Support, schema};
use crate::api::value::Value;
use crate::apiserver::store::Store;
use smol_str::{SmolStr, format_smolstr};

/// A resource that the API server serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// `v1`, `apps/v1`.
    pub group_version: SmolStr,
    pub kind: SmolStr,
    pub plural: SmolStr,
    pub singular: SmolStr,
    pub short_names: Vec<SmolStr>,
    pub categories: Vec<SmolStr>,
    pub namespaced: bool,
    /// What its content is decoded into; `None`: kept as it comes.
    pub root: Option<StructId>,
    /// The kind in the store (see [`ObjectKey::kind`]).
    pub stored: SmolStr,
    /// Whether controllers or the network act on it here.
    pub simulated: bool,
}

impl Resource {
    /// `apps`; empty for the core group.
    pub fn group(&self) -> &str {
        self.group_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// `v1`.
    pub fn version(&self) -> &str {
        self.group_version.split_once('/').map_or(&self.group_version, |(_, version)| version)
    }

    /// `deployments.apps`; `services` in the core group.
    pub fn plural_with_group(&self) -> SmolStr {
        with_group(&self.plural, self.group())
    }

    /// `deployment.apps`: how kubectl names an object's type in its answers.
    pub fn kind_with_group(&self) -> SmolStr {
        with_group(&self.kind.to_ascii_lowercase(), self.group())
    }

    pub fn key(&self, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey::new(self.stored.clone(), if self.namespaced { namespace } else { "" }, name)
    }

    fn of_kind(info: &KindInfo) -> Resource {
        let texts = |list: &[&'static str]| list.iter().map(|s| SmolStr::new_static(s)).collect();
        Resource {
            group_version: info.group_version.into(),
            kind: info.kind.into(),
            plural: info.plural.into(),
            singular: info.singular.into(),
            short_names: texts(&info.short_names),
            categories: texts(&info.categories),
            namespaced: info.namespaced,
            root: info.root,
            stored: info.kind.into(),
            simulated: info.support != Support::Accepted,
        }
    }

    fn answers_to(&self, word: &str) -> bool {
        [&self.plural, &self.singular, &self.kind]
            .into_iter()
            .chain(&self.short_names)
            .any(|w| w.eq_ignore_ascii_case(word))
    }
}

fn with_group(name: &str, group: &str) -> SmolStr {
    if group.is_empty() { name.into() } else { format_smolstr!("{name}.{group}") }
}

/// Every resource, built-in ones first, in the order of `kubectl api-resources`.
pub fn all(store: &Store) -> impl Iterator<Item = Resource> + '_ {
    let built_in = schema().kinds().iter().filter(|k| k.support != Support::AddOn).map(Resource::of_kind);
    built_in.chain(store.list("CustomResourceDefinition").flat_map(|crd| custom(crd)))
}

/// The resource of a group, version and kind.
pub fn find(store: &Store, group_version: &str, kind: &str) -> Option<Resource> {
    if let Some(info) = schema().kind(group_version, kind)
        && info.support != Support::AddOn
    {
        return Some(Resource::of_kind(info));
    }
    all_custom(store).find(|r| r.group_version == group_version && r.kind == kind)
}

/// The resource that a word of a command line means: plural, singular, short name or kind in any case, alone or with its
/// group or with version and group. Built-in ones come first.
pub fn find_word(store: &Store, word: &str) -> Option<Resource> {
    let means = |r: &Resource| {
        let Some((name, rest)) = word.split_once('.') else { return r.answers_to(word) };
        let version_and_group = format_smolstr!("{}.{}", r.version(), r.group());
        r.answers_to(name) && (r.group() == rest || version_and_group.trim_end_matches('.') == rest)
    };
    all(store).find(means)
}

/// The resource of a stored kind, in the version that the API server prefers.
pub fn of_stored(store: &Store, stored: &str) -> Option<Resource> {
    all(store).find(|r| r.stored == stored)
}

fn all_custom(store: &Store) -> impl Iterator<Item = Resource> + '_ {
    store.list("CustomResourceDefinition").flat_map(|crd| custom(crd))
}

/// The resources of a CustomResourceDefinition: one a served version.
fn custom(crd: &Object) -> Vec<Resource> {
    let spec = crd.value.at(&["spec"]).unwrap_or(&Value::Null);
    let names = spec.get("names").unwrap_or(&Value::Null);
    let text = |key: &str| SmolStr::from(names.text(key));
    let texts = |key: &str| names.items(key).iter().filter_map(Value::as_smol).collect::<Vec<_>>();
    let (group, kind) = (spec.text("group"), text("kind"));
    let built_in = schema().kinds().iter().any(|k| k.kind == kind && k.support != Support::AddOn);
    let singular = match text("singular") {
        s if s.is_empty() => kind.to_ascii_lowercase().into(),
        s => s,
    };
    let versions = spec.items("versions").iter().filter(|v| v.flag("served"));
    versions
        .map(|version| {
            let group_version = format_smolstr!("{group}/{}", version.text("name"));
            let known = schema().kind(&group_version, &kind).filter(|k| k.support == Support::AddOn);
            Resource {
                root: known.and_then(|k| k.root),
                simulated: known.is_some(),
                group_version,
                plural: text("plural"),
                singular: singular.clone(),
                short_names: texts("shortNames"),
                categories: texts("categories"),
                namespaced: spec.text("scope") == "Namespaced",
                stored: if built_in { format_smolstr!("{kind}.{group}") } else { kind.clone() },
                kind: kind.clone(),
            }
        })
        .collect()
}
