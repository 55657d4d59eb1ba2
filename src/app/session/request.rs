//! The request: aimed, sent, shown, and shown again.

use std::sync::Arc;

use giljabi::lesson::model::RequestSpec;
use giljabi::trace::{Request, Trace, Url};
use leptos::prelude::*;

use super::{Pane, Sent, Session, Typed};
use crate::app::sent::{beats, stops};

impl Session {
    /// Puts a client and an address into the time bar: `pod/client`, `computer`; `lb(web)` stands for an address.
    pub fn aim(self, from: &str, to: &str) {
        let spec = RequestSpec { from: from.into(), to: to.into(), ..RequestSpec::default() };
        match giljabi::lesson::scene::request(&self.state.read_untracked().store, &spec) {
            Ok(request) => {
                self.client.set(request.from);
                self.url.set(request.to.to_string());
            }
            // What is not there yet is shown as it was asked for; sending says the rest.
            Err(_) => self.url.set(to.to_string()),
        }
    }

    /// Sends the request of the time bar and plays its journey.
    pub fn send(self) {
        if self.ask() {
            self.player.play();
        }
    }

    /// Sends the request and shows its first hop.
    pub fn send_paused(self) {
        if self.ask() {
            self.player.step();
        }
    }

    pub(super) fn ask(self) -> bool {
        let Some(to) = Url::parse(&self.url.get_untracked()) else {
            self.bad_url.set(true);
            return false;
        };
        self.bad_url.set(false);
        let request = Request::get(self.client.get_untracked(), to);
        let prepared = self.prepared.get_value().filter(|p| p.from == request.from && p.to == request.to);
        self.carry_out(&prepared.unwrap_or(request));
        true
    }

    pub(super) fn carry_out(self, request: &Request) {
        let mut trace = None;
        self.workspace.update_value(|w| trace = Some(w.send(request)));
        let Some(trace) = trace else { return };
        self.computer.update_value(|computer| computer.wire.note(trace.clone()));
        self.take_trace(trace, None);
        self.pane.set(Pane::Map);
    }

    /// Takes a request that was sent, from here or by a line of a terminal, and makes it the one that is shown.
    pub fn take_trace(self, trace: Trace, typed: Option<Typed>) -> Arc<Sent> {
        let (edit, number) = (self.edits.get_untracked(), self.history.read_untracked().len() + 1);
        let (beats, stops) = (beats(&trace), stops(&giljabi::map::stages(&trace), false));
        let sent = Arc::new(self.workspace.with_value(|w| Sent::of(w, trace, typed, edit, number)));
        self.focus.release();
        self.history.update(|h| h.push(sent.clone()));
        self.show(sent.clone());
        self.player.load(beats, stops);
        sent
    }

    /// Shows an earlier request again, at its end.
    pub fn show_again(self, sent: Arc<Sent>) {
        let (beats, stops) = (beats(&sent.trace), stops(&giljabi::map::stages(&sent.trace), false));
        self.show(sent);
        self.player.load(beats, stops);
        self.player.finish();
    }

    pub(super) fn show(self, sent: Arc<Sent>) {
        self.chosen.set(None);
        self.lookup_open.set(false);
        self.sent.set(Some(sent));
    }

    /// The number of a hop as it is shown everywhere.
    pub fn number(self, hop: usize) -> String {
        giljabi::map::number(&self.stages.read(), hop)
    }

    /// Whether the shown trace was sent before the last edit. An edit tells so when the map is painted.
    pub fn is_stale(self) -> bool {
        self.painted.track();
        self.sent.read().as_ref().is_some_and(|s| s.edit != self.edits.get_untracked())
    }
}
