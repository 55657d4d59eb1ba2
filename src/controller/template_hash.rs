//! The hashes in the names of what a template makes: `pod-template-hash` and the names of revisions.
//!
//! Upstream: `ComputeHash` of `pkg/controller/controller_utils.go` (FNV-32a over a dump of the Go struct, every field by its Go
//! name and type, the zero ones too) and `HashControllerRevision` of `pkg/controller/history` (FNV-32 over the patch). The dump
//! is made from the field reference, which keeps the order and the types of the Go structs. Left out: collision counts, and
//! quantities too exact for 64 bits.

use crate::api::json;
use crate::api::quantity::Quantity;
use crate::api::schema::{Field, FieldType, Shape, Struct, schema};
use crate::api::value::{Map, Value};
use crate::arrange::Arrange;
use crate::value;
use smol_str::SmolStr;

const OFFSET: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// The hash of a pod template, as it stands in `pod-template-hash`.
pub(super) fn template_hash(template: &Value) -> SmolStr {
    let mut dump = String::new();
    if let Some(root) = schema().struct_("PodTemplateSpec") {
        dump.push_str("(v1.PodTemplateSpec)");
        write_struct(&mut dump, root, template.as_map());
    }
    encode(dump.bytes().fold(OFFSET, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME)))
}

/// The hash of a stateful set's revision: of the patch that brings its template back.
pub(super) fn revision_hash(template: &Value) -> SmolStr {
    let mut whole = template.clone();
    whole.set_at(&["$patch"], "replace");
    let patch = json::to_string(&value!({ "spec": { "template": whole } }));
    // Go's encoder writes these three so that the text could stand in HTML.
    let patch = patch.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    // The collision count, 0, is hashed behind it.
    encode(patch.bytes().chain([b'0']).fold(OFFSET, |hash, byte| hash.wrapping_mul(PRIME) ^ u32::from(byte)))
}

/// `rand.SafeEncodeString`: the decimal digits in letters that make no words.
fn encode(hash: u32) -> SmolStr {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    hash.to_string().bytes().map(|digit| ALPHABET[usize::from(digit) % ALPHABET.len()] as char).collect()
}

fn write_struct(out: &mut String, of: &Struct, map: Option<&Map>) {
    out.push('{');
    let mut embedded = None;
    for (i, field) in of.fields().iter().enumerate() {
        let part = field.embedded_from.filter(|name| *name != "TypeMeta" && *name != "ObjectMeta");
        if part != embedded {
            if embedded.is_some() {
                out.push('}');
            }
            if let Some(name) = part {
                out.push_str(&format!("{}{name}:(v1.{name}){{", if i > 0 { " " } else { "" }));
            }
        }
        if i > 0 && (part.is_none() || part == embedded) {
            out.push(' ');
        }
        embedded = part;
        out.push_str(&go_name(of, field));
        out.push(':');
        write_value(out, &field.ty, map.and_then(|m| m.get(field.name)).filter(|v| !v.is_null()), true);
    }
    if embedded.is_some() {
        out.push('}');
    }
    out.push('}');
}

