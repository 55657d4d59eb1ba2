//! Security contexts of pods and containers (`pkg/apis/core/validation`: `validatePodSpecSecurityContext`,
//! `ValidateSecurityContext`).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::pod::each_container;
use crate::apiserver::validation::volume::validate_descending_path;
use crate::apiserver::validation::windows::validate_windows_options;
use crate::apiserver::validation::{Errors, internal, names};
use std::collections::BTreeSet;

/// `securityContext` of a pod.
pub fn validate_pod_security_context(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(context) = spec.field("securityContext") else { return };
    for id in ["fsGroup", "runAsUser", "runAsGroup"] {
        validate_id(errors, &path.child(id), context.field(id));
    }
    let groups = path.child("supplementalGroups");
    for (i, group) in context.items("supplementalGroups").iter().enumerate() {
        validate_id(errors, &groups.index(i), Some(group));
    }
    if spec.flag("shareProcessNamespace") && spec.flag("hostPID") {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), &Value::Bool(true), detail);
    }
    validate_sysctls(errors, &path.child("sysctls"), context, spec);
    one_of(errors, path, context, "fsGroupChangePolicy", &["Always", "OnRootMismatch"]);
    validate_seccomp(errors, &path.child("seccompProfile"), context.field("seccompProfile"));
    validate_windows_options(errors, path, context);
    validate_app_armor(errors, &path.child("appArmorProfile"), context.field("appArmorProfile"));
    one_of(errors, path, context, "supplementalGroupsPolicy", &["Merge", "Strict"]);
    one_of(errors, path, context, "seLinuxChangePolicy", &["MountOption", "Recursive"]);
}

fn one_of(errors: &mut Errors, path: &Path, context: &Value, field: &str, values: &[&str]) {
    if let Some(value) = context.field(field).filter(|v| !values.contains(&v.as_str().unwrap_or(""))) {
        errors.not_supported(&path.child(field), value, values);
    }
}

fn validate_id(errors: &mut Errors, path: &Path, id: Option<&Value>) {
    if let Some(id) = id {
        errors.invalid_each(path, id, names::is_valid_user_id(id.as_i64().unwrap_or(0)));
    }
}

/// Fields of a pod and of a container that only Linux has.
const LINUX_POD: [&str; 11] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
];
const LINUX_CONTAINER: [&str; 10] = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
];

/// The `os` of a pod, and what the other one has (upstream `validateOS`, `validateLinux`, `validateWindows`).
pub fn validate_os(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(os) = spec.field("os") else { return };
    let os_path = path.child("os");
    let context_path = path.child("securityContext");
    let context = spec.get("securityContext").unwrap_or(&Value::Null);
    match os.text("name") {
        "" => errors.required(&os_path.child("name"), "cannot be empty"),
        "linux" => {
            const DETAIL: &str = "windows options cannot be set for a linux pod";
            if context.field("windowsOptions").is_some() {
                errors.forbidden(&context_path.child("windowsOptions"), DETAIL);
            }
            each_container(path, spec, |path, container| {
                if container.at(&["securityContext", "windowsOptions"]).is_some_and(|o| !o.is_null()) {
                    let path = path.child("securityContext");
                    errors.forbidden(&path.child("windowsOptions"), DETAIL);
                }
            });
        }
        "windows" => {
            const DETAIL: &str = "cannot be set for a windows pod";
            // Upstream's order: two profiles, what the pod shares with its host, the rest.
            let of_host = ["hostUsers", "hostPID", "hostIPC"];
            for field in &LINUX_POD[..2] {
                forbid(errors, &context_path, context, field, DETAIL);
            }
            for field in of_host.into_iter().filter(|f| *f == "hostUsers" || spec.flag(f)) {
                forbid(errors, path, spec, field, DETAIL);
            }
            for field in &LINUX_POD[2..6] {
                forbid(errors, &context_path, context, field, DETAIL);
            }
            forbid(errors, path, spec, "shareProcessNamespace", DETAIL);
            for field in &LINUX_POD[6..] {
                forbid(errors, &context_path, context, field, DETAIL);
            }
            each_container(path, spec, |path, container| {
                let (path, context) = (path.child("securityContext"), container.get("securityContext"));
                for field in LINUX_CONTAINER {
                    forbid(errors, &path, context.unwrap_or(&Value::Null), field, DETAIL);
                }
            });
        }
        other => errors.not_supported(&os_path, &Value::from(other), &["linux", "windows"]),
    }
}

fn forbid(errors: &mut Errors, path: &Path, value: &Value, field: &str, detail: &str) {
    // An empty list of sysctls is none.
    let written = value.field(field).filter(|v| field != "sysctls" || v.as_list().is_some_and(|l| !l.is_empty()));
    if written.is_some() {
        errors.forbidden(&path.child(field), detail);
    }
}

