//! `giljabi rules`: what kube-proxy wrote on a node, in the form that the node's own tool reads or prints.

use crate::arguments::{Arguments, Usage};
use crate::files;
use giljabi::cluster::{ProxyMode, Settings};
use giljabi::network::kube_proxy::Family;
use giljabi::workspace::Workspace;

pub fn run(arguments: &Arguments) -> Result<bool, Usage> {
    let node = arguments.node.as_deref().ok_or_else(|| Usage("say which node: --node NAME".into()))?;
    let settings = Settings { seed: arguments.seed, proxy_mode: arguments.mode, ..Settings::default() };
    let mut workspace = Workspace::new(settings);
    workspace.set_files(files::read(&arguments.files)?);
    let proxy = &workspace.cluster().network().proxy;
    let Some(here) = proxy.node(node) else {
        let names: Vec<&str> = proxy.nodes().map(|n| n.facts.name.as_str()).collect();
        return Err(Usage(format!("there is no node {node:?}; the nodes are {}", names.join(", "))));
    };
    for family in [Family::V4, Family::V6] {
        let Some(tables) = here.tables(family) else { continue };
        for listing in tables.listings() {
            print!("# {}\n{}", listing.command, listing.text);
        }
    }
    Ok(true)
}

/// Reads `--mode`.
pub fn mode(name: &str) -> Result<ProxyMode, Usage> {
    match name {
        "iptables" => Ok(ProxyMode::Iptables),
        "ipvs" => Ok(ProxyMode::Ipvs),
        "nftables" => Ok(ProxyMode::Nftables),
        other => Err(Usage(format!("--mode is iptables, ipvs or nftables, not {other:?}"))),
    }
}
