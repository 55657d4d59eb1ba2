//! The page on which lessons are written: the folder's files on one side; beside them what a learner will see, the gates as
//! they stand, and tools that write for the author: the start from the desk, checks from what is seen, ways recorded by going
//! them.

mod gates;
mod preview;
pub mod tape;
mod text;
mod tools;

use giljabi::lesson::course::{Folder, folder_of};
use giljabi::lesson::draft::Draft;
use giljabi::lesson::package;
use giljabi::lesson::read::{Problem, is_file_name};
use giljabi::lesson::{File, Lesson};
use leptos::prelude::*;
use smol_str::SmolStr;

use super::route::{self, Route};
use super::{Lessons, lessons};
use crate::app::erased::{Show, effect};
use crate::app::session::session;
use crate::app::{keep, leave};

/// Where the draft is kept.
const KEPT: &str = "draft";

/// The line that somebody wants to see: its file, its number, and how many were asked for before it.
type Wish = RwSignal<Option<(SmolStr, u32, usize)>>;

/// The draft on the table, and the file of it that is shown.
#[derive(Clone, Copy)]
pub struct Table {
    l: Lessons,
    folder: RwSignal<Folder>,
    file: RwSignal<SmolStr>,
    /// The draft, or what is wrong with its files.
    read: Memo<Result<Draft, Vec<Problem>>>,
    /// The lesson as it could last be read.
    last: StoredValue<Lesson>,
    /// What the page has to say to the author.
    said: RwSignal<Option<String>>,
}

/// The draft that the browser kept, or an empty one.
pub fn kept(l: Lessons) -> Folder {
    let kept = keep::read(KEPT).as_deref().and_then(folder_of);
    kept.unwrap_or_else(|| Draft::blank("my-lesson").folder(&shared(l)))
}

fn shared(l: Lessons) -> Vec<File> {
    l.course.read_untracked().as_ref().map(|c| c.shared.clone()).unwrap_or_default()
}

impl Table {
    fn new(l: Lessons) -> Table {
        let folder = RwSignal::new(kept(l));
        effect(move || {
            keep::write(KEPT, &folder.read().bundle());
        });
        let read = Memo::new(move |_| Draft::read(&folder.read(), &shared(l)));
        let last = StoredValue::new(Lesson::default());
        effect(move || {
            if let Ok(draft) = &*read.read() {
                last.set_value(draft.lesson.clone());
            }
        });
        let file = RwSignal::new(SmolStr::new_static("lesson.yaml"));
        Table { l, folder, file, read, last, said: RwSignal::new(None) }
    }

    /// Changes the draft as a whole and writes its files anew. Files that cannot be read are mended first.
    fn change(self, act: impl FnOnce(&mut Draft)) {
        match self.read.get_untracked() {
            Ok(mut draft) => {
                act(&mut draft);
                self.folder.set(draft.folder(&shared(self.l)));
                self.said.set(None);
            }
            Err(_) => self.said.set(Some(self.l.say("lessons.mend_first", &[]))),
        }
    }

    fn text(self) -> String {
        let name = self.file.get();
        self.folder.read().file(&name).map(|f| f.text.clone()).unwrap_or_default()
    }

    fn set_text(self, text: String) {
        let name = self.file.get_untracked();
        self.folder.update(|folder| {
            if let Some(file) = folder.files.iter_mut().find(|f| f.name == name) {
                file.text = text;
            }
        });
    }

    /// Takes another draft onto the table.
    fn put(self, folder: Folder) {
        self.file.set("lesson.yaml".into());
        self.folder.set(folder);
        self.said.set(None);
    }
}