fn validate_sysctls(errors: &mut Errors, path: &Path, context: &Value, spec: &Value) {
    let mut seen = BTreeSet::new();
    for (i, sysctl) in context.items("sysctls").iter().enumerate() {
        let item = path.index(i);
        let path = item.child("name");
        let name = sysctl.text("name");
        if name.is_empty() {
            errors.required(&path, "");
        } else if !is_sysctl_name(name) {
            let detail = "must have at most 253 characters and match regex \
                          ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.invalid(&path, &Value::from(name), detail);
        } else if seen.contains(name) {
            errors.duplicate(&path, &Value::from(name));
        }
        let dotted = name.replace('/', ".");
        let of_ipc = ["kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."].iter().any(|p| dotted.starts_with(p));
        if spec.flag("hostNetwork") && dotted.starts_with("net.") {
            errors.invalid(&path, &Value::from(name), "may not be specified when 'hostNetwork' is true");
        } else if spec.flag("hostIPC") && of_ipc {
            errors.invalid(&path, &Value::from(name), "may not be specified when 'hostIPC' is true");
        }
        seen.insert(name);
    }
}

fn is_sysctl_name(name: &str) -> bool {
    let end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= 253
        && name.split(['.', '/']).all(|part| {
            end(part.bytes().next())
                && end(part.bytes().last())
                && part.bytes().all(|b| end(Some(b)) || b == b'-' || b == b'_')
        })
}

/// `securityContext` of a container. `host_users`: whether the pod uses the host's users.
pub fn validate_security_context(errors: &mut Errors, path: &Path, context: &Value, host_users: bool) {
    for id in ["runAsUser", "runAsGroup"] {
        validate_id(errors, &path.child(id), context.field(id));
    }
    if let Some(mount) = context.field("procMount") {
        one_of(errors, path, context, "procMount", &["Default", "Unmasked"]);
        if host_users && mount.as_str() == Some("Unmasked") {
            errors.invalid(&path.child("procMount"), mount, "`hostUsers` must be false to use `Unmasked`");
        }
    }
    validate_seccomp(errors, &path.child("seccompProfile"), context.field("seccompProfile"));
    if context.field("allowPrivilegeEscalation").is_some() && !context.flag("allowPrivilegeEscalation") {
        let shown = || internal::compact("SecurityContext", context);
        if context.flag("privileged") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid_shown(path, &shown(), detail);
        }
        let added = context.get("capabilities").map_or(&[][..], |c| c.items("add"));
        for _ in added.iter().filter(|c| c.as_str() == Some("CAP_SYS_ADMIN")) {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid_shown(path, &shown(), detail);
        }
    }
    validate_windows_options(errors, path, context);
    validate_app_armor(errors, &path.child("appArmorProfile"), context.field("appArmorProfile"));
}

fn validate_seccomp(errors: &mut Errors, path: &Path, profile: Option<&Value>) {
    let Some(profile) = profile else { return };
    let types = ["Localhost", "RuntimeDefault", "Unconfined"];
    let kind = profile.text("type");
    if kind.is_empty() {
        errors.required(&path.child("type"), "type is required when seccompProfile is set");
    } else if !types.contains(&kind) {
        errors.not_supported(&path.child("type"), &Value::from(kind), &types);
    }
    let file_path = path.child("localhostProfile");
    match (kind, profile.field("localhostProfile")) {
        ("Localhost", None) => errors.required(&file_path, "must be set when seccomp type is Localhost"),
        ("Localhost", Some(file)) => validate_descending_path(errors, &file_path, file.as_str().unwrap_or("")),
        (_, Some(_)) => {
            let shown = internal::compact("SeccompProfile", profile);
            errors.invalid_shown(&file_path, &shown, "can only be set when seccomp type is Localhost");
        }
        (_, None) => {}
    }
}

fn validate_app_armor(errors: &mut Errors, path: &Path, profile: Option<&Value>) {
    let Some(profile) = profile else { return };
    let file_path = path.child("localhostProfile");
    let file = profile.field("localhostProfile");
    match profile.text("type") {
        "Localhost" => {
            let text = file.and_then(Value::as_str).unwrap_or("");
            if text.trim() != text {
                errors.invalid(&file_path, &Value::from(text), "must not be padded with whitespace");
            } else if text.is_empty() {
                errors.required(&file_path, "must be set when AppArmor type is Localhost");
            }
            if text.len() > 4095 {
                errors.too_long(&file_path, 4095);
            }
        }
        "RuntimeDefault" | "Unconfined" => {
            if let Some(file) = file {
                errors.invalid(&file_path, file, "can only be set when AppArmor type is Localhost");
            }
        }
        "" => errors.required(&path.child("type"), "type is required when appArmorProfile is set"),
        other => {
            let types = ["Localhost", "RuntimeDefault", "Unconfined"];
            errors.not_supported(&path.child("type"), &Value::from(other), &types);
        }
    }
}
