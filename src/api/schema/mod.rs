//! The one schema: which kinds and fields exist, of which type, with which default.
//!
//! Everything here is read from one table, `assets/fields.tsv`, whose facts follow the Go types of `k8s.io/api` and
//! `k8s.io/apimachinery` at v1.36 (what the real API server decodes into) and the OpenAPI document that is made from them
//! (what `kubectl explain` prints). Strict decoding, completion, hover, `kubectl explain` and the strategic merge ask this
//! module; a field that is not in the table does not exist.
//!
//! Left out: validation rules (they live in `apiserver`), list-type markers of server-side apply, and the content of kinds
//! whose struct the table does not spell out ([`KindInfo::root`] is `None`): whatever they hold is kept as it came.

mod help;
mod table;
mod types;

pub use help::{help_is_ready, install_help};
pub use types::{Field, FieldType, KindInfo, Patch, Shape, Struct, StructId, Support, Values};

use std::sync::OnceLock;

/// The schema part of the field reference, as the build script wrote it.
const TABLE: &str = include_str!(concat!(env!("OUT_DIR"), "/fields.schema.tsv"));

/// The text that [`schema`] is read from.
#[inline(never)]
pub fn table() -> &'static str {
    TABLE
}

/// All kinds and structs, with their indices resolved.
#[derive(Debug)]
pub struct Schema {
    kinds: Vec<KindInfo>,
    /// Indices into `kinds`, by (group/version, kind).
    kinds_by_name: Vec<u16>,
    structs: Vec<Struct>,
    /// Indices into `structs`, by name.
    structs_by_name: Vec<u16>,
    /// Sorted by Go type name.
    values: Vec<Values>,
}

/// What a path leads to: the last field that was named on the way and the type that the path ends at, which is the
/// element's type where the last segment picked from a list or a map.
#[derive(Debug, Clone, Copy)]
pub struct Resolved {
    /// The struct that has `field`.
    pub owner: &'static Struct,
    /// The last field named on the way.
    pub field: &'static Field,
    /// The type at the end of the path.
    pub ty: &'static FieldType,
}

/// The schema, parsed on first use.
///
/// # Panics
/// Never for the table that is compiled in: `tests/fields.rs` loads it.
#[inline(never)]
pub fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| match table::parse(table()) {
        Ok(schema) => schema,
        Err(problem) => panic!("assets/fields.tsv: {problem}"),
    })
}

impl Schema {
    /// Every kind, in the order of `kubectl api-resources`.
    pub fn kinds(&self) -> &[KindInfo] {
        &self.kinds
    }

    /// The kind of that name in that group and version (`apps/v1`, `Deployment`).
    pub fn kind(&self, group_version: &str, kind: &str) -> Option<&KindInfo> {
        let at = self
            .kinds_by_name
            .binary_search_by(|&i| self.kinds[usize::from(i)].key().cmp(&(group_version, kind)))
            .ok()?;
        Some(&self.kinds[usize::from(self.kinds_by_name[at])])
    }

    /// The kind that a word on kubectl's command line means: plural, singular, short name or kind in any case, alone or
    /// with its group (`deploy.apps`) or version and group (`deployments.v1.apps`). Of two kinds with the same name the
    /// one listed first wins, as with `events`.
    pub fn kind_by_resource(&self, name: &str) -> Option<&KindInfo> {
        if let Some(found) = self.kinds.iter().find(|k| k.answers_to(name)) {
            return Some(found);
        }
        let (resource, rest) = name.split_once('.')?;
        self.kinds.iter().filter(|k| k.answers_to(resource)).find(|k| {
            k.group() == rest
                || rest.strip_prefix(k.version()).is_some_and(|group| match group.strip_prefix('.') {
                    Some(group) => group == k.group(),
                    None => group.is_empty() && k.group().is_empty(),
                })
        })
    }

    /// The struct of that name; see [`Struct::name`] for how names are written.
    pub fn struct_(&self, name: &str) -> Option<&Struct> {
        let at = self.structs_by_name.binary_search_by(|&i| self.structs[usize::from(i)].name.cmp(name)).ok()?;
        Some(&self.structs[usize::from(self.structs_by_name[at])])
    }

    /// Every struct, in the table's order.
    pub fn structs(&self) -> &[Struct] {
        &self.structs
    }

    /// The struct that a [`Shape::Struct`] or a [`KindInfo::root`] points to.
    pub fn at(&self, id: StructId) -> &Struct {
        &self.structs[id.index()]
    }

    /// The constants of a Go string type (`v1.ServiceType`), or of a plain string field (`ServiceSpec.trafficDistribution`).
    pub fn values(&self, go_name: &str) -> Option<&Values> {
        let at = self.values.binary_search_by(|v| v.go_name.cmp(go_name)).ok()?;
        Some(&self.values[at])
    }

    /// Walks a path from a struct: field names, list indices (a number; it may be left out, as `kubectl explain` does)
    /// and map keys. `None` where the path names nothing, is empty, or goes on below a value without fields.
    pub fn resolve<'p>(&'static self, root: StructId, path: impl IntoIterator<Item = &'p str>) -> Option<Resolved> {
        let mut owner = self.at(root);
        let mut here: Option<(&'static Field, &'static FieldType)> = None;
        for segment in path {
            // A list stands for its elements; only a number is used up by it.
            let mut used_up = false;
            if let Some((field, mut ty)) = here {
                while let Shape::List(element) = &ty.shape {
                    ty = element;
                    if segment.bytes().all(|b| b.is_ascii_digit()) {
                        used_up = true;
                        break;
                    }
                }
                if !used_up && let Shape::Map(value) = &ty.shape {
                    ty = value;
                    used_up = true;
                }
                here = Some((field, ty));
                if used_up {
                    continue;
                }
                match ty.shape {
                    Shape::Struct(id) => owner = self.at(id),
                    _ => return None,
                }
            }
            let field = owner.field(segment)?;
            here = Some((field, &field.ty));
        }
        here.map(|(field, ty)| Resolved { owner: self.at(field.owner), field, ty })
    }
}