#[component]
pub fn Write() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let table = Table::new(l);
    let go: Wish = RwSignal::new(None);
    if let Route::Draft(packed) = l.route.get_untracked() {
        leptos::task::spawn_local(async move {
            let bundle = leave::unpack(&packed).await.ok().and_then(|text| text.as_string());
            match bundle.as_deref().and_then(folder_of) {
                Some(folder) => {
                    table.put(folder);
                    route::go(&Route::Write);
                }
                None => table.said.set(Some(table.l.say("lessons.link_broken", &[]))),
            }
        });
    }
    view! {
        <div class="page-head">
            <h2 class="page-title">{s.t("lessons.write")}</h2>
            <span class="push"></span>
            <a class="btn" href="#/lessons">{s.t("lessons.map")}</a>
        </div>
        <p class="t-soft">
            {s.t("lessons.write_text")}" "
            <a href="lessons-guide.txt" target="_blank" rel="noopener">{s.t("lessons.write_guide")}</a>
        </p>
        <p role="status" class="said">{move || table.said.get()}</p>
        <div class="write">
            <div class="write-files">
                <Head table/>
                <Files table go/>
                <Problems table go/>
                <Save table/>
            </div>
            <div class="write-beside">
                <tools::Tools table/>
                <gates::Gates table/>
                <preview::Preview table/>
            </div>
        </div>
    }
}

/// The lesson's name, and other drafts to begin from.
#[component]
fn Head(table: Table) -> impl IntoView {
    let s = session();
    let l = table.l;
    let rename = move |event| {
        let name: String = event_target_value(&event)
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(60)
            .collect();
        if !name.trim_matches('-').is_empty() {
            table.folder.update(|folder| folder.id = name.trim_matches('-').into());
        }
    };
    let begin = move |event| {
        let id = event_target_value(&event);
        // The words of the other language may still be on their way, and a draft without them could not be read.
        leptos::task::spawn_local(async move {
            l.load_all_words().await;
            let Some(course) = l.course.get_untracked() else { return };
            let folder = if id == "blank" {
                Some(Draft::blank("my-lesson").folder(&course.shared))
            } else {
                let lesson = course.lesson(&id);
                lesson.map(|lesson| {
                    let words = |lang| course.words(lang, &id);
                    giljabi::lesson::write::folder(
                        lesson,
                        words(giljabi::locale::Lang::Ko),
                        words(giljabi::locale::Lang::En),
                        &course.shared,
                    )
                })
            };
            if let Some(mut folder) = folder {
                folder.id = format!("{}-2", folder.id.trim_start_matches('~')).into();
                table.put(folder);
            }
        });
    };
    view! {
        <div class="row">
            <label>
                {s.t("lessons.folder")}
                <input class="field mono" type="text" maxlength="60" prop:value=move || table.folder.read().id.to_string() on:change=rename/>
            </label>
            <label>
                {s.t("lessons.begin_from")}
                <select class="field begin-from" on:change=begin>
                    <option value="">"—"</option>
                    <option value="blank">{s.t("lessons.blank")}</option>
                    {move || super::teach::lesson_options(l, &l.course.get().unwrap_or_default(), s.lang.get())}
                </select>
            </label>
        </div>
    }
}

