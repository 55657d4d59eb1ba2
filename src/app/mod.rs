//! The screen: what a person sees and does. It reads what the library computed and computes nothing of its own about
//! Kubernetes.

mod ahead;
mod bottom;
mod breath;
mod clock;
mod doctor;
mod drawn;
mod editor;
mod erased;
mod failure;
mod focus;
mod help;
mod keep;
mod keeping;
mod keys;
mod leave;
mod lessons;
mod map;
mod menu;
mod moments;
mod page;
mod palette;
mod player;
mod said;
mod scenario;
mod sent;
mod session;
mod splitter;
mod terminal;
mod timebar;
mod told;

use giljabi::diagnostic::Diagnostic;
use giljabi::locale::Lang;
use giljabi::text::visible;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::wasm_bindgen;

use breath::{breathe, drawable, next_piece, panelled, whole};

/// Installs the panic handler, makes the cluster, and puts the page into the document's body: all in small pieces, so that the
/// browser can draw and listen between them. What stands there while the app comes goes when a request can be sent.
///
/// The page's script calls it (assets/boot.js): to make the program's instance is a piece of work of its own.
#[wasm_bindgen]
pub fn begin() {
    failure::install();
    breath::pace();
    wasm_bindgen_futures::spawn_local(async {
        next_piece().await;
        let desk = scenario::opened().await;
        next_piece().await;
        leptos::mount::mount_to_body(|| {
            page::open(desk);
            let owner = Owner::current().unwrap_or_default();
            let built = RwSignal::new(0);
            leptos::task::spawn_local(async move {
                next_piece().await;
                owner.with(page::equip);
                for turn in 1..=page::turn::DIALOGS {
                    next_piece().await;
                    before(turn, &owner).await;
                    built.set(turn);
                }
                next_piece().await;
                breath::started();
                // Now there is time for the rest of the program (assets/boot.js).
                if let Ok(event) = web_sys::Event::new("giljabi:drawn") {
                    // Nobody may be listening: a development build is in one piece.
                    let _ = window().dispatch_event(&event);
                }
                whole().await;
                breathe().await;
                scenario::recall();
            });
            page::built(built)
        });
    });
}

/// What has to be done before a turn of the page's building.
async fn before(turn: usize, owner: &Owner) {
    match turn {
        page::turn::MAP => {
            owner.with(page::measure);
            next_piece().await;
            owner.with(page::draw);
            next_piece().await;
        }
        // What is needed up to here has come first, and what comes now was on its way meanwhile.
        page::turn::MINI => {
            drawable().await;
            // To put it in its place was a piece of work of its own.
            next_piece().await;
        }
        // On a narrow screen the mini map stands beside the frame; and what is laid out here need not be in one piece with the rest.
        page::turn::LANES | page::turn::FLOOR | page::turn::WAYS => {
            owner.with(page::measure);
            next_piece().await;
        }
        // The map is there, and a request can be sent: what stood there while the app came goes.
        page::turn::TOOLS => {
            document().get_element_by_id("starting").iter().for_each(|e| e.remove());
            panelled().await;
            next_piece().await;
        }
        page::turn::DIALOGS => owner.with(page::listen),
        _ => {}
    }
}

/// A diagnostic as plain text: the real tool's words first, then ours.
fn diagnostic_words(diagnostic: &Diagnostic, lang: Lang) -> String {
    let ours = diagnostic.explanation.as_ref().map(|m| m.text(lang));
    let theirs = Some(visible(&diagnostic.verbatim).into_owned()).filter(|v| !v.is_empty());
    theirs.into_iter().chain(ours).collect::<Vec<_>>().join("\n")
}

/// Puts the keyboard's focus on the element with this id.
fn focus_on(id: &str) {
    let element = document().get_element_by_id(id).and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(element) = element {
        // An element that cannot take the focus stays unfocused; nothing else depends on it.
        let _ = element.focus();
    }
}

/// The same, where the keyboard is nowhere: what had it has left the page, or can no longer be used. A page in a frame does not
/// take it from the page around.
fn focus_if_lost(id: &'static str) {
    leptos::prelude::request_animation_frame(move || {
        let body = document().body().map(web_sys::Element::from);
        let here = document().has_focus().unwrap_or(true);
        if here && document().active_element() == body {
            focus_on(id);
        }
    });
}