fn write_value(out: &mut String, ty: &FieldType, value: Option<&Value>, typed: bool) {
    if typed {
        let name = match ty.shape {
            Shape::IntOrString => "intstr.IntOrString".to_string(),
            Shape::Time => "v1.Time".to_string(),
            Shape::MicroTime => "v1.MicroTime".to_string(),
            _ => ty.go_type(),
        };
        out.push_str(&format!("({}{name})", if ty.pointer { "*" } else { "" }));
    }
    if ty.pointer && value.is_none() {
        out.push_str("<nil>");
        return;
    }
    match &ty.shape {
        Shape::Bool => out.push_str(if value.and_then(Value::as_bool) == Some(true) { "true" } else { "false" }),
        Shape::Int32 | Shape::Int64 => out.push_str(&value.and_then(Value::as_i64).unwrap_or(0).to_string()),
        Shape::Float64 => match value {
            Some(Value::Float(f)) => json::write_float(out, *f),
            other => out.push_str(&other.and_then(Value::as_i64).unwrap_or(0).to_string()),
        },
        Shape::IntOrString => {
            let (kind, number, text) = match value {
                Some(Value::Int(n)) => (0, *n, ""),
                Some(other) => (1, 0, other.as_str().unwrap_or("")),
                None => (0, 0, ""),
            };
            out.push_str(&format!("{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"));
        }
        Shape::Quantity => write_quantity(out, value),
        Shape::Time | Shape::MicroTime => {
            // A template's metadata has no times of its own.
            out.push_str("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}");
        }
        Shape::List(inner) => match value.and_then(Value::as_list) {
            None => out.push_str("<nil>"),
            Some(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { " " } else { "" });
                    write_value(out, inner, Some(item), false);
                }
                out.push(']');
            }
        },
        Shape::Map(inner) => match value.and_then(Value::as_map).filter(|m| !m.is_empty()) {
            None => out.push_str("<nil>"),
            Some(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.arrange_by_key(|(key, _)| *key);
                out.push_str("map[");
                for (i, (key, item)) in entries.into_iter().enumerate() {
                    out.push_str(if i > 0 { " " } else { "" });
                    out.push_str(&format!("{key}:"));
                    write_value(out, inner, Some(item), false);
                }
                out.push(']');
            }
        },
        Shape::Struct(id) => write_struct(out, schema().at(*id), value.and_then(Value::as_map)),
        Shape::String | Shape::Duration | Shape::Bytes | Shape::FieldsV1 | Shape::Any => {
            out.push_str(value.and_then(Value::as_str).unwrap_or(""));
        }
    }
}

/// An amount as `resource.ParseQuantity` leaves it: value and scale, and the text itself where it is in canonical form.
fn write_quantity(out: &mut String, value: Option<&Value>) {
    let canonical = value.map(|v| Quantity::from_value(v).canonical()).unwrap_or_default();
    let text = canonical.as_str();
    let digits_end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let (sign, digits) = number.strip_prefix('-').map_or((1, number), |d| (-1, d));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let shifted = format!("{}{fraction}", whole.trim_start_matches('0'));
    let plain: i64 = shifted.parse().unwrap_or(0);
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|s| *s == suffix);
    let (amount, scale, format, canonical) = match binary {
        Some(power) => (plain << (10 * (power + 1)).min(62), 0, "BinarySI", plain & 7 != 0),
        None => {
            let exponent = match suffix {
                "n" => -9,
                "u" => -6,
                "m" => -3,
                "k" => 3,
                "M" => 6,
                "G" => 9,
                "T" => 12,
                "P" => 15,
                "E" => 18,
                _ => 0,
            };
            let scale = exponent - fraction.len() as i32;
            let reused = scale % 3 == 0 && !shifted.ends_with("000") && !shifted.is_empty();
            (plain, scale, "DecimalSI", reused || text == "0")
        }
    };
    out.push_str(&format!(
        "{{i:(resource.int64Amount){{value:(int64){} scale:(resource.Scale){scale}}} d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){} Format:(resource.Format){format}}}",
        sign * amount,
        if canonical { text } else { "" },
    ));
}

/// Fields whose Go name is not their JSON name with a capital: struct (any where empty), JSON name, Go name.
const NAMES: [(&str, &str, &str); 13] = [
    ("", "metadata", "ObjectMeta"),
    ("PodSpec", "serviceAccount", "DeprecatedServiceAccount"),
    ("Volume", "cephfs", "CephFS"),
    ("Volume", "storageos", "StorageOS"),
    ("ISCSIVolumeSource", "chapAuthDiscovery", "DiscoveryCHAPAuth"),
    ("ISCSIVolumeSource", "chapAuthSession", "SessionCHAPAuth"),
    ("GlusterfsVolumeSource", "endpoints", "EndpointsName"),
    ("RBDVolumeSource", "monitors", "CephMonitors"),
    ("RBDVolumeSource", "image", "RBDImage"),
    ("RBDVolumeSource", "pool", "RBDPool"),
    ("RBDVolumeSource", "user", "RadosUser"),
    ("FCVolumeSource", "wwids", "WWIDs"),
    ("AzureDiskVolumeSource", "diskURI", "DataDiskURI"),
];

/// Words that Go writes in capitals where a JSON name begins with them.
const INITIALISMS: [&str; 21] = [
    "api", "aws", "csi", "dns", "fc", "fs", "gce", "gmsa", "grpc", "http", "ip", "iqn", "iscsi", "nfs", "os", "pd",
    "rbd", "se", "ssl", "tcp", "tty",
];

