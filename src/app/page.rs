//! The whole page: header, task and editor on the left, map, time and views on the right. A narrow screen shows one pane at a
//! time.

use giljabi::locale::Lang;
use giljabi::trace::why;
use leptos::prelude::*;

use super::bottom::Bottom;
use super::clock::Clock;
use super::doctor::{Doctor, DoctorButton, Surgery};
use super::editor::draft::Drafts;
use super::editor::pane::EditorPane;
use super::help::Help;
use super::keeping::Keeping;
use super::lessons::route::Route;
use super::lessons::{Crumb, LessonPanel, Lessons, MapButton, Screens, Sheets, lessons};
use super::map::{Flow, MapPane, View};
use super::palette::Palette;
use super::scenario::{Opened, ScenarioPanel};
use super::session::{Pane, Session, Theme, session};
use super::splitter::Splitter;
use super::terminal::{EditSheet, Shells};
use super::timebar::TimeBar;
use super::{keep, keys, leave, menu, said, told};
use crate::app::erased::{Show, effect, once};

/// Opens the session. Before the page is built and not while it is: making a cluster goes deep, and so does building a page.
#[inline(never)]
pub fn open(opened: Opened) {
    provide_context(Session::open(opened));
}

/// Makes what else the page's parts share.
pub fn equip() {
    let s = session();
    provide_context(Shells::new(s));
    provide_context(s.play);
    provide_context(Clock::new());
    provide_context(Drafts::open());
    provide_context(Flow::new());
    provide_context(View::new());
    provide_context(Surgery::new());
    leave::take_in(s);
    Lessons::start(s);
}

/// Begins to listen to keys and to what opens a menu.
pub fn listen() {
    keys::listen(session(), lessons());
    menu::listen();
}

/// Takes the map's measure, as far as it is built. To measure is to lay the page out.
pub fn measure() {
    if let Some(map) = document().get_element_by_id("map") {
        super::map::measure(map.query_selector(".map-frame").ok().flatten().as_ref().unwrap_or(&map), session().room);
    }
}

/// Works out where everything on the map is, which is as much as to build the map's frame.
pub fn draw() {
    session().scene.with_untracked(|_| ());
}

/// The turns in which the page is built. Each is a task, short enough for a slow phone: what has to be compiled for it, function
/// by function, is most of its work.
pub mod turn {
    pub const FRAME: usize = 1;
    pub const HEADER: usize = 2;
    pub const BUTTONS: usize = 3;
    /// The time bar comes before the map, which is drawn into the room that it leaves it.
    pub const TIME: usize = 4;
    pub const STEPS: usize = 5;
    /// The map's frame and where everything is in it. What comes after it is in the second part of the program (assets/boot.js).
    pub const MAP: usize = 6;
    pub const MINI: usize = 7;
    pub const LANES: usize = 8;
    pub const FLOOR: usize = 9;
    pub const WAYS: usize = 10;
    /// From here on a request can be sent. Tools and panels are in the third part of the program.
    pub const TOOLS: usize = 11;
    pub const TASK: usize = 12;
    pub const VIEWS: usize = 13;
    /// Before the editor itself, which is fetched when nothing else is on its way.
    pub const EDITOR: usize = 14;
    pub const SCREENS: usize = 15;
    pub const DIALOGS: usize = 16;
}

/// The page as far as it is built: nothing before the first turn.
pub fn built(turn: RwSignal<usize>) -> impl IntoView {
    provide_context(Turn(turn));
    in_turn(turn::FRAME, || Page().into_any())
}

/// Which turn it is.
#[derive(Clone, Copy)]
struct Turn(RwSignal<usize>);

/// A part of the page that is built when its turn comes.
pub fn in_turn(turn: usize, part: impl Fn() -> AnyView + Send + Sync + 'static) -> AnyView {
    let now = expect_context::<Turn>().0;
    once(Memo::new(move |_| now.get() >= turn), Box::new(part))
}

/// A dialog that is built when somebody first opens it, and stays.
pub fn when_asked(open: RwSignal<bool>, dialog: impl Fn() -> AnyView + Send + Sync + 'static) -> AnyView {
    once(Memo::new(move |before: Option<&bool>| before == Some(&true) || open.get()), Box::new(dialog))
}

