//! Setting an assignment: which lessons in which order, in which language, with or without hints, from which seed, and what
//! the pupils begin with. It becomes a link and a QR code in which no solution can be read.

use giljabi::lesson::File;
use giljabi::lesson::assignment::{Assignment, MAX_CODE, MAX_LESSONS, Start, Terms, start as start_of};
use giljabi::lesson::course::{GUEST, Track};
use giljabi::lesson::keys::{BALANCERS, PROXIES};
use giljabi::lesson::{Course, draw, qr};
use giljabi::locale::Lang;
use leptos::prelude::*;
use smol_str::SmolStr;
use std::sync::Arc;

use super::super::parts::track_name;
use super::super::route::{self, Route};
use super::super::{Lessons, lessons};
use super::title;
use crate::app::erased::{Show, effect};
use crate::app::session::{kept_names, session};
use crate::app::{keep, leave};

/// A code of so many characters is scanned from the last row.
const EASY_CODE: usize = 300;
/// The numbers of nodes that are offered.
const NODES: [&str; 5] = ["1", "2", "3", "4", "5"];

/// Under which name what is being set is kept in the browser, as its code.
const KEPT: &str = "setting";

/// What was being set when the teacher was here last. Whoever has pupils begin with their own state has gone to the desk to make it:
/// it is taken as it is now.
fn begun(l: Lessons) -> Assignment {
    let course = l.course.get_untracked().unwrap_or_default();
    let kept = || keep::read(KEPT).and_then(|code| Assignment::read(&code, &course).ok());
    let fresh = Assignment { hints: true, ..Assignment::default() };
    let mut begun = l.setting.get_untracked().or_else(kept).unwrap_or(fresh);
    for (id, start) in &mut begun.starts {
        let now = own_start(l, id);
        if !now.is_empty() {
            *start = now;
        }
    }
    begun
}

#[component]
pub fn Assign() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let begun = begun(l);
    let chosen = RwSignal::new(begun.lessons);
    let lang = RwSignal::new(begun.lang);
    let hints = RwSignal::new(begun.hints);
    let seed = RwSignal::new(begun.seed);
    let cluster = RwSignal::new(begun.cluster);
    let starts = RwSignal::new(begun.starts);
    let course = move || l.course.get().unwrap_or_default();
    let assignment = move || Assignment {
        lessons: chosen.get(),
        lang: lang.get(),
        hints: hints.get(),
        seed: seed.get(),
        cluster: cluster.get(),
        starts: starts.get().into_iter().filter(|(id, _)| chosen.read().contains(id)).collect(),
    };
    let code = Memo::new(move |_| assignment().code());
    effect(move || {
        let now = assignment();
        if now.lessons.is_empty() {
            keep::remove(KEPT);
        } else {
            keep::write(KEPT, &code.read());
        }
        l.setting.set(Some(now));
    });
    let set_lang =
        move |event| lang.set(Some(event_target_value(&event)).filter(|v| !v.is_empty()).map(|v| Lang::from_tag(&v)));
    view! {
        <section class="box" aria-labelledby="assign-title">
            <h3 id="assign-title">{s.t("lessons.set")}</h3>
            <p class="t-soft">{s.t("lessons.set_text")}</p>
            <div class="assign">
                <div class="assign-pick">
                    {move || {
                        let course = course();
                        course.tracks.iter().map(|track| view! { <Pick track=track.clone() course=course.clone() chosen/> }).collect_view()
                    }}
                </div>
                <div class="assign-made">
                    <Show when=move || !chosen.read().is_empty() fallback=move || view! { <p class="t-soft">{s.t("lessons.set_none")}</p> }>
                        <Order chosen starts/>
                        <div class="row">
                            <label>
                                {s.t("lessons.language")}
                                <select class="field" on:change=set_lang>
                                    <option value="">{s.t("lessons.language_any")}</option>
                                    <option value="ko" lang="ko" prop:selected=move || lang.get() == Some(Lang::Ko)>"한국어"</option>
                                    <option value="en" lang="en" prop:selected=move || lang.get() == Some(Lang::En)>"English"</option>
                                </select>
                            </label>
                            <label>
                                <input type="checkbox" prop:checked=move || hints.get() on:change=move |event| hints.set(event_target_checked(&event))/>
                                " "
                                {s.t("lessons.with_hints")}
                            </label>
                            <label>
                                {s.t("lessons.seed")}
                                <input
                                    class="field seed"
                                    type="number"
                                    min="0"
                                    max="999999"
                                    prop:value=move || seed.get().to_string()
                                    on:input=move |event| seed.set(event_target_value(&event).parse().unwrap_or(0).min(999_999))
                                />
                            </label>
                        </div>
                        <p class="t-soft">{s.t("lessons.seed_text")}</p>
                        <ClusterTerms cluster/>
                        <Made code/>
                    </Show>
                </div>
            </div>
        </section>
    }
}