fn go_name(of: &Struct, field: &Field) -> String {
    let json = field.name;
    let named = NAMES.iter().find(|(owner, name, _)| *name == json && (owner.is_empty() || *owner == of.name));
    if let Some((.., go)) = named {
        return (*go).to_string();
    }
    if json == "uid" {
        return "UID".to_string();
    }
    let word = INITIALISMS.iter().find(|word| {
        json.strip_prefix(**word).is_some_and(|rest| rest.chars().next().is_none_or(|c| c.is_ascii_uppercase()))
    });
    let capitals = word.map_or(1, |w| w.len());
    format!("{}{}", json[..capitals].to_ascii_uppercase(), &json[capitals..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::yaml;
    use crate::text::Span;

    fn template(text: &str) -> Value {
        yaml::read(text, Span::new(0, text.len())).unwrap().value
    }

    /// Hashes that a real cluster of v1.36 gave.
    #[test]
    fn hashes_are_those_of_a_real_cluster() {
        for (labels, name, ports, hash) in [
            ("web", "app", "[{name: http, containerPort: 8080, protocol: TCP}]", "cbffb7d64"),
            ("api", "nginx", "[{containerPort: 8080, protocol: TCP}]", "58475968cf"),
        ] {
            let text = format!(
                "
metadata: {{labels: {{app: {labels}}}}}
spec:
  containers:
  - {{name: {name}, image: nginx, ports: {ports}, resources: {{}}, terminationMessagePath: /dev/termination-log,
     terminationMessagePolicy: File, imagePullPolicy: Always}}
  restartPolicy: Always
  terminationGracePeriodSeconds: 30
  dnsPolicy: ClusterFirst
  securityContext: {{}}
  schedulerName: default-scheduler
"
            );
            assert_eq!(template_hash(&template(&text)), hash);
        }
    }

    #[test]
    fn every_kind_of_value_is_dumped_as_go_does() {
        let text = "
metadata: {creationTimestamp: null, labels: {b: '2', a: '1'}}
spec:
  volumes: [{name: v, configMap: {name: c, defaultMode: 420}}]
  containers:
  - name: x
    image: y
    env: [{name: N, valueFrom: {configMapKeyRef: {name: c, key: k}}}]
    readinessProbe: {httpGet: {path: /, port: http, scheme: HTTP}, periodSeconds: 5}
    resources: {limits: {cpu: 100m, memory: 128Mi}}
";
        let mut dump = String::new();
        write_struct(&mut dump, schema().struct_("PodTemplateSpec").unwrap(), template(text).as_map());
        for part in [
            "Labels:(map[string]string)map[a:1 b:2] ",
            "Volumes:([]v1.Volume)[{Name:(string)v VolumeSource:(v1.VolumeSource){HostPath:(*v1.HostPathVolumeSource)<nil> ",
            "ConfigMap:(*v1.ConfigMapVolumeSource){LocalObjectReference:(v1.LocalObjectReference){Name:(string)c} Items:",
            "ConfigMapKeyRef:(*v1.ConfigMapKeySelector){LocalObjectReference:(v1.LocalObjectReference){Name:(string)c} Key:(string)k Optional:(*bool)<nil>}",
            "ReadinessProbe:(*v1.Probe){ProbeHandler:(v1.ProbeHandler){Exec:(*v1.ExecAction)<nil> HTTPGet:(*v1.HTTPGetAction){Path:(string)/ Port:(intstr.IntOrString){Type:(intstr.Type)1 IntVal:(int32)0 StrVal:(string)http} Host:(string) Scheme:(v1.URIScheme)HTTP HTTPHeaders:([]v1.HTTPHeader)<nil>} TCPSocket:(*v1.TCPSocketAction)<nil> GRPC:(*v1.GRPCAction)<nil>} InitialDelaySeconds:(int32)0 ",
            "cpu:{i:(resource.int64Amount){value:(int64)100 scale:(resource.Scale)-3} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)100m Format:(resource.Format)DecimalSI}",
            "memory:{i:(resource.int64Amount){value:(int64)134217728 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string) Format:(resource.Format)BinarySI}",
        ] {
            assert!(dump.contains(part), "{part}\nin {dump}");
        }
    }
}
