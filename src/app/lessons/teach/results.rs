//! What a class has handed in: all files at once into a table, figures for each check, and where most are stuck. The files
//! stay in this browser.

use giljabi::lesson::class::{Class, Figure, Row};
use giljabi::lesson::result::MAX_BYTES;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

use super::super::map::{picked, texts_of};
use super::super::{Lessons, lessons, prose};
use super::title;
use crate::app::erased::Show;
use crate::app::leave;
use crate::app::session::session;

/// How many of the steps at which pupils are stuck are named.
const NAMED: usize = 5;

#[component]
pub fn Results() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let class = l.class;
    let over = RwSignal::new(false);
    let add = move |files: Vec<(String, String)>| {
        let course = l.course.get_untracked().unwrap_or_default();
        class.update(|class| files.iter().for_each(|(name, text)| class.add(name, text, &course)));
    };
    let pick = move |event: leptos::ev::Event| {
        let Some(input) = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()) else { return };
        leptos::task::spawn_local(async move { add(picked(&input, MAX_BYTES).await) });
    };
    let drop_in = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        over.set(false);
        let inside = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).unwrap_or_default();
        let files = inside(&inside(&event, "dataTransfer"), "files");
        leptos::task::spawn_local(async move { add(texts_of(&files, MAX_BYTES).await) });
    };
    let csv = move |_| {
        leave::save("giljabi-class.csv", "text/csv", &class.read_untracked().csv(s.lang.get_untracked()).into());
    };
    view! {
        <section
            class="box results"
            class:over=move || over.get()
            aria-labelledby="results-title"
            on:dragover=move |event| {
                event.prevent_default();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=drop_in
        >
            <h3 id="results-title">{s.t("lessons.results")}</h3>
            <p class="t-soft">{s.t("lessons.results_text")}</p>
            <div class="row">
                <label class="btn btn-primary pick-file">
                    {s.t("lessons.read_results")}
                    <input type="file" class="sr-only" multiple accept=".txt,text/plain" on:change=pick/>
                </label>
                <Show when=move || !class.read().rows.is_empty()>
                    <button type="button" class="btn" on:click=csv>{s.t("lessons.csv")}</button>
                    <button type="button" class="btn" on:click=move |_| class.set(Class::default())>{s.t("lessons.clear")}</button>
                </Show>
                <span role="status">{move || {
                    let count = class.read().rows.len();
                    (count > 0).then(|| s.tx("lessons.files", &[("n", &count.to_string())]))
                }}</span>
            </div>
            <Show when=move || !class.read().rows.is_empty()>
                <Stuck class/>
                <Pupils class/>
                <Figures class/>
            </Show>
        </section>
    }
}

/// A share of a whole in percent.
fn percent(part: u32, of: u32) -> String {
    format!("{}%", (f64::from(part) * 100.0 / f64::from(of.max(1))).round())
}

/// The words of a step or of one of its checks.
fn words_of(l: Lessons, figure: &Figure) -> String {
    let Some(words) = l.words(&figure.lesson) else { return format!("{} {}", figure.step, figure.check) };
    let Some(step) = words.step(&figure.step) else { return figure.step.to_string() };
    if figure.check.is_empty() {
        step.title.clone()
    } else {
        step.check(&figure.check).unwrap_or(&figure.check).to_string()
    }
}

#[component]
fn Stuck(class: RwSignal<Class>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let row = move |figure: Figure| {
        let step = words_of(l, &figure);
        let said = s.tx("lessons.stuck_at", &[("n", &figure.stuck.to_string()), ("of", &figure.of.to_string())]);
        view! { <li><b>{title(l, &figure.lesson)}</b>" · "{prose::line(&step)}" — "{said}</li> }
    };
    view! {
        <h4>{s.t("lessons.stuck")}</h4>
        {move || {
            let stuck = class.read().stuck_at();
            if stuck.is_empty() {
                view! { <p>{s.t("lessons.nobody_stuck")}</p> }.into_any()
            } else {
                view! { <ol class="stuck">{stuck.into_iter().take(NAMED).map(row).collect_view()}</ol> }.into_any()
            }
        }}
    }
}

