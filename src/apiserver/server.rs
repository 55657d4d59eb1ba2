//! The request pipeline (apiserver `endpoints/handlers` and `registry/generic/registry/store.go`): decoding → defaulting →
//! admission → allocation → validation → write. Everything a person or a manifest asks for goes through here; controllers
//! write through [`Writer`] directly, since what they write is valid by construction. Left out: authentication,
//! authorisation, managed fields, server-side apply.

use crate::api::object::{Object, ObjectKey};
use crate::api::time::Time;
use crate::api::value::Value;
use crate::api::yaml;
use crate::apiserver::admission;
use crate::apiserver::allocate::{Allocator, Ranges};
use crate::apiserver::convert;
use crate::apiserver::decode::{self, Decoded};
use crate::apiserver::eviction;
use crate::apiserver::patch::{self, PatchError};
use crate::apiserver::request::{
    Body, DeleteOptions, FieldValidation, PatchKind, Propagation, Request, Response, Subresource, Verb,
};
use crate::apiserver::resource::{self, Resource};
use crate::apiserver::status::{Status, unrecognized};
use crate::apiserver::store::{Cause, Store};
use crate::apiserver::strategy::{self, Strategy};
use crate::apiserver::validation::names;
use crate::apiserver::write::{Random, Writer};
use crate::text::Span;
use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use std::sync::Arc;

/// What the API server remembers beside the store.
#[derive(Clone, Debug, Default)]
pub struct ApiServer {
    pub allocator: Allocator,
}

/// What a request works on.
pub struct Context<'a> {
    pub store: &'a mut Store,
    pub random: &'a mut Random,
    pub now: Time,
    pub cause: Cause,
}

/// What is left to do for an object that passed every check.
type Checked<T> = Result<T, Status>;

impl ApiServer {
    pub fn new(ranges: Ranges) -> ApiServer {
        ApiServer { allocator: Allocator::new(ranges) }
    }

    /// Carries out a request. A refused or dry request leaves everything as it was.
    pub fn handle(&mut self, context: &mut Context, request: &Request) -> Response {
        let mut warnings = deprecations(&request.resource);
        let allocator = self.allocator.clone();
        let random = context.random.clone();
        let result = match &request.verb {
            Verb::Create(body) => self.create(context, request, body, &mut warnings),
            Verb::Update(body) => self.update(context, request, body, &mut warnings),
            Verb::Patch(kind, patch) => self.patch(context, request, *kind, patch, &mut warnings),
            Verb::Delete(options) => delete(context, request, options),
            Verb::Evict(options) => evict(context, request, options),
        };
        if result.is_err() || request.dry_run {
            self.allocator = allocator;
            *context.random = random;
        }
        let code = match (&result, &request.verb) {
            (Err(status), _) => status.code,
            (Ok(_), Verb::Create(_) | Verb::Evict(_)) => 201,
            (Ok(_), _) => 200,
        };
        Response { result, warnings, code }
    }

    fn create(
        &mut self,
        context: &mut Context,
        request: &Request,
        body: &Body,
        warnings: &mut Vec<String>,
    ) -> Checked<Value> {
        let resource = &request.resource;
        let mut object = read(resource, body, request.field_validation, warnings)?;
        let strategy = strategy::of(&resource.stored);
        settle_namespace(resource, &mut object, &request.namespace)?;
        dedup_owners(&mut object, warnings);
        admission::admit(context, resource, &mut object, None)?;
        let meta = object.map_mut().entry("metadata");
        let prefix = meta.text("generateName").to_smolstr();
        for key in
            ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"]
        {
            meta.map_mut().remove(key);
        }
        meta.map_mut().remove("generation");
        if meta.text("name").is_empty() && !prefix.is_empty() {
            let name = generated_name(&prefix, context.random);
            meta.map_mut().insert("name", name);
        }
        if resource.stored == "Job" {
            // Its selector names its uid, so that must be there first.
            object.map_mut().entry("metadata").map_mut().insert("uid", context.random.uid());
        }
        if resource.stored == "Service" {
            self.allocator.create(context.store, context.random, &mut object, request.dry_run)?;
        }
        (strategy.prepare_create)(&mut object);
        check_new(resource, strategy, &object)?;
        (strategy.warn)(warnings, &object, None);
        let name = object.str_at(&["metadata", "name"]).to_smolstr();
        let version = object.str_at(&["metadata", "resourceVersion"]).to_smolstr();
        let key = resource.key(object.str_at(&["metadata", "namespace"]), &name);
        if context.store.get(&key).is_some() {
            let exists = Status::already_exists(resource.group(), &resource.plural, &name);
            return Err(exists);
        }
        if request.dry_run {
            let meta = object.map_mut().entry("metadata").map_mut();
            if meta.get("uid").is_none() {
                meta.insert("uid", context.random.uid());
            }
            meta.insert("creationTimestamp", context.now.to_smolstr());
            return Ok(finish(resource, object));
        }
        if !matches!(version.as_str(), "" | "0") {
            return Err(Status::unknown("resourceVersion should not be set on objects to be created"));
        }
        let object = finish(resource, object);
        let mut writer = context.writer();
        Ok(writer.create(&resource.stored, object).value.clone())
    }

