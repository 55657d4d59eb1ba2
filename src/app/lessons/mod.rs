//! Lessons on the screen: the panel beside the editor, and the pages over the desk (lesson map, map of the notes, class,
//! workshop). Everything is graded by the library; here it is only shown and kept.

mod book;
mod desk;
mod forget;
mod lms;
mod map;
mod notes;
mod panel;
mod parts;
mod print;
mod prose;
pub mod route;
mod step;
mod teach;
mod way;
mod write;

use giljabi::lesson::assignment::Assignment;
use giljabi::lesson::class::Class;
use giljabi::lesson::edits::Edits;
use giljabi::lesson::text::Words;
use giljabi::lesson::way::Leg;
use giljabi::lesson::{Course, Lesson, Report, TurnHint};
use giljabi::locale::Lang;
use leptos::prelude::*;
use smol_str::SmolStr;
use std::sync::Arc;
use wasm_bindgen::prelude::*;

use crate::app::erased::{Show, effect};

pub use self::panel::{Crumb, LessonPanel, MapButton};
pub use self::print::Sheets;

use self::book::Book;
use self::route::Route;
use super::session::{Session, session};

#[wasm_bindgen(module = "/src/app/lessons/load.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = loadText)]
    async fn load_text(name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = readFiles)]
    async fn read_files(files: &JsValue, most: f64) -> Result<JsValue, JsValue>;
}

/// The lessons of this page.
#[derive(Clone, Copy)]
pub struct Lessons {
    s: Session,
    pub route: RwSignal<Route>,
    /// Everything there is to learn, once it has come.
    pub course: RwSignal<Option<Arc<Course>>>,
    /// Why it did not come, or why a link cannot be opened.
    pub trouble: RwSignal<Option<String>>,
    pub book: RwSignal<Book>,
    /// How the open lesson stands.
    pub report: RwSignal<Option<Arc<Report>>>,
    /// The lesson on the desk.
    pub open: RwSignal<Option<SmolStr>>,
    /// The step that is shown.
    pub shown: RwSignal<usize>,
    /// The hint for a wrong turn, once the learner has stopped typing.
    pub turn: RwSignal<Option<TurnHint>>,
    /// The hint that is shown if it still fits when the learner has stopped typing.
    waiting: StoredValue<Option<TurnHint>>,
    /// What a teacher has set, and its code.
    pub assignment: RwSignal<Option<(String, Assignment)>>,
    /// What a teacher is setting, and what was handed in, for as long as this page is open: they leave for the desk and come back.
    pub setting: RwSignal<Option<Assignment>>,
    pub class: RwSignal<Class>,
    /// What an author records.
    pub tape: RwSignal<Option<write::tape::Tape>>,
    /// The lessons whose sheets are being printed.
    pub printing: RwSignal<Vec<String>>,
    /// Whether the learner has done anything since the step was shown.
    acted: StoredValue<bool>,
    edits: StoredValue<Edits>,
    /// The files as they were when edits were last counted.
    texts: StoredValue<Vec<(String, String)>>,
    /// Counts what makes a look necessary, so that many in a row make one.
    due: StoredValue<u32>,
    /// Whether this page has shown a screen before: then the keyboard follows to the next one.
    arrived: StoredValue<bool>,
    /// Whether the lesson has just been solved, before the learner's eyes.
    pub cheer: RwSignal<bool>,
    /// A way through the open lesson, once somebody has asked for it.
    legs: StoredValue<Option<Arc<Vec<Leg>>>, LocalStorage>,
    /// The record and files before the last start over.
    before: RwSignal<Option<desk::Before>>,
}

/// The lessons of this page.
pub fn lessons() -> Lessons {
    expect_context()
}