/// A row a pupil.
#[component]
fn Pupils(class: RwSignal<Class>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let of_class = move || class.read().lessons();
    let row = move |row: Row| {
        let lessons = of_class();
        match row.result {
            Err(spoilt) => view! {
                <tr class="spoilt">
                    <th scope="row">{row.file}</th>
                    <td colspan=lessons.len() + 4>{move || s.tx(spoilt.message(), &[])}</td>
                </tr>
            }
            .into_any(),
            Ok(result) => {
                let (got, of) = result.points();
                let sum =
                    |f: fn(&giljabi::lesson::result::LessonResult) -> u32| result.lessons.iter().map(f).sum::<u32>();
                let (hints, edits) = (sum(|l| l.hints), sum(|l| l.edits));
                let cells = lessons.iter().map(|id| match result.lessons.iter().find(|l| l.lesson == *id) {
                    Some(l) if l.solved => {
                        view! { <td class="good">{format!("✓ {}/{}", l.points, l.of)}</td> }.into_any()
                    }
                    Some(l) => view! { <td>{format!("{}/{}", l.points, l.of)}</td> }.into_any(),
                    None => view! { <td></td> }.into_any(),
                });
                let cells = cells.collect_view();
                let file = row.file.clone();
                let is_old = !row.old.is_empty();
                let old =
                    is_old.then(|| view! { <span class="other-version">{move || s.tx("result-older", &[])}</span> });
                view! {
                    <tr class:old-result=is_old>
                        <th scope="row" title=file>{if result.name.is_empty() { row.file } else { result.name }}{old}</th>
                        <td><b>{format!("{got}/{of}")}</b></td>
                        <td>{percent(got, of)}</td>
                        <td>{hints}</td>
                        <td>{edits}</td>
                        {cells}
                    </tr>
                }
                .into_any()
            }
        }
    };
    view! {
        <h4>{s.t("lessons.pupils")}</h4>
        <div class="table-frame" tabindex="0" role="group" aria-label=s.t("lessons.pupils")>
            <table class="figures">
                <thead>
                    <tr>
                        <th scope="col">{s.t("class-name")}</th>
                        <th scope="col">{s.t("class-points")}</th>
                        <th scope="col">"%"</th>
                        <th scope="col">{s.t("class-hints")}</th>
                        <th scope="col">{s.t("class-edits")}</th>
                        {move || of_class().iter().map(|id| view! { <th scope="col">{title(l, id)}</th> }).collect_view()}
                    </tr>
                </thead>
                <tbody>{move || class.read().rows.iter().cloned().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// A row a step and check: how many have it right.
#[component]
fn Figures(class: RwSignal<Class>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let row = move |figure: Figure| {
        let words = words_of(l, &figure);
        let is_step = figure.check.is_empty();
        let share = percent(figure.right, figure.of);
        view! {
            <tr class:figure-step=is_step>
                <td>{is_step.then(|| title(l, &figure.lesson))}</td>
                <th scope="row">{prose::line(&words)}</th>
                <td>{format!("{}/{}", figure.right, figure.of)}</td>
                <td><span class="done-bar" aria-hidden="true"><i style:width=share.clone()></i></span>" "{share.clone()}</td>
                <td>{(is_step && figure.stuck > 0).then(|| figure.stuck.to_string())}</td>
            </tr>
        }
    };
    view! {
        <h4>{s.t("lessons.by_check")}</h4>
        <div class="table-frame" tabindex="0" role="group" aria-label=s.t("lessons.by_check")>
            <table class="figures">
                <thead>
                    <tr>
                        <th scope="col">{s.t("lessons.lesson")}</th>
                        <th scope="col">{s.t("lessons.step_or_check")}</th>
                        <th scope="col">{s.t("class-right")}</th>
                        <th scope="col">"%"</th>
                        <th scope="col">{s.t("class-stuck")}</th>
                    </tr>
                </thead>
                <tbody>{move || class.read().figures().into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
