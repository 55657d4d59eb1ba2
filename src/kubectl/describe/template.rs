//! Containers, volumes and pod templates: what pods and all workloads have in common.

use super::{Sheet, capital, or_none};
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::output::age::rfc1123;
use crate::kubectl::output::{format_selector, plain};

/// The containers of a pod (with their statuses) or of a template (`space` is its indent).
pub fn containers(
    sheet: &mut Sheet,
    label: &str,
    items: &[Value],
    statuses: &[Value],
    pod: Option<&Value>,
    space: &str,
) {
    sheet.line(0, format!("{space}{label}:{}", if items.is_empty() { " <none>" } else { "" }));
    for container in items {
        let status = statuses.iter().find(|s| s.text("name") == container.text("name"));
        let indent = if space.is_empty() { "" } else { " " };
        sheet.line(1, format!("{indent}{}:", container.text("name")));
        basics(sheet, container, status);
        for (field, title) in [("command", "Command:"), ("args", "Args:")] {
            if !container.items(field).is_empty() {
                sheet.line(2, title);
                for word in container.items(field).iter().filter_map(Value::as_str) {
                    for line in word.split('\n') {
                        sheet.line(3, line);
                    }
                }
            }
        }
        if let Some(status) = status {
            state(sheet, "State", status.get("state").unwrap_or(&Value::Null));
            if let Some(last) = status.get("lastState").filter(|l| l.field("terminated").is_some()) {
                state(sheet, "Last State", last);
            }
            sheet.field(2, "Ready", capital(status.flag("ready")));
            sheet.field(2, "Restart Count", status.int("restartCount"));
        }
        resources(sheet, container.get("resources").unwrap_or(&Value::Null), 2);
        for (field, title) in
            [("livenessProbe", "Liveness"), ("readinessProbe", "Readiness"), ("startupProbe", "Startup")]
        {
            if let Some(probe) = container.field(field) {
                sheet.field(2, title, describe_probe(probe));
            }
        }
        environment(sheet, container, pod);
        mounts(sheet, container);
    }
}

fn basics(sheet: &mut Sheet, container: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        sheet.field(2, "Container ID", status.text("containerID"));
    }
    sheet.field(2, "Image", container.text("image"));
    if let Some(status) = status {
        sheet.field(2, "Image ID", status.text("imageID"));
    }
    for (field, title) in [("containerPort", "Port"), ("hostPort", "Host Port")] {
        let one = |p: &Value| {
            let text = format!("{}/{}", p.int(field), p.text("protocol"));
            if p.text("name").is_empty() { text } else { format!("{text} ({})", p.text("name")) }
        };
        let ports = container.items("ports").iter().map(one).collect::<Vec<_>>().join(", ");
        if ports.contains(',') {
            sheet.field(2, &format!("{title}s"), ports);
        } else {
            sheet.field(2, title, or_none(&ports));
        }
    }
}

fn state(sheet: &mut Sheet, name: &str, state: &Value) {
    if let Some(running) = state.field("running") {
        sheet.field(2, name, "Running");
        sheet.field(3, "Started", rfc1123(running.text("startedAt")));
    } else if let Some(ended) = state.field("terminated") {
        sheet.field(2, name, "Terminated");
        for (field, title) in [("reason", "Reason"), ("message", "Message")] {
            if !ended.text(field).is_empty() {
                sheet.field(3, title, ended.text(field));
            }
        }
        sheet.field(3, "Exit Code", ended.int("exitCode"));
        if ended.int("signal") > 0 {
            sheet.field(3, "Signal", ended.int("signal"));
        }
        sheet.field(3, "Started", rfc1123(ended.text("startedAt")));
        sheet.field(3, "Finished", rfc1123(ended.text("finishedAt")));
    } else {
        sheet.field(2, name, "Waiting");
        let reason = state.str_at(&["waiting", "reason"]);
        if !reason.is_empty() {
            sheet.field(3, "Reason", reason);
        }
    }
}

pub fn resources(sheet: &mut Sheet, resources: &Value, level: usize) {
    for (field, title) in [("limits", "Limits:"), ("requests", "Requests:")] {
        let mut entries = resources.entries(field).peekable();
        if entries.peek().is_some() {
            sheet.line(level, title);
        }
        for (name, quantity) in entries {
            sheet.field(level + 1, name, plain(quantity));
        }
    }
}