#[component]
pub fn Page() -> impl IntoView {
    let s = session();
    let l = lessons();
    let size = |name: &'static str, default: f64| {
        let size = RwSignal::new(keep::read(name).and_then(|v| v.parse().ok()).unwrap_or(default));
        effect(move || {
            keep::write(name, &size.get().to_string());
        });
        size
    };
    // A third of the window is the views'; on a low one the map needs what it can get.
    let high = window().inner_height().ok().and_then(|h| h.as_f64()).unwrap_or(900.0);
    let (left, bottom) = (size("left", 448.0), size("bottom", (high * 0.325).clamp(180.0, 292.0).round()));
    let pane = move || match s.pane.get() {
        Pane::Task => "task",
        Pane::Editor => "editor",
        Pane::Map => "map",
        Pane::Journey => "journey",
    };
    view! {
        <div class="app" class:presenter=move || s.presenter.get() class:in-lesson=move || l.route.get() != Route::Free class:printing-sheets=move || !l.printing.read().is_empty() data-pane=pane style=("--left", move || format!("{}px", left.get())) style=("--bottom", move || format!("{}px", bottom.get()))>
            {in_turn(turn::HEADER, || Header().into_any())}
            <main class="work" class:away=move || !l.route.read().is_desk()>
                <div class="left">
                    {in_turn(turn::TASK, move || view! {
                        <Show when=move || l.route.get() != Route::Free fallback=ScenarioPanel>
                            <LessonPanel/>
                        </Show>
                    }.into_any())}
                    {in_turn(turn::EDITOR, || view! { <EditorPane/><EditSheet/> }.into_any())}
                </div>
                <Splitter label="split.left" upright=true before=true size=left range=(300.0, 800.0)/>
                <div class="right">
                    <MapPane/>
                    {in_turn(turn::TIME, move || view! {
                        <TimeBar/>
                        <Splitter label="split.bottom" upright=false before=false size=bottom range=(96.0, 600.0)/>
                    }.into_any())}
                    <section class="bottom">{in_turn(turn::VIEWS, || Bottom().into_any())}</section>
                </div>
            </main>
            {in_turn(turn::SCREENS, || view! { <Screens/><Sheets/> }.into_any())}
            // With the header, because it stands where it belongs only when that is there.
            {in_turn(turn::HEADER, move || view! {
                <Show when=move || l.route.read().is_desk()>
                    <Panes/>
                </Show>
            }.into_any())}
            {in_turn(turn::WAYS, || Announcer().into_any())}
            {in_turn(turn::DIALOGS, || view! { <Doctor/><Keeping/> }.into_any())}
            {when_asked(s.help, || Help().into_any())}
            {when_asked(s.palette, || Palette().into_any())}
        </div>
    }
    .into_any()
}

#[component]
fn Header() -> impl IntoView {
    let s = session();
    let next_theme = move |_| {
        let now = Theme::ALL.iter().position(|t| *t == s.theme.get_untracked()).unwrap_or(0);
        s.theme.set(Theme::ALL[(now + 1) % Theme::ALL.len()]);
    };
    let theme_id = move || match s.theme.get() {
        Theme::System => "theme.system",
        Theme::Light => "theme.light",
        Theme::Dark => "theme.dark",
        Theme::Contrast => "theme.contrast",
    };
    let theme_words = move || s.tx("theme.label", &[("theme", &s.tx(theme_id(), &[]))]);
    view! {
        <header class="top">
            <h1 class="brand">
                <b lang="ko">"길잡이"</b>
                " "
                <span lang="en">"Giljabi"</span>
            </h1>
            <Crumb/>
            <span class="push"></span>
            {in_turn(turn::BUTTONS, move || view! {
            <MapButton/>
            <DoctorButton/>
            <button type="button" class="btn" title=s.t("keys.palette") on:click=move |_| s.palette.set(true)>
                {s.t("palette.button")}
                " "
                <kbd aria-hidden="true">"Ctrl K"</kbd>
            </button>
            <leave::Leave/>
            <button
                type="button"
                class="btn"
                lang=move || if s.lang.get() == Lang::Ko { "en" } else { "ko" }
                on:click=move |_| s.lang.update(|l| *l = if *l == Lang::Ko { Lang::En } else { Lang::Ko })
            >
                {move || if s.lang.get() == Lang::Ko { "English" } else { "한국어" }}
            </button>
            <button type="button" class="btn btn-icon" aria-label=theme_words title=theme_words on:click=next_theme>
                {move || match s.theme.get() {
                    Theme::System => "◐",
                    Theme::Light => "☀",
                    Theme::Dark => "☾",
                    Theme::Contrast => "◑",
                }}
            </button>
            <button type="button" class="btn btn-icon" aria-label=s.t("keys.help") title=s.t("keys.help") on:click=move |_| s.help.set(true)>"?"</button>
            }.into_any())}
        </header>
    }
    .into_any()
}

/// The panes as tabs, on a narrow screen only.
#[component]
fn Panes() -> impl IntoView {
    let s = session();
    let panes = [
        (Pane::Task, "pane.task"),
        (Pane::Editor, "pane.editor"),
        (Pane::Map, "pane.map"),
        (Pane::Journey, "pane.journey"),
    ];
    view! {
        <nav class="panes" aria-label=s.t("pane.label")>
            {panes
                .map(|(pane, id)| {
                    view! {
                        <button type="button" aria-pressed=move || (s.pane.get() == pane).to_string() on:click=move |_| s.pane.set(pane)>
                            {s.t(id)}
                        </button>
                    }
                })
                .collect_view()}
        </nav>
    }
    .into_any()
}

/// Says each hop as it happens, to those who listen.
#[component]
fn Announcer() -> impl IntoView {
    let s = session();
    let words = Memo::new(move |_| {
        let (sent, hop) = (s.sent.get()?, s.player.hop.get()?);
        if s.player.ended.get() {
            return Some(why::symptom(&sent.trace.outcome, s.lang.get()));
        }
        let stages = s.stages.read();
        let stage = stages.get(giljabi::map::stage_of(&stages, hop))?;
        // A folded lookup is said once, not question by question.
        let (at, words) = match stage.lookup && !s.lookup_open.get() {
            true => (stage.telling(&sent.trace), told::stage(&sent.trace, stage, s.lang.get())),
            false => (hop, told::hop(&sent.trace, hop, s.lang.get())),
        };
        let place = said::place(&sent.trace.hops[at].at, s.lang.get());
        let number = giljabi::map::number(&stages, at);
        let number = if stage.lookup && !s.lookup_open.get() {
            number.split('.').next().unwrap_or("").to_string()
        } else {
            number
        };
        Some(format!("{number} — {place} — {words}"))
    });
    view! { <div class="sr-only" role="log" aria-live="polite" aria-atomic="true">{move || words.get().unwrap_or_default()}</div> }
    .into_any()
}
