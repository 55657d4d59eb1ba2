//! Strict decoding: JSON content → content of the kind's Go types (`sigs.k8s.io/json` as apimachinery's serializer uses it).
//!
//! Two things happen, as there: a value of the wrong type is an error with Go's words, and what Go would read and print
//! again comes out (null is nothing, empty optional fields are left out, required ones are there with their zero value,
//! amounts are canonical). Unknown fields are collected with their paths; the caller decides whether they are errors.

use crate::api::json;
use crate::api::quantity::Quantity;
use crate::api::schema::{FieldType, Shape, Struct, StructId, schema};
use crate::api::value::{Map, Value};
use crate::apiserver::go_time;
use smol_str::SmolStr;

/// At most as many unknown fields are told, as upstream.
const MOST_UNKNOWN: usize = 100;

/// What decoding gives.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    pub value: Value,
    /// `unknown field "spec.prots"`, in the order of the (sorted) content.
    pub strict: Vec<String>,
}

/// Decodes content into the struct behind a kind. The error is Go's: `json: cannot unmarshal …`.
pub fn decode(root: StructId, value: &Value) -> Result<Decoded, String> {
    decode_sent(root, value, false)
}

/// The same, where `exact` says that whole numbers beyond 63 bits came as they were written: the server's own YAML reader
/// keeps them, kubectl sends them as the floats that it makes of them.
pub fn decode_sent(root: StructId, value: &Value, exact: bool) -> Result<Decoded, String> {
    let mut decoder = Decoder { exact, ..Decoder::default() };
    let root = schema().at(root);
    let value = match value {
        Value::Map(map) => decoder.structure(root, map, None)?,
        other => {
            return Err(format!("json: cannot unmarshal {} into Go value of type {}", kind_of(other), root.go_name()));
        }
    };
    match decoder.saved {
        Some(error) => Err(error),
        None => Ok(Decoded { value, strict: decoder.strict }),
    }
}

/// Whether the metadata alone can be decoded: what kubectl checks before it asks the server.
pub fn decode_metadata(value: &Value) -> Result<(), String> {
    let Some(meta) = value.get("metadata") else { return Ok(()) };
    let Some(structure) = schema().struct_("ObjectMeta") else { return Ok(()) };
    let mut decoder = Decoder::default();
    let link =
        Link { parent: None, step: Step::Field { name: "metadata", embedded: None, owner: "metadataOnlyObject" } };
    match meta {
        Value::Null => {}
        Value::Map(map) => drop(decoder.structure(structure, map, Some(&link))?),
        other => decoder.save(kind_of(other), &structure.go_name(), Some(&link)),
    }
    decoder.saved.map_or(Ok(()), Err)
}

/// The content as it is stored and given back: what is empty is gone, and an empty list that must be there is null.
pub fn canonical(root: StructId, value: &Value) -> Value {
    let mut decoder = Decoder { stored: true, ..Decoder::default() };
    match value {
        Value::Map(map) => decoder.structure(schema().at(root), map, None).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// One step from the root to where the decoder is.
struct Link<'a> {
    parent: Option<&'a Link<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Field { name: &'a str, embedded: Option<&'a str>, owner: &'a str },
    Index(usize),
    Key(&'a str),
}

impl Link<'_> {
    /// `spec.ports[0].foo`, as unknown fields are told.
    fn strict_path(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.strict_path(out);
        }
        match self.step {
            Step::Index(i) => out.push_str(&format!("[{i}]")),
            Step::Field { name, .. } | Step::Key(name) => {
                if self.parent.is_some() {
                    out.push('.');
                }
                out.push_str(name);
            }
        }
    }

    /// `ServicePort.spec.ports.port`: the innermost struct, then the fields without indices.
    fn go_path(&self) -> String {
        let (mut fields, mut owner, mut at) = (Vec::new(), "", Some(self));
        while let Some(link) = at {
            if let Step::Field { name, embedded, owner: of } = link.step {
                if owner.is_empty() {
                    owner = of;
                }
                fields.push(name);
                fields.extend(embedded);
            }
            at = link.parent;
        }
        fields.push(owner);
        fields.reverse();
        fields.join(".")
    }
}

#[derive(Default)]
struct Decoder {
    /// The first type error; decoding goes on behind it, since a worse one may follow.
    saved: Option<String>,
    strict: Vec<String>,
    /// Whether to leave no empty list: some errors tell an empty list from none, storage does not.
    stored: bool,
    exact: bool,
}

