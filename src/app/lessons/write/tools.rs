//! Tools that write for the author.

use giljabi::arrange::Arrange;
use giljabi::cluster::{LoadBalancerProvider, ProxyMode};
use giljabi::lesson::draft::{Offer, offers};
use giljabi::lesson::model::{Action, ClusterSpec, TaskKind};
use giljabi::lesson::{File, Scene, write};
use leptos::prelude::*;

use super::super::step::kind_id;
use super::{Table, tape};
use crate::app::session::{Session, session};

/// So many commands of the terminal go into a lesson's start.
const MOST_BEFORE: usize = 40;

#[component]
pub fn Tools(table: Table) -> impl IntoView {
    let s = session();
    let kind = RwSignal::new(0_usize);
    let step = RwSignal::new(0_usize);
    let offered = RwSignal::new(0_usize);
    // What is seen when the page opens: the desk does not change under it.
    let found: Vec<Offer> = found(s);
    let labels: Vec<String> = found.iter().map(|o| write::check(&o.check)).collect();
    let offers = StoredValue::new(found);
    let steps = move || {
        table
            .read
            .read()
            .as_ref()
            .map(|d| d.lesson.steps.iter().map(|s| s.id.to_string()).collect::<Vec<_>>())
            .unwrap_or_default()
    };
    let number = |event: leptos::ev::Event| event_target_value(&event).parse().unwrap_or(0);
    let add_step = move |_| table.change(|draft| step.set(draft.add_step(TaskKind::ALL[kind.get_untracked()].1)));
    let add_check = move |_| {
        let offer = offers.with_value(|o| o.get(offered.get_untracked()).cloned());
        if let Some(offer) = offer {
            table.change(|draft| draft.add_check(step.get_untracked(), &offer));
        }
    };
    let sent = s.sent.get_untracked().is_some();
    let add_prediction = move |_| {
        if let Some(sent) = s.sent.get_untracked() {
            table.change(|draft| step.set(draft.add_prediction(&s.state.read_untracked().store, &sent.trace)));
        }
    };
    view! {
        <section class="box tools" aria-labelledby="tools-title">
            <h3 id="tools-title">{s.t("lessons.tools")}</h3>
            <div class="row">
                <button type="button" class="btn from-desk" on:click=move |_| from_desk(s, table)>{s.t("lessons.from_desk")}</button>
            </div>
            <p class="t-soft">{s.t("lessons.from_desk_text")}</p>
            <div class="row">
                <label>
                    {s.t("lessons.kind")}
                    <select class="field step-kind" on:change=move |event| kind.set(number(event))>
                        {TaskKind::ALL.iter().enumerate().map(|(i, (_, k))| view! { <option value=i>{s.t(kind_id(*k))}</option> }).collect_view()}
                    </select>
                </label>
                <button type="button" class="btn add-step" on:click=add_step>{s.t("lessons.add_step")}</button>
            </div>
            <div class="row">
                <button type="button" class="btn add-prediction" disabled=!sent on:click=add_prediction>{s.t("lessons.add_prediction")}</button>
            </div>
            <p class="t-soft">{s.t("lessons.prediction_text")}</p>
            <div class="row">
                <label>
                    {s.t("lessons.to_step")}
                    <select class="field to-step" on:change=move |event| step.set(number(event))>
                        {move || {
                            let chosen = step.get();
                            steps().into_iter().enumerate().map(|(i, id)| view! { <option value=i selected=i == chosen>{id}</option> }).collect_view()
                        }}
                    </select>
                </label>
                <label class="offers">
                    {s.t("lessons.offer")}
                    <select class="field mono offer" on:change=move |event| offered.set(number(event))>
                        {labels.into_iter().enumerate().map(|(i, label)| view! { <option value=i>{label}</option> }).collect_view()}
                    </select>
                </label>
                <button type="button" class="btn add-check" on:click=add_check>{s.t("lessons.add_check")}</button>
            </div>
            <div class="row">
                <button type="button" class="btn record" on:click=move |_| tape::attempt(table, true)><span class="bad" aria-hidden="true">"● "</span>{s.t("lessons.record")}</button>
            </div>
            <p class="t-soft">{s.t("lessons.record_text")}</p>
        </section>
    }
}

fn found(s: Session) -> Vec<Offer> {
    let sent = s.sent.get_untracked();
    offers(&s.state.read_untracked().store, sent.as_ref().map(|s| &s.trace), &s.ran.read_untracked())
}

/// Makes the desk as it is now the lesson's start: its files, its kind of cluster, and what was run in the terminal.
fn from_desk(s: Session, table: Table) {
    let desk = s.desk();
    let settings = desk.workspace().cluster().settings().clone();
    let usual = ClusterSpec::default();
    let cluster = ClusterSpec {
        nodes: settings.nodes.len().clamp(1, 20),
        proxy: match settings.proxy_mode {
            ProxyMode::Iptables => "iptables",
            ProxyMode::Ipvs => "ipvs",
            ProxyMode::Nftables => "nftables",
        }
        .into(),
        load_balancer: match settings.load_balancer {
            LoadBalancerProvider::None => "none",
            LoadBalancerProvider::Cloud => "cloud",
            LoadBalancerProvider::MetalLb => "metallb",
            LoadBalancerProvider::Tunnel => "tunnel",
        }
        .into(),
        seed: settings.seed,
        ..usual
    };
    let files = s.pairs().into_iter().map(|(name, text)| File { name: name.into(), text }).collect();
    let ran = s.ran.get_untracked();
    let before =
        ran.iter().filter(|r| r.code == 0).take(MOST_BEFORE).map(|r| Action::Run { line: r.line.as_str().into() });
    let before: Vec<Action> = before.collect();
    // The background of a lesson that lies on the desk is in no file of the editor.
    let course = table.l.course.get_untracked().unwrap_or_default();
    let of = table.l.open.get_untracked().and_then(|id| course.lesson(&id).cloned()).unwrap_or_default();
    let nodes = desk.store().list("Node").filter(|n| !s.is_powered(n.name()));
    let dark = nodes.map(|n| Action::Power { node: n.name().clone(), up: false });
    let before: Vec<Action> = of.before.into_iter().chain(before).chain(dark).take(MOST_BEFORE).collect();
    table.change(|draft| {
        draft.lesson.world = of.world;
        draft.lesson.start = files;
        draft.lesson.start.arrange_by(|a, b| a.name.cmp(&b.name));
        draft.lesson.cluster = cluster;
        draft.lesson.before = before;
    });
}
