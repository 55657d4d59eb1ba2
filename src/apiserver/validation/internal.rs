//! Objects as the API server holds them inside: Go structs without JSON names, which some refusals print
//! (`{"Type":"OnDelete","RollingUpdate":null}`, and the diff of a refused change to a pod).
//!
//! The fields come from the schema; what differs is their spelling (Go's), their completeness (every field is printed, `null`
//! for what is not there) and, for a few structs, their order and place. Metadata keeps its JSON names, as there.

use crate::api::json::Writer;
use crate::api::schema::{Field, FieldType, Shape, Struct, schema};
use crate::api::value::Value;
use crate::arrange::Arrange;

/// A JSON value with its fields in Go's order.
enum Node<'a> {
    Value(&'a Value),
    /// What is there where nothing was written: `null`, `0`, `""`.
    Zero(&'static str),
    List(Vec<Node<'a>>),
    Struct(Vec<(String, Node<'a>)>),
}

/// On one line, as the bad value of an error.
pub fn compact(structure: &str, value: &Value) -> String {
    print(structure, value, None)
}

/// One field a line, one space a level: what a diff compares.
pub fn pretty(structure: &str, value: &Value) -> String {
    print(structure, value, Some(1))
}

fn print(structure: &str, value: &Value, indent: Option<usize>) -> String {
    let mut writer = Writer::new(indent);
    if let Some(structure) = schema().struct_(structure) {
        write(&mut writer, &object(structure, value));
    }
    writer.out
}

fn write(writer: &mut Writer, node: &Node) {
    match node {
        Node::Value(value) => writer.value(value),
        Node::Zero(text) => writer.out.push_str(text),
        Node::List(items) => {
            writer.open('[');
            for item in items {
                writer.item();
                write(writer, item);
            }
            writer.close(']');
        }
        Node::Struct(fields) => {
            writer.open('{');
            for (name, field) in fields {
                writer.key(name);
                write(writer, field);
            }
            writer.close('}');
        }
    }
}

/// Fields that the internal pod keeps in its security context.
const HOST_FIELDS: [&str; 5] = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];

/// Structs whose internal order is not that of the public type: the fields that come first, in order.
fn order(structure: &str) -> &'static [&'static str] {
    match structure {
        "PodSpec" => &[
            "volumes",
            "initContainers",
            "containers",
            "ephemeralContainers",
            "restartPolicy",
            "terminationGracePeriodSeconds",
            "activeDeadlineSeconds",
            "dnsPolicy",
            "nodeSelector",
            "serviceAccountName",
            "automountServiceAccountToken",
            "nodeName",
            "securityContext",
            "imagePullSecrets",
            "hostname",
            "subdomain",
            "setHostnameAsFQDN",
            "affinity",
            "schedulerName",
            "tolerations",
            "hostAliases",
            "priorityClassName",
            "priority",
            "preemptionPolicy",
            "dnsConfig",
            "readinessGates",
            "runtimeClassName",
            "overhead",
            "enableServiceLinks",
            "topologySpreadConstraints",
            "os",
            "schedulingGates",
            "resourceClaims",
            "resources",
            "hostnameOverride",
        ],
        "Volume" => &[
            "name",
            "hostPath",
            "emptyDir",
            "gcePersistentDisk",
            "awsElasticBlockStore",
            "gitRepo",
            "secret",
            "nfs",
            "iscsi",
            "glusterfs",
            "persistentVolumeClaim",
            "rbd",
            "quobyte",
            "flexVolume",
            "cinder",
            "cephfs",
            "flocker",
            "downwardAPI",
            "fc",
            "azureFile",
            "configMap",
            "vsphereVolume",
            "azureDisk",
            "photonPersistentDisk",
            "projected",
            "portworxVolume",
            "scaleIO",
            "storageos",
            "csi",
            "ephemeral",
            "image",
        ],
        "PodSecurityContext" => &[
            "seLinuxOptions",
            "windowsOptions",
            "runAsUser",
            "runAsGroup",
            "runAsNonRoot",
            "supplementalGroups",
            "supplementalGroupsPolicy",
            "fsGroup",
            "fsGroupChangePolicy",
            "sysctls",
        ],
        _ => &[],
    }
}

fn object<'a>(structure: &Struct, value: &'a Value) -> Node<'a> {
    if structure.name == "ObjectMeta" || structure.name.starts_with("LabelSelector") {
        return Node::Struct(json_fields(structure, value));
    }
    let first = order(structure.name);
    let rank = |f: &Field| first.iter().position(|n| *n == f.name).unwrap_or(first.len());
    let mut fields: Vec<&Field> = structure.fields().iter().collect();
    fields.arrange_by_key(|f| rank(f));
    let is_pod = structure.name == "PodSpec";
    let mut out = Vec::with_capacity(fields.len());
    for field in fields {
        if is_pod && (field.name == "serviceAccount" || HOST_FIELDS.contains(&field.name)) {
            continue;
        }
        let mut node = typed(&field.ty, value.field(field.name));
        if is_pod
            && field.name == "securityContext"
            && let Node::Struct(own) = &mut node
        {
            let host = structure.fields().iter().filter(|f| HOST_FIELDS.contains(&f.name));
            let mut host: Vec<&Field> = host.collect();
            host.arrange_by_key(|f| HOST_FIELDS.iter().position(|n| *n == f.name));
            let host = host.into_iter().map(|f| (go_name(f.name), typed(&f.ty, value.field(f.name))));
            own.splice(0..0, host);
        }
        if structure.name == "PodTemplateSpec" && field.name == "metadata" {
            // Metadata is embedded: its fields stand beside the spec.
            if let (Some(meta), Some(written)) = (schema().struct_("ObjectMeta"), value.get("metadata")) {
                out.extend(json_fields(meta, written));
            }
            continue;
        }
        out.push((go_name(field.name), node));
    }
    Node::Struct(out)
}

