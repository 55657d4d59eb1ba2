//! The service account's token, its certificate authority and the pod's namespace, as every pod finds them.
//!
//! Admission mounts them into every container, so nothing of it is kept: it is made when somebody looks.

use super::sandbox::{PodSandbox, RunningContainer};
use super::volumes::{self, Content, Mount, Volume};
use crate::api::object::Object;
use crate::api::time::{EPOCH_SECS, parse};
use crate::api::value::Value;
use data_encoding::BASE64URL_NOPAD;
use smol_str::{SmolStr, format_smolstr};

/// The cluster's certificate authority, as `kube-root-ca.crt` has it in every namespace.
pub const CA: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// Where it is to be found; asked before anything else, since hardly anybody looks there.
const ABOVE: &str = "/var/run";

/// Whether admission has added this volume.
pub fn is_its_volume(volume: &Value) -> bool {
    volume.text("name").starts_with("kube-api-access-") && volume.get("projected").is_some()
}

/// The mount of the token in a container, and its volume, for who looks at a path near it.
pub(super) fn mounted(
    sandbox: &PodSandbox,
    container: &RunningContainer,
    path: &str,
) -> Option<(Vec<Mount>, Vec<Volume>)> {
    if !path.starts_with(ABOVE) {
        return None;
    }
    let volume = sandbox.pod.value.items_at(&["spec", "volumes"]).iter().find(|v| is_its_volume(v))?;
    let mut own = Volume::new(0, volume);
    let since = container.started_at().unwrap_or_default();
    own.fill(
        Content::of([
            ("ca.crt", CA.into()),
            ("namespace", sandbox.pod.namespace().clone()),
            ("token", token_of(sandbox, volume)),
        ]),
        since,
    );
    let volumes = vec![own];
    let mounts = volumes::mounts_of(container, &volumes);
    Some((mounts, volumes))
}

fn token_of(sandbox: &PodSandbox, volume: &Value) -> SmolStr {
    let sources = volume.items_at(&["projected", "sources"]);
    let source = sources.iter().find_map(|s| s.get("serviceAccountToken"));
    source.map(|source| token(&sandbox.pod, source)).unwrap_or_default()
}

/// A token as the API server gives it to a pod: what it says is true, its signature is nobody's.
pub fn token(pod: &Object, source: &Value) -> SmolStr {
    let made = parse(pod.value.str_at(&["metadata", "creationTimestamp"])).unwrap_or_default();
    let issued = EPOCH_SECS + made.0 / 1_000_000;
    let expires = issued + u64::try_from(source.int("expirationSeconds")).unwrap_or(3_600).max(600);
    let audience = match source.text("audience") {
        "" => "https://kubernetes.default.svc.cluster.local",
        audience => audience,
    };
    let account = match pod.value.str_at(&["spec", "serviceAccountName"]) {
        "" => "default",
        account => account,
    };
    let (namespace, name, uid) = (pod.namespace(), pod.name(), pod.uid());
    let payload = format!(
        "{{\"aud\":[\"{audience}\"],\"exp\":{expires},\"iat\":{issued},\"iss\":\"https://kubernetes.default.svc.cluster.local\",\"kubernetes.io\":{{\"namespace\":\"{namespace}\",\"pod\":{{\"name\":\"{name}\",\"uid\":\"{uid}\"}},\"serviceaccount\":{{\"name\":\"{account}\"}}}},\"nbf\":{issued},\"sub\":\"system:serviceaccount:{namespace}:{account}\"}}"
    );
    let mut state =
        payload.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mut signature = [0_u8; 256];
    for byte in &mut signature {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    let part = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    format_smolstr!(
        "{}.{}.{}",
        part(b"{\"alg\":\"RS256\",\"typ\":\"JWT\"}"),
        part(payload.as_bytes()),
        part(&signature)
    )
}
