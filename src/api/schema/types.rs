//! What the table's rows become: kinds, structs, fields, types.

use super::{help, schema};

/// Points to a [`Struct`] of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StructId(pub(super) u16);

impl StructId {
    /// The struct's place in [`super::Schema::structs`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// How far a kind is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Its controllers run here.
    Simulated,
    /// Kept, listed and printed; nothing acts on it.
    Accepted,
    /// Served only once the add-on that brings its definition is installed.
    AddOn,
}

/// A kind that the API server serves.
#[derive(Debug)]
pub struct KindInfo {
    /// `v1`, `apps/v1`.
    pub group_version: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    /// The struct behind it; `None` when any content is kept as it came.
    pub root: Option<StructId>,
    /// `deployments`: the name in URLs.
    pub plural: &'static str,
    /// `deployment`.
    pub singular: &'static str,
    /// `deploy`; some kinds have several.
    pub short_names: Vec<&'static str>,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// How far it is played here.
    pub support: Support,
    /// `all` and the like.
    pub categories: Vec<&'static str>,
    /// What may be done with it, sorted; the review kinds can only be created.
    pub verbs: Vec<&'static str>,
}

impl KindInfo {
    /// `apps`; empty for the core group.
    pub fn group(&self) -> &'static str {
        self.group_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// `v1`.
    pub fn version(&self) -> &'static str {
        self.group_version.split_once('/').map_or(self.group_version, |(_, version)| version)
    }

    /// `deployments.apps`; `services` in the core group.
    pub fn resource_with_group(&self) -> String {
        match self.group() {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// One sentence in English: what the kind is for. `None` when the sentences are not here yet.
    pub fn en(&self) -> Option<&'static str> {
        help::sentences(self.group_version, self.kind).map(|(en, _)| en)
    }

    /// The same in Korean.
    pub fn ko(&self) -> Option<&'static str> {
        help::sentences(self.group_version, self.kind).map(|(_, ko)| ko)
    }

    pub(super) fn key(&self) -> (&'static str, &'static str) {
        (self.group_version, self.kind)
    }

    pub(super) fn answers_to(&self, word: &str) -> bool {
        self.plural.eq_ignore_ascii_case(word)
            || self.singular.eq_ignore_ascii_case(word)
            || self.kind.eq_ignore_ascii_case(word)
            || self.short_names.iter().any(|short| short.eq_ignore_ascii_case(word))
    }
}

/// A Go struct whose fields make up an object.
#[derive(Debug)]
pub struct Struct {
    /// The Go name, prefixed with group/version where two packages share it or the version is not v1
    /// (`ServiceSpec`, `discovery.k8s.io/v1.EndpointPort`).
    pub name: &'static str,
    pub(super) fields: Vec<Field>,
    /// Indices into `fields`, by JSON name.
    pub(super) by_name: Vec<u16>,
}

impl Struct {
    /// The name without its group and version (`EndpointPort`), as decoding errors and `kubectl explain` print it.
    pub fn short_name(&self) -> &'static str {
        match self.name.rsplit_once('/') {
            Some((_, rest)) => rest.split_once('.').map_or(rest, |(_, short)| short),
            None => self.name,
        }
    }

    /// The name with its Go package (`v1.EndpointPort`), as type errors print it.
    pub fn go_name(&self) -> String {
        match self.name.rsplit_once('/') {
            Some((_, rest)) => rest.to_owned(),
            None => format!("v1.{}", self.name),
        }
    }

    /// The fields in the order of the Go struct, embedded ones in place.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of that JSON name, its case as written.
    pub fn field(&self, json_name: &str) -> Option<&Field> {
        let at = self.by_name.binary_search_by(|&i| self.fields[usize::from(i)].name.cmp(json_name)).ok()?;
        Some(&self.fields[usize::from(self.by_name[at])])
    }

    /// The fields by JSON name, as `kubectl explain` and `kubectl get -o yaml` list them.
    pub fn fields_by_name(&self) -> impl Iterator<Item = &Field> {
        self.by_name.iter().map(|&i| &self.fields[usize::from(i)])
    }
}

