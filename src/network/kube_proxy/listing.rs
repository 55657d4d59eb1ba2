//! A node's rules as its administrator would list them: with the tools of the mode.

use super::{FamilyTables, Mode};
use crate::network::netfilter::{ipvs_text, nft_text};

/// What one tool prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The command that prints it.
    pub command: &'static str,
    pub text: String,
}

impl FamilyTables {
    /// What the tools of the mode print on the node. The first of iptables and ipvs mode is a file that `iptables-restore`
    /// takes (`ip6tables-restore` for IPv6), the one of nftables mode one that `nft -f` takes.
    pub fn listings(&self) -> Vec<Listing> {
        let mut listings = Vec::new();
        if let Some(text) = self.iptables_save() {
            let command = if self.program.frame.v6 { "ip6tables-save" } else { "iptables-save" };
            listings.push(Listing { command, text });
        }
        match self.place.settings.mode {
            Mode::Iptables => {}
            Mode::Ipvs => {
                listings.push(Listing { command: "ipset list", text: ipvs_text::sets(&self.program) });
                listings.push(Listing { command: "ipvsadm -Ln", text: ipvs_text::servers(&self.program) });
            }
            Mode::Nftables => {
                let command = if self.program.frame.v6 {
                    "nft list table ip6 kube-proxy"
                } else {
                    "nft list table ip kube-proxy"
                };
                listings.push(Listing { command, text: nft_text::list(&self.program) });
            }
        }
        listings
    }
}
