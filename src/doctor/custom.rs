//! Custom resources: what their operators will make of them is unknown, but not everything about it.

use crate::api::object::ObjectKey;
use crate::api::value::Value;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// A custom resource, as far as something can be known of what its operator makes of it.
#[derive(Clone, Debug)]
pub struct Custom {
    pub key: ObjectKey,
    /// Every `labels` in it, its own among them: operators give them to the pods that they make.
    labels: BTreeSet<(SmolStr, SmolStr)>,
    /// Secrets that it names: a Certificate's is made by cert-manager.
    secrets: BTreeSet<SmolStr>,
}

/// So deep labels of pods are looked for in a custom resource.
const DEEPEST: usize = 8;

impl Custom {
    pub fn of(value: &Value) -> Custom {
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
