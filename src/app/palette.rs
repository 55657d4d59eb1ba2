//! The command palette (Ctrl/⌘+K): every object, view, request and command by a few letters.

use giljabi::api::object::ObjectKey;
use giljabi::arrange::Arrange;
use giljabi::locale::Lang;
use leptos::html::{Dialog, Input};
use leptos::prelude::*;

use super::bottom::TABS;
use super::clock::{Clock, Jump};
use super::focus::Target;
use super::lessons::lessons;
use super::lessons::route::{self, Route};
use super::map::View;
use super::scenario::Play;
use super::scenario::table::{SCENARIOS, find};
use super::session::{Session, Tab, Theme, session};
use crate::app::erased::effect;

/// What choosing an entry does.
#[derive(Clone, PartialEq)]
enum Act {
    Send,
    Step,
    Rewind,
    Language,
    Theme(Theme),
    Presenter,
    Help,
    View(Tab),
    Request(String),
    Object(ObjectKey),
    Scenario(&'static str),
    Lesson(Route),
    Undo(bool),
    Clock(Jump),
    Follow,
    Find,
    Print,
}

#[derive(Clone, PartialEq)]
struct Entry {
    words: String,
    kind: &'static str,
    act: Act,
}

/// How many entries are listed.
const LISTED: usize = 60;

fn entries(s: Session) -> Vec<Entry> {
    let t = |id| s.tx(id, &[]);
    let command = |id, act| Entry { words: t(id), kind: "palette.command", act };
    let mut entries = vec![
        command("keys.send", Act::Send),
        command("keys.step", Act::Step),
        command("keys.rewind", Act::Rewind),
        command("keys.lang", Act::Language),
        command("palette.presenter", Act::Presenter),
        command("keys.help", Act::Help),
        command("palette.light", Act::Theme(Theme::Light)),
        command("palette.dark", Act::Theme(Theme::Dark)),
        command("palette.contrast", Act::Theme(Theme::Contrast)),
        command("palette.system", Act::Theme(Theme::System)),
        command("editor.undo", Act::Undo(false)),
        command("editor.redo", Act::Undo(true)),
        command("clock.run", Act::Clock(Jump::Run)),
        command("clock.to_next", Act::Clock(Jump::Next)),
        command("clock.to_probe", Act::Clock(Jump::Probe)),
        command("clock.to_rest", Act::Clock(Jump::Rest)),
        command("map.follow", Act::Follow),
        command("map.find", Act::Find),
        command("palette.print", Act::Print),
        Entry { words: t("palette.lessons"), kind: "palette.view", act: Act::Lesson(Route::Lessons(None)) },
        Entry { words: t("lessons.notes"), kind: "palette.view", act: Act::Lesson(Route::Notes) },
        Entry { words: t("lessons.teach"), kind: "palette.view", act: Act::Lesson(Route::Teach) },
        Entry { words: t("lessons.write"), kind: "palette.view", act: Act::Lesson(Route::Write) },
    ];
    entries.extend(SCENARIOS.iter().map(|scenario| Entry {
        words: t(scenario.title),
        kind: "palette.scenario",
        act: Act::Scenario(scenario.id),
    }));
    let l = lessons();
    if let Some(course) = l.course.get() {
        entries.extend(course.lessons.iter().filter_map(|lesson| {
            let words = l.words(&lesson.id)?.title;
            Some(Entry { words, kind: "palette.lesson", act: Act::Lesson(Route::Lesson(lesson.id.to_string())) })
        }));
    }
    entries.extend(TABS.iter().map(|(tab, id)| Entry { words: t(id), kind: "palette.view", act: Act::View(*tab) }));
    let state = s.state.get();
    for object in state.store.list("Service") {
        let Some(service) = object.view().service() else { continue };
        for port in &service.ports {
            let host = if object.namespace() == "default" {
                object.name().to_string()
            } else {
                format!("{}.{}", object.name(), object.namespace())
            };
            let url = format!("http://{host}:{}", port.port);
            entries.push(Entry { words: url.clone(), kind: "palette.request", act: Act::Request(url) });
        }
    }
    let object =
        |key: &ObjectKey| Entry { words: key.to_string(), kind: "palette.object", act: Act::Object(key.clone()) };
    entries.extend(state.store.iter().map(|o| object(&o.key)));
    entries
}

/// Whether the letters of `wanted` stand in `words` in this order.
fn fits(words: &str, wanted: &str) -> bool {
    let mut letters = words.chars().flat_map(char::to_lowercase);
    wanted.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).all(|c| letters.any(|l| l == c))
}

