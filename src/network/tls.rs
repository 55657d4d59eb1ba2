//! Certificates, as far as a client's trust depends on them: names, issuer, time. No cryptography.

use crate::api::object::ObjectKey;
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