/// How a strategic merge patch treats a field (the Go tags `patchStrategy` and `patchMergeKey`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patch {
    /// Elements of the list are merged instead of replacing the whole list.
    pub merge: bool,
    /// The field that tells list elements apart; `None` with `merge` means a list of plain values.
    pub merge_key: Option<&'static str>,
    /// The patch replaces the value as a whole, though it is an object.
    pub replace: bool,
    /// Keys that the patch does not name are dropped.
    pub retain_keys: bool,
}

/// A field of a struct.
#[derive(Debug)]
pub struct Field {
    /// The JSON name.
    pub name: &'static str,
    /// What it holds.
    pub ty: FieldType,
    /// The struct that it is a field of.
    pub owner: StructId,
    /// The Go struct that brings it by embedding (`ProbeHandler`).
    pub embedded_from: Option<&'static str>,
    /// The API server leaves it out when it is zero (not so for a struct that is not a pointer).
    pub omit_empty: bool,
    /// The API server leaves it out when it is zero, a struct too.
    pub omit_zero: bool,
    /// The OpenAPI document requires it.
    pub required: bool,
    /// Written by the system, not by the user.
    pub read_only: bool,
    /// Kept, without effect here.
    pub unmodelled: bool,
    /// How a strategic merge treats it.
    pub patch: Patch,
    /// What the API server fills in: a value, or `= words` where it is worked out.
    pub default: Option<&'static str>,
    /// The first Kubernetes version that had it, where that is worth knowing.
    pub since: Option<&'static str>,
}

impl Field {
    /// One sentence in English: what the field does. `None` when it has none, or the sentences are not here yet.
    pub fn en(&self) -> Option<&'static str> {
        self.sentences().map(|(en, _)| en)
    }

    /// The same in Korean.
    pub fn ko(&self) -> Option<&'static str> {
        self.sentences().map(|(_, ko)| ko)
    }

    fn sentences(&self) -> Option<(&'static str, &'static str)> {
        help::sentences(schema().at(self.owner).name, self.name)
    }

    /// The constants that `kubectl explain` prints below the field: those of the OpenAPI document, and only where the
    /// field itself is a string (not a list of them).
    pub fn listed_values(&self) -> Option<&'static Values> {
        match self.ty.shape {
            Shape::String => self.values().filter(|values| values.listed),
            _ => None,
        }
    }

    /// The constants that the field, or each element of it, takes.
    pub fn values(&self) -> Option<&'static Values> {
        let mut ty = &self.ty;
        loop {
            match &ty.shape {
                Shape::List(inner) | Shape::Map(inner) => ty = inner,
                Shape::String => {
                    return match ty.go_name {
                        Some(name) => schema().values(name),
                        None => schema().values(&format!("{}.{}", schema().at(self.owner).name, self.name)),
                    };
                }
                _ => return None,
            }
        }
    }
}

/// The type of a field.
#[derive(Debug)]
pub struct FieldType {
    /// What a value looks like.
    pub shape: Shape,
    /// The Go name of a named type over another one (`v1.ServiceType`, `v1.ResourceList`), which type errors print.
    pub go_name: Option<&'static str>,
    /// A Go pointer: `null` and absence differ from zero.
    pub pointer: bool,
}

/// What a value looks like.
#[derive(Debug)]
pub enum Shape {
    /// `true` or `false`.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Float64,
    /// Text.
    String,
    /// A 32-bit number or text.
    IntOrString,
    /// An amount with a suffix: `100m`, `1Gi`.
    Quantity,
    /// RFC 3339, to the second.
    Time,
    /// RFC 3339, to the microsecond.
    MicroTime,
    /// A Go duration: `1h30m`.
    Duration,
    /// Base64.
    Bytes,
    /// The set of owned fields in `managedFields`.
    FieldsV1,
    /// Any value.
    Any,
    /// A list.
    List(Box<FieldType>),
    /// An object with free keys.
    Map(Box<FieldType>),
    /// An object with the fields of a struct.
    Struct(StructId),
}

