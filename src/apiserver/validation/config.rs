//! ConfigMaps and Secrets (`pkg/apis/core/validation`), without their metadata.
//!
//! Left out: what a registry's credentials say inside, beyond being a JSON object.

use crate::api::path::Path;
use crate::api::value::{Map, Value};
use crate::apiserver::validation::{Errors, names};
use data_encoding::BASE64;

/// Most bytes of data of one object.
const MOST_DATA: usize = 1024 * 1024;

/// The bytes of a base64 text.
fn decoded(value: &Value) -> Vec<u8> {
    BASE64.decode(value.as_str().unwrap_or("").as_bytes()).unwrap_or_default()
}

pub fn validate_config_map(errors: &mut Errors, config: &Value) {
    let (data_path, binary_path) = (Path::root("data"), Path::root("binaryData"));
    let mut total = 0;
    for (key, value) in config.entries("data") {
        errors.invalid_each(&data_path.key(key), &Value::from(key), names::is_config_map_key(key));
        if config.at(&["binaryData", key]).is_some() {
            errors.invalid(&data_path.key(key), &Value::from(key), "duplicate of key present in binaryData");
        }
        total += value.as_str().unwrap_or("").len();
    }
    for (key, value) in config.entries("binaryData") {
        errors.invalid_each(&binary_path.key(key), &Value::from(key), names::is_config_map_key(key));
        total += decoded(value).len();
    }
    if total > MOST_DATA {
        errors.too_long(&Path::root(""), MOST_DATA);
    }
}

pub fn validate_config_map_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_kept(errors, new, old, &["data", "binaryData"]);
    validate_config_map(errors, new);
}

/// What is immutable stays so, and its data with it.
fn validate_kept(errors: &mut Errors, new: &Value, old: &Value, fields: &[&str]) {
    if !old.flag("immutable") {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if !new.flag("immutable") {
        errors.forbidden(&Path::root("immutable"), detail);
    }
    for field in fields {
        if new.field(field) != old.field(field) {
            errors.forbidden(&Path::root(field), detail);
        }
    }
}

pub fn validate_secret(errors: &mut Errors, secret: &Value) {
    let path = Path::root("data");
    let mut total = 0;
    for (key, value) in secret.entries("data") {
        errors.invalid_each(&path.key(key), &Value::from(key), names::is_config_map_key(key));
        total += decoded(value).len();
    }
    if total > MOST_DATA {
        errors.too_long(&path, MOST_DATA);
    }
    let empty = Map::new();
    let data = secret.get("data").and_then(Value::as_map).unwrap_or(&empty);
    let require = |errors: &mut Errors, key: &str| {
        if !data.contains_key(key) {
            errors.required(&path.key(key), "");
        }
    };
    match secret.text("type") {
        "kubernetes.io/service-account-token" => {
            let name = "kubernetes.io/service-account.name";
            if secret.at(&["metadata", "annotations", name]).and_then(Value::as_str).unwrap_or("").is_empty() {
                let meta = Path::root("metadata");
                errors.required(&meta.child("annotations").key(name), "");
            }
        }
        "kubernetes.io/dockercfg" => validate_docker_config(errors, &path, data, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => validate_docker_config(errors, &path, data, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !data.contains_key("username") && !data.contains_key("password") => {
            require(errors, "username");
            require(errors, "password");
        }
        "kubernetes.io/ssh-auth" => {
            let key = data.get("ssh-privatekey").map(decoded).unwrap_or_default();
            if key.is_empty() {
                errors.required(&path.key("ssh-privatekey"), "");
            }
        }
        "kubernetes.io/tls" => {
            require(errors, "tls.crt");
            require(errors, "tls.key");
        }
        _ => {}
    }
}

/// A registry's credentials must at least be JSON.
fn validate_docker_config(errors: &mut Errors, path: &Path, data: &Map, key: &str) {
    let at = path.key(key);
    match data.get(key) {
        None => errors.required(&at, ""),
        Some(value) => {
            let text = String::from_utf8_lossy(&decoded(value)).into_owned();
            if let Err(problem) = check_object(&text) {
                errors.invalid_shown(&at, "\"<secret contents redacted>\"", &problem);
            }
        }
    }
}

/// Whether a text begins and ends as a JSON object does; otherwise what Go says of it.
fn check_object(text: &str) -> Result<(), String> {
    let text = text.trim();
    match (text.chars().next(), text.ends_with('}')) {
        (Some('{'), true) => Ok(()),
        (None, _) | (Some('{'), false) => Err("unexpected end of JSON input".to_string()),
        (Some(c), _) => Err(format!("invalid character {c:?} looking for beginning of value")),
    }
}

pub fn validate_secret_update(errors: &mut Errors, new: &Value, old: &Value) {
    if new.text("type") != old.text("type") {
        errors.invalid(&Path::root("type"), &Value::from(new.text("type")), "field is immutable");
    }
    validate_kept(errors, new, old, &["data"]);
    validate_secret(errors, new);
}