impl Lessons {
    /// Opens the book, and goes to where the page's address points.
    pub fn start(s: Session) -> Lessons {
        let lessons = Lessons {
            s,
            route: RwSignal::new(route::now()),
            course: RwSignal::new(None),
            trouble: RwSignal::new(None),
            book: RwSignal::new(Book::open()),
            report: RwSignal::new(None),
            open: RwSignal::new(None),
            shown: RwSignal::new(0),
            turn: RwSignal::new(None),
            waiting: StoredValue::new(None),
            assignment: RwSignal::new(None),
            setting: RwSignal::new(None),
            class: RwSignal::new(Class::default()),
            tape: RwSignal::new(None),
            printing: RwSignal::new(Vec::new()),
            acted: StoredValue::new(false),
            edits: StoredValue::new(Edits::default()),
            texts: StoredValue::new(Vec::new()),
            due: StoredValue::new(0),
            arrived: StoredValue::new(false),
            cheer: RwSignal::new(false),
            legs: StoredValue::new_local(None),
            before: RwSignal::new(None),
        };
        provide_context(lessons);
        lessons.listen();
        lessons.watch();
        lms::connect(lessons);
        effect(move || {
            let route = lessons.route.get();
            untrack(|| lessons.arrive(route));
        });
        effect(move || {
            let lang = s.lang.get();
            if lessons.course.read_untracked().as_ref().is_some_and(|c| !c.has_words(lang)) {
                leptos::task::spawn_local(lessons.load());
            }
        });
        lessons
    }

    /// Follows the address, and what other tabs write.
    fn listen(self) {
        let moved = window_event_listener_untyped("hashchange", move |_| {
            let now = route::now();
            if now != self.route.get_untracked() {
                self.route.set(now);
            }
        });
        let told = window_event_listener_untyped("storage", move |event| {
            let of = |name: &str| js_sys::Reflect::get(&event, &name.into()).ok().and_then(|v| v.as_string());
            let Some(key) = of("key") else { return };
            let Some(id) = book::lesson_of(&key).map(str::to_string) else { return };
            self.book.update(|book| book.told(&id, of("newValue")));
            if self.open.get_untracked().is_some_and(|open| open == id) {
                self.look_soon();
            }
        });
        on_cleanup(move || {
            moved.remove();
            told.remove();
        });
    }

    /// A message in the language of now, for a text that is made once.
    fn say(self, id: &'static str, args: &[(&str, &str)]) -> String {
        giljabi::locale::text(self.s.lang.get_untracked(), id, args)
    }

    /// Does what a screen's address asks for.
    fn arrive(self, route: Route) {
        self.trouble.set(None);
        match route {
            Route::Free => self.leave(),
            Route::Teach => self.fetch(),
            Route::Lesson(id) => self.with_course(move |l, course| {
                if course.lesson(&id).is_some() {
                    l.sit_down(&id);
                } else {
                    l.trouble.set(Some(l.say("lessons.no_such", &[("id", &id)])));
                }
            }),
            Route::Assignment(code) => self.with_course(move |l, course| l.take_assignment(&code, course)),
            Route::Carried(packed) => self.with_course(move |l, _| desk::take_carried(l, packed)),
            _ => self.with_course(|l, course| {
                l.arrived.set_value(true);
                // An assignment lasts over a reload.
                if l.assignment.read_untracked().is_none()
                    && let Some(code) = super::keep::read("assignment")
                {
                    l.set_assignment(&code, course);
                }
            }),
        }
    }

    /// Does something with the course, once it is there with the words of now.
    fn with_course(self, act: impl FnOnce(Lessons, &Course) + 'static) {
        let lang = self.s.lang.get_untracked();
        if let Some(course) = self.course.get_untracked().filter(|c| c.has_words(lang)) {
            return act(self, &course);
        }
        leptos::task::spawn_local(async move {
            self.load().await;
            if let Some(course) = self.course.get_untracked() {
                act(self, &course);
            }
        });
    }

    /// Has the course fetched, if it is not there yet.
    pub fn fetch(self) {
        self.with_course(|_, _| {});
    }

    /// Fetches the course, and the words of the language of now.
    async fn load(self) {
        let lang = self.s.lang.get_untracked();
        let mut course = self.course.get_untracked();
        if course.is_none() {
            match fetched("course").await {
                Ok(text) => course = Some(Arc::new(Course::read(&text).0)),
                Err(why) => return self.trouble.set(Some(self.say("lessons.not_loaded", &[("why", &why)]))),
            }
        }
        let Some(mut course) = course else { return };
        if !course.has_words(lang) {
            match fetched(lang.tag()).await {
                Ok(text) => drop(Arc::make_mut(&mut course).add_words(lang, &text)),
                Err(why) => return self.trouble.set(Some(self.say("lessons.not_loaded", &[("why", &why)]))),
            }
        }
        self.course.set(Some(course));
    }

    /// Fetches the words of the languages that have not come yet.
    async fn load_all_words(self) {
        for lang in [Lang::Ko, Lang::En] {
            if self.course.get_untracked().is_some_and(|course| course.has_words(lang)) {
                continue;
            }
            // What does not come is missing in the draft, which says so.
            let Ok(text) = fetched(lang.tag()).await else { continue };
            if let Some(mut course) = self.course.get_untracked() {
                Arc::make_mut(&mut course).add_words(lang, &text);
                self.course.set(Some(course));
            }
        }
    }