impl FieldType {
    /// The struct of the value, or of the elements of a list or map.
    pub fn element_struct(&self) -> Option<&'static Struct> {
        match &self.shape {
            Shape::Struct(id) => Some(schema().at(*id)),
            Shape::List(inner) | Shape::Map(inner) => inner.element_struct(),
            _ => None,
        }
    }

    /// The Go type as a JSON type error prints it: without the outer pointer (`int32`, `[]v1.ServicePort`), and for a type
    /// that decodes itself what it decodes into (`int32` for an IntOrString that is neither a number nor text).
    pub fn go_type(&self) -> String {
        match self.shape {
            Shape::IntOrString => "int32".to_owned(),
            Shape::Time | Shape::MicroTime | Shape::Duration => "string".to_owned(),
            _ => self.declared_go_type(),
        }
    }

    fn declared_go_type(&self) -> String {
        if let Some(name) = self.go_name {
            return name.to_owned();
        }
        let declared = |inner: &FieldType| {
            let pointer = if inner.pointer { "*" } else { "" };
            format!("{pointer}{}", inner.declared_go_type())
        };
        match &self.shape {
            Shape::Bool => "bool".to_owned(),
            Shape::Int32 => "int32".to_owned(),
            Shape::Int64 => "int64".to_owned(),
            Shape::Float64 => "float64".to_owned(),
            Shape::String => "string".to_owned(),
            Shape::IntOrString => "intstr.IntOrString".to_owned(),
            Shape::Quantity => "resource.Quantity".to_owned(),
            Shape::Time => "v1.Time".to_owned(),
            Shape::MicroTime => "v1.MicroTime".to_owned(),
            Shape::Duration => "v1.Duration".to_owned(),
            Shape::Bytes => "[]uint8".to_owned(),
            Shape::FieldsV1 => "v1.FieldsV1".to_owned(),
            Shape::Any => "interface {}".to_owned(),
            Shape::List(inner) => format!("[]{}", declared(inner)),
            Shape::Map(inner) => format!("map[string]{}", declared(inner)),
            Shape::Struct(id) => schema().at(*id).go_name(),
        }
    }

    /// The type as `kubectl explain` prints it between angle brackets (`integer`, `[]ServicePort`).
    pub fn explain_name(&self) -> String {
        match &self.shape {
            Shape::Bool => "boolean".to_owned(),
            Shape::Int32 | Shape::Int64 => "integer".to_owned(),
            Shape::Float64 => "number".to_owned(),
            Shape::String | Shape::Time | Shape::MicroTime | Shape::Duration | Shape::Bytes => "string".to_owned(),
            Shape::IntOrString => "IntOrString".to_owned(),
            Shape::Quantity => "Quantity".to_owned(),
            Shape::FieldsV1 => "FieldsV1".to_owned(),
            Shape::Any => self.go_name.and_then(|name| name.rsplit('.').next()).unwrap_or("Object").to_owned(),
            Shape::List(inner) => format!("[]{}", inner.explain_name()),
            Shape::Map(inner) => format!("map[string]{}", inner.explain_name()),
            Shape::Struct(id) => schema().at(*id).short_name().to_owned(),
        }
    }
}

/// The constants of a Go string type, or of one field that is a plain string.
#[derive(Debug)]
pub struct Values {
    /// `v1.ServiceType`; `ServiceSpec.trafficDistribution`.
    pub go_name: &'static str,
    /// Whether the OpenAPI document lists them, so that `kubectl explain` prints them.
    pub listed: bool,
    /// Sorted; may hold the empty string.
    pub values: Vec<&'static str>,
}
