//! Volumes, claims, storage classes.

use super::events::events;
use super::{Sheet, View, in_namespace, metadata, or_none};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::kubectl::output::plain;

fn words(list: &[Value]) -> String {
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
}

pub fn volume(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    sheet.field(0, "Name", object.name());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "StorageClass", spec.text("storageClassName"));
    sheet.field(0, "Status", object.value.str_at(&["status", "phase"]));
    let claim = spec.field("claimRef").map_or(String::new(), |c| format!("{}/{}", c.text("namespace"), c.text("name")));
    sheet.field(0, "Claim", claim);
    sheet.field(0, "Reclaim Policy", spec.text("persistentVolumeReclaimPolicy"));
    sheet.field(0, "Access Modes", words(spec.items("accessModes")));
    sheet.field(0, "VolumeMode", spec.text("volumeMode"));
    sheet.field(0, "Capacity", spec.at(&["capacity", "storage"]).map_or("0".to_string(), plain));
    sheet.field(0, "Node Affinity", "<none>");
    sheet.field(0, "Message", object.value.str_at(&["status", "message"]));
    sheet.line(0, "Source:");
    if let Some(path) = spec.field("hostPath") {
        sheet.field(2, "Type", "HostPath (bare host directory volume)");
        sheet.field(2, "Path", path.text("path"));
        sheet.field(2, "HostPathType", path.text("type"));
    } else if let Some(nfs) = spec.field("nfs") {
        sheet.field(2, "Type", "NFS (an NFS mount that lasts the lifetime of a pod)");
        sheet.field(2, "Server", nfs.text("server"));
        sheet.field(2, "Path", nfs.text("path"));
        sheet.field(2, "ReadOnly", nfs.flag("readOnly"));
    } else {
        sheet.line(2, "<unknown>");
    }
    events(sheet, object, view);
}

pub fn claim(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.field(0, "StorageClass", spec.text("storageClassName"));
    sheet.field(0, "Status", object.value.str_at(&["status", "phase"]));
    sheet.field(0, "Volume", spec.text("volumeName"));
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    let finalizers: Vec<&str> =
        object.value.items_at(&["metadata", "finalizers"]).iter().filter_map(Value::as_str).collect();
    sheet.field(0, "Finalizers", format!("[{}]", finalizers.join(" ")));
    let bound = !spec.text("volumeName").is_empty();
    let capacity = object.value.at(&["status", "capacity", "storage"]).filter(|_| bound).map_or(String::new(), plain);
    sheet.field(0, "Capacity", capacity);
    let modes = object.value.items_at(&["status", "accessModes"]);
    sheet.field(0, "Access Modes", if bound { words(modes) } else { String::new() });
    sheet.field(0, "VolumeMode", spec.text("volumeMode"));
    let users: Vec<&str> = in_namespace(view, "Pod", object.namespace())
        .filter(|p| {
            p.value
                .items_at(&["spec", "volumes"])
                .iter()
                .any(|v| v.str_at(&["persistentVolumeClaim", "claimName"]) == object.name())
        })
        .map(|p| p.name().as_str())
        .collect();
    sheet.part(0, "Used By:\t");
    if users.is_empty() {
        sheet.line(0, or_none(""));
    }
    for (i, name) in users.iter().enumerate() {
        sheet.line(0, format!("{}{name}", if i > 0 { "\t" } else { "" }));
    }
    events(sheet, object, view);
}

pub fn class(sheet: &mut Sheet, object: &Object, view: &View) {
    let unset = |text: &str| if text.is_empty() { "<unset>".to_string() } else { text.to_string() };
    let default = object.annotation("storageclass.kubernetes.io/is-default-class") == Some("true");
    sheet.field(0, "Name", object.name());
    sheet.field(0, "IsDefaultClass", if default { "Yes" } else { "No" });
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "Provisioner", object.value.text("provisioner"));
    let parameters: Vec<String> =
        object.value.entries("parameters").map(|(k, v)| format!("{k}={}", plain(v))).collect();
    sheet.field(0, "Parameters", or_none(&parameters.join(",")));
    let expansion = object.value.field("allowVolumeExpansion").and_then(Value::as_bool);
    sheet.field(
        0,
        "AllowVolumeExpansion",
        match expansion {
            Some(true) => "True",
            Some(false) => "False",
            None => "<unset>",
        },
    );
    let options: Vec<&str> = object.value.items("mountOptions").iter().filter_map(Value::as_str).collect();
    if options.is_empty() {
        sheet.field(0, "MountOptions", "<none>");
    } else {
        sheet.line(0, "MountOptions:");
        for option in options {
            sheet.line(1, option);
        }
    }
    sheet.field(0, "ReclaimPolicy", unset(object.value.text("reclaimPolicy")));
    sheet.field(0, "VolumeBindingMode", unset(object.value.text("volumeBindingMode")));
    events(sheet, object, view);
}
