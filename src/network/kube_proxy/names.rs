//! Names of chains: hashes that fit into the kernel's limit of 28 characters.
//!
//! Upstream: `portProtoHash` and `servicePortEndpointChainName` of `pkg/proxy/iptables/proxier.go`, `hashAndTruncate` and its
//! callers of `pkg/proxy/nftables/proxier.go`.

use super::endpoints::Endpoint;
use super::service_port::ServicePort;
use crate::network::netfilter::PortName;
use data_encoding::BASE32;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use std::fmt::Write;

/// The first sixteen characters of the base32 of the SHA-256 of `parts` in a row.
fn hash(parts: &[&str]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut text = [0; 16];
    // Ten bytes make sixteen characters.
    BASE32.encode_mut(&hasher.finalize()[..10], &mut text);
    text
}

/// A chain's name: a prefix and a hash. Put together without a detour through the heap, for there are many.
fn joined(prefix: &str, hash: &[u8; 16]) -> SmolStr {
    let mut name = [0; 32];
    let length = prefix.len() + hash.len();
    name[..prefix.len()].copy_from_slice(prefix.as_bytes());
    name[prefix.len()..length].copy_from_slice(hash);
    SmolStr::new(ascii(&name[..length]))
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("")
}

/// The names of a service port's chains in iptables mode: they share one hash.
pub struct PortChains {
    hash: [u8; 16],
}

impl PortChains {
    pub fn new(port: &ServicePort) -> PortChains {
        PortChains { hash: hash(&[&port.label, port.name.protocol.lower()]) }
    }

    fn named(&self, prefix: &str) -> SmolStr {
        joined(prefix, &self.hash)
    }

    /// The endpoints of the policy `Cluster`.
    pub fn cluster(&self) -> SmolStr {
        self.named("KUBE-SVC-")
    }

    /// The endpoints of the policy `Local`.
    pub fn local(&self) -> SmolStr {
        self.named("KUBE-SVL-")
    }

    /// Traffic to its NodePort, external and load balancer addresses.
    pub fn external(&self) -> SmolStr {
        self.named("KUBE-EXT-")
    }

    /// The check of `loadBalancerSourceRanges`.
    pub fn firewall(&self) -> SmolStr {
        self.named("KUBE-FW-")
    }
}

/// The chain of an endpoint in iptables mode.
pub fn endpoint_chain(port: &ServicePort, endpoint: &Endpoint) -> SmolStr {
    let hash = hash(&[&port.label, port.name.protocol.lower(), &endpoint.text]);
    joined("KUBE-SEP-", &hash)
}

/// nft allows names of 256 characters; the longest prefix takes 16.
const NFT_NAME: usize = 240;

fn hashed(mut name: String) -> String {
    let hash = hash(&[&name]);
    name.insert(0, '-');
    name.insert_str(0, ascii(&hash[..8]));
    if name.len() > NFT_NAME {
        name.truncate(NFT_NAME - 3);
        name.push_str("...");
    }
    name
}

fn nft_path(name: &PortName) -> String {
    format!("{}/{}/{}/{}", name.namespace, name.service, name.protocol.lower(), name.port)
}

/// What the names of a service port's chains end with in nftables mode: `ULMVA6XW-ns1/svc1/tcp/p80`.
pub fn nft_port(name: &PortName) -> String {
    hashed(nft_path(name))
}

/// What the names of an endpoint's chain and set end with in nftables mode: `5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80`.
pub fn nft_endpoint(name: &PortName, endpoint: &Endpoint) -> String {
    let mut text = nft_path(name);
    // Colons are not allowed in names.
    let ip = endpoint.ip.to_string().replace(':', ".");
    // Writing to a string cannot fail.
    let _ = write!(text, "__{ip}/{}", endpoint.port);
    hashed(text)
}
