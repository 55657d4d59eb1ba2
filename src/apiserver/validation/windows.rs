//! What Windows has: options of a security context, and pods that run as processes of their host
//! (`pkg/apis/core/validation`: `validateWindowsSecurityContextOptions`, `validateWindowsHostProcessPod`).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::pod::each_container;
use crate::apiserver::validation::{Errors, names};

/// Most bytes of a credential, of a user's domain (not reached) and of a user's name.
const CREDENTIAL_MAX: usize = 64 * 1024;
const DOMAIN_MAX: usize = 256;
const USER_MAX: usize = 104;

/// The `windowsOptions` of a security context.
pub fn validate_windows_options(errors: &mut Errors, path: &Path, context: &Value) {
    let Some(options) = context.field("windowsOptions") else { return };
    let path = path.child("windowsOptions");
    if let Some(name) = options.field("gmsaCredentialSpecName") {
        let reasons = names::is_dns1123_subdomain(name.as_str().unwrap_or(""));
        errors.invalid_each(&path.child("gmsaCredentialSpecName"), name, reasons);
    }
    if let Some(credential) = options.field("gmsaCredentialSpec") {
        let problem = match credential.as_str().unwrap_or("").len() {
            0 => "gmsaCredentialSpec cannot be an empty string",
            1..=CREDENTIAL_MAX => "",
            _ => "gmsaCredentialSpec size must be under 64 KiB",
        };
        if !problem.is_empty() {
            errors.invalid(&path.child("gmsaCredentialSpec"), credential, problem);
        }
    }
    if let Some(name) = options.field("runAsUserName") {
        for problem in user_problems(name.as_str().unwrap_or("")) {
            errors.invalid(&path.child("runAsUserName"), name, &format!("runAsUserName{problem}"));
        }
    }
}

/// What is wrong with a user's name, with or without a domain and a backslash before it.
fn user_problems(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec![" cannot be an empty string".into()];
    }
    if name.bytes().any(|b| b.is_ascii_control()) {
        return vec![" cannot contain control characters".into()];
    }
    let (domain, user) = name.split_once('\\').map_or((None, name), |(domain, user)| (Some(domain), user));
    if user.contains('\\') {
        return vec![" cannot contain more than one backslash".into()];
    }
    let mut problems = Vec::new();
    if domain.is_some_and(|d| d.len() >= DOMAIN_MAX) {
        problems.push(format!("'s Domain length must be under {DOMAIN_MAX} characters"));
    }
    if domain.is_some_and(|d| !is_net_bios(d) && !is_domain(d)) {
        problems.push("'s Domain doesn't match the NetBios nor the DNS format".into());
    }
    if user.is_empty() {
        problems.push("'s User cannot be empty".into());
    } else if user.len() > USER_MAX {
        problems.push(format!("'s User length must not be longer than {USER_MAX} characters"));
    }
    if !user.is_empty() && user.bytes().all(|b| matches!(b, b'.' | b' ')) {
        problems.push("'s User cannot contain only periods or spaces".into());
    }
    if user.contains(['"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']']) {
        problems.push("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]".into());
    }
    problems
}

fn is_net_bios(domain: &str) -> bool {
    (1..=15).contains(&domain.chars().count())
        && !domain.starts_with('.')
        && !domain.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let end = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
        label.len() <= 63
            && end(label.bytes().next())
            && end(label.bytes().last())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// Processes of the host: all containers of a pod or none, and with the host's network.
pub fn validate_host_process(errors: &mut Errors, path: &Path, spec: &Value) {
    let of = |value: &Value| value.at(&["securityContext", "windowsOptions", "hostProcess"]).and_then(Value::as_bool);
    let whole = of(spec);
    let (mut count, mut on_host) = (0, 0);
    each_container(path, spec, |path, container| {
        let own = of(container);
        if let (Some(whole), Some(own)) = (whole, own)
            && whole != own
        {
            let detail = format!("pod hostProcess value must be identical if both are specified, was {whole}");
            let path = path.child("securityContext");
            let path = path.child("windowsOptions");
            errors.invalid(&path.child("hostProcess"), &own.into(), &detail);
        }
        count += 1;
        on_host += i32::from(own.or(whole) == Some(true));
    });
    if on_host == 0 {
        return;
    }
    if on_host != count {
        let detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.invalid(path, &"".into(), detail);
    }
    if !spec.flag("hostNetwork") {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.invalid(&path.child("hostNetwork"), &false.into(), detail);
    }
}
