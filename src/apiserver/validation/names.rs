//! What names may look like: DNS labels and subdomains, label keys and values, port names, keys of config maps, names of
//! environment variables (apimachinery `util/validation` and `api/validate/content`).
//!
//! Each check gives the reasons against a value, in upstream's words and order; none means that the value is fine. Upstream
//! writes its checks as regular expressions; here they are loops over bytes, and the expressions stand only in the messages.

const LABEL_1123: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_1123: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const SUBDOMAIN_UNDERSCORE: &str = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// Most bytes of a DNS label, of a label's value and of the name part of its key.
pub const LABEL_MAX: usize = 63;
/// Most bytes of a DNS subdomain.
pub const SUBDOMAIN_MAX: usize = 253;

/// `1 ≤ port ≤ 65535`.
pub fn is_valid_port_num(port: i64) -> Vec<String> {
    is_in_range(port, 1, 65535)
}

/// `low ≤ value ≤ high`.
pub fn is_in_range(value: i64, low: i64, high: i64) -> Vec<String> {
    if (low..=high).contains(&value) { Vec::new() } else { vec![range_error(low, high)] }
}

/// User and group ids: 0 to 2³¹ − 1.
pub fn is_valid_user_id(id: i64) -> Vec<String> {
    is_in_range(id, 0, i64::from(i32::MAX))
}

pub fn range_error(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// A label of DNS (RFC 1123): names of Services, Namespaces, containers, volumes.
pub fn is_dns1123_label(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, LABEL_MAX);
    if !dns_label(value.as_bytes(), 0) {
        errors.push(if subdomain(value, 0) {
            "must not contain dots".to_string()
        } else {
            let message = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                           start and end with an alphanumeric character";
            regex_error(message, LABEL_1123, &["my-name", "123-abc"])
        });
    }
    errors
}

/// A subdomain of DNS (RFC 1123): most objects' names, hosts.
pub fn is_dns1123_subdomain(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, SUBDOMAIN_MAX);
    if !subdomain(value, 0) {
        let message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
                       must start and end with an alphanumeric character";
        errors.push(regex_error(message, SUBDOMAIN_1123, &["example.com"]));
    }
    errors
}

/// A subdomain that may have underscores: search domains of a pod.
pub fn is_dns1123_subdomain_with_underscore(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, SUBDOMAIN_MAX);
    if !subdomain(value, b'_') {
        let message = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', \
                       and must start and end with an alphanumeric character";
        errors.push(regex_error(message, SUBDOMAIN_UNDERSCORE, &["example.com"]));
    }
    errors
}

/// `*.` before a subdomain: hosts of an Ingress.
pub fn is_wildcard_dns1123_subdomain(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, SUBDOMAIN_MAX);
    if !value.strip_prefix("*.").is_some_and(|rest| subdomain(rest, 0)) {
        let message = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must \
                       consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        errors.push(regex_error(message, &format!(r"\*\.{SUBDOMAIN_1123}"), &["*.example.com"]));
    }
    errors
}

/// A label of DNS as RFC 1035 has it: it begins with a letter.
pub fn is_dns1035_label(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, LABEL_MAX);
    if !(dns_label(value.as_bytes(), 0) && value.starts_with(|c: char| c.is_ascii_lowercase())) {
        let message = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
                       character, and end with an alphanumeric character";
        errors.push(regex_error(message, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    errors
}

/// A label's key, with or without a prefix (upstream's "qualified name").
pub fn is_qualified_name(value: &str) -> Vec<String> {
    let message = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
                   character";
    let malformed = || regex_error(message, LABEL_KEY, &["MyName", "my.name", "123-abc"]);
    let mut errors = Vec::new();
    let mut parts = value.split('/');
    let name = match (parts.next().unwrap_or(""), parts.next(), parts.next()) {
        (name, None, _) => name,
        (prefix, Some(name), None) => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_string());
            } else {
                // Unlike the other checks of this file, this one counts in bytes in its message.
                let of_prefix = is_dns1123_subdomain(prefix);
                errors.extend(of_prefix.into_iter().map(|m| format!("prefix part {}", in_bytes(&m))));
            }
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                malformed()
            )];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_string());
    } else if name.len() > LABEL_MAX {
        errors.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !label_name(name) {
        errors.push(format!("name part {}", malformed()));
    }
    errors
}

/// A label's value.
pub fn is_label_value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > LABEL_MAX {
        errors.push(format!("must be no more than {LABEL_MAX} bytes"));
    }
    if !value.is_empty() && !label_name(value) {
        let message = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                       must start and end with an alphanumeric character";
        errors.push(regex_error(
            message,
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    errors
}

/// An identifier of C: the keys of a downward API annotation in old manifests.
pub fn is_c_identifier(value: &str) -> Vec<String> {
    let fine = value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && value.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if fine {
        return Vec::new();
    }
    let message = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric \
                   characters or '_'";
    vec![regex_error(message, "[A-Za-z_][A-Za-z0-9_]*", &["my_name", "MY_NAME", "MyName"])]
}

/// The name of a container's port, of an Ingress backend's port and of a named target port (RFC 6335).
pub fn is_valid_port_name(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, 15);
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_string());
    }
    if !value.bytes().any(|b| b.is_ascii_lowercase()) {
        errors.push("must contain at least one letter (a-z)".to_string());
    }
    if value.contains("--") {
        errors.push("must not contain consecutive hyphens".to_string());
    }
    if value.starts_with('-') || value.ends_with('-') {
        errors.push("must not begin or end with a hyphen".to_string());
    }
    errors
}

/// `25%`.
pub fn is_valid_percent(value: &str) -> Vec<String> {
    let digits = value.strip_suffix('%').unwrap_or("");
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let message = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![regex_error(message, "[0-9]+%", &["1%", "93%"])]
}