/// What Go calls a JSON value in a type error.
fn kind_of(value: &Value) -> &'static str {
    value.json_type()
}

/// A number that fits no integer type.
fn number(value: &Value, exact: bool) -> String {
    match value {
        // A float prints its shortest digits.
        Value::Float(f) if exact && f.fract() == 0.0 && (9.2e18..1.8e19).contains(f) => format!("number {}", *f as u64),
        other => format!("number {}", json::to_string(other)),
    }
}

impl Decoder {
    fn save(&mut self, found: &str, go_type: &str, link: Option<&Link>) {
        if self.saved.is_none() {
            self.saved = Some(mismatch(found, go_type, link));
        }
    }

    fn structure(&mut self, structure: &Struct, map: &Map, link: Option<&Link>) -> Result<Value, String> {
        let mut out: Vec<(SmolStr, Value)> = Vec::with_capacity(structure.fields().len().min(map.len() + 4));
        for (key, value) in map.iter() {
            let Some(field) = structure.field(key) else {
                if self.strict.len() < MOST_UNKNOWN {
                    let mut path = String::new();
                    Link { parent: link, step: Step::Key(key) }.strict_path(&mut path);
                    self.strict.push(format!("unknown field \"{path}\""));
                }
                continue;
            };
            let step = Step::Field { name: field.name, embedded: field.embedded_from, owner: structure.short_name() };
            let value = self.value(&field.ty, value, &Link { parent: link, step })?;
            let empty_list = value.as_list().is_some_and(<[Value]>::is_empty);
            let empty = is_empty(&field.ty, &value) && (self.stored || !empty_list);
            let leave_out = (field.omit_empty && empty) || (field.omit_zero && is_zero(&value));
            if self.stored && empty_list && !leave_out {
                out.push((key.clone(), Value::Null));
            } else if !leave_out {
                out.push((key.clone(), value));
            }
        }
        for field in structure.fields() {
            let in_place = matches!(field.ty.shape, Shape::Struct(_)) && !field.ty.pointer;
            let always = if in_place { !field.omit_zero } else { !field.omit_empty && !field.omit_zero };
            let always = always || (go_struct(&field.ty) && !field.omit_zero);
            if always && !map.contains_key(field.name) {
                let zero = self.zero(&field.ty)?;
                if !(field.embedded_from.is_some() && zero.is_null()) {
                    out.push((field.name.into(), zero));
                }
            }
        }
        Ok(out.into_iter().collect::<Map>().into())
    }

    /// The zero value of a Go type.
    fn zero(&mut self, ty: &FieldType) -> Result<Value, String> {
        if ty.pointer {
            return Ok(Value::Null);
        }
        Ok(match &ty.shape {
            Shape::Bool => false.into(),
            Shape::Int32 | Shape::Int64 | Shape::IntOrString => 0.into(),
            Shape::Float64 => 0.into(),
            Shape::String => "".into(),
            Shape::Quantity => "0".into(),
            Shape::Duration => "0s".into(),
            Shape::Struct(id) => self.structure(schema().at(*id), &Map::new(), None)?,
            _ => Value::Null,
        })
    }

