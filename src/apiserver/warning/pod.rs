//! Warnings about pods and pod templates (`pkg/api/pod/warnings.go`, `pkg/api/node/util.go`).

use crate::api::json;
use crate::api::path::Path;
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::validation::names;
use crate::apiserver::warning::overlap::warn_overlaps;
use std::collections::BTreeMap;

/// A new pod. Changes of pods are not warned about.
pub fn warn_pod(warnings: &mut Vec<String>, pod: &Value, old: Option<&Value>) {
    if old.is_some() {
        return;
    }
    let reasons = names::is_dns1123_label(pod.str_at(&["metadata", "name"]));
    if !reasons.is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is \
             recommended: [{}]",
            reasons.join(" ")
        ));
    }
    let about = About { spec: Path::root("spec"), meta: Path::root("metadata"), template: false };
    about.warn(warnings, pod);
}

/// The template at `path`.
pub fn warn_pod_template(warnings: &mut Vec<String>, path: &Path, template: &Value) {
    let about = About { spec: path.child("spec"), meta: path.child("metadata"), template: true };
    about.warn(warnings, template);
}

/// Where the parts of a pod or template stand.
struct About<'a> {
    spec: Path<'a>,
    meta: Path<'a>,
    template: bool,
}

fn deprecated_label(label: &str) -> Option<&'static str> {
    Some(match label {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        _ => return None,
    })
}