/// The name of an HTTP header of a probe.
pub fn is_http_header_name(value: &str) -> Vec<String> {
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Vec::new();
    }
    let message = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![regex_error(message, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}

/// The name of an environment variable: any printable ASCII but `=` since v1.34.
pub fn is_env_var_name(value: &str) -> Vec<String> {
    if value.is_empty() {
        return vec!["environment variable name must be non-empty".to_string()];
    }
    if value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Vec::new();
    }
    vec!["a valid environment variable name must consist only of printable ASCII characters other than '='".to_string()]
}

/// A key of a ConfigMap or Secret.
pub fn is_config_map_key(value: &str) -> Vec<String> {
    let mut errors = too_many_characters(value, SUBDOMAIN_MAX);
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        let message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        errors.push(regex_error(message, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    match value {
        "." => errors.push("must not be '.'".to_string()),
        ".." => errors.push("must not be '..'".to_string()),
        _ if value.starts_with("..") => errors.push("must not start with '..'".to_string()),
        _ => {}
    }
    errors
}

/// A name that becomes a segment of an URL's path: names of RBAC objects and of objects read by reference.
pub fn is_path_segment_name(value: &str) -> Vec<String> {
    if matches!(value, "." | "..") {
        return vec![format!("may not be '{value}'")];
    }
    ['/', '%'].iter().filter(|c| value.contains(**c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// How an object's name is checked (upstream `ValidateNameFunc`).
pub type NameCheck = fn(&str) -> Vec<String>;

/// A `generateName` is checked as the name that it will become: a dash at its end is no end.
pub fn is_valid_prefix(prefix: &str, check: NameCheck) -> Vec<String> {
    match prefix.strip_suffix('-') {
        // Upstream cuts two bytes off and puts an `a` on: the result stands for any name that may come.
        Some(rest) if !rest.is_empty() && rest.is_char_boundary(rest.len() - 1) => {
            check(&format!("{}a", &rest[..rest.len() - 1]))
        }
        _ => check(prefix),
    }
}

/// `… (e.g. 'a',  or 'b', regex used for validation is '…')`: the shape of upstream's messages about a grammar.
pub fn regex_error(message: &str, regex: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

fn too_many_characters(value: &str, max: usize) -> Vec<String> {
    if value.len() > max { vec![format!("must be no more than {max} characters")] } else { Vec::new() }
}

/// The same message as the newer half of upstream's checks words it.
fn in_bytes(message: &str) -> String {
    match message.strip_suffix(" characters") {
        Some(head) if head.starts_with("must be no more than") => format!("{head} bytes"),
        _ => message.to_string(),
    }
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, with `extra` (0: none) allowed inside and once in front.
fn dns_label(label: &[u8], extra: u8) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let label = if extra != 0 { label.strip_prefix(&[extra]).unwrap_or(label) } else { label };
    match label {
        [] => false,
        [only] => alphanumeric(*only),
        [first, inside @ .., last] => {
            alphanumeric(*first)
                && alphanumeric(*last)
                && inside.iter().all(|&b| alphanumeric(b) || b == b'-' || (extra != 0 && b == extra))
        }
    }
}

fn subdomain(value: &str, extra: u8) -> bool {
    value.as_bytes().split(|b| *b == b'.').all(|label| dns_label(label, extra))
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`.
fn label_name(value: &str) -> bool {
    let bytes = value.as_bytes();
    let end = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    end(bytes.first())
        && end(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_subdomains_and_port_names_follow_their_grammar() {
        for fine in ["a", "my-name", "123-abc", "0"] {
            assert_eq!(is_dns1123_label(fine), Vec::<String>::new(), "{fine}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "가"] {
            assert_eq!(is_dns1123_label(bad).len(), 1, "{bad}");
        }
        assert_eq!(is_dns1123_label("web.app"), ["must not contain dots"]);
        assert_eq!(is_dns1123_subdomain("a.b-c.d").len(), 0);
        assert_eq!(is_dns1123_subdomain("a..b").len(), 1);
        assert_eq!(is_dns1123_subdomain_with_underscore("_tcp.a_b").len(), 0);
        assert_eq!(is_dns1035_label("1web").len(), 1);
        assert_eq!(is_wildcard_dns1123_subdomain("*.com").len(), 0);
        assert_eq!(is_wildcard_dns1123_subdomain("*.*.com").len(), 1);
        assert_eq!(is_valid_port_name("http").len(), 0);
        assert_eq!(is_valid_port_name("8080"), ["must contain at least one letter (a-z)"]);
        assert_eq!(is_valid_port_name("-a--b-").len(), 2);
        assert_eq!(is_valid_port_name("").len(), 2);
    }

    #[test]
    fn label_keys_name_the_part_that_is_wrong() {
        assert_eq!(is_qualified_name("app.kubernetes.io/name").len(), 0);
        assert_eq!(is_qualified_name("/a"), ["prefix part must be non-empty"]);
        assert_eq!(is_qualified_name("a/")[0], "name part must be non-empty");
        assert!(is_qualified_name("a/b/c")[0].starts_with("a valid label key must consist"));
        assert_eq!(is_qualified_name(&"a".repeat(64)), ["name part must be no more than 63 bytes"]);
        assert_eq!(is_label_value("").len(), 0);
        assert_eq!(is_label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }

    #[test]
    fn a_generated_name_may_end_in_a_dash() {
        assert_eq!(is_valid_prefix("web-", is_dns1123_label).len(), 0);
        assert_eq!(is_valid_prefix("가-", is_dns1123_label).len(), 1);
        assert_eq!(is_valid_prefix("-", is_dns1123_label).len(), 1);
    }
}