fn describe_probe(probe: &Value) -> String {
    let number = |field: &str| probe.int(field);
    let attributes = format!(
        "delay={}s timeout={}s period={}s successThreshold={} failureThreshold={}",
        number("initialDelaySeconds"),
        number("timeoutSeconds"),
        number("periodSeconds"),
        number("successThreshold"),
        number("failureThreshold")
    );
    if let Some(exec) = probe.field("exec") {
        let words: Vec<&str> = exec.items("command").iter().filter_map(Value::as_str).collect();
        return format!("exec [{}] {attributes}", words.join(" "));
    }
    if let Some(get) = probe.field("httpGet") {
        let port = get.get("port").map_or(String::new(), plain);
        let path = get.text("path");
        let slash = if path.starts_with('/') || path.is_empty() { "" } else { "/" };
        let scheme = get.text("scheme").to_ascii_lowercase();
        return format!("http-get {scheme}://{}:{port}{slash}{path} {attributes}", get.text("host"));
    }
    if let Some(tcp) = probe.field("tcpSocket") {
        return format!(
            "tcp-socket {}:{} {attributes}",
            tcp.text("host"),
            tcp.get("port").map_or(String::new(), plain)
        );
    }
    if let Some(grpc) = probe.field("grpc") {
        return format!("grpc <pod>:{} {} {attributes}", grpc.int("port"), grpc.text("service"));
    }
    format!("unknown {attributes}")
}

fn environment(sheet: &mut Sheet, container: &Value, pod: Option<&Value>) {
    let from = container.items("envFrom");
    if !from.is_empty() {
        sheet.line(2, "Environment Variables from:");
        for source in from {
            let (kind, reference) = match (source.field("configMapRef"), source.field("secretRef")) {
                (Some(r), _) => ("ConfigMap", r),
                (_, Some(r)) => ("Secret", r),
                _ => ("", &Value::Null),
            };
            let prefix = match source.text("prefix") {
                "" => String::new(),
                prefix => format!(" with prefix '{prefix}'"),
            };
            sheet.line(
                3,
                format!("{}\t{kind}{prefix}\tOptional: {}", reference.text("name"), reference.flag("optional")),
            );
        }
    }
    let variables = container.items("env");
    sheet.line(2, format!("Environment:{}", if variables.is_empty() { "\t<none>" } else { "" }));
    for variable in variables {
        let name = variable.text("name");
        let Some(source) = variable.field("valueFrom") else {
            for (i, line) in variable.text("value").split('\n').enumerate() {
                sheet.line(3, if i == 0 { format!("{name}:\t{line}") } else { format!("\t{line}") });
            }
            continue;
        };
        if let Some(field) = source.field("fieldRef") {
            let path = field.text("fieldPath");
            let value = pod.map_or(String::new(), |p| field_of_pod(p, path));
            let version = if field.text("apiVersion").is_empty() { "v1" } else { field.text("apiVersion") };
            sheet.line(3, format!("{name}:\t{value} ({version}:{path})"));
        } else if let Some(field) = source.field("resourceFieldRef") {
            let resource = field.text("resource");
            let (group, which) = resource.split_once('.').unwrap_or((resource, ""));
            let value = match container.at(&["resources", group, which]) {
                Some(value) => plain(value),
                None if matches!(resource, "limits.cpu" | "limits.memory") => "node allocatable".to_string(),
                None => "0".to_string(),
            };
            sheet.line(3, format!("{name}:\t{value} ({resource})"));
        } else {
            for (field, words) in [("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")] {
                if let Some(key) = source.field(field) {
                    sheet.line(
                        3,
                        format!(
                            "{name}:\t<set to the key '{}' {words} '{}'>\tOptional: {}",
                            key.text("key"),
                            key.text("name"),
                            key.flag("optional")
                        ),
                    );
                }
            }
        }
    }
}