impl About<'_> {
    fn warn(&self, warnings: &mut Vec<String>, pod: &Value) {
        let nothing = Value::Null;
        let spec = pod.get("spec").unwrap_or(&nothing);
        let annotations = pod.at(&["metadata", "annotations"]).unwrap_or(&nothing);
        self.node_labels(warnings, spec);
        let annotations_path = self.meta.child("annotations");
        for (key, message) in [
            (
                "scheduler.alpha.kubernetes.io/critical-pod",
                "non-functional in v1.16+; use the \"priorityClassName\" field instead",
            ),
            ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
            (
                "security.alpha.kubernetes.io/unsafe-sysctls",
                "non-functional in v1.11+; use the \"sysctls\" field instead",
            ),
        ] {
            if annotations.get(key).is_some() {
                warnings.push(format!("{}: {message}", annotations_path.key(key)));
            }
        }
        self.volumes(warnings, spec);
        warn_overlaps(warnings, spec.items("volumes"));
        self.duplicates(warnings, spec);
        self.fractions(warnings, &self.spec.child("overhead"), spec.get("overhead").unwrap_or(&nothing));
        let seccomp = "seccomp.security.alpha.kubernetes.io/pod";
        if annotations.get(seccomp).is_some() && spec.at(&["securityContext", "seccompProfile"]).is_none() {
            let message = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
            warnings.push(format!("{}: {message}", annotations_path.key(seccomp)));
        }
        for list in ["initContainers", "containers"] {
            let list_path = self.spec.child(list);
            for (i, container) in spec.items(list).iter().enumerate() {
                self.container_annotations(warnings, &annotations_path, annotations, container, spec);
                let path = list_path.index(i);
                let resources = path.child("resources");
                for amounts in ["limits", "requests"] {
                    let at = resources.child(amounts);
                    self.fractions(warnings, &at, container.at(&["resources", amounts]).unwrap_or(&nothing));
                }
                warn_env(warnings, &path.child("env"), container);
            }
        }
        self.ports(warnings, spec);
        if spec.int("terminationGracePeriodSeconds") < 0 {
            let path = self.spec.child("terminationGracePeriodSeconds");
            warnings.push(format!("{path}: must be >= 0; negative values are invalid and will be treated as 1"));
        }
        self.pod_affinity(warnings, spec);
    }

    /// Labels of nodes that have newer names.
    fn node_labels(&self, warnings: &mut Vec<String>, spec: &Value) {
        let selector = self.spec.child("nodeSelector");
        for (key, _) in spec.entries("nodeSelector") {
            if let Some(message) = deprecated_label(key) {
                warnings.push(format!("{}: {message}", selector.key(key)));
            }
        }
        let affinity_path = self.spec.child("affinity");
        let node_path = affinity_path.child("nodeAffinity");
        let affinity = spec.at(&["affinity", "nodeAffinity"]).unwrap_or(&Value::Null);
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        let required_path = node_path.child(required);
        let terms_path = required_path.child("nodeSelectorTerms");
        let terms = affinity.get(required).map_or(&[][..], |r| r.items("nodeSelectorTerms"));
        for (i, term) in terms.iter().enumerate() {
            warn_node_term(warnings, &terms_path.index(i), term, false);
        }
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        let preferred_path = node_path.child(preferred);
        for (i, term) in affinity.items(preferred).iter().enumerate() {
            let at = preferred_path.index(i);
            warn_node_term(warnings, &at.child("preference"), term.get("preference").unwrap_or(&Value::Null), true);
        }
        let spread_path = self.spec.child("topologySpreadConstraints");
        for (i, constraint) in spec.items("topologySpreadConstraints").iter().enumerate() {
            let at = spread_path.index(i);
            let key = constraint.text("topologyKey");
            if let Some(message) = deprecated_label(key) {
                warnings.push(format!("{}: {key} is {message}", at.child("topologyKey")));
            }
            if constraint.field("labelSelector").is_none() {
                let at = at.child("labelSelector");
                warnings.push(format!("{at}: a null labelSelector results in matching no pod"));
            }
        }
    }

    /// Volume plugins that are gone.
    fn volumes(&self, warnings: &mut Vec<String>, spec: &Value) {
        let volumes = self.spec.child("volumes");
        for (i, volume) in spec.items("volumes").iter().enumerate() {
            for (source, printed, message) in [
                ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
                ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
                ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
                ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
                ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
                ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
                ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
                ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
                ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
            ] {
                if volume.field(source).is_some() {
                    warnings.push(format!("{}: {message}", volumes.index(i).child(printed)));
                }
            }
        }
    }

    /// Host aliases and pull secrets that stand twice.
    fn duplicates(&self, warnings: &mut Vec<String>, spec: &Value) {
        for (list, field, what) in [("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")] {
            let path = self.spec.child(list);
            let items = spec.items(list);
            for (i, item) in items.iter().enumerate() {
                let text = item.text(field);
                if items[..i].iter().any(|before| before.text(field) == text) {
                    let at = path.index(i);
                    warnings.push(format!("{}: duplicate {what} {}", at.child(field), json::quote(text)));
                }
            }
        }
        let path = self.spec.child("imagePullSecrets");
        for (i, _) in spec.items("imagePullSecrets").iter().enumerate().filter(|(_, s)| s.text("name").is_empty()) {
            warnings.push(format!("{}: invalid empty name \"\"", path.index(i).child("name")));
        }
    }

    /// Parts of a byte.
    fn fractions(&self, warnings: &mut Vec<String>, path: &Path, amounts: &Value) {
        for name in ["memory", "ephemeral-storage"] {
            let Some(amount) = amounts.get(name).map(Quantity::from_value) else { continue };
            if !amount.is_whole() {
                let shown = json::quote(&amount.canonical());
                let at = path.key(name);
                warnings.push(format!("{at}: fractional byte value {shown} is invalid, must be an integer"));
            }
        }
    }

    fn container_annotations(
        &self,
        warnings: &mut Vec<String>,
        path: &Path,
        annotations: &Value,
        container: &Value,
        spec: &Value,
    ) {
        let has = |keys: &[&str]| container.at(keys).is_some();
        let name = container.text("name");
        let seccomp = format!("container.seccomp.security.alpha.kubernetes.io/{name}");
        if annotations.get(&seccomp).is_some() && !has(&["securityContext", "seccompProfile"]) {
            let message = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
            warnings.push(format!("{}: {message}", path.key(&seccomp)));
        }
        let armor = format!("container.apparmor.security.beta.kubernetes.io/{name}");
        let of_pod = spec.at(&["securityContext", "appArmorProfile"]).is_some();
        let has_profile = of_pod || has(&["securityContext", "appArmorProfile"]);
        if self.template && annotations.get(&armor).is_some() && !has_profile {
            let message = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
            warnings.push(format!("{}: {message}", path.key(&armor)));
        }
    }

    /// Ports that stand twice, by number and by name.
    fn ports(&self, warnings: &mut Vec<String>, spec: &Value) {
        let mut numbers: BTreeMap<(i64, &str), Vec<(String, &Value)>> = BTreeMap::new();
        let mut by_name: BTreeMap<&str, String> = BTreeMap::new();
        let mut about_names = Vec::new();
        for list in ["initContainers", "containers"] {
            let list_path = self.spec.child(list);
            for (i, container) in spec.items(list).iter().enumerate() {
                let container_path = list_path.index(i);
                let ports_path = container_path.child("ports");
                for (j, port) in container.items("ports").iter().enumerate() {
                    let at = ports_path.index(j).to_string();
                    warn_port(warnings, &at, port, &mut numbers);
                    let name = port.text("name");
                    if name.is_empty() {
                        continue;
                    }
                    match by_name.get(name) {
                        Some(first) => about_names.push(format!(
                            "{at}: duplicate port name {} with {first}, services and probes that select ports by name \
                             will use {first}",
                            json::quote(name)
                        )),
                        None => drop(by_name.insert(name, at)),
                    }
                }
            }
        }
        warnings.append(&mut about_names);
    }

    /// Affinities to no pod at all.
    fn pod_affinity(&self, warnings: &mut Vec<String>, spec: &Value) {
        let affinity_path = self.spec.child("affinity");
        for kind in ["podAffinity", "podAntiAffinity"] {
            let Some(affinity) = spec.at(&["affinity", kind]) else { continue };
            let path = affinity_path.child(kind);
            let message = "a null labelSelector results in matching no pod";
            let required = "requiredDuringSchedulingIgnoredDuringExecution";
            let required_path = path.child(required);
            for (i, term) in affinity.items(required).iter().enumerate() {
                if term.field("labelSelector").is_none() {
                    warnings.push(format!("{}: {message}", required_path.index(i).child("labelSelector")));
                }
            }
            let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
            let preferred_path = path.child(preferred);
            for (i, weighted) in affinity.items(preferred).iter().enumerate() {
                if weighted.at(&["podAffinityTerm", "labelSelector"]).is_none() {
                    let at = preferred_path.index(i);
                    let term = at.child("podAffinityTerm");
                    warnings.push(format!("{}: {message}", term.child("labelSelector")));
                }
            }
        }
    }
}