    fn value(&mut self, ty: &FieldType, value: &Value, link: &Link) -> Result<Value, String> {
        if value.is_null() && !matches!(ty.shape, Shape::Any) {
            return self.zero(ty);
        }
        match (&ty.shape, value) {
            (Shape::Any, value) => Ok(value.clone()),
            (Shape::Bool, Value::Bool(_)) | (Shape::String, Value::String(_)) => Ok(value.clone()),
            (Shape::Int32, Value::Int(i)) if i32::try_from(*i).is_ok() => Ok(value.clone()),
            (Shape::Int64, Value::Int(_)) | (Shape::Float64, Value::Int(_) | Value::Float(_)) => Ok(value.clone()),
            (Shape::Int32 | Shape::Int64, Value::Int(_) | Value::Float(_)) => {
                self.save(&number(value, self.exact), &ty.go_type(), Some(link));
                Ok(Value::Null)
            }
            // From here on the type decodes itself, and its errors end everything.
            (Shape::IntOrString, Value::String(_)) => Ok(value.clone()),
            (Shape::IntOrString, Value::Int(i)) if i32::try_from(*i).is_ok() => Ok(value.clone()),
            (Shape::IntOrString, Value::Int(_) | Value::Float(_)) => {
                Err(mismatch(&number(value, self.exact), "int32", Some(link)))
            }
            (Shape::IntOrString, other) => Err(mismatch(kind_of(other), "int32", Some(link))),
            (Shape::Quantity, value) => quantity(value),
            (Shape::Time, value) => time(value, false, link),
            (Shape::MicroTime, value) => time(value, true, link),
            (Shape::Duration, Value::String(_)) => Ok(value.clone()),
            (Shape::Duration, other) => Err(mismatch(kind_of(other), "string", Some(link))),
            (Shape::FieldsV1, value) => Ok(value.clone()),
            (Shape::Bytes, Value::String(text)) => {
                if let Err(position) = base64_error(text)
                    && self.saved.is_none()
                {
                    self.saved = Some(format!("illegal base64 data at input byte {position}"));
                }
                Ok(value.clone())
            }
            (Shape::List(element), Value::List(items)) => {
                let mut out = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    out.push(self.value(element, item, &Link { parent: Some(link), step: Step::Index(i) })?);
                }
                Ok(Value::list(out))
            }
            (Shape::Map(element), Value::Map(map)) => {
                let mut out = Vec::with_capacity(map.len());
                for (key, item) in map.iter() {
                    let item = self.value(element, item, &Link { parent: Some(link), step: Step::Key(key) })?;
                    out.push((key.clone(), item));
                }
                Ok(out.into_iter().collect::<Map>().into())
            }
            (Shape::Struct(id), Value::Map(map)) => self.structure(schema().at(*id), map, Some(link)),
            (_, other) => {
                self.save(kind_of(other), &ty.go_type(), Some(link));
                Ok(Value::Null)
            }
        }
    }
}

fn mismatch(found: &str, go_type: &str, link: Option<&Link>) -> String {
    match link {
        Some(link) => {
            format!("json: cannot unmarshal {found} into Go struct field {} of type {go_type}", link.go_path())
        }
        None => format!("json: cannot unmarshal {found} into Go value of type {go_type}"),
    }
}

/// Whether Go's `omitempty` leaves a value out.
fn is_empty(ty: &FieldType, value: &Value) -> bool {
    if ty.pointer || go_struct(ty) {
        return value.is_null();
    }
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Int(i) => *i == 0,
        Value::Float(f) => *f == 0.0,
        Value::String(s) => s.is_empty(),
        Value::List(l) => l.is_empty(),
        Value::Map(m) => m.is_empty() && !matches!(ty.shape, Shape::Struct(_)),
    }
}

/// Types that are structs in Go though JSON shows a scalar: `omitempty` never leaves them out.
fn go_struct(ty: &FieldType) -> bool {
    !ty.pointer && matches!(ty.shape, Shape::IntOrString | Shape::Quantity | Shape::Duration)
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Map(m) => m.iter().all(|(_, v)| is_zero(v)),
        Value::String(s) => s.is_empty(),
        Value::Int(i) => *i == 0,
        Value::Bool(b) => !b,
        _ => false,
    }
}

fn quantity(value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::String(s) => s.trim().to_string(),
        other => json::to_string(other),
    };
    Ok(Quantity::parse(&text)?.canonical().into())
}

/// A time in RFC 3339, one of a Lease or an Event with its microseconds.
fn time(value: &Value, micro: bool, link: &Link) -> Result<Value, String> {
    let Value::String(text) = value else { return Err(mismatch(kind_of(value), "string", Some(link))) };
    go_time::parse(text, micro).map(|()| value.clone())
}

/// Whether a text is base64 as Go reads it.
pub fn is_base64(text: &str) -> bool {
    base64_error(text).is_ok()
}

/// Where Go's decoder stops at text that is not base64.
fn base64_error(text: &str) -> Result<(), usize> {
    let bytes: Vec<(usize, u8)> = text.bytes().enumerate().filter(|(_, b)| !matches!(b, b'\n' | b'\r')).collect();
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    for (i, &(at, b)) in bytes.iter().enumerate() {
        if alphabet(b) {
            continue;
        }
        // Padding: one or two signs that complete a group at the very end.
        let padding = bytes.len() - i;
        let valid = b == b'=' && i % 4 >= 2 && padding == 4 - i % 4 && bytes[i..].iter().all(|(_, b)| *b == b'=');
        return if valid { Ok(()) } else { Err(at) };
    }
    if bytes.len().is_multiple_of(4) { Ok(()) } else { Err(bytes.len() - bytes.len() % 4) }
}