/// A track's lessons, to be ticked.
#[component]
fn Pick(track: Track, course: Arc<Course>, chosen: RwSignal<Vec<SmolStr>>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let own: Vec<SmolStr> =
        course.of_track(&track.id).filter(|x| !x.id.starts_with(GUEST)).map(|x| x.id.clone()).collect();
    let all = own.clone();
    let take_all = move |_| {
        chosen.update(|chosen| {
            for id in &all {
                if !chosen.contains(id) && chosen.len() < MAX_LESSONS {
                    chosen.push(id.clone());
                }
            }
        });
    };
    let row = move |id: SmolStr| {
        let (own, shown) = (id.clone(), id.clone());
        view! {
            <li>
                <label>
                    <input
                        type="checkbox"
                        prop:checked=move || chosen.read().contains(&own)
                        on:change=move |event| {
                            let take = event_target_checked(&event);
                            chosen.update(|chosen| {
                                chosen.retain(|c| *c != id);
                                if take && chosen.len() < MAX_LESSONS {
                                    chosen.push(id.clone());
                                }
                            });
                        }
                    />
                    " "
                    {move || title(l, &shown)}
                </label>
            </li>
        }
    };
    view! {
        <details>
            <summary>{move || track_name(&track, s.lang.get())}</summary>
            <ul class="ticks">{own.into_iter().map(row).collect_view()}</ul>
            <button type="button" class="btn" on:click=take_all>{s.t("lessons.take_all")}</button>
        </details>
    }
}

/// What pupils begin with, by lesson.
type Starts = Vec<(SmolStr, Start)>;

/// The cluster of the assignment's lessons, where it is to be another than each lesson's own.
#[component]
fn ClusterTerms(cluster: RwSignal<Terms>) -> impl IntoView {
    let s = session();
    let nodes = move |event| cluster.update(|c| c.nodes = event_target_value(&event).parse().ok());
    let proxy = move |event| {
        cluster.update(|c| c.proxy = Some(SmolStr::from(event_target_value(&event))).filter(|p| !p.is_empty()));
    };
    let balancer = move |event| {
        cluster.update(|c| c.load_balancer = Some(SmolStr::from(event_target_value(&event))).filter(|p| !p.is_empty()));
    };
    view! {
        <div class="row">
            <label>
                {s.t("lessons.set_nodes")}
                <select class="field set-nodes" on:change=nodes>
                    <option value="">{s.t("lessons.as_lesson")}</option>
                    {NODES.map(|n| {
                        let set = move || cluster.read().nodes.is_some_and(|own| own.to_string() == n);
                        view! { <option value=n prop:selected=set>{n}</option> }
                    }).collect_view()}
                </select>
            </label>
            <label>
                "kube-proxy"
                <select class="field set-proxy" on:change=proxy>
                    <option value="">{s.t("lessons.as_lesson")}</option>
                    {PROXIES.iter().map(|name| {
                        let set = move || cluster.read().proxy.as_deref() == Some(*name);
                        view! { <option value=*name prop:selected=set>{*name}</option> }
                    }).collect_view()}
                </select>
            </label>
            <label>
                {s.t("world.balancer")}
                <select class="field set-balancer" on:change=balancer>
                    <option value="">{s.t("lessons.as_lesson")}</option>
                    {BALANCERS.iter().zip(["world.none", "world.cloud", "world.metallb", "world.tunnel"])
                        .map(|(name, id)| {
                            let set = move || cluster.read().load_balancer.as_deref() == Some(*name);
                            view! { <option value=*name prop:selected=set>{s.t(id)}</option> }
                        })
                        .collect_view()}
                </select>
            </label>
        </div>
    }
}

/// What this browser keeps of a lesson's desk, as what differs from its start; nothing where nothing differs.
fn own_start(l: Lessons, id: &str) -> Start {
    let course = l.course.get_untracked().unwrap_or_default();
    let Some(lesson) = course.lesson(id) else { return Start::default() };
    let record = l.book.read_untracked().get(id).cloned().unwrap_or_default();
    let drawn = draw::start_files(lesson, record.seed);
    let kept = keep::read(&kept_names(id)[0]).as_deref().and_then(keep::pairs_from_json);
    let files = kept.map(|kept| kept.into_iter().map(|(name, text)| File { name: name.into(), text }).collect());
    start_of(lesson, &files.unwrap_or_else(|| drawn.clone()), &drawn, &record)
}

