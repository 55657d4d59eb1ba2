//! What if: the map of the moment that is held beside the cluster of now, with the same request sent there, and where the two
//! requests part.

use giljabi::trace::{compare, why};
use leptos::context::Provider;
use leptos::prelude::*;
use std::sync::Arc;

use super::{GOAL, History};
use crate::app::bottom::line_button;
use crate::app::map::Drawing;
use crate::app::session::{Sent, Session, session};

/// The second map, while something is held beside: a cluster, or a request of this one.
#[component]
pub fn WhatIf() -> impl IntoView {
    let s = session();
    let history = s.moments;
    // The request of now, as it goes at the held moment; or the request that is held itself.
    let other = Memo::new(move |_| {
        let sent = s.sent.get();
        let held = history.beside.get();
        let beside = s.beside.get();
        match (held, sent, beside) {
            (Some(number), Some(sent), _) => {
                let mut workspace = history.workspace(number)?;
                let trace = workspace.send(&sent.trace.request);
                let other = Sent::of(&workspace, trace, None, 0, 0);
                Some(Held {
                    store: workspace.cluster().store().clone().into(),
                    sent: Some(Arc::new(other)),
                    moment: Some(number),
                })
            }
            (Some(number), None, _) => {
                Some(Held { store: history.store(number)?.into(), sent: None, moment: Some(number) })
            }
            (None, Some(_), Some(other)) => {
                Some(Held { store: s.state.read().store.clone().into(), sent: Some(other), moment: None })
            }
            _ => None,
        }
    });
    view! { {move || other.get().map(|held| side(s, history, held))} }.into_any()
}

/// What stands on the other side.
#[derive(Clone)]
struct Held {
    store: Arc<giljabi::apiserver::store::Store>,
    sent: Option<Arc<Sent>>,
    /// The moment; `None`: another request in the cluster of now.
    moment: Option<usize>,
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        let same = |a: &Option<Arc<Sent>>, b: &Option<Arc<Sent>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        Arc::ptr_eq(&self.store, &other.store) && same(&self.sent, &other.sent) && self.moment == other.moment
    }
}

fn side(s: Session, history: History, held: Held) -> impl IntoView {
    let twin = s.twin((*held.store).clone(), held.sent.clone());
    let other = held.sent.clone();
    let title = move || match (held.moment, &other) {
        (Some(GOAL), _) => s.tx("what_if.goal", &[]),
        (Some(n), _) => s.tx("what_if.moment", &[("n", &n.to_string())]),
        (None, Some(sent)) => {
            s.tx("what_if.request", &[("n", &sent.number.to_string()), ("url", &sent.trace.request.to.to_string())])
        }
        _ => String::new(),
    };
    let (label, other) = (title.clone(), held.sent.clone());
    let outcome = move || {
        let sent = other.as_ref()?;
        let good = sent.trace.outcome.is_success();
        let words = why::symptom(&sent.trace.outcome, s.lang.get());
        Some(view! { <span class=if good { "good" } else { "bad" }>{if good { "✓ " } else { "✕ " }}{words}</span> })
    };
    let other = held.sent.clone();
    let parting = move || {
        let (one, other) = (s.sent.get()?, other.clone()?);
        let parting = compare::compare(&one.trace, &other.trace);
        let words = compare::words(&one.trace, &other.trace, parting.as_ref(), s.lang.get());
        let lines = parting.into_iter().flat_map(|p| p.because).filter_map(|field| s.line_of(&field)).take(2);
        Some(view! { <p>{words}" "{lines.map(|line| line_button(s, line)).collect_view()}</p> })
    };
    view! {
        <section class="what-if" aria-label=label>
            <header>
                <b>{title}</b>
                " "
                {outcome}
                <button
                    type="button"
                    class="btn btn-icon"
                    aria-label=s.t("what_if.close")
                    title=s.t("what_if.close")
                    on:click=move |_| {
                        history.beside.set(None);
                        s.beside.set(None);
                    }
                >
                    "✕"
                </button>
                {parting}
            </header>
            <Provider value=twin>
                <Drawing main=false/>
            </Provider>
        </section>
    }
}
