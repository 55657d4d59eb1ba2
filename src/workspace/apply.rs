//! One manifest to the API server, as `kubectl apply` sends it.

use crate::api::object::ObjectKey;
use crate::api::value::{Map, Value};
use crate::api::yaml;
use crate::apiserver::request::{Body, FieldValidation, Request, Subresource, Verb};
use crate::apiserver::resource;
use crate::apiserver::status::Status;
use crate::cluster::Cluster;
use crate::kubectl::apply::{LAST_APPLIED, three_way, with_last_applied};
use crate::kubectl::failure::Failure;
use crate::text::Span;
use smol_str::SmolStr;

/// What the API server said to an accepted manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Accepted {
    pub warnings: Vec<String>,
}

/// Creates the object that a manifest describes, or patches the one that stands.
pub fn apply(cluster: &mut Cluster, key: &ObjectKey, manifest: &Value) -> Result<Accepted, Status> {
    let (version, kind) = (manifest.str_at(&["apiVersion"]), manifest.str_at(&["kind"]));
    let Some(resource) = resource::find(cluster.store(), version, kind) else {
        return Err(unknown_kind(manifest, version, kind));
    };
    let modified = with_last_applied(manifest);
    let live = cluster.store().get(key).map(|o| o.value.clone());
    let (verb, name) = match live {
        None => (Verb::Create(Body::Content(modified)), SmolStr::default()),
        Some(live) => {
            let last = live.at(&["metadata", "annotations", LAST_APPLIED]).and_then(Value::as_str);
            let original = last
                .and_then(|text| yaml::read(text, Span::new(0, text.len())).ok())
                .map(|reading| reading.value)
                .unwrap_or_default();
            let (kind, patch) = three_way(&resource, &original, &modified, &live).map_err(own)?;
            if patch.as_map().is_some_and(Map::is_empty) {
                return Ok(Accepted::default());
            }
            (Verb::Patch(kind, patch), key.name.clone())
        }
    };
    let request = Request {
        resource,
        namespace: key.namespace.clone(),
        name,
        subresource: Subresource::None,
        verb,
        dry_run: false,
        field_validation: FieldValidation::Strict,
    };
    let response = cluster.request(&request);
    match response.result {
        Ok(_) => Ok(Accepted { warnings: response.warnings }),
        Err(status) => Err(of_the_text(cluster, request, manifest).unwrap_or(status)),
    }
}

/// A patch that cannot be read is told without a word about the field. The text stands in an editor, so it is told as if it were
/// new, which says where.
fn of_the_text(cluster: &mut Cluster, patch: Request, manifest: &Value) -> Option<Status> {
    if !matches!(patch.verb, Verb::Patch(..)) {
        return None;
    }
    let create = Request {
        name: SmolStr::default(),
        verb: Verb::Create(Body::Content(manifest.clone())),
        dry_run: true,
        ..patch
    };
    cluster.request(&create).result.err().filter(|status| status.reason == "BadRequest")
}

fn own(failure: Failure) -> Status {
    match failure {
        Failure::Server(status) => *status,
        Failure::Own(words) => Status::bad_request(words),
    }
}

/// What kubectl finds out before it sends anything.
fn unknown_kind(manifest: &Value, version: &str, kind: &str) -> Status {
    let (name, namespace) = (manifest.str_at(&["metadata", "name"]), manifest.str_at(&["metadata", "namespace"]));
    let words = if kind.is_empty() {
        "error validating data: kind not set".to_string()
    } else if version.is_empty() {
        "error validating data: apiVersion not set".to_string()
    } else {
        format!(
            "resource mapping not found for name: \"{name}\" namespace: \"{namespace}\": no matches for kind \"{kind}\" in \
             version \"{version}\"\nensure CRDs are installed first"
        )
    };
    Status { reason: "NotFound", ..Status::bad_request(words) }
}