/// The value that the downward API gives for a field of a pod.
fn field_of_pod(pod: &Value, path: &str) -> String {
    if let Some((map, key)) = path.split_once('[') {
        let steps: Vec<&str> = map.split('.').collect();
        let key = key.trim_end_matches(']').trim_matches(['\'', '"']);
        return pod.at(&steps).map_or(String::new(), |m| m.text(key).to_string());
    }
    if path == "status.podIPs" {
        let ips: Vec<&str> = pod.items_at(&["status", "podIPs"]).iter().map(|i| i.text("ip")).collect();
        return ips.join(",");
    }
    let steps: Vec<&str> = path.split('.').collect();
    pod.at(&steps).map_or(String::new(), plain)
}

fn mounts(sheet: &mut Sheet, container: &Value) {
    let mut mounts: Vec<&Value> = container.items("volumeMounts").iter().collect();
    mounts.arrange_by_key(|m| m.text("mountPath"));
    sheet.line(2, format!("Mounts:{}", if mounts.is_empty() { "\t<none>" } else { "" }));
    for mount in mounts {
        let mut flags = if mount.flag("readOnly") { "ro".to_string() } else { "rw".to_string() };
        if !mount.text("subPath").is_empty() {
            flags.push_str(&format!(",path={}", crate::api::json::quote(mount.text("subPath"))));
        }
        sheet.line(3, format!("{} from {} ({flags})", mount.text("mountPath"), mount.text("name")));
    }
}

pub fn volumes(sheet: &mut Sheet, volumes: &[Value], space: &str) {
    if volumes.is_empty() {
        sheet.line(0, format!("{space}Volumes:\t<none>"));
        return;
    }
    sheet.line(0, format!("{space}Volumes:"));
    for volume in volumes {
        sheet.line(1, format!("{}{}:", if space.is_empty() { "" } else { " " }, volume.text("name")));
        volume_source(sheet, volume);
    }
}

