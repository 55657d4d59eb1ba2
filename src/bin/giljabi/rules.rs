//! `giljabi rules`: what kube-proxy wrote on a node, in the form that the node's own tool reads or prints.

use crate::arguments::{Arguments, Usage};
use crate::files;
use giljabi::cluster::ProxyMode;
use giljabi::network::kube_proxy::Family;
use giljabi::network::netfilter::Scheduler;
use giljabi::workspace::Workspace;
use smol_str::SmolStr;

pub fn run(arguments: &Arguments) -> Result<bool, Usage> {
    let node = arguments.node.as_deref().ok_or_else(|| Usage("say which node: --node NAME".into()))?;
    let settings = arguments.settings();
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

/// Reads `--ipvs-scheduler`.
pub fn scheduler(name: &str) -> Result<SmolStr, Usage> {
    if Scheduler::read(name).is_some() {
        return Ok(name.into());
    }
    let names: Vec<&str> = Scheduler::ALL.iter().map(|(name, _)| *name).collect();
    Err(Usage(format!("--ipvs-scheduler is one of {}, not {name:?}", names.join(", "))))
}