fn typed<'a>(ty: &FieldType, value: Option<&'a Value>) -> Node<'a> {
    let Some(value) = value else {
        return match &ty.shape {
            _ if ty.pointer => Node::Zero("null"),
            Shape::Bool => Node::Zero("false"),
            Shape::Int32 | Shape::Int64 | Shape::Float64 | Shape::IntOrString => Node::Zero("0"),
            Shape::String | Shape::Duration => Node::Zero("\"\""),
            Shape::Quantity => Node::Zero("\"0\""),
            Shape::Struct(id) => object(schema().at(*id), &Value::Null),
            _ => Node::Zero("null"),
        };
    };
    match (&ty.shape, value) {
        (Shape::Struct(id), value) => object(schema().at(*id), value),
        (Shape::List(inner), Value::List(items)) => Node::List(items.iter().map(|v| typed(inner, Some(v))).collect()),
        (Shape::Map(inner), Value::Map(map)) => {
            Node::Struct(map.iter().map(|(k, v)| (k.to_string(), typed(inner, Some(v)))).collect())
        }
        (_, value) => Node::Value(value),
    }
}

/// The fields of a struct that has JSON names, without the empty ones.
fn json_fields<'a>(structure: &Struct, value: &'a Value) -> Vec<(String, Node<'a>)> {
    let present = structure.fields().iter().filter_map(|f| Some((f, value.field(f.name)?)));
    present.map(|(field, value)| (field.name.to_string(), json_typed(&field.ty, value))).collect()
}

fn json_typed<'a>(ty: &FieldType, value: &'a Value) -> Node<'a> {
    match (&ty.shape, value) {
        (Shape::Struct(id), value) => Node::Struct(json_fields(schema().at(*id), value)),
        (Shape::List(inner), Value::List(items)) => Node::List(items.iter().map(|v| json_typed(inner, v)).collect()),
        (_, value) => Node::Value(value),
    }
}

/// The Go name of a field: its initial word in capitals where it is an abbreviation.
fn go_name(name: &str) -> String {
    match name {
        "cephfs" => return "CephFS".into(),
        "storageos" => return "StorageOS".into(),
        "endpoints" => return "EndpointsName".into(),
        "diskURI" => return "DataDiskURI".into(),
        _ => {}
    }
    const ABBREVIATIONS: [&str; 22] = [
        "api", "aws", "csi", "dns", "fc", "fs", "gce", "gmsa", "grpc", "http", "ip", "iqn", "iscsi", "nfs", "os", "pd",
        "rbd", "se", "tcp", "tls", "tty", "uid",
    ];
    let word = name.find(|c: char| c.is_ascii_uppercase()).unwrap_or(name.len());
    let (first, rest) = name.split_at(word);
    if ABBREVIATIONS.contains(&first) {
        return format!("{}{rest}", first.to_uppercase());
    }
    let mut letters = name.chars();
    letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn structs_are_printed_with_every_field_under_its_go_name() {
        assert_eq!(
            compact("DeploymentStrategy", &value!({ "type": "OnDelete" })),
            r#"{"Type":"OnDelete","RollingUpdate":null}"#
        );
        assert_eq!(
            compact("HTTPGetAction", &value!({ "path": "/", "port": 80 })),
            r#"{"Path":"/","Port":80,"Host":"","Scheme":"","HTTPHeaders":null}"#
        );
    }

    #[test]
    fn a_pod_keeps_its_host_fields_in_the_security_context() {
        let spread = pretty("TopologySpreadConstraint", &value!({ "labelSelector": { "matchLabels": { "a": "b" } } }));
        assert!(
            spread.contains("\n \"LabelSelector\": {\n  \"matchLabels\": {\n   \"a\": \"b\"\n  }\n },"),
            "{spread}"
        );
        let text = pretty("PodSpec", &value!({ "hostNetwork": true, "securityContext": {} }));
        assert!(text.contains("\n \"SecurityContext\": {\n  \"HostNetwork\": true,\n  \"HostPID\": false,"), "{text}");
        assert!(text.ends_with("\"SELinuxChangePolicy\": null\n },\n \"ImagePullSecrets\": null,\n \"Hostname\": \"\",\n \"Subdomain\": \"\",\n \"SetHostnameAsFQDN\": null,\n \"Affinity\": null,\n \"SchedulerName\": \"\",\n \"Tolerations\": null,\n \"HostAliases\": null,\n \"PriorityClassName\": \"\",\n \"Priority\": null,\n \"PreemptionPolicy\": null,\n \"DNSConfig\": null,\n \"ReadinessGates\": null,\n \"RuntimeClassName\": null,\n \"Overhead\": null,\n \"EnableServiceLinks\": null,\n \"TopologySpreadConstraints\": null,\n \"OS\": null,\n \"SchedulingGates\": null,\n \"ResourceClaims\": null,\n \"Resources\": null,\n \"HostnameOverride\": null,\n \"SchedulingGroup\": null\n}"), "{text}");
    }
}
