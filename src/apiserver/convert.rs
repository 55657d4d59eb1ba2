//! What a strategic merge left, turned into the kind's Go types without a detour over JSON text (apimachinery
//! `runtime/converter.go`). It is more lenient than decoding in some places and words its errors differently, and learners
//! meet those words when they `kubectl apply` or `kubectl patch` a value of the wrong type over an object that exists.

use crate::api::schema::{FieldType, Shape, StructId, schema};
use crate::api::value::{Map, Value};
use crate::apiserver::decode::{self, Decoded};
use crate::arrange::Arrange;

/// The content as the kind's types hold it. Unknown fields are told sorted.
pub fn from_unstructured(root: StructId, value: &Value) -> Result<Decoded, String> {
    let converted = structure(root, value)?;
    let mut decoded = decode::decode(root, &converted)?;
    decoded.strict.arrange();
    Ok(decoded)
}

/// `structFromUnstructured`: fields in the order of the Go struct, so that the first error is upstream's, too.
fn structure(id: StructId, value: &Value) -> Result<Value, String> {
    let Some(map) = value.as_map() else { return Err(format!("cannot restore struct from: {}", kind_of(value))) };
    let mut converted = map.clone();
    for field in schema().at(id).fields() {
        if let Some(given) = map.get(field.name).filter(|v| !v.is_null()) {
            converted.insert(field.name, convert(&field.ty, given)?);
        }
    }
    Ok(converted.into())
}

fn convert(ty: &FieldType, value: &Value) -> Result<Value, String> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    match (&ty.shape, value) {
        (Shape::Any | Shape::FieldsV1, _) => Ok(value.clone()),
        (Shape::String, Value::String(_)) | (Shape::Bool, Value::Bool(_)) => Ok(value.clone()),
        // Go turns a whole number into a string of one character, which is why it is told apart from the rest.
        (Shape::String, Value::Int(_)) => Err(format!("cannot convert int64 to {}", ty.go_type())),
        (Shape::Int32, Value::Int(number)) => Ok(Value::Int(i64::from(*number as i32))),
        (Shape::Int64, Value::Int(_)) | (Shape::Float64, Value::Int(_) | Value::Float(_)) => Ok(value.clone()),
        (Shape::Int32, Value::Float(number)) if number.fract() == 0.0 => Ok(Value::Int(i64::from(*number as i32))),
        (Shape::Int64, Value::Float(number)) if number.fract() == 0.0 => Ok(Value::Int(*number as i64)),
        (Shape::Int32 | Shape::Int64, Value::Float(_)) => Err(format!("cannot convert float64 to {}", ty.go_type())),
        (Shape::String, _) => Err("unrecognized type: string".into()),
        (Shape::Bool, _) => Err("unrecognized type: bool".into()),
        (Shape::Int32, _) => Err("unrecognized type: int32".into()),
        (Shape::Int64, _) => Err("unrecognized type: int64".into()),
        (Shape::Float64, _) => Err("unrecognized type: float64".into()),
        // These types read themselves from JSON, and know nothing of the field that they stand in.
        (Shape::IntOrString, Value::Int(_) | Value::Float(_) | Value::String(_)) => Ok(value.clone()),
        (Shape::IntOrString, other) => Err(unmarshal(other, "int32")),
        (Shape::Time | Shape::MicroTime | Shape::Duration, Value::String(_)) => Ok(value.clone()),
        (Shape::Time | Shape::MicroTime | Shape::Duration, other) => Err(unmarshal(other, "string")),
        (Shape::Quantity, _) => Ok(value.clone()),
        (Shape::Bytes, Value::String(_)) => Ok(value.clone()),
        (Shape::List(element), Value::List(items)) => {
            let items: Result<Vec<Value>, String> = items.iter().map(|item| convert(element, item)).collect();
            Ok(Value::list(items?))
        }
        (Shape::Bytes | Shape::List(_), other) => Err(format!("cannot restore slice from {}", kind_of(other))),
        (Shape::Map(element), Value::Map(map)) => {
            let mut out = Vec::with_capacity(map.len());
            for (key, item) in map.iter() {
                out.push((key.clone(), convert(element, item)?));
            }
            Ok(out.into_iter().collect::<Map>().into())
        }
        (Shape::Map(_), other) => Err(format!("cannot restore map from {}", kind_of(other))),
        (Shape::Struct(id), value) => structure(*id, value),
    }
}

fn unmarshal(value: &Value, go_type: &str) -> String {
    format!("json: cannot unmarshal {} into Go value of type {go_type}", value.json_type())
}

/// What Go's reflection calls a value that came out of JSON.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "slice",
        Value::Map(_) => "map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    fn service(spec: Value) -> Result<Decoded, String> {
        let root = schema().kind("v1", "Service").and_then(|k| k.root).expect("a struct");
        from_unstructured(root, &value!({ "metadata": { "name": "web" }, "spec": spec }))
    }

    #[test]
    fn errors_are_those_of_the_converter() {
        for (spec, words) in [
            (value!("x"), "cannot restore struct from: string"),
            (value!({ "ports": "x" }), "cannot restore slice from string"),
            (value!({ "ports": { "port": 80 } }), "cannot restore slice from map"),
            (value!({ "ports": [80] }), "cannot restore struct from: int64"),
            (value!({ "selector": ["app"] }), "cannot restore map from slice"),
            (value!({ "selector": { "app": 1 } }), "cannot convert int64 to string"),
            (value!({ "type": 1 }), "cannot convert int64 to v1.ServiceType"),
            (value!({ "type": true }), "unrecognized type: string"),
            (value!({ "ports": [{ "port": "80" }] }), "unrecognized type: int32"),
            (value!({ "ports": [{ "port": (Value::Float(80.5)) }] }), "cannot convert float64 to int32"),
            (value!({ "publishNotReadyAddresses": "true" }), "unrecognized type: bool"),
            (
                value!({ "ports": [{ "port": 80, "targetPort": true }] }),
                "json: cannot unmarshal bool into Go value of type int32",
            ),
        ] {
            assert_eq!(service(spec.clone()).err().as_deref(), Some(words), "{spec:?}");
        }
    }

    #[test]
    fn whole_floats_are_numbers_and_too_large_ones_wrap() {
        let port = |number: Value| service(value!({ "ports": [{ "port": number }] })).expect("a number").value;
        assert_eq!(port(Value::Float(80.0)).items_at(&["spec", "ports"])[0].int("port"), 80);
        assert_eq!(port(Value::Int(4_294_967_376)).items_at(&["spec", "ports"])[0].int("port"), 80);
    }

    #[test]
    fn unknown_fields_are_told_in_the_order_of_their_paths() {
        let decoded = service(value!({ "zone": 1, "prots": [], "ports": [{ "port": 80, "prot": 1 }] }));
        let expected = ["spec.ports[0].prot", "spec.prots", "spec.zone"].map(|f| format!("unknown field \"{f}\""));
        assert_eq!(decoded.expect("strict errors only").strict, expected);
    }
}
