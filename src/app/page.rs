//! The whole page.

use giljabi::text::LineIndex;
use leptos::html::Div;
use leptos::prelude::*;

use super::editor::bridge::Editor;
use super::editor::exchange::Options;

const FIRST_TEXT: &str = "apiVersion: v1
kind: Service
metadata:
  name: kimho
spec:
  selector:
    app: kimho
  ports:
  - name: http
    port: 80
    targetPort: http
";

/// The page: its header and the editor.
#[component]
pub fn Page() -> impl IntoView {
    let place = NodeRef::<Div>::new();
    let editor = StoredValue::new_local(None::<Editor>);
    let failure = RwSignal::new(None::<String>);
    let text = RwSignal::new(FIRST_TEXT.to_string());
    Effect::new(move || {
        let Some(place) = place.get() else { return };
        leptos::task::spawn_local(async move {
            let options = Options {
                text: FIRST_TEXT,
                label: "YAML",
                on_change: Box::new(move || {
                    editor.with_value(|editor| {
                        if let Some(editor) = editor {
                            text.set(editor.text());
                        }
                    });
                }),
                ..Options::default()
            };
            match Editor::open(&place, options).await {
                Ok(opened) => editor.set_value(Some(opened)),
                Err(why) => failure.set(Some(why)),
            }
        });
    });
    let summary = move || {
        let lines = LineIndex::new(&text.read()).line_count();
        format!("{lines} lines")
    };
    view! {
        <header class="flex items-center gap-4 border-b border-line bg-panel px-4 py-2">
            <h1 class="text-lg font-bold">"길잡이 " <span lang="en" class="font-normal text-soft">"Giljabi"</span></h1>
            <p class="text-soft">{summary}</p>
        </header>
        <main class="h-[calc(100vh-4rem)] w-full max-w-xl">
            <p role="alert" class="text-bad">{failure}</p>
            <div node_ref=place class="h-full"></div>
        </main>
    }
}