fn carry_out(s: Session, play: Play, clock: Clock, view: View, act: Act) {
    match act {
        Act::Send => s.send(),
        Act::Step => s.player.step(),
        Act::Rewind => s.player.rewind(),
        Act::Language => s.lang.update(|l| *l = if *l == Lang::Ko { Lang::En } else { Lang::Ko }),
        Act::Theme(theme) => s.theme.set(theme),
        Act::Scenario(id) => {
            route::go(&Route::Free);
            play.start(s, find(id));
        }
        Act::Lesson(to) => route::go(&to),
        Act::Undo(again) => s.undo(again),
        Act::Clock(jump) => clock.jump(s, jump),
        Act::Follow => view.follow.update(|f| *f = !*f),
        Act::Find => super::focus_on("map-find"),
        Act::Print => {
            // A browser without a printer says so itself.
            let _ = window().print();
        }
        Act::Presenter => s.presenter.update(|p| *p = !*p),
        Act::Help => s.help.set(true),
        Act::View(tab) => {
            s.tab.set(tab);
            s.pane.set(super::session::Pane::Journey);
        }
        Act::Request(url) => {
            s.url.set(url);
            s.send();
        }
        Act::Object(key) => {
            if key.kind == "Service" {
                s.chosen.set(Some(key.clone()));
            }
            s.focus.held.set(Some(Target::Object(key)));
        }
    }
}

#[component]
pub fn Palette() -> impl IntoView {
    let s = session();
    let (play, clock, view) = (expect_context::<Play>(), expect_context::<Clock>(), expect_context::<View>());
    let dialog = NodeRef::<Dialog>::new();
    let input = NodeRef::<Input>::new();
    let wanted = RwSignal::new(String::new());
    let at = RwSignal::new(0_usize);
    let found = Memo::new(move |_| {
        if !s.palette.get() {
            return Vec::new();
        }
        let wanted = wanted.read();
        let mut found: Vec<Entry> = entries(s).into_iter().filter(|e| fits(&e.words, &wanted)).collect();
        // What holds the letters together comes first.
        let whole = wanted.to_lowercase();
        found.arrange_by_key(|e| !e.words.to_lowercase().contains(&whole));
        found.truncate(LISTED);
        found
    });
    effect(move || {
        let Some(dialog) = dialog.get() else { return };
        if s.palette.get() {
            // Lessons can be found before anybody has opened their map.
            lessons().fetch();
            wanted.set(String::new());
            at.set(0);
            if !dialog.open() {
                // A dialog that is open already stays open.
                let _ = dialog.show_modal();
            }
            if let Some(input) = input.get() {
                input.set_value("");
                // An input that cannot take the focus stays unfocused.
                let _ = input.focus();
            }
        } else {
            dialog.close();
        }
    });
    let choose = move |i: usize| {
        let act = found.read_untracked().get(i).map(|e| e.act.clone());
        s.palette.set(false);
        if let Some(act) = act {
            carry_out(s, play, clock, view, act);
        }
    };
    let walk = move |event: web_sys::KeyboardEvent| {
        let last = found.read_untracked().len().saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => at.update(|a| *a = (*a + 1).min(last)),
            "ArrowUp" => at.update(|a| *a = a.saturating_sub(1)),
            "Enter" => choose(at.get_untracked()),
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <dialog class="dialog palette" node_ref=dialog aria-label=s.t("palette.label") on:close=move |_| s.palette.set(false)>
            <input
                node_ref=input
                class="field"
                type="text"
                role="combobox"
                aria-expanded="true"
                aria-controls="palette-list"
                aria-activedescendant=move || format!("palette-{}", at.get())
                aria-label=s.t("palette.label")
                placeholder=s.t("palette.hint")
                autocomplete="off"
                spellcheck="false"
                on:input=move |event| {
                    wanted.set(event_target_value(&event));
                    at.set(0);
                }
                on:keydown=walk
            />
            <ul id="palette-list" role="listbox" aria-label=s.t("palette.label")>
                {move || {
                    found
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(i, entry)| {
                            view! {
                                <li
                                    id=format!("palette-{i}")
                                    role="option"
                                    aria-selected=move || (at.get() == i).to_string()
                                    on:click=move |_| choose(i)
                                >
                                    <span>{entry.words}</span>
                                    <small>{s.t(entry.kind)}</small>
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
            <p class="empty" role="status" class:gone=move || !found.read().is_empty()>
                {move || (s.palette.get() && found.read().is_empty()).then(|| s.tx("palette.nothing", &[("wanted", &wanted.get())]))}
            </p>
        </dialog>
    }
    .into_any()
}
