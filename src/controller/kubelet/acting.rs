//! What known programs do through the API when they start, so that others need not wait for ever: installers bring pods that
//! make the Secrets which other pods of theirs mount.

use super::Worker;
use crate::api::object::ObjectKey;
use crate::api::value::{Map, Value};
use crate::runtime::image;
use crate::value;
use smol_str::SmolStr;

/// The variable that names the Secret of MetalLB's speakers.
const MEMBERLIST: &str = "METALLB_ML_SECRET_NAME";

impl Worker<'_, '_> {
    /// A container has started: whatever its program makes is made.
    pub(super) fn act(&mut self, init: bool, i: usize) {
        let container = self.container(init, i);
        let name = image::base_name(&container.image);
        let keys: &[&str] = match name.rsplit('/').next() {
            Some("kube-webhook-certgen") => &["ca", "cert", "key"],
            Some("controller") if name == "metallb/controller" => &["secretkey"],
            _ => return,
        };
        let words = container.words();
        let flag = |flag: &str| words.iter().find_map(|w| w.strip_prefix(flag)?.strip_prefix('=').map(SmolStr::from));
        let secret = match keys.len() {
            1 => container.env.get(MEMBERLIST).cloned(),
            _ if words.first().is_some_and(|w| w == "create") => flag("--secret-name"),
            _ => None,
        };
        let Some(secret) = secret else { return };
        let namespace = flag("--namespace").unwrap_or_else(|| self.pod.namespace().clone());
        let key = ObjectKey::new("Secret", namespace, secret);
        if self.context.store.get(&key).is_some() {
            return;
        }
        let data: Map = keys.iter().map(|key| (SmolStr::new_static(key), Value::from(""))).collect();
        let secret = value!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": (&key.name), "namespace": (&key.namespace) },
            "data": data,
            "type": "Opaque"
        });
        self.result.create("Secret", secret, self.pod.key.field("spec.containers"));
    }
}
