//! The terminals: shells on the learner's computer, side by side. What they are and what runs in them is [`engine`]'s; here is
//! what a person sees of them.

mod engine;
mod line;
mod log;
mod sheet;

pub use engine::Shells;
pub use sheet::EditSheet;

use giljabi::api::object::ObjectKey;
use giljabi::shell::Place;
use leptos::html::{Div, Input};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::focus::Target;
use super::session::{Pane, session};
use crate::app::erased::{Show, effect};
use engine::{MOST, Shell};
use line::CommandLine;

/// The shells of this page.
fn shells() -> Shells {
    expect_context()
}

/// The terminals that are open, side by side.
#[component]
pub fn Terminals() -> impl IntoView {
    let s = session();
    let t = shells();
    let large_words = move || s.tx(if t.large.get() { "term.small" } else { "term.large" }, &[]);
    let another = move |_: web_sys::MouseEvent| {
        if let Some(number) = t.open_another() {
            focus_line(number);
        }
    };
    view! {
        <div class="terms" class:large=move || t.large.get() role="group" aria-label=s.t("term.label")>
            <div class="term-bar">
                <button type="button" class="tool" aria-label=s.t("term.new") title=s.t("term.new") disabled=move || { t.open.read().len() >= MOST } on:click=another>
                    "+"
                </button>
                <button
                    type="button"
                    class="tool"
                    aria-pressed=move || t.large.get().to_string()
                    aria-label=large_words
                    title=large_words
                    on:click=move |_| t.large.update(|l| *l = !*l)
                >
                    "⤢"
                </button>
            </div>
            <div class="term-columns">
                <For each=move || t.open.get() key=|n| *n children=move |n| view! { <Column shell=t.shell(n)/> }/>
            </div>
        </div>
    }
}