/// The folder's files as tabs, and the text of the one that is shown.
#[component]
fn Files(table: Table, go: Wish) -> impl IntoView {
    let s = session();
    let names = Memo::new(move |_| table.folder.read().files.iter().map(|f| f.name.clone()).collect::<Vec<_>>());
    let tab = move |name: SmolStr| {
        let (own, show, bad) = (name.clone(), name.clone(), name.clone());
        let broken = move || table.read.read().as_ref().err().is_some_and(|p| p.iter().any(|p| p.file == bad));
        view! {
            <button type="button" role="tab" class="file" class:broken=broken aria-selected=move || (*table.file.read() == own).to_string() on:click=move |_| table.file.set(show.clone())>
                {name.to_string()}
            </button>
        }
    };
    let adding = RwSignal::new(String::new());
    let add = move |_| {
        let name = format!("start/{}", adding.get_untracked().trim());
        if is_file_name(&name) && !names.read_untracked().iter().any(|n| *n == name) {
            table.folder.update(|folder| folder.files.push(File { name: name.as_str().into(), text: String::new() }));
            table.file.set(name.into());
            adding.set(String::new());
        } else {
            table.said.set(Some(table.l.say("lesson-file-name", &[("file", &name)])));
        }
    };
    let remove = move |_| {
        let name = table.file.get_untracked();
        table.folder.update(|folder| folder.files.retain(|f| f.name != name));
        table.file.set("lesson.yaml".into());
    };
    view! {
        <div class="write-tabs" role="tablist" aria-label=s.t("lessons.files_of")>{move || names.get().into_iter().map(tab).collect_view()}</div>
        <text::Text table go/>
        <div class="row">
            <label>
                {s.t("lessons.new_file")}
                <input class="field mono" type="text" placeholder="service.yaml" prop:value=move || adding.get() on:input=move |event| adding.set(event_target_value(&event))/>
            </label>
            <button type="button" class="btn" on:click=add>{s.t("lessons.add_file")}</button>
            <Show when=move || table.file.read().contains('/')>
                <button type="button" class="btn" on:click=remove>{s.t("lessons.remove_file")}</button>
            </Show>
        </div>
    }
}

/// What is wrong with the files, with the way to the line.
#[component]
fn Problems(table: Table, go: Wish) -> impl IntoView {
    let s = session();
    let go = move |file: String, line: u32| {
        table.file.set(file.as_str().into());
        go.update(|wish| *wish = Some((file.into(), line, wish.as_ref().map_or(0, |w| w.2 + 1))));
    };
    let row = move |problem: Problem| {
        let words = problem.message.text(s.lang.get());
        let (file, line) = (problem.file.clone(), problem.line);
        // What is wrong with a whole file has no line.
        let place = if line == 0 { file.clone() } else { format!("{file}:{line}") };
        view! {
            <li class="problem problem-error">
                <button type="button" class="line-link" on:click=move |_| go(file.clone(), line)>{place}</button>
                <span>{words}</span>
            </li>
        }
    };
    view! {
        <ul class="draft-problems" aria-live="polite">
            {move || table.read.read().as_ref().err().map(|p| p.iter().take(12).cloned().map(row).collect_view())}
        </ul>
    }
}

/// The lesson as a folder in a zip, as a link for learners, as a link for another author.
#[component]
fn Save(table: Table) -> impl IntoView {
    let s = session();
    let zip = move |_| {
        let folder = table.folder.get_untracked();
        let files: Vec<(String, Vec<u8>)> =
            folder.files.iter().map(|f| (format!("{}/{}", folder.id, f.name), f.text.clone().into_bytes())).collect();
        let bytes = js_sys::Uint8Array::from(package::zip(&files).as_slice());
        leave::save(&format!("{}.zip", folder.id), "application/zip", &bytes);
    };
    let link = move |of: fn(String) -> Route| {
        leptos::task::spawn_local(async move {
            let Ok(packed) = leave::pack(&table.folder.get_untracked().bundle()).await else { return };
            let address = route::address(&of(packed.as_string().unwrap_or_default()));
            let done = leave::copy(&address).await.is_ok();
            table.said.set(Some(table.l.say(if done { "leave.copied" } else { "leave.not_copied" }, &[])));
        });
    };
    let attempt = move |_| tape::attempt(table, false);
    view! {
        <div class="row">
            <button type="button" class="btn btn-primary save-zip" on:click=zip>{s.t("lessons.save_zip")}</button>
            <button type="button" class="btn link-learner" on:click=move |_| link(Route::Carried)>{s.t("lessons.link_learner")}</button>
            <button type="button" class="btn" on:click=move |_| link(Route::Draft)>{s.t("lessons.link_author")}</button>
            <button type="button" class="btn attempt" on:click=attempt>{s.t("lessons.attempt")}</button>
        </div>
    }
}