/// What was chosen, in its order, which can be changed; and whether pupils begin with the teacher's own files.
#[component]
fn Order(chosen: RwSignal<Vec<SmolStr>>, starts: RwSignal<Starts>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let swap = move |at: usize, with: usize| {
        chosen.update(|chosen| {
            if at < chosen.len() && with < chosen.len() {
                chosen.swap(at, with);
            }
        });
    };
    let row = move |at: usize, last: usize, id: SmolStr| {
        let name = title(l, &id);
        let label = |id: &'static str, name: &str| s.tx(id, &[("name", name)]);
        let own = own_start(l, &id);
        let (asked, turned) = (id.clone(), id.clone());
        let mine = Memo::new(move |_| starts.read().iter().any(|(lesson, _)| *lesson == asked));
        let can = !own.is_empty() || mine.get_untracked();
        let turn = move |_| {
            starts.update(|starts| match starts.iter().position(|(lesson, _)| *lesson == turned) {
                Some(at) => drop(starts.remove(at)),
                None => starts.push((turned.clone(), own.clone())),
            });
        };
        let mine_label = label("lessons.begin_mine_of", &name);
        view! {
            <li>
                <span>{name.clone()}</span>
                <span class="push"></span>
                {can.then(|| view! {
                    <button type="button" class="btn own-start" aria-pressed=move || mine.get().to_string() aria-label=mine_label on:click=turn>
                        {s.t("lessons.begin_mine")}
                    </button>
                })}
                <button type="button" class="tool" aria-label=label("lessons.up", &name) disabled=at == 0 on:click=move |_| swap(at, at.saturating_sub(1))>"▲"</button>
                <button type="button" class="tool" aria-label=label("lessons.down", &name) disabled=at == last on:click=move |_| swap(at, at + 1)>"▼"</button>
                <button type="button" class="tool" aria-label=label("lessons.out", &name) on:click=move |_| chosen.update(|c| drop(c.remove(at)))>"✕"</button>
            </li>
        }
    };
    view! {
        <ol class="order" aria-label=s.t("lessons.order")>{move || {
            let chosen = chosen.get();
            let last = chosen.len().saturating_sub(1);
            chosen.into_iter().enumerate().map(|(at, id)| row(at, last, id)).collect_view()
        }}</ol>
        <p class="t-soft">{s.t("lessons.begin_text")}</p>
    }
}

/// The link and its QR code.
#[component]
fn Made(code: Memo<String>) -> impl IntoView {
    let s = session();
    let link = Memo::new(move |_| route::address(&Route::Assignment(code.get())));
    let length = move || {
        let length = code.read().len();
        if length <= EASY_CODE {
            return None;
        }
        let too_long = length > MAX_CODE;
        let id = if too_long { "lessons.code_too_long" } else { "lessons.code_long" };
        Some(view! { <p class:bad=too_long>{s.tx(id, &[("n", &length.to_string())])}</p> })
    };
    let said = RwSignal::new(None::<&'static str>);
    let copy = move |_| {
        leptos::task::spawn_local(async move {
            let done = leave::copy(&link.get_untracked()).await.is_ok();
            said.set(Some(if done { "leave.copied" } else { "leave.not_copied" }));
        });
    };
    let drawn = Memo::new(move |_| qr::draw(&link.read()));
    let size = move || drawn.read().as_ref().map_or(0, |d| d.side);
    let save = move |_| {
        if let Some(drawn) = drawn.get_untracked() {
            let svg = format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {0}\" shape-rendering=\"crispEdges\"><rect width=\"{0}\" height=\"{0}\" fill=\"#fff\"/><path d=\"{1}\"/></svg>",
                drawn.side, drawn.path
            );
            leave::save("giljabi-assignment.svg", "image/svg+xml", &svg.into());
        }
    };
    view! {
        <div class="made">
            <svg class="qr" role="img" aria-label=s.t("lessons.qr") viewBox=move || format!("0 0 {0} {0}", size()) shape-rendering="crispEdges">
                <rect class="qr-paper" width=size height=size></rect>
                <path class="qr-ink" d=move || drawn.read().as_ref().map(|d| d.path.clone())></path>
            </svg>
            <div>
                <label>
                    {s.t("lessons.link")}
                    <input class="field link" type="text" readonly prop:value=move || link.get()/>
                </label>
                <p class="row">
                    <button type="button" class="btn btn-primary" on:click=copy>{s.t("lessons.copy_link")}</button>
                    <button type="button" class="btn" on:click=save>{s.t("lessons.save_qr")}</button>
                    <a class="btn" href=move || link.get()>{s.t("lessons.try_link")}</a>
                </p>
                <div role="status">{length}<p>{move || said.get().map(|id| s.tx(id, &[]))}</p></div>
            </div>
        </div>
    }
}
