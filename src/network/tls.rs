//! Certificates, as far as a client's trust depends on them: names, issuer, time. No cryptography.

use crate::api::object::{Object, ObjectKey};
use data_encoding::BASE64;
use smol_str::{SmolStr, format_smolstr};

/// Who signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// A public authority, or the demo authority that the images of this world trust.
    Trusted,
    /// The cluster's own authority, which only those trust who are given `ca.crt`.
    Cluster,
    /// Itself.
    SelfSigned,
}

/// A server's certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// The names of its subjectAltName; `*.example.com` covers one label.
    pub names: Vec<SmolStr>,
    pub issuer: Issuer,
    /// The Secret that it comes from.
    pub secret: Option<ObjectKey>,
}

/// Why a client does not trust a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    SelfSigned,
    UnknownIssuer,
    OtherName,
}

impl Certificate {
    pub fn trusted(names: Vec<SmolStr>) -> Certificate {
        Certificate { names, issuer: Issuer::Trusted, secret: None }
    }

    /// What ingress-nginx shows when it has nothing better.
    pub fn of_controller() -> Certificate {
        Certificate { names: vec!["ingress.local".into()], issuer: Issuer::SelfSigned, secret: None }
    }

    /// In a few words: its names, and who signed it.
    pub fn summary(&self) -> SmolStr {
        let issuer = match self.issuer {
            Issuer::Trusted => "trusted CA",
            Issuer::Cluster => "cluster CA",
            Issuer::SelfSigned => "self-signed",
        };
        format_smolstr!("{} ({issuer})", self.names.join(", "))
    }

    pub fn covers(&self, host: &str) -> bool {
        self.names.iter().any(|name| name == "*" || matches_host(name, host))
    }
}

impl Distrust {
    /// OpenSSL's words in curl's message.
    pub fn words(self, host: &str) -> SmolStr {
        match self {
            Distrust::SelfSigned => "SSL certificate problem: self-signed certificate".into(),
            Distrust::UnknownIssuer => "SSL certificate problem: unable to get local issuer certificate".into(),
            Distrust::OtherName => {
                format_smolstr!("SSL: no alternative certificate subject name matches target host name '{host}'")
            }
        }
    }
}

/// Whether a client that dialled `host` trusts a certificate: who signed it is looked at first, then its names.
pub fn check(certificate: &Certificate, host: &str) -> Option<Distrust> {
    match certificate.issuer {
        Issuer::SelfSigned => Some(Distrust::SelfSigned),
        Issuer::Cluster => Some(Distrust::UnknownIssuer),
        Issuer::Trusted => (!certificate.covers(host)).then_some(Distrust::OtherName),
    }
}

/// Whether a name, perhaps with a wildcard for its first label, is that of a host. Case does not matter.
pub fn matches_host(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(rest) => {
            host.split_once('.').is_some_and(|(first, tail)| !first.is_empty() && tail.eq_ignore_ascii_case(rest))
        }
        None => name.eq_ignore_ascii_case(host),
    }
}

/// The certificate of a Secret of type `kubernetes.io/tls`. `None`: it holds none that can be read.
pub fn of_secret(secret: &Object) -> Option<Certificate> {
    let text = secret.value.str_at(&["data", "tls.crt"]);
    if text.is_empty() || secret.value.str_at(&["data", "tls.key"]).is_empty() {
        return None;
    }
    let pem = String::from_utf8(BASE64.decode(text.as_bytes()).ok()?).ok()?;
    if !pem.contains("-----BEGIN CERTIFICATE") {
        return None;
    }
    let body: String = pem
        .lines()
        .skip_while(|l| !l.starts_with("-----BEGIN CERTIFICATE"))
        .skip(1)
        .take_while(|l| !l.starts_with("-----END"))
        .map(str::trim)
        .collect();
    // What cannot be read is shown all the same: the client will not trust it.
    let der = BASE64.decode(body.as_bytes()).unwrap_or_default();
    let common = common_names(&der);
    let mut names = alternative_names(&der);
    if names.is_empty() {
        // Without alternative names OpenSSL falls back to the subject's common name.
        names.extend(common.last().cloned());
    }
    // Issuer comes before subject; where both are the same, it has signed itself.
    let self_signed = common.len() < 2 || common.first() == common.last();
    let issuer = if self_signed { Issuer::SelfSigned } else { Issuer::Trusted };
    Some(Certificate { names, issuer, secret: Some(secret.key.clone()) })
}

/// The common names of issuer and subject: attribute 2.5.4.3, then a string.
fn common_names(der: &[u8]) -> Vec<SmolStr> {
    let mut found = Vec::new();
    for at in 0..der.len() {
        if der[at..].starts_with(&[0x55, 0x04, 0x03])
            && let Some(text) = short_string(der, at + 4)
        {
            found.push(text);
        }
    }
    found
}

/// The DNS names of the extension 2.5.29.17.
fn alternative_names(der: &[u8]) -> Vec<SmolStr> {
    let Some(at) = der.windows(3).position(|w| w == [0x55, 0x1d, 0x11]) else { return Vec::new() };
    // Octet string, then a sequence of general names; one longer than 127 bytes has longer lengths.
    let mut names = Vec::new();
    let mut at = at + 3;
    let end = (at + 1_000).min(der.len());
    while at + 1 < end {
        if der[at] == 0x82
            && let Some(text) = short_string(der, at + 1)
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.*_".contains(c))
        {
            at += 2 + text.len();
            names.push(text);
        } else if !names.is_empty() {
            break;
        } else {
            at += 1;
        }
    }
    names
}

/// A string of up to 127 bytes whose length stands at `at`.
fn short_string(der: &[u8], at: usize) -> Option<SmolStr> {
    let length = usize::from(*der.get(at)?);
    let bytes = der.get(at + 1..at + 1 + length).filter(|_| (1..128).contains(&length))?;
    std::str::from_utf8(bytes).ok().map(SmolStr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(matches_host("*.foo.com", "bar.foo.com"));
        assert!(!matches_host("*.foo.com", "baz.bar.foo.com"));
        assert!(!matches_host("*.foo.com", "foo.com"));
        let certificate = Certificate::trusted(vec!["db.example.com".into()]);
        assert_eq!(check(&certificate, "ext"), Some(Distrust::OtherName));
    }
}
