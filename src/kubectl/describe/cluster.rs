//! Namespaces, Secrets, ConfigMaps, service accounts, quotas, access rights, priority classes.

use super::events::events;
use super::{Sheet, View, in_namespace, metadata};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::output::age::rfc1123;
use crate::kubectl::output::plain;
use data_encoding::BASE64;

fn head(sheet: &mut Sheet, object: &Object) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
}

fn size(data: &Value) -> usize {
    data.as_str().map_or(0, |d| BASE64.decode(d.as_bytes()).map_or(d.len(), |bytes| bytes.len()))
}

pub fn namespace(sheet: &mut Sheet, object: &Object, view: &View) {
    sheet.field(0, "Name", object.name());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "Status", object.value.str_at(&["status", "phase"]));
    let conditions = object.value.items_at(&["status", "conditions"]);
    if !conditions.is_empty() {
        sheet.line(0, "Conditions:");
        sheet.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
        sheet.line(1, "----\t------\t------------------\t------\t-------");
        for c in conditions {
            let when = rfc1123(c.text("lastTransitionTime"));
            let cells = [c.text("type"), c.text("status"), &when, c.text("reason"), c.text("message")];
            sheet.line(1, cells.join("\t"));
        }
    }
    sheet.line(0, "");
    let quotas: Vec<_> = in_namespace(view, "ResourceQuota", object.name()).collect();
    if quotas.is_empty() {
        sheet.line(0, "No resource quota.");
    } else {
        sheet.line(0, "Resource Quotas");
        for quota in quotas {
            sheet.line(1, format!("Name:\t{}", quota.name()));
            sheet.line(1, "Resource\tUsed\tHard");
            sheet.line(1, "--------\t---\t---");
            quota_lines(sheet, quota);
        }
    }
    sheet.line(0, "");
    let ranges: Vec<_> = in_namespace(view, "LimitRange", object.name()).collect();
    if ranges.is_empty() {
        sheet.line(0, "No LimitRange resource.");
    } else {
        sheet.line(0, "Resource Limits");
        sheet.line(1, "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio");
        sheet.line(1, "----\t--------\t---\t---\t---------------\t-------------\t-----------------------");
        for limit in ranges.iter().flat_map(|r| r.value.items_at(&["spec", "limits"])) {
            limit_lines(sheet, limit);
        }
    }
}

fn limit_lines(sheet: &mut Sheet, limit: &Value) {
    const PARTS: [&str; 5] = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];
    let mut names: Vec<String> = PARTS.iter().flat_map(|p| limit.entries(p)).map(|(k, _)| k.to_string()).collect();
    names.arrange();
    names.dedup();
    for name in names {
        let cells: Vec<String> = PARTS.iter().map(|p| limit.at(&[p, &name]).map_or("-".to_string(), plain)).collect();
        sheet.line(1, format!("{}\t{name}\t{}", limit.text("type"), cells.join("\t")));
    }
}

fn quota_lines(sheet: &mut Sheet, quota: &Object) {
    let status = quota.value.get("status").unwrap_or(&Value::Null);
    for (resource, hard) in status.entries("hard") {
        let used = status.at(&["used", resource]).map_or("0".to_string(), plain);
        sheet.line(1, format!("{resource}\t{used}\t{}", plain(hard)));
    }
}

pub fn resource_quota(sheet: &mut Sheet, object: &Object, _: &View) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.line(0, "Resource\tUsed\tHard");
    sheet.line(0, "--------\t----\t----");
    let status = object.value.get("status").unwrap_or(&Value::Null);
    for (resource, hard) in status.entries("hard") {
        let used = status.at(&["used", resource]).map_or("0".to_string(), plain);
        sheet.line(0, format!("{resource}\t{used}\t{}", plain(hard)));
    }
}

