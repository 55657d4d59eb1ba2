//! `metav1.Status`: how the API server says no, with its very words.

use crate::api::path::FieldPath;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The reasons of a [`Cause`] (`metav1.CauseType`, from apimachinery's `field.ErrorType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CauseReason {
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    TypeInvalid,
    NotFound,
    Internal,
    /// A cause without a reason: internal errors have such.
    Unnamed,
}

impl CauseReason {
    /// The word in `details.causes[].reason`.
    pub fn name(self) -> &'static str {
        match self {
            CauseReason::Required => "FieldValueRequired",
            CauseReason::Duplicate => "FieldValueDuplicate",
            CauseReason::Invalid => "FieldValueInvalid",
            CauseReason::NotSupported => "FieldValueNotSupported",
            CauseReason::Forbidden => "FieldValueForbidden",
            CauseReason::TooLong => "FieldValueTooLong",
            CauseReason::TooMany => "FieldValueTooMany",
            CauseReason::TypeInvalid => "FieldValueTypeInvalid",
            CauseReason::NotFound => "FieldValueNotFound",
            CauseReason::Internal => "InternalError",
            CauseReason::Unnamed => "",
        }
    }
}

/// One cause of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub reason: CauseReason,
    pub field: FieldPath,
    /// The message without the field: `Invalid value: "x": must be …`.
    pub message: String,
}

/// A refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The HTTP code.
    pub code: u16,
    /// `Invalid`, `BadRequest`, `NotFound`, `AlreadyExists`, `Conflict`, `Forbidden` …
    pub reason: &'static str,
    pub message: String,
    pub causes: Vec<Cause>,
    /// `details.kind`, `details.group` and `details.name`, which kubectl prints from.
    pub kind: SmolStr,
    pub group: SmolStr,
    pub name: SmolStr,
}

impl Status {
    fn new(code: u16, reason: &'static str, message: String) -> Status {
        Status { code, reason, message, ..Status::default() }
    }

    /// Names the kind or resource and the object that the refusal is about.
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Status {
        (self.group, self.kind, self.name) = (group.into(), kind.into(), name.into());
        self
    }

    /// A request that its client could not even send: no server said this, so there is no code.
    pub fn unsent(message: String) -> Status {
        Status::new(0, "", message)
    }

    /// 400: the request itself cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Status {
        Status::new(400, "BadRequest", message.into())
    }

    /// 422 with its causes. `kind` is the kind's name, `group` empty for the core group.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Status {
        // Each is told once, in the order found.
        let mut seen = BTreeSet::new();
        let told: Vec<String> = causes.iter().map(Cause::to_string).filter(|text| seen.insert(text.clone())).collect();
        let all = match &told[..] {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} {name:?} is invalid: {all}", qualified(kind, group));
        Status { causes, ..Status::new(422, "Invalid", message) }.about(group, kind, name)
    }

    /// 404: no object of that resource (its plural) and name.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Status {
        let message = format!("{} {name:?} not found", qualified(resource, group));
        Status::new(404, "NotFound", message).about(group, resource, name)
    }

    /// 404: the server has no such path at all.
    pub fn no_such_resource() -> Status {
        Status::new(404, "NotFound", "the server could not find the requested resource".into())
    }

    /// 409: the name is taken.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Status {
        let message = format!("{} {name:?} already exists", qualified(resource, group));
        Status::new(409, "AlreadyExists", message).about(group, resource, name)
    }

    /// 409: somebody else wrote first.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Status {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(resource, group));
        Status::new(409, "Conflict", message).about(group, resource, name)
    }

    /// 403: admission or protection says no.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Status {
        let message = match (resource, name) {
            ("", _) => format!("forbidden: {why}"),
            (resource, "") => format!("{} is forbidden: {why}", qualified(resource, group)),
            (resource, name) => format!("{} {name:?} is forbidden: {why}", qualified(resource, group)),
        };
        Status::new(403, "Forbidden", message).about(group, resource, name)
    }

    /// 429: not now, perhaps later.
    pub fn too_many_requests(message: impl Into<String>) -> Status {
        Status::new(429, "TooManyRequests", message.into())
    }

    /// 500 with its cause, as `errors.NewInternalError` makes it.
    pub fn internal(message: impl Into<String>) -> Status {
        let message = message.into();
        let cause = Cause { reason: CauseReason::Unnamed, field: FieldPath::default(), message: message.clone() };
        Status {
            causes: vec![cause],
            ..Status::new(500, "InternalError", format!("Internal error occurred: {message}"))
        }
    }

    /// 500 for an error that the server did not dress.
    pub fn unknown(message: impl Into<String>) -> Status {
        Status::new(500, "", message.into())
    }
}

/// `deployments.apps`, `services`: a resource or kind with its group, if it has one.
fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_string() } else { format!("{name}.{group}") }
}

impl std::fmt::Display for Cause {
    /// `spec.ports[0].port: Invalid value: …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.field.is_empty() {
            // Upstream's `field.Path` of nothing prints so.
            f.write_str("<nil>: ")?;
        } else {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// The message for text that is no object: the words and the beginning of the text, in hexadecimal unless it is JSON
/// (apiserver `transformDecodeError`).
pub fn unrecognized(kind: &str, error: &str, body: &str) -> Status {
    const SHOWN: usize = 30;
    let mut summary = String::new();
    if body.is_empty() {
        summary.push_str("<empty>");
    } else if body.starts_with('{') {
        summary.extend(body.chars().take(SHOWN));
    } else {
        for byte in body.bytes().take(SHOWN) {
            let _ = write!(summary, "{byte:02x}");
        }
    }
    if body.len() > SHOWN {
        summary.push_str(" ...");
    }
    Status::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {error} ({summary})"))
}