/// One terminal.
#[component]
fn Column(shell: Shell) -> impl IntoView {
    let s = session();
    let t = shells();
    let number = (shell.number + 1).to_string();
    let line = CommandLine::new(t, shell);
    let frame = NodeRef::<Div>::new();
    let place = NodeRef::<Div>::new();
    let input = NodeRef::<Input>::new();
    // The log is made once and moved to wherever the terminal is shown.
    effect(move || {
        if let Some(place) = place.get() {
            shell.inner.with_value(|i| {
                let _ = place.append_child(&i.log.root);
            });
        }
    });
    // What comes is followed, unless somebody reads further up.
    let follows = StoredValue::new(true);
    effect(move || {
        shell.shown.track();
        shell.prompt.track();
        if let Some(frame) = frame.get()
            && follows.get_value()
        {
            frame.set_scroll_top(frame.scroll_height());
        }
    });
    let scrolled = move |_| {
        if let Some(frame) = frame.get_untracked() {
            follows.set_value(frame.scroll_top() + frame.client_height() + 24 >= frame.scroll_height());
        }
    };
    let name = {
        let number = number.clone();
        move || s.tx("term.number", &[("n", &number)])
    };
    let (label, close_number) = (name.clone(), shell.number);
    let where_ = move || match shell.place.get() {
        Place::Computer => s.tx("term.at_computer", &[]),
        Place::Node { name } => s.tx("term.at_node", &[("node", &name)]),
        Place::Container { pod, container, .. } => {
            s.tx("term.at_container", &[("container", &container), ("pod", &pod.name)])
        }
    };
    let prompt = move || match line.found.get() {
        Some(found) => s.tx("term.search", &[("found", &found)]),
        None => shell.prompt.get(),
    };
    // The line that sent the shown request is lit with its hops.
    let lit = Memo::new(move |_| {
        let own = |(at, command): &(usize, usize)| (*at == shell.number).then_some(*command);
        s.lit.read().commands.iter().filter_map(own).collect::<Vec<usize>>()
    });
    effect(move || {
        let commands = lit.get();
        let held = s.focus.held.read_untracked().is_some();
        // What was shown last scrolls first.
        request_animation_frame(move || {
            shell.inner.try_update_value(|i| i.log.light(&commands, held));
        });
    });
    let look = move |event: &web_sys::Event| {
        if let Some(target) = pressed(event).as_ref().and_then(|at| target_of(shell, at)) {
            s.focus.hover(target);
        }
    };
    let help = format!("term-help-{number}");
    let described = help.clone();
    let typed = move |event: web_sys::KeyboardEvent| {
        let Some(input) = input.get_untracked() else { return };
        follows.set_value(true);
        if line.key(&input, &event) {
            event.prevent_default();
            event.stop_propagation();
        }
    };
    let pasted = move |event: web_sys::ClipboardEvent| {
        let text = event.clipboard_data().and_then(|d| d.get_data("text/plain").ok()).unwrap_or_default();
        if let Some(input) = input.get_untracked().filter(|_| text.contains(['\n', '\r'])) {
            event.prevent_default();
            line.paste(&input, &text);
        }
    };
    view! {
        <section class="term" aria-label=label>
            <header class="term-head">
                <b>{name}</b>
                <span class="term-place">{where_}</span>
                <span class="push"></span>
                <Show when=move || shell.waiting.get() && t.draft.read().is_none()>
                    <button type="button" class="btn term-act" title=s.t("term.skip_title") on:click=move |_| t.skip()>{s.t("term.skip")}</button>
                </Show>
                <Show when=move || shell.running.get()>
                    <button type="button" class="btn term-act" on:click=move |_| t.interrupt(shell)>{s.t("term.stop")}</button>
                </Show>
                <Show when=move || { t.open.read().len() > 1 }>
                    <button type="button" class="tool" aria-label=s.t("term.close") title=s.t("term.close") on:click=move |_| t.close(close_number)>"✕"</button>
                </Show>
            </header>
            <div
                class="term-frame"
                node_ref=frame
                on:scroll=scrolled
                on:mouseup=move |_| {
                    // A click into the empty space means the command line; a selection stays one.
                    let none = window().get_selection().ok().flatten().is_none_or(|s| s.is_collapsed());
                    let on_button = document().active_element().is_some_and(|e| e.closest(".term-log").ok().flatten().is_some());
                    if let Some(input) = input.get_untracked().filter(|_| none && !on_button) {
                        let _ = input.focus();
                    }
                }
            >
                <div
                    node_ref=place
                    on:click=move |event| {
                        if let Some(at) = pressed(&event) {
                            act(t, shell, &at);
                        }
                    }
                    on:mouseover=move |event| look(&event)
                    on:mouseout=move |_| s.focus.leave()
                    on:focusin=move |event| look(&event)
                    on:focusout=move |_| s.focus.leave()
                    on:keydown=move |event| walk(t, shell, &event)
                ></div>
                <div class="term-line">
                    <span class="term-prompt" aria-hidden="true">{prompt}</span>
                    <input
                        node_ref=input
                        class="term-input"
                        id=format!("term-input-{number}")
                        type="text"
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        translate="no"
                        placeholder=move || if shell.shown.get() == 0 { s.tx("term.hint", &[]) } else { String::new() }
                        aria-label=move || format!("{} {}", s.tx("term.line", &[]), prompt())
                        aria-describedby=described
                        on:keydown=typed
                        on:input=move |_| if let Some(input) = input.get_untracked() { line.look(&input) }
                        on:paste=pasted
                    />
                </div>
                <p class="sr-only" id=help>{s.t("term.help")}</p>
            </div>
        </section>
    }
}

/// Puts the focus on a terminal's command line, once it is there.
fn focus_line(shell: usize) {
    request_animation_frame(move || super::focus_on(&format!("term-input-{}", shell + 1)));
}

/// What was pressed in a log.
fn pressed(event: &web_sys::Event) -> Option<Element> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest(".term-link, .term-why, .term-chip, .term-words[role]").ok()?
}

/// What something in a log is about: the object that it names, or the line whose requests it leads to.
fn target_of(shell: Shell, at: &Element) -> Option<Target> {
    if let Some(key) = key_of(at) {
        return Some(Target::Object(key));
    }
    let row = at.closest(".term-typed").ok()??;
    Some(Target::Command(shell.number, row.get_attribute("data-command")?.parse().ok()?))
}