    fn update(
        &mut self,
        context: &mut Context,
        request: &Request,
        body: &Body,
        warnings: &mut Vec<String>,
    ) -> Checked<Value> {
        let resource = &request.resource;
        let mut object = read(resource, body, request.field_validation, warnings)?;
        settle_namespace(resource, &mut object, &request.namespace)?;
        check_name(request, &object)?;
        let old = existing(context, request)?;
        self.replace(context, request, &old, object, warnings)
    }

    fn patch(
        &mut self,
        context: &mut Context,
        request: &Request,
        kind: PatchKind,
        patch: &Value,
        warnings: &mut Vec<String>,
    ) -> Checked<Value> {
        let resource = &request.resource;
        let old = existing(context, request)?;
        let patched = match kind {
            PatchKind::Merge => patch::merge(&old.value, patch),
            PatchKind::Json => patch::json(&old.value, patch).map_err(PatchError::status)?,
            PatchKind::Strategic => {
                let root = resource.root.ok_or_else(|| Status {
                    code: 415,
                    reason: "UnsupportedMediaType",
                    message: "the body of the request was in an unknown format - accepted media types include: \
                              application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                        .into(),
                    ..Status::default()
                })?;
                patch::strategic(root, &old.value, patch).map_err(PatchError::status)?
            }
        };
        let mut object = read_patched(resource, kind, &patched, patch, request.field_validation, warnings)?;
        settle_namespace(resource, &mut object, &request.namespace)?;
        check_name(request, &object)?;
        self.replace(context, request, &old, object, warnings)
    }

    /// The common end of update and patch.
    fn replace(
        &mut self,
        context: &mut Context,
        request: &Request,
        old: &Arc<Object>,
        mut object: Value,
        warnings: &mut Vec<String>,
    ) -> Checked<Value> {
        let resource = &request.resource;
        let strategy = strategy::of(&resource.stored);
        let (group, name) = (resource.group(), &old.key.name);
        let stale = |why: &str| Err(Status::conflict(group, &resource.plural, name, why));
        let uid = object.str_at(&["metadata", "uid"]);
        if !uid.is_empty() && uid != old.uid() {
            return stale(&format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                old.uid()
            ));
        }
        let version = object.str_at(&["metadata", "resourceVersion"]);
        if !matches!(version, "" | "0") && version != old.value.str_at(&["metadata", "resourceVersion"]) {
            return stale(
                "the object has been modified; please apply your changes to the latest version and try again",
            );
        }
        keep_system_fields(&mut object, &old.value);
        dedup_owners(&mut object, warnings);
        // Whoever wrote `clusterIP: None` no longer owns the field: a change of the record, though nothing else changes.
        let mut given_up = false;
        if request.subresource == Subresource::Status {
            let status = object.get("status").cloned();
            let meta = object.get("metadata").cloned().unwrap_or_default();
            object = old.value.clone();
            object.map_mut().insert("metadata", meta);
            match status {
                Some(status) => drop(object.map_mut().insert("status", status)),
                None => drop(object.map_mut().remove("status")),
            }
        } else {
            admission::admit(context, resource, &mut object, Some(&old.value))?;
            if resource.stored == "Service" {
                let allocator = &mut self.allocator;
                given_up = old.value.str_at(&["spec", "clusterIP"]) == "None"
                    && object.str_at(&["spec", "clusterIP"]).is_empty();
                allocator.update(context.store, context.random, &mut object, &old.value, request.dry_run)?;
            }
            (strategy.prepare_update)(&mut object, &old.value);
            let errors = strategy.update_errors(&object, &old.value, resource.namespaced);
            if !errors.is_empty() {
                return Err(Status::invalid(group, &resource.kind, name, errors.0));
            }
            (strategy.warn)(warnings, &object, Some(&old.value));
        }
        let object = finish(resource, object);
        if request.dry_run {
            return Ok(object);
        }
        let mut writer = context.writer();
        let written = match request.subresource {
            Subresource::Status => writer.update(old, object),
            _ => writer.update_for_client(old, object, given_up),
        };
        Ok(written.value.clone())
    }
}