fn warn_node_term(warnings: &mut Vec<String>, path: &Path, term: &Value, check_values: bool) {
    let expressions = path.child("matchExpressions");
    for (i, expression) in term.items("matchExpressions").iter().enumerate() {
        let at = expressions.index(i);
        let key = expression.text("key");
        if let Some(message) = deprecated_label(key) {
            warnings.push(format!("{}: {key} is {message}", at.child("key")));
        }
        if check_values {
            let values = at.child("values");
            for (j, value) in expression.items("values").iter().enumerate() {
                let value = value.as_str().unwrap_or("");
                for reason in names::is_label_value(value) {
                    warnings.push(format!("{}: {value} is invalid, {reason}", values.index(j)));
                }
            }
        }
    }
}

/// A variable that hides an earlier one without building on it.
fn warn_env(warnings: &mut Vec<String>, path: &Path, container: &Value) {
    let variables = container.items("env");
    for (i, variable) in variables.iter().enumerate() {
        let name = variable.text("name");
        if !variables[..i].iter().any(|before| before.text("name") == name) {
            continue;
        }
        let reference = format!("$({name})");
        let value = variable.text("value");
        let builds_on = variable.field("valueFrom").is_none() && value != reference && value.contains(&reference);
        if !builds_on {
            warnings.push(format!(
                "{}: hides previous definition of {}, which may be dropped when using apply",
                path.index(i),
                json::quote(name)
            ));
        }
    }
}

fn warn_port<'a>(
    warnings: &mut Vec<String>,
    at: &str,
    port: &'a Value,
    seen: &mut BTreeMap<(i64, &'a str), Vec<(String, &'a Value)>>,
) {
    let (number, protocol) = (port.int("containerPort"), port.text("protocol"));
    let (host, host_ip) = (port.int("hostPort"), port.text("hostIP"));
    if !host_ip.is_empty() && host == 0 {
        warnings.push(format!(
            "{at}: hostIP set without hostPort: {{Name:{} HostPort:{host} ContainerPort:{number} Protocol:{protocol} \
             HostIP:{host_ip}}}",
            port.text("name")
        ));
    }
    let others = seen.entry((number, protocol)).or_default();
    for (where_, other) in others.iter() {
        let (other_host, other_ip) = (other.int("hostPort"), other.text("hostIP"));
        let what = if host_ip == other_ip && host == other_host {
            "duplicate"
        } else if host == 0 || other_host == 0 {
            "overlapping"
        } else if host == other_host && host_ip.is_empty() != other_ip.is_empty() {
            "dangerously ambiguous"
        } else {
            continue;
        };
        warnings.push(format!("{at}: {what} port definition with {where_}"));
    }
    others.push((at.to_string(), port));
}
