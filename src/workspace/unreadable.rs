//! Values that a type reads by itself (times, amounts, base64): the server refuses a bad one in words that name no field, so the
//! field is looked for.

use crate::api::quantity::Quantity;
use crate::api::schema::{FieldType, Shape, StructId, schema};
use crate::api::value::Value;
use crate::apiserver::{decode, go_time};
use crate::locale::Message;
use smol_str::{SmolStr, format_smolstr};

/// Where the first value stands that cannot be read, as a path, and what it should look like.
pub fn find(manifest: &Value) -> Option<(SmolStr, Message)> {
    let kind = schema().kind(manifest.text("apiVersion"), manifest.text("kind"))?;
    structure(kind.root?, manifest, "")
}

fn structure(id: StructId, value: &Value, path: &str) -> Option<(SmolStr, Message)> {
    let structure = schema().at(id);
    value.as_map()?.iter().find_map(|(key, value)| {
        let field = structure.field(key)?;
        let path = if path.is_empty() { key.clone() } else { format_smolstr!("{path}.{key}") };
        within(&field.ty, value, &path)
    })
}

fn within(ty: &FieldType, value: &Value, path: &str) -> Option<(SmolStr, Message)> {
    let wrong = |id| Some((SmolStr::from(path), Message::new(id)));
    match &ty.shape {
        Shape::Struct(id) => structure(*id, value, path),
        Shape::List(element) => {
            let items = value.as_list()?.iter().enumerate();
            items.into_iter().find_map(|(i, item)| within(element, item, &format!("{path}[{i}]")))
        }
        Shape::Map(element) => {
            value.as_map()?.iter().find_map(|(key, item)| within(element, item, &format!("{path}.{key}")))
        }
        Shape::Time | Shape::MicroTime => {
            let micro = matches!(ty.shape, Shape::MicroTime);
            value.as_str().filter(|text| go_time::parse(text, micro).is_err()).and_then(|_| wrong("check-time"))
        }
        Shape::Quantity => {
            let text = match value {
                Value::Null => return None,
                Value::String(text) => text.trim().to_string(),
                other => crate::api::json::to_string(other),
            };
            Quantity::parse(&text).err().and_then(|_| wrong("check-quantity"))
        }
        Shape::Bytes => value.as_str().filter(|text| !decode::is_base64(text)).and_then(|_| wrong("check-base64")),
        _ => None,
    }
}