impl Context<'_> {
    pub fn writer(&mut self) -> Writer<'_> {
        Writer { store: self.store, random: self.random, now: self.now, cause: self.cause.clone() }
    }
}

/// Warnings that come with a resource whatever is done.
fn deprecations(resource: &Resource) -> Vec<String> {
    match (resource.group_version.as_str(), resource.kind.as_str()) {
        ("v1", "Endpoints") => {
            vec!["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".into()]
        }
        ("v1", "ComponentStatus") => vec!["v1 ComponentStatus is deprecated in v1.19+".into()],
        _ => Vec::new(),
    }
}

fn existing(context: &Context, request: &Request) -> Checked<Arc<Object>> {
    let resource = &request.resource;
    let key = resource.key(&request.namespace, &request.name);
    let found = context.store.get(&key).cloned();
    found.ok_or_else(|| Status::not_found(resource.group(), &resource.plural, &request.name))
}

/// Decodes and defaults a request's body.
fn read(
    resource: &Resource,
    body: &Body,
    field_validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Checked<Value> {
    let (content, mut strict, text) = match body {
        Body::Content(value) => (value.clone(), Vec::new(), None),
        Body::Yaml(text) => {
            let reading = yaml::read(text, Span::new(0, text.len()))
                .map_err(|e| unrecognized(&resource.kind, &e.message, text))?;
            let twice: Vec<String> = reading
                .duplicates
                .iter()
                .map(|d| format!("\n  line {}: key {:?} already set in map", d.line, d.key.as_str()))
                .collect();
            let strict = match twice.is_empty() {
                true => Vec::new(),
                false => vec![format!("yaml: unmarshal errors:{}", twice.concat())],
            };
            (reading.value, strict, Some(text))
        }
    };
    let json = || text.cloned().unwrap_or_else(|| crate::api::json::to_string(&content));
    for key in ["apiVersion", "kind"] {
        if let Some(other) = content.field(key).filter(|v| v.as_str().is_none()) {
            let error = format!(
                "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go struct field .{key} of type string",
                other.json_type()
            );
            return Err(unrecognized(&resource.kind, &error, &json()));
        }
    }
    if content.as_map().is_none() {
        let error = format!(
            "couldn't get version/kind; json parse error: json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            content.json_type()
        );
        return Err(unrecognized(&resource.kind, &error, &json()));
    }
    let or = |given: &str, default: &str| SmolStr::from(if given.is_empty() { default } else { given });
    let kind = or(content.text("kind"), &resource.kind);
    let group_version = or(content.text("apiVersion").trim_start_matches('/'), &resource.group_version);
    let version = group_version.rsplit_once('/').map_or(group_version.as_str(), |(_, v)| v).to_smolstr();
    let cannot = |why: &str| {
        Status::bad_request(format!("{kind} in version {version:?} cannot be handled as a {}: {why}", resource.kind))
    };
    if kind != resource.kind {
        let why = format!(
            "no kind {kind:?} is registered for version {group_version:?} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
        );
        return Err(cannot(&why));
    }
    if group_version != resource.group_version {
        return Err(Status::bad_request(format!(
            "the API version in the data ({group_version}) does not match the expected API version ({})",
            resource.group_version
        )));
    }
    let decoded = decode_as(resource, &content, text.is_some()).map_err(|e| cannot(&e))?;
    strict.extend(decoded.strict);
    if !strict.is_empty() {
        match field_validation {
            FieldValidation::Strict => {
                return Err(cannot(&format!("strict decoding error: {}", strict.join(", "))));
            }
            FieldValidation::Warn => warnings.append(&mut strict),
            FieldValidation::Ignore => {}
        }
    }
    Ok(defaulted(resource, decoded.value))
}

fn decode_as(resource: &Resource, content: &Value, exact: bool) -> Result<Decoded, String> {
    match resource.root {
        Some(root) => decode::decode_sent(root, content, exact),
        None => {
            decode::decode_metadata(content)?;
            Ok(Decoded { value: content.clone(), strict: Vec::new() })
        }
    }
}

fn defaulted(resource: &Resource, mut object: Value) -> Value {
    let content = object.map_mut();
    content.insert("apiVersion", &resource.group_version);
    content.insert("kind", &resource.kind);
    (strategy::of(&resource.stored).default)(&mut object);
    object
}

/// Decodes what a patch made. What is wrong with it is told as an invalid patch.
fn read_patched(
    resource: &Resource,
    kind: PatchKind,
    patched: &Value,
    patch: &Value,
    field_validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Checked<Value> {
    let refuse = |why: &str| {
        let shown = match kind {
            PatchKind::Strategic => patch::go_map(patch),
            _ => crate::api::json::to_string(patched),
        };
        let mut errors = crate::apiserver::validation::Errors::default();
        errors.invalid(&crate::api::path::Path::root("patch"), &shown.into(), why);
        let mut status = Status::invalid("", "", "", errors.0);
        status.message = format!(" \"\" is invalid: {}", status.causes[0]);
        Err(status)
    };
    let decoded = match (kind, resource.root) {
        (PatchKind::Strategic, Some(root)) => convert::from_unstructured(root, patched),
        _ => decode_as(resource, patched, false),
    };
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(why) => return refuse(&why),
    };
    if !decoded.strict.is_empty() {
        match field_validation {
            FieldValidation::Strict => {
                return refuse(&format!("strict decoding error: {}", decoded.strict.join(", ")));
            }
            FieldValidation::Warn => warnings.extend(decoded.strict.iter().cloned()),
            FieldValidation::Ignore => {}
        }
    }
    Ok(defaulted(resource, decoded.value))
}

/// The namespace of the URL is the object's; one that differs is refused.
fn settle_namespace(resource: &Resource, object: &mut Value, namespace: &str) -> Checked<()> {
    let given = object.str_at(&["metadata", "namespace"]);
    if !resource.namespaced {
        object.remove_at(&["metadata", "namespace"]);
    } else if given.is_empty() {
        object.set_at(&["metadata", "namespace"], namespace);
    } else if given != namespace {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

/// The name of the URL is the object's.
fn check_name(request: &Request, object: &Value) -> Checked<()> {
    let name = object.str_at(&["metadata", "name"]);
    if name == request.name {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "the name of the object ({name}) does not match the name on the URL ({})",
        request.name
    )))
}

/// One owner stands once.
fn dedup_owners(object: &mut Value, warnings: &mut Vec<String>) {
    let owners = object.items_at(&["metadata", "ownerReferences"]);
    let mut kept: Vec<Value> = Vec::new();
    let mut twice: Vec<SmolStr> = Vec::new();
    for owner in owners {
        if kept.contains(owner) {
            twice.push(owner.text("uid").into());
        } else {
            kept.push(owner.clone());
        }
    }
    if !twice.is_empty() {
        let uids = twice.join(", ");
        warnings.push(format!(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may \
             reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {uids}"
        ));
        object.set_at(&["metadata", "ownerReferences"], Value::list(kept));
    }
}

fn check_new(resource: &Resource, strategy: &Strategy, object: &Value) -> Checked<()> {
    let errors = strategy.errors(object, resource.namespaced);
    if errors.is_empty() {
        return Ok(());
    }
    let name = object.str_at(&["metadata", "name"]);
    Err(Status::invalid(resource.group(), &resource.kind, name, errors.0))
}

/// `prefix` with five random characters; the whole has at most 63.
fn generated_name(prefix: &str, random: &mut Random) -> SmolStr {
    const SUFFIX: usize = 5;
    let mut end = prefix.len().min(names::LABEL_MAX - SUFFIX);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    format_smolstr!("{}{}", &prefix[..end], random.suffix(SUFFIX))
}

/// What only the server writes stays as it was; a missing name or namespace is the old one.
fn keep_system_fields(object: &mut Value, old: &Value) {
    let null = Value::Null;
    let before = old.get("metadata").unwrap_or(&null);
    let meta = object.map_mut().entry("metadata").map_mut();
    meta.remove("managedFields");
    meta.remove("selfLink");
    for key in
        ["uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"]
    {
        match before.field(key) {
            Some(value) => drop(meta.insert(key, value.clone())),
            None => drop(meta.remove(key)),
        }
    }
}

/// The object as Go prints it.
fn finish(resource: &Resource, mut object: Value) -> Value {
    // Old servers filled in a policy that means nothing here; it is left out whenever such a Service is read.
    if resource.stored == "Service" && object.str_at(&["spec", "type"]) == "ExternalName" {
        object.remove_at(&["spec", "internalTrafficPolicy"]);
    }
    let Some(root) = resource.root else { return object };
    decode::canonical(root, &object)
}

fn delete(context: &mut Context, request: &Request, options: &DeleteOptions) -> Checked<Value> {
    let resource = &request.resource;
    let old = existing(context, request)?;
    if resource.stored == "Namespace" && matches!(request.name.as_str(), "default" | "kube-system" | "kube-public") {
        return Err(Status::forbidden("", "namespaces", &request.name, "this namespace may not be deleted"));
    }
    if request.dry_run {
        return Ok(old.value.clone());
    }
    if options.propagation == Propagation::Orphan {
        orphan(context, &old);
    }
    let foreground =
        options.propagation == Propagation::Foreground && context.store.owned_by(old.uid()).next().is_some();
    let mut writer = context.writer();
    if foreground {
        let mut value = old.value.clone();
        let finalizers = value.map_mut().entry("metadata").map_mut().entry("finalizers").list_mut();
        finalizers.push("foregroundDeletion".into());
        writer.update(&old, value);
    }
    if options.grace_period == Some(0)
        && resource.stored == "Pod"
        && old.value.items_at(&["metadata", "finalizers"]).is_empty()
    {
        writer.purge(&old.key);
    } else {
        writer.delete(&old.key, options.grace_period);
    }
    Ok(context.store.get(&old.key).map_or_else(|| old.value.clone(), |o| o.value.clone()))
}

fn evict(context: &mut Context, request: &Request, options: &DeleteOptions) -> Checked<Value> {
    let pod = existing(context, request)?;
    eviction::permit(context, &pod, request.dry_run)?;
    if !request.dry_run {
        eviction::mark(context, &pod);
    }
    delete(context, request, options)
}

/// Dependents that are to stay lose their owner.
fn orphan(context: &mut Context, owner: &Arc<Object>) {
    let dependents: Vec<Arc<Object>> = context.store.owned_by(owner.uid()).cloned().collect();
    for dependent in dependents {
        let mut value = dependent.value.clone();
        let meta = value.map_mut().entry("metadata").map_mut();
        meta.entry("ownerReferences").list_mut().retain(|o| o.text("uid") != owner.uid());
        if meta.get("ownerReferences").is_some_and(|o| o.as_list().is_some_and(<[Value]>::is_empty)) {
            meta.remove("ownerReferences");
        }
        context.writer().update(&dependent, value);
    }
}

/// The resource and the namespace that an object's own text asks for: what a client that has only a manifest sends.
pub fn resource_of(store: &Store, object: &Value) -> Option<Resource> {
    resource::find(store, object.text("apiVersion"), object.text("kind"))
}

/// The key under which a resource's object stands in the store.
pub fn key_of(resource: &Resource, object: &Value, default_namespace: &str) -> ObjectKey {
    let namespace = match object.str_at(&["metadata", "namespace"]) {
        "" => default_namespace,
        given => given,
    };
    resource.key(namespace, object.str_at(&["metadata", "name"]))
}