/// The object that a link leads to.
fn key_of(link: &Element) -> Option<ObjectKey> {
    let get = |name: &str| link.get_attribute(name);
    let (kind, namespace, name) = (get("data-kind")?, get("data-namespace")?, get("data-name")?);
    Some(ObjectKey::new(kind.as_str(), namespace.as_str(), name.as_str()))
}

/// Does what a link, a question mark or a request's button is for.
fn act(t: Shells, shell: Shell, at: &Element) {
    let s = t.session;
    if let Some(key) = key_of(at) {
        // What is on the map is shown there; an object keeps its tab of objects, too.
        s.focus.held.set(Some(Target::Object(key)));
        return;
    }
    if at.class_list().contains("term-words") {
        let Some(target) = target_of(shell, at) else { return };
        // The hops that light up are those of the line's own request.
        if let Target::Command(_, command) = target
            && let Some(sent) = t.sent_by(shell, command)
            && s.sent.read_untracked().as_ref().is_none_or(|shown| shown.number != sent.number)
        {
            s.show_again(sent);
        }
        s.focus.hold(target);
        return;
    }
    if let Some(sent) = at.get_attribute("data-sent").and_then(|n| n.parse().ok()).and_then(|n| t.sent(n)) {
        s.show_again(sent);
        s.player.rewind();
        s.player.play();
        s.pane.set(Pane::Map);
        return;
    }
    if let Some(file) = at.get_attribute("data-file").and_then(|n| n.parse().ok()) {
        t.take_along(file);
        return;
    }
    explain(t, shell, at);
}

/// Opens or closes our words below a line.
fn explain(t: Shells, shell: Shell, button: &Element) {
    let Some(row) = button.parent_element() else { return };
    let open = button.get_attribute("aria-expanded").as_deref() == Some("true");
    let _ = button.set_attribute("aria-expanded", if open { "false" } else { "true" });
    if open {
        if let Some(note) = row.next_element_sibling().filter(|n| n.class_list().contains("term-note")) {
            note.remove();
        }
        return;
    }
    let text = row.text_content().unwrap_or_default();
    let line = text.trim_end().trim_end_matches('?');
    let command = button.get_attribute("data-of").and_then(|n| n.parse().ok()).unwrap_or(0);
    let note = log::element("div", "term-note");
    let _ = note.set_attribute("translate", "yes");
    note.set_text_content(Some(&t.explain(shell, command, line).join("\n")));
    let _ = row.after_with_node_1(&note);
    shell.shown.update(|n| *n += 1);
}

/// Arrow keys walk what can be pressed in a log; Enter and space press it.
fn walk(t: Shells, shell: Shell, event: &web_sys::KeyboardEvent) {
    let Some(target) = event.target().and_then(|e| e.dyn_into::<Element>().ok()) else { return };
    let Some(log) = target.closest(".term-log").ok().flatten() else { return };
    let step: i64 = match event.key().as_str() {
        "ArrowDown" | "ArrowRight" => 1,
        "ArrowUp" | "ArrowLeft" => -1,
        "Home" => i64::MIN,
        "End" => i64::MAX,
        "Enter" | " " => {
            act(t, shell, &target);
            event.prevent_default();
            event.stop_propagation();
            return;
        }
        _ => return,
    };
    let Ok(all) = log.query_selector_all("[tabindex]") else { return };
    let count = i64::from(all.length());
    let now = (0..count).find(|i| all.get(*i as u32).is_some_and(|n| n.is_same_node(Some(&target)))).unwrap_or(0);
    let to = now.saturating_add(step).clamp(0, count - 1) as u32;
    if let Some(next) = all.get(to).and_then(|n| n.dyn_into::<HtmlElement>().ok()) {
        let _ = target.set_attribute("tabindex", "-1");
        let _ = next.set_attribute("tabindex", "0");
        let _ = next.focus();
    }
    event.prevent_default();
    event.stop_propagation();
}
