//! `metav1.Status`: how the API server says no, with its very words.

use crate::api::path::FieldPath;
use smol_str::SmolStr;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