pub fn secret(sheet: &mut Sheet, object: &Object, _: &View) {
    head(sheet, object);
    let type_ = object.value.text("type");
    sheet.line(0, format!("\nType:\t{type_}"));
    sheet.line(0, "\nData\n====");
    for (key, data) in object.value.entries("data") {
        if key == "token" && type_ == "kubernetes.io/service-account-token" {
            let bytes = data.as_str().and_then(|d| BASE64.decode(d.as_bytes()).ok()).unwrap_or_default();
            sheet.field(0, key, String::from_utf8_lossy(&bytes));
        } else {
            sheet.field(0, key, format!("{} bytes", size(data)));
        }
    }
}

pub fn config_map(sheet: &mut Sheet, object: &Object, view: &View) {
    head(sheet, object);
    sheet.line(0, "\nData\n====");
    for (key, value) in object.value.entries("data") {
        sheet.line(0, format!("{key}:\n----\n{}\n", value.as_str().unwrap_or("")));
    }
    sheet.line(0, "\nBinaryData\n====");
    for (key, data) in object.value.entries("binaryData") {
        sheet.line(0, format!("{key}: {} bytes", size(data)));
    }
    sheet.line(0, "");
    events(sheet, object, view);
}

pub fn service_account(sheet: &mut Sheet, object: &Object, view: &View) {
    head(sheet, object);
    let names: Vec<&str> = object.value.items("imagePullSecrets").iter().map(|s| s.text("name")).collect();
    if names.is_empty() {
        sheet.line(0, "Image pull secrets:\t<none>");
    }
    for (i, name) in names.iter().enumerate() {
        let title = if i == 0 { "Image pull secrets:" } else { "                   " };
        sheet.line(0, format!("{title}\t{name}"));
    }
    events(sheet, object, view);
}

pub fn role(sheet: &mut Sheet, object: &Object, _: &View) {
    sheet.field(0, "Name", object.name());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.line(0, "PolicyRule:");
    sheet.line(1, "Resources\tNon-Resource URLs\tResource Names\tVerbs");
    sheet.line(1, "---------\t-----------------\t--------------\t-----");
    for rule in object.value.items("rules") {
        let list = |field: &str| {
            let words: Vec<&str> = rule.items(field).iter().filter_map(Value::as_str).collect();
            format!("[{}]", words.join(" "))
        };
        let groups: Vec<&str> = rule.items("apiGroups").iter().filter_map(Value::as_str).collect();
        let resources: Vec<&str> = rule.items("resources").iter().filter_map(Value::as_str).collect();
        for resource in if resources.is_empty() { vec![""] } else { resources } {
            let named = match groups.first() {
                Some(group) if !group.is_empty() => format!("{resource}.{group}"),
                _ => resource.to_string(),
            };
            sheet
                .line(1, format!("{named}\t{}\t{}\t{}", list("nonResourceURLs"), list("resourceNames"), list("verbs")));
        }
    }
}

pub fn role_binding(sheet: &mut Sheet, object: &Object, _: &View) {
    sheet.field(0, "Name", object.name());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.line(0, "Role:");
    sheet.field(1, "Kind", object.value.str_at(&["roleRef", "kind"]));
    sheet.field(1, "Name", object.value.str_at(&["roleRef", "name"]));
    sheet.line(0, "Subjects:");
    sheet.line(1, "Kind\tName\tNamespace");
    sheet.line(1, "----\t----\t---------");
    for subject in object.value.items("subjects") {
        sheet.line(1, format!("{}\t{}\t{}", subject.text("kind"), subject.text("name"), subject.text("namespace")));
    }
}

pub fn priority_class(sheet: &mut Sheet, object: &Object, view: &View) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Value", object.value.int("value"));
    sheet.field(0, "GlobalDefault", object.value.flag("globalDefault"));
    let policy = object.value.text("preemptionPolicy");
    sheet.field(0, "PreemptionPolicy", if policy.is_empty() { "PreemptLowerPriority" } else { policy });
    sheet.field(0, "Description", object.value.text("description"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    events(sheet, object, view);
}
