//! What leaves the page: the journey as text, Mermaid and pcap, the map as SVG and PNG, and a link that carries everything.
//! The link's fragment stays in the browser: nothing is sent anywhere.

use giljabi::export::{trace_captures, trace_mermaid, trace_svg, trace_text};
use giljabi::locale::Lang;
use giljabi::trace::Trace;
use giljabi::workspace::link::Link;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::session::{Session, session};

#[wasm_bindgen(module = "/src/app/leave.js")]
extern "C" {
    pub(super) fn save(name: &str, kind: &str, data: &JsValue);
    #[wasm_bindgen(catch)]
    pub(super) async fn copy(text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = mapSvg)]
    fn map_svg() -> String;
    #[wasm_bindgen(catch, js_name = savePng)]
    async fn save_png(name: &str, svg: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn pack(text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    pub(super) async fn unpack(packed: &str) -> Result<JsValue, JsValue>;
}

/// How the fragment of a link begins.
const LINK: &str = "#w=";

/// The menu of what can be taken along.
#[component]
pub fn Leave() -> impl IntoView {
    let s = session();
    let said = RwSignal::new(None::<&'static str>);
    let tell = move |id: &'static str| {
        said.set(Some(id));
        set_timeout(move || said.set(None), std::time::Duration::from_secs(4));
    };
    let copied = move |text: String| {
        leptos::task::spawn_local(async move {
            let done = copy(&text).await.is_ok();
            tell(if done { "leave.copied" } else { "leave.not_copied" });
        });
    };
    let link = move |_| {
        leptos::task::spawn_local(async move {
            if let Ok(packed) = pack(&s.to_share()).await {
                let base = window().location().href().unwrap_or_default();
                let base = base.split('#').next().unwrap_or_default().to_string();
                copied(format!("{base}{LINK}{}", packed.as_string().unwrap_or_default()));
            }
        });
    };
    let picture = move |name: &'static str, svg: String| {
        leptos::task::spawn_local(async move {
            if save_png(name, &svg).await.is_err() {
                tell("leave.no_picture");
            }
        });
    };
    let text = move |trace: &Trace, lang| {
        let locate = |field: &_| s.line_of(field).map(|l| format!("{}:{}", l.file, l.line));
        copied(trace_text(trace, lang, &locate));
    };
    let captures = |trace: &Trace, _| {
        for capture in trace_captures(trace) {
            let bytes = js_sys::Uint8Array::from(capture.bytes.as_slice());
            save(&format!("{}.pcap", capture.point), "application/vnd.tcpdump.pcap", &bytes);
        }
    };
    let drawing = |trace: &Trace, lang| save("giljabi-journey.svg", "image/svg+xml", &trace_svg(trace, lang).into());
    view! {
        <details class="menu">
            <summary class="btn">{s.t("leave.label")}</summary>
            <div class="menu-list">
                <button type="button" on:click=link>{s.t("leave.link")}</button>
                {of_journey(s, "leave.text", text)}
                {of_journey(s, "leave.mermaid", move |trace, lang| copied(trace_mermaid(trace, lang)))}
                {of_journey(s, "leave.pcap", captures)}
                {of_journey(s, "leave.journey_svg", drawing)}
                {of_journey(s, "leave.journey_png", move |trace, lang| picture("giljabi-journey.png", trace_svg(trace, lang)))}
                <button type="button" on:click=move |_| save("giljabi.svg", "image/svg+xml", &map_svg().into())>{s.t("leave.svg")}</button>
                <button type="button" on:click=move |_| picture("giljabi.png", map_svg())>{s.t("leave.png")}</button>
            </div>
        </details>
        <span class="toast" role="status" class:gone=move || said.get().is_none()>{move || said.get().map(|id| s.tx(id, &[]))}</span>
    }
    .into_any()
}

/// A button for what is taken along of the shown request.
fn of_journey(s: Session, id: &'static str, take: impl Fn(&Trace, Lang) + 'static) -> impl IntoView {
    let taken = move |_| {
        if let Some(sent) = s.sent.get_untracked() {
            take(&sent.trace, s.lang.get_untracked());
        }
    };
    view! {
        <button type="button" disabled=move || s.sent.read().is_none() on:click=taken>
            {s.t(id)}
        </button>
    }
}

/// A button that copies a text, and says for a moment that it did.
#[component]
pub fn Copy<F: Fn() -> String + Send + 'static>(text: F) -> impl IntoView {
    let s = session();
    let done = RwSignal::new(None::<bool>);
    let words = move || {
        s.tx(
            match done.get() {
                None => "leave.copy",
                Some(true) => "leave.copied",
                Some(false) => "leave.not_copied",
            },
            &[],
        )
    };
    let act = move |_| {
        let text = text();
        leptos::task::spawn_local(async move {
            let well = copy(&text).await.is_ok();
            // The view may be gone by now.
            done.try_set(Some(well));
            let calm = move || {
                done.try_set(None);
            };
            set_timeout(calm, std::time::Duration::from_secs(2));
        });
    };
    view! {
        <button type="button" class="tool copy" title=words on:click=act>
            {move || match done.get() {
                Some(true) => view! { <span aria-hidden="true">"✓"</span> }.into_any(),
                // Two sheets. Few fonts have a sign for it.
                _ => view! {
                    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
                        <path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3"></path>
                    </svg>
                }
                .into_any(),
            }}
            <span class="sr-only" role="status">{words}</span>
        </button>
    }
    .into_any()
}

/// Takes in what a link carries, if the page was opened with one.
pub fn take_in(s: Session) {
    let hash = window().location().hash().unwrap_or_default();
    let Some(packed) = hash.strip_prefix(LINK).map(str::to_string) else { return };
    leptos::task::spawn_local(async move {
        let text = unpack(&packed).await.ok().and_then(|t| t.as_string());
        // A link that was cut on its way carries nothing; what is there stays.
        if let Some(link) = text.as_deref().and_then(Link::read) {
            s.take_shared(link);
        }
        // The link has done its work: a reload is to bring back what was done since.
        let path = window().location().pathname().unwrap_or_default();
        if let Ok(history) = window().history() {
            // Without this the fragment stays in the address bar, and that is all.
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path));
        }
    });
}
