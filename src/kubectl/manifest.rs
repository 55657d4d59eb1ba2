//! Manifests on their way to the server (cli-runtime's resource builder): documents of files, lists taken apart, each with
//! the resource that the server has for it.

use crate::api::json;
use crate::api::value::Value;
use crate::api::yaml;
use crate::apiserver::decode::decode_metadata;
use crate::apiserver::resource::{self, Resource};
use crate::apiserver::store::Store;
use crate::kubectl::failure::Failure;
use crate::kubectl::run::{Options, name_of};
use smol_str::{SmolStr, ToSmolStr};

/// A file's name and its text.
#[derive(Clone, Debug)]
pub struct File {
    pub name: SmolStr,
    pub text: String,
}

/// An object to send.
#[derive(Clone, Debug)]
pub struct Item {
    pub file: SmolStr,
    pub resource: Resource,
    /// Empty for resources of the whole cluster.
    pub namespace: SmolStr,
    /// Empty when the server is to generate one.
    pub name: SmolStr,
    pub object: Value,
    /// The document of the file that it comes from, from zero.
    pub document: usize,
}

/// Every object of the files, or why there is none, in order. Text that cannot be read ends its file.
pub fn items(store: &Store, files: &[File], options: &Options) -> Vec<Result<Item, Failure>> {
    let mut found = Vec::new();
    for file in files {
        for (document, part) in yaml::split(&file.text).into_iter().enumerate() {
            let value = match yaml::read(&file.text, part.span) {
                Ok(reading) if reading.value.is_null() => continue,
                Ok(reading) => reading.value,
                Err(error) => {
                    let message =
                        format!("error parsing {}: error converting YAML to JSON: {}", file.name, error.message);
                    found.push(Err(Failure::Own(message)));
                    break;
                }
            };
            if let Err(message) = check_kind(&value) {
                let message = format!(
                    "error validating {:?}: error validating data: {message}; if you choose to ignore these errors, \
                     turn validation off with --validate=false",
                    file.name.as_str()
                );
                found.push(Err(Failure::Own(message)));
                break;
            }
            objects(store, &file.name, document, &value, options, &mut found);
        }
    }
    found
}

/// What kubectl asks of a document before anything else (`getObjectKind`).
fn check_kind(value: &Value) -> Result<(), String> {
    if value.as_map().is_none() {
        return Err("invalid object to validate".into());
    }
    let mut errors = Vec::new();
    for key in ["apiVersion", "kind"] {
        match value.field(key) {
            None => errors.push(format!("{key} not set")),
            Some(Value::String(text)) if key == "apiVersion" && text.matches('/').count() > 1 => {
                errors.push(format!("unexpected GroupVersion string: {text}"));
            }
            Some(Value::String(_)) => {}
            Some(_) => errors.push(format!("{key} isn't string type")),
        }
    }
    match &errors[..] {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

/// The objects of a document: itself, or the items of a list.
fn objects(
    store: &Store,
    file: &SmolStr,
    document: usize,
    value: &Value,
    options: &Options,
    found: &mut Vec<Result<Item, Failure>>,
) {
    let is_list = value.text("kind").ends_with("List") && value.get("items").is_some_and(|i| i.as_list().is_some());
    if !is_list {
        found.push(item(store, file, document, value, options));
        return;
    }
    for inner in value.items("items") {
        // A list of one kind may leave kind and version to the list.
        let mut inner = inner.clone();
        for key in ["apiVersion", "kind"] {
            let of_list = value.text(key).strip_suffix("List").unwrap_or(value.text(key)).to_smolstr();
            if inner.text(key).is_empty() && value.text("kind") != "List" && inner.as_map().is_some() {
                inner.map_mut().insert(key, of_list);
            }
        }
        found.push(item(store, file, document, &inner, options));
    }
}

fn item(store: &Store, file: &SmolStr, document: usize, value: &Value, options: &Options) -> Result<Item, Failure> {
    let undecodable = |why: String| Failure::Own(format!("unable to decode {:?}: {why}", file.as_str()));
    // A slash before the version leaves the group empty, as it is for the core group.
    let (group_version, kind) = (value.text("apiVersion").trim_start_matches('/'), value.text("kind"));
    if kind.is_empty() {
        return Err(undecodable(format!("Object 'Kind' is missing in '{}'", json::to_string(value))));
    }
    decode_metadata(value).map_err(undecodable)?;
    let (name, given) = (name_of(value), value.str_at(&["metadata", "namespace"]));
    let Some(resource) = find(store, group_version, kind) else {
        return Err(Failure::Own(format!(
            "resource mapping not found for name: {:?} namespace: {given:?} from {:?}: no matches for kind {kind:?} in \
             version {group_version:?}\nensure CRDs are installed first",
            name.as_str(),
            file.as_str()
        )));
    };
    let namespace = match (resource.namespaced, given) {
        (false, _) => SmolStr::default(),
        (true, "") => options.namespace.clone(),
        (true, given) if options.enforce_namespace && given != options.namespace => {
            return Err(Failure::Own(format!(
                "the namespace from the provided object {given:?} does not match the namespace {:?}. You must pass \
                 '--namespace={given}' to perform this operation.",
                options.namespace.as_str()
            )));
        }
        (true, given) => given.into(),
    };
    let mut object = value.clone();
    if resource.namespaced && given.is_empty() {
        object.set_at(&["metadata", "namespace"], namespace.clone());
    }
    Ok(Item { file: file.clone(), resource, namespace, name, object, document })
}

/// The resource of a kind. kubectl's discovery also knows kinds in lower case, and a core kind without a version: what the
/// server makes of those is the server's answer.
fn find(store: &Store, group_version: &str, kind: &str) -> Option<Resource> {
    if let Some(found) = resource::find(store, group_version, kind) {
        return Some(found);
    }
    resource::all(store).find_map(|r| {
        let lower = r.group_version == group_version && r.kind.to_ascii_lowercase() == kind;
        let versionless = group_version.is_empty() && r.group_version == "v1" && r.kind == kind;
        match (lower, versionless) {
            (true, _) => Some(r),
            // A request to `/api//services` finds nothing.
            (_, true) => Some(Resource { group_version: SmolStr::default(), ..r }),
            _ => None,
        }
    })
}
