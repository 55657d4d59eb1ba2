//! What happens in the cluster past the editor: time, power, terminals; and looks into it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use giljabi::api::object::FieldRef;
use giljabi::api::time::Duration;
use giljabi::cluster::Cluster;
use giljabi::lesson::scene::Ran;
use giljabi::locale::Message;
use giljabi::network::kube_proxy::{Family, Listing};
use giljabi::shell::Computer;
use giljabi::trace::{Outcome, Request};
use leptos::prelude::*;

use super::{Session, state_of};
use crate::app::player;

impl Session {
    /// Notes that a terminal ran a line to its end.
    pub fn note_ran(self, line: &str, code: i32) {
        self.ran.update(|ran| ran.push(Ran { line: line.to_string(), code }));
        // What only looked is no moment of the cluster.
        let changed = self.workspace.with_value(|w| self.moments.revision() != Some(w.cluster().store().revision()));
        if changed {
            self.keep_moment(Message::new("moment.command").with("line", line));
        }
    }

    /// Lets something happen in the cluster that is no edit: time goes by, a node loses its power.
    pub fn let_pass<R>(self, act: impl FnOnce(&mut Cluster) -> R) -> R {
        let began = player::now();
        let mut act = Some(act);
        let mut result = None;
        let shown = self.state.read_untracked().store.revision();
        let mut changed = false;
        let mut passed = Duration::ZERO;
        self.workspace.update_value(|w| {
            let before = w.cluster().now();
            result = act.take().map(|act| act(w.cluster_mut()));
            passed = w.cluster().now().since(before);
            changed = w.cluster().store().revision() != shown;
            if changed {
                w.refresh();
            }
        });
        self.clock.set(self.workspace.with_value(|w| w.cluster().now()));
        self.waited.update(|waited| waited.0 += passed.0);
        // A clock that only ticks changes nothing that is drawn.
        if changed {
            self.state.set(Arc::new(self.workspace.with_value(|w| state_of(w, player::now() - began))));
        }
        result.unwrap_or_else(|| unreachable!("the act runs once"))
    }

    /// Asks the cluster, as it is now, without touching it.
    pub fn look<R>(self, question: impl FnOnce(&Cluster) -> R) -> R {
        self.workspace.with_value(|w| question(w.cluster()))
    }

    /// Whether a node has power.
    pub fn is_powered(self, node: &str) -> bool {
        self.look(|cluster| cluster.runtime().is_up(node))
    }

    /// Pulls a node's plug, or puts it back.
    pub fn set_power(self, node: &str, up: bool) {
        self.let_pass(|cluster| cluster.set_power(node, up));
        self.keep_power();
        let id = if up { "moment.power_on" } else { "moment.power_off" };
        self.keep_moment(Message::new(id).with("node", node));
    }

    /// Lets a terminal act on the cluster and on the learner's computer. [`Session::show_changes`] shows what came of it.
    pub fn at_computer<R>(self, act: impl FnOnce(&mut Cluster, &mut Computer) -> R) -> Option<R> {
        let mut result = None;
        self.workspace.update_value(|w| {
            self.computer.update_value(|computer| result = Some(act(w.cluster_mut(), computer)));
        });
        result
    }

    /// Shows what was done to the cluster past the editor.
    pub fn show_changes(self) {
        let began = player::now();
        self.workspace.update_value(|w| w.refresh());
        let state = self.workspace.with_value(|w| state_of(w, player::now() - began));
        self.clock.set(state.now);
        self.state.set(Arc::new(state));
    }

    /// The rules of a node as the tools of its kube-proxy's mode list them.
    pub fn listings(self, node: &str) -> Option<Vec<Listing>> {
        self.workspace.with_value(|w| Some(w.cluster().network().proxy.node(node)?.tables(Family::V4)?.listings()))
    }

    /// The fields that lines of a node's listings stand for, of those in `wanted`.
    pub fn origins(self, node: &str, wanted: &BTreeSet<String>) -> BTreeMap<String, FieldRef> {
        self.workspace.with_value(|w| {
            let tables = w.cluster().network().proxy.node(node).and_then(|node| node.tables(Family::V4));
            tables.map(|tables| tables.origins(wanted)).unwrap_or_default()
        })
    }

    /// A copy of the cluster, to try things in.
    pub fn fork(self) -> Cluster {
        self.workspace.with_value(|w| w.cluster().clone())
    }

    /// How a request would end, tried in a copy of the cluster.
    pub fn probe(self, request: &Request) -> Outcome {
        self.fork().send_quietly(request).0
    }
}
