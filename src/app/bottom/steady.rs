//! A steady load: a request every so often while the cluster's time goes on, if one likes with a roll-out in the middle of it.

use giljabi::api::object::ObjectKey;
use giljabi::api::time::Duration;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::Cluster;
use giljabi::trace::many::Many;
use leptos::prelude::*;

use crate::app::erased::Show;
use crate::app::session::session;

/// A load, and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Steady {
    /// Milliseconds from one request to the next.
    every: u64,
    /// Seconds in all.
    lasts: u64,
    /// The workload that is rolled out anew after a second.
    rolls: Option<ObjectKey>,
    /// Whether it has been.
    rolled: bool,
}

/// Simulated time between two looks at the clock.
const STRETCH: Duration = Duration::millis(100);

impl Steady {
    pub fn count(&self) -> u64 {
        (self.lasts * 1_000 / self.every).max(1)
    }

    /// Whether pods come that the cluster of now has not.
    pub fn brings_pods(&self) -> bool {
        self.rolls.is_some()
    }

    /// Sends what is due in a stretch of time.
    pub fn go_on(&mut self, cluster: &mut Cluster, many: &mut Many) {
        if many.tally.sent * self.every >= 1_000
            && let Some(workload) = self.rolls.as_ref().filter(|_| !self.rolled)
        {
            roll_out(cluster, workload);
            self.rolled = true;
        }
        cluster.load(many, Duration::millis(self.every), STRETCH);
    }
}

/// What `kubectl rollout restart` does.
fn roll_out(cluster: &mut Cluster, workload: &ObjectKey) {
    let Some(old) = cluster.store().get(workload).cloned() else { return };
    let mut value = old.value.clone();
    let stamp = cluster.now().text();
    value.set_at(&["spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"], stamp.as_str());
    cluster.write(Cause::User, |w| drop(w.update(&old, value)));
}

/// The fields that say whether, how often, how long and during what.
#[component]
pub fn SteadyFields(steady: RwSignal<Option<Steady>>) -> impl IntoView {
    let s = session();
    let number = move |name: &'static str, most: u64, get: fn(&Steady) -> u64, set: fn(&mut Steady, u64)| {
        view! {
            <label>
                {s.t(name)}
                " "
                <input
                    class="field"
                    type="number"
                    min="1"
                    max=most.to_string()
                    prop:value=move || steady.read().as_ref().map_or(0, get).to_string()
                    on:change=move |event| {
                        if let Ok(n) = event_target_value(&event).parse::<u64>() {
                            steady.update(|load| load.iter_mut().for_each(|load| set(load, n.clamp(1, most))));
                        }
                    }
                />
            </label>
        }
    };
    let workloads = move || {
        s.state.track();
        let cluster = s.fork();
        let keys = ["Deployment", "StatefulSet", "DaemonSet"]
            .into_iter()
            .flat_map(|kind| cluster.store().list(kind).map(|o| o.key.clone()).collect::<Vec<_>>());
        keys.filter(|key| key.namespace != "kube-system").collect::<Vec<_>>()
    };
    view! {
        <label>
            {s.t("load.how")}
            " "
            <select
                class="field"
                on:change=move |event| {
                    let is_steady = event_target_value(&event) == "steady";
                    steady.set(is_steady.then_some(Steady { every: 20, lasts: 10, rolls: None, rolled: false }));
                }
            >
                <option value="once">{s.t("load.once")}</option>
                <option value="steady">{s.t("load.steady")}</option>
            </select>
        </label>
        <Show when=move || steady.read().is_some()>
            {number("load.every", 10_000, |l| l.every, |l, n| l.every = n)}
            {number("load.lasts", 3_600, |l| l.lasts, |l, n| l.lasts = n)}
            <label>
                {s.t("load.meanwhile")}
                " "
                <select
                    class="field"
                    on:change=move |event| {
                        let chosen = event_target_value(&event);
                        let key = workloads().into_iter().find(|key| key.to_string() == chosen);
                        steady.update(|load| load.iter_mut().for_each(|load| load.rolls = key.clone()));
                    }
                >
                    <option value="">{s.t("load.nothing")}</option>
                    {move || {
                        workloads()
                            .into_iter()
                            .map(|key| {
                                let name = key.to_string();
                                let shown = name.clone();
                                view! { <option value=name>{move || s.tx("load.rolls", &[("workload", &shown)])}</option> }
                            })
                            .collect_view()
                    }}
                </select>
            </label>
        </Show>
    }
}
