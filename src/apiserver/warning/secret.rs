//! Warnings about Secrets with a certificate (`pkg/registry/core/secret/strategy.go`, Go's `tls.X509KeyPair`).
//!
//! Left out: whether the key belongs to the certificate; only the wrapping is looked at.

use crate::api::value::Value;
use data_encoding::BASE64;

/// A TLS Secret whose certificate or key is none.
pub fn warn_secret(warnings: &mut Vec<String>, secret: &Value, _old: Option<&Value>) {
    if secret.text("type") != "kubernetes.io/tls" {
        return;
    }
    let (certificate, key) = (blocks(secret, "tls.crt"), blocks(secret, "tls.key"));
    let is_key = |block: &String| block == "PRIVATE KEY" || block.ends_with(" PRIVATE KEY");
    let warning = if certificate.is_empty() {
        "tls: failed to find any PEM data in certificate input"
    } else if !certificate.iter().any(|b| b == "CERTIFICATE") && certificate.iter().all(is_key) {
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have \
         been switched"
    } else if key.is_empty() {
        "tls: failed to find any PEM data in key input"
    } else if !key.iter().any(is_key) && key.iter().all(|b| b == "CERTIFICATE") {
        "tls: found a certificate rather than a key in the PEM for the private key"
    } else {
        return;
    };
    warnings.push(warning.to_string());
}

/// The kinds of the PEM blocks of a key of the Secret.
fn blocks(secret: &Value, key: &str) -> Vec<String> {
    let encoded = secret.get("data").map_or("", |d| d.text(key));
    let bytes = BASE64.decode(encoded.as_bytes()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let begin = |line: &str| Some(line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")?.to_string());
    text.lines().filter_map(begin).filter(|kind| text.contains(&format!("-----END {kind}-----"))).collect()
}
