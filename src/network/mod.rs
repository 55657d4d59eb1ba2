//! The network: what turns objects into the way of a packet. Per-node programs are derived from the store (kube-proxy rules,
//! routes, the DNS zone, ingress tables); `trace` runs packets through them.

pub mod dns;
pub mod kube_proxy;
pub mod netfilter;
pub mod packet;
