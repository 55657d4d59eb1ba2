//! What a trail met, in the words of the tool that lists it: `iptables-save`, `nft list ruleset` or `ipvsadm -Ln`.

use super::iptables_text::{Manner, Printer};
use super::program::{Content, Part, Program, Syntax};
use super::walk::{Hit, What};
use super::{ipvs_text, nft_text};

impl Program {
    /// The rule that was met. An element of a map comes as a rule of its own; a virtual server as its line.
    pub fn text(&self, hit: &Hit<'_>) -> String {
        let chunk = hit.owner.and_then(|owner| self.get(owner)).map(|c| &**c);
        match hit.what {
            What::Server { server, .. } => ipvs_text::server_text(server).trim_end().to_string(),
            What::Rule(rule) if self.frame.syntax == Syntax::Nft => nft_text::rule_text(self, rule, chunk),
            What::Rule(rule) => {
                let mut out = String::new();
                let printer = Printer { program: self, manner: Manner::Save, large: false };
                printer.rule(&mut out, hit.chain, rule, chunk);
                out
            }
        }
    }

    /// The place of a rule in its chain, from zero. Of a virtual server, and of an element of a map: 0.
    pub fn place(&self, hit: &Hit<'_>) -> usize {
        let Some(rule) = hit.rule() else { return 0 };
        let own = hit.owner.and_then(|owner| self.get(owner)).map_or(&[][..], |c| &c.rules().chains);
        if let Some(chain) = own.iter().find(|c| c.name == *hit.chain) {
            return chain.rules.iter().position(|r| std::ptr::eq(r, rule)).unwrap_or(0);
        }
        let Some(chain) = self.frame.chain(hit.chain, hit.table) else { return 0 };
        let mut place = 0;
        for part in &chain.parts {
            match part {
                Part::IfAny(set, _) if self.is_empty(*set) => {}
                Part::Rule(own) | Part::IfAny(_, own) => {
                    if std::ptr::eq(own, rule) {
                        return place;
                    }
                    place += 1;
                }
                Part::Collected(space) => {
                    for chunk in self.chunks() {
                        // One rule a key: the rules of other service ports need not be made for counting them.
                        if hit.owner != Some(&chunk.name) {
                            place += chunk.keys.iter().filter(|key| key.space == *space).count();
                            continue;
                        }
                        for content in chunk.entries(*space) {
                            if matches!(content, Content::Rule(own) if std::ptr::eq(own, rule)) {
                                return place;
                            }
                            place += 1;
                        }
                    }
                }
            }
        }
        0
    }
}