    fn take_assignment(self, code: &str, course: &Course) {
        let first = super::keep::read("assignment").as_deref() != Some(code);
        if self.set_assignment(code, course) {
            if first {
                self.begin_as_set(course);
            }
            super::keep::write("assignment", code);
        }
    }

    /// False: the code cannot be read.
    fn set_assignment(self, code: &str, course: &Course) -> bool {
        match Assignment::read(code, course) {
            Ok(assignment) => {
                if let Some(lang) = assignment.lang {
                    self.s.lang.set(lang);
                }
                self.assignment.set(Some((code.to_string(), assignment)));
                true
            }
            Err(bad) => {
                let id = match bad {
                    giljabi::lesson::assignment::BadCode::Broken => "lessons.code_broken",
                    giljabi::lesson::assignment::BadCode::Newer => "lessons.code_newer",
                    giljabi::lesson::assignment::BadCode::UnknownLessons(_) => "lessons.code_unknown",
                };
                self.trouble.set(Some(self.say(id, &[])));
                false
            }
        }
    }

    /// Puts the assignment away; what was done stays.
    pub fn end_assignment(self) {
        super::keep::remove("assignment");
        self.assignment.set(None);
        route::go(&Route::Lessons(None));
    }

    /// The lesson on the desk.
    pub fn lesson(self) -> Option<Lesson> {
        let id = self.open.get()?;
        self.course.read().as_ref()?.lesson(&id).cloned()
    }

    /// A lesson's words in the language of now; in the other one while that one is on its way.
    pub fn words(self, id: &str) -> Option<Words> {
        let course = self.course.get()?;
        let lang = self.s.lang.get();
        let other = if lang == Lang::Ko { Lang::En } else { Lang::Ko };
        course.words(lang, id).or_else(|| course.words(other, id)).cloned()
    }

    /// Whether hints may be had.
    pub fn hints(self) -> bool {
        self.assignment.read().as_ref().is_none_or(|(_, a)| a.hints)
    }

    /// The lesson after this one: in the assignment, else in its track, else the next track's first.
    pub fn next(self, id: &str) -> Option<SmolStr> {
        let course = self.course.get()?;
        let after = |list: &[SmolStr]| list.iter().position(|l| l == id).and_then(|at| list.get(at + 1)).cloned();
        if let Some((_, assignment)) =
            self.assignment.read().as_ref().filter(|(_, a)| a.lessons.iter().any(|l| l == id))
        {
            return after(&assignment.lessons);
        }
        let own: Vec<SmolStr> = course
            .lessons
            .iter()
            .filter(|l| !l.id.starts_with(giljabi::lesson::course::GUEST))
            .map(|l| l.id.clone())
            .collect();
        after(&own)
    }
}

async fn fetched(name: &str) -> Result<String, String> {
    let words = |why: JsValue| js_sys::Error::from(why).message().into();
    load_text(name).await.map_err(words).map(|text| text.as_string().unwrap_or_default())
}

/// The pages over the desk: one at a time, none while the desk is used.
#[component]
pub fn Screens() -> impl IntoView {
    let l = lessons();
    let s = session();
    let page = Memo::new(move |_| l.route.get());
    effect(move || {
        page.track();
        // One element stands for all pages, and would keep how far the last one was scrolled.
        if let Some(page) = document().get_element_by_id("page") {
            page.set_scroll_top(0);
        }
    });
    view! {
        {move || {
            let page = page.get();
            (!page.is_desk()).then(|| view! {
                <main class="page" id="page" tabindex="-1">
                    <Show when=move || l.trouble.read().is_some()>
                        <p class="notice bad" role="alert">{move || l.trouble.get()}</p>
                    </Show>
                    <Show when=move || l.course.read().is_some() fallback=move || view! { <p class="empty" role="status">{s.t("lessons.loading")}</p> }>
                        {match page.clone() {
                            Route::Notes => notes::Notes().into_any(),
                            Route::Teach => teach::Teach().into_any(),
                            Route::Write | Route::Draft(_) => write::Write().into_any(),
                            _ => map::LessonMap().into_any(),
                        }}
                    </Show>
                </main>
            })
        }}
    }
}
