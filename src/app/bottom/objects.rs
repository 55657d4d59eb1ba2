//! The objects of the cluster, by kind, with the whole of the one that is looked at, and why it is as it is.

use giljabi::api::object::ObjectKey;
use giljabi::api::yaml::print;
use giljabi::workspace::is_simulated;
use leptos::prelude::*;

use super::because::Because;
use crate::app::erased::{Show, effect};
use crate::app::focus::Target;
use crate::app::leave::Copy;
use crate::app::session::session;

#[component]
pub fn Objects() -> impl IntoView {
    let s = session();
    let filter = RwSignal::new(String::new());
    let shown = RwSignal::new(None::<ObjectKey>);
    let keys = Memo::new(move |_| {
        let wanted = filter.read().to_lowercase();
        let state = s.painted.get();
        let matches = |key: &ObjectKey| wanted.is_empty() || key.to_string().to_lowercase().contains(&wanted);
        // A page of them is enough to look at; the filter finds the rest.
        state.store.iter().map(|o| o.key.clone()).filter(matches).take(400).collect::<Vec<_>>()
    });
    // Whatever is held elsewhere is shown here too.
    effect(move || {
        if let Some(Target::Object(key)) = s.focus.held.get() {
            shown.set(Some(key));
        }
    });
    let text = move || {
        let key = shown.get()?;
        let object = s.painted.read().store.get(&key).cloned()?;
        Some(print(&object.value))
    };
    view! {
        <div class="objects">
            <div class="objects-list">
                <input
                    class="field"
                    type="search"
                    aria-label=s.t("objects.filter")
                    placeholder=s.t("objects.filter")
                    on:input=move |event| filter.set(event_target_value(&event))
                />
                {move || keys.read().is_empty().then(|| view! { <p class="empty" role="status">{s.t("objects.none")}</p> })}
                <ul>
                    {move || {
                        keys.get()
                            .into_iter()
                            .map(|key| {
                                let (own, over, pick) = (key.clone(), key.clone(), key.clone());
                                let kept = s.state.read_untracked().store.get(&key).is_some_and(|o| !is_simulated(o));
                                view! {
                                    <li>
                                        <button
                                            type="button"
                                            class="object"
                                            aria-pressed=move || (shown.read().as_ref() == Some(&own)).to_string()
                                            on:mouseenter=move |_| s.focus.hover(Target::Object(over.clone()))
                                            on:mouseleave=move |_| s.focus.leave()
                                            on:click=move |_| {
                                                shown.set(Some(pick.clone()));
                                                s.focus.held.set(Some(Target::Object(pick.clone())));
                                            }
                                        >
                                            {key.to_string()}
                                            {kept.then(|| view! { <span class="object-kept">{s.t("objects.kept")}</span> })}
                                        </button>
                                    </li>
                                }
                            })
                            .collect_view()
                    }}
                </ul>
            </div>
            <div class="object-shown">
                <Show when=move || shown.read().is_some()>
                    <Copy text=move || untrack(|| text().unwrap_or_default())/>
                    <Because shown=shown/>
                </Show>
                <pre class="object-text" tabindex="0" aria-label=s.t("objects.text")>
                    {move || text().unwrap_or_else(|| s.tx("objects.pick", &[]))}
                </pre>
            </div>
        </div>
    }
    .into_any()
}