fn volume_source(sheet: &mut Sheet, volume: &Value) {
    let source = |key: &str| volume.field(key);
    let typed = |sheet: &mut Sheet, text: &str| sheet.field(2, "Type", text);
    if let Some(path) = source("hostPath") {
        typed(sheet, "HostPath (bare host directory volume)");
        sheet.field(2, "Path", path.text("path"));
        sheet.field(2, "HostPathType", path.text("type"));
    } else if let Some(empty) = source("emptyDir") {
        typed(sheet, "EmptyDir (a temporary directory that shares a pod's lifetime)");
        sheet.field(2, "Medium", empty.text("medium"));
        sheet.field(2, "SizeLimit", empty.field("sizeLimit").map_or("<unset>".to_string(), plain));
    } else if let Some(secret) = source("secret") {
        typed(sheet, "Secret (a volume populated by a Secret)");
        sheet.field(2, "SecretName", secret.text("secretName"));
        sheet.field(2, "Optional", secret.flag("optional"));
    } else if let Some(map) = source("configMap") {
        typed(sheet, "ConfigMap (a volume populated by a ConfigMap)");
        sheet.field(2, "Name", map.text("name"));
        sheet.field(2, "Optional", map.flag("optional"));
    } else if let Some(claim) = source("persistentVolumeClaim") {
        typed(sheet, "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
        sheet.field(2, "ClaimName", claim.text("claimName"));
        sheet.field(2, "ReadOnly", claim.flag("readOnly"));
    } else if let Some(downward) = source("downwardAPI") {
        typed(sheet, "DownwardAPI (a volume populated by information about the pod)");
        sheet.line(2, "Items:");
        for item in downward.items("items") {
            if let Some(field) = item.field("fieldRef") {
                sheet.line(3, format!("{} -> {}", field.text("fieldPath"), item.text("path")));
            }
        }
    } else if let Some(projected) = source("projected") {
        typed(sheet, "Projected (a volume that contains injected data from multiple sources)");
        for part in projected.items("sources") {
            if let Some(secret) = part.field("secret") {
                sheet.field(2, "SecretName", secret.text("name"));
                sheet.field(2, "Optional", secret.flag("optional"));
            } else if part.field("downwardAPI").is_some() {
                sheet.field(2, "DownwardAPI", "true");
            } else if let Some(map) = part.field("configMap") {
                sheet.field(2, "ConfigMapName", map.text("name"));
                sheet.field(2, "Optional", map.flag("optional"));
            } else if let Some(token) = part.field("serviceAccountToken") {
                sheet.field(2, "TokenExpirationSeconds", token.int("expirationSeconds"));
            }
        }
    } else if let Some(nfs) = source("nfs") {
        typed(sheet, "NFS (an NFS mount that lasts the lifetime of a pod)");
        sheet.field(2, "Server", nfs.text("server"));
        sheet.field(2, "Path", nfs.text("path"));
        sheet.field(2, "ReadOnly", nfs.flag("readOnly"));
    } else {
        sheet.line(2, "<unknown>");
    }
}

pub fn tolerations(sheet: &mut Sheet, title: &str, tolerations: &[Value]) {
    sheet.part(0, format!("{title}:\t"));
    if tolerations.is_empty() {
        sheet.line(0, "<none>");
        return;
    }
    let mut sorted: Vec<&Value> = tolerations.iter().collect();
    sorted.arrange_by_key(|t| t.text("key"));
    for (i, toleration) in sorted.into_iter().enumerate() {
        let (key, value, effect) = (toleration.text("key"), toleration.text("value"), toleration.text("effect"));
        let mut text = key.to_string();
        if !value.is_empty() {
            text.push_str(&format!("={value}"));
        }
        if !effect.is_empty() {
            text.push_str(&format!(":{effect}"));
        }
        if toleration.text("operator") == "Exists" && value.is_empty() {
            text.push_str(if key.is_empty() && effect.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        if let Some(seconds) = toleration.field("tolerationSeconds").and_then(Value::as_i64) {
            text.push_str(&format!(" for {seconds}s"));
        }
        sheet.line(0, format!("{}{text}", if i > 0 { "\t" } else { "" }));
    }
}

pub fn topology_spread(sheet: &mut Sheet, constraints: &[Value], space: &str) {
    if constraints.is_empty() {
        return;
    }
    let mut sorted: Vec<&Value> = constraints.iter().collect();
    sorted.arrange_by_key(|c| c.text("topologyKey"));
    sheet.part(0, format!("{space}Topology Spread Constraints:\t"));
    for (i, constraint) in sorted.into_iter().enumerate() {
        if i > 0 {
            sheet.part(0, format!("{space}\t"));
        }
        let mut text = format!(
            "{}:{} when max skew {} is exceeded",
            constraint.text("topologyKey"),
            constraint.text("whenUnsatisfiable"),
            constraint.int("maxSkew")
        );
        if constraint.field("labelSelector").is_some() {
            text.push_str(&format!(" for selector {}", format_selector(constraint.get("labelSelector"))));
        }
        sheet.line(0, text);
    }
}

/// The template of a workload.
pub fn pod_template(sheet: &mut Sheet, template: Option<&Value>) {
    sheet.line(0, "Pod Template:");
    let Some(template) = template else {
        sheet.part(1, "<unset>");
        return;
    };
    sheet.pairs("  Labels", template.at(&["metadata", "labels"]));
    let annotations = template.at(&["metadata", "annotations"]);
    if annotations.and_then(Value::as_map).is_some_and(|m| !m.is_empty()) {
        sheet.annotations("  Annotations", annotations);
    }
    let spec = template.get("spec").unwrap_or(&Value::Null);
    if !spec.text("serviceAccountName").is_empty() {
        sheet.field(1, "Service Account", spec.text("serviceAccountName"));
    }
    if !spec.items("initContainers").is_empty() {
        containers(sheet, "Init Containers", spec.items("initContainers"), &[], None, "  ");
    }
    containers(sheet, "Containers", spec.items("containers"), &[], None, "  ");
    volumes(sheet, spec.items("volumes"), "  ");
    topology_spread(sheet, spec.items("topologySpreadConstraints"), "  ");
    if !spec.text("priorityClassName").is_empty() {
        sheet.field(1, "Priority Class Name", spec.text("priorityClassName"));
    }
    sheet.pairs("  Node-Selectors", spec.get("nodeSelector"));
    tolerations(sheet, "  Tolerations", spec.items("tolerations"));
}
