//! The bridge in a real browser: what goes in is shown, what the person does comes back.

#![cfg(target_arch = "wasm32")]

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

use giljabi_editor::{
    Action, Completion, Completions, Editor, GutterLine, Highlight, HighlightPlace, KOREAN, Lint, Mark, Options,
    Severity,
};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen]
extern "C" {
    /// Types for a person: the one call that goes through the browser's own editing.
    #[wasm_bindgen(js_namespace = document, js_name = execCommand)]
    fn exec_command(command: &str, show: bool, value: &str) -> bool;
}

/// What the editor told the page.
type Told = Rc<RefCell<Vec<String>>>;

/// An editor on a page of its own.
struct Trial {
    editor: Editor,
    place: web_sys::Element,
    told: Told,
}

impl Trial {
    async fn open(text: &str) -> Self {
        name_the_bundle();
        let place = document().create_element("div").unwrap();
        document().body().unwrap().append_child(&place).unwrap();
        let told = Told::default();
        let note = |told: &Told, what: String| told.borrow_mut().push(what);
        let (change, mark, action) = (told.clone(), told.clone(), told.clone());
        let options = Options {
            name: "a.yaml",
            text,
            on_change: Box::new(move || note(&change, "change".into())),
            on_mark: Box::new(move |label, line| note(&mark, format!("mark {label} at {line}"))),
            on_action: Box::new(move |id| note(&action, format!("action {id}"))),
            ..Options::default()
        };
        let editor = Editor::open(&place, options, async || {}).await.unwrap();
        Self { editor, place, told }
    }

    async fn types(&self, text: &str) {
        self.editor.focus();
        TimeoutFuture::new(20).await;
        assert!(exec_command("insertText", false, text));
        TimeoutFuture::new(50).await;
    }

    /// Presses Ctrl+Shift+M, which opens the list of diagnostics.
    async fn opens_the_list(&self) {
        let keys = web_sys::KeyboardEventInit::new();
        keys.set_key("M");
        keys.set_key_code(77);
        keys.set_ctrl_key(true);
        keys.set_shift_key(true);
        keys.set_bubbles(true);
        let event = web_sys::KeyboardEvent::new_with_keyboard_event_init_dict("keydown", &keys).unwrap();
        self.find(".cm-content").unwrap().dispatch_event(&event).unwrap();
        TimeoutFuture::new(50).await;
    }

    fn find(&self, selector: &str) -> Option<web_sys::Element> {
        self.place.query_selector(selector).unwrap()
    }

    fn text_at(&self, selector: &str) -> Option<String> {
        self.find(selector).and_then(|found| found.text_content())
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.place.remove();
    }
}

fn document() -> web_sys::Document {
    web_sys::window().unwrap().document().unwrap()
}

/// The built page names its bundle in its head; the test runner serves the project's folder, where the bundle lies.
fn name_the_bundle() {
    if document().query_selector("meta[name=giljabi-editor]").unwrap().is_some() {
        return;
    }
    let meta = document().create_element("meta").unwrap();
    meta.set_attribute("name", "giljabi-editor").unwrap();
    meta.set_attribute("content", "/target/editor/editor.js").unwrap();
    document().head().unwrap().append_child(&meta).unwrap();
}

#[wasm_bindgen_test]
async fn what_a_person_types_is_told_and_can_be_undone() {
    let trial = Trial::open("kind: Service\n").await;
    trial.editor.reveal_line(2, true);
    trial.types("spec: 한글").await;
    assert_eq!(trial.editor.text(), "kind: Service\nspec: 한글");
    assert_eq!(*trial.told.borrow(), ["change"]);
    assert!(trial.editor.undo());
    assert_eq!(trial.editor.text(), "kind: Service\n");
    assert!(trial.editor.redo());
    assert_eq!(trial.editor.text(), "kind: Service\nspec: 한글");
}

#[wasm_bindgen_test]
async fn a_text_that_the_page_sets_is_not_told_back() {
    let trial = Trial::open("a: 1\n").await;
    assert!(!trial.editor.set_text("a: 1\n"), "an equal text is left alone");
    assert!(!trial.editor.set_text("a: 1\r\n"), "line breaks of another kind are no difference");
    assert!(trial.editor.set_text("a: 12\n"));
    assert_eq!(trial.editor.text(), "a: 12\n");
    trial.editor.replace(0, 1, "b");
    assert_eq!(trial.editor.text(), "b: 12\n");
    assert!(trial.told.borrow().is_empty());
}

#[wasm_bindgen_test]
async fn a_diagnostic_underlines_its_range_and_offers_its_action() {
    let trial = Trial::open("spec:\n  ports: <b>\n").await;
    trial.editor.set_lint(&[Lint {
        from: 15,
        to: 18,
        severity: Severity::Error,
        message: "<b>not</b> HTML".into(),
        actions: vec![Action { name: "mend".into(), id: "fix-1".into() }],
    }]);
    TimeoutFuture::new(20).await;
    assert_eq!(trial.text_at(".cm-lintRange-error").as_deref(), Some("<b>"));
    assert!(trial.find(".cm-gutter-lint .cm-lint-marker-error").is_some());
    trial.editor.set_phrases(&KOREAN);
    trial.opens_the_list().await;
    assert_eq!(trial.find(".cm-panel-lint ul").unwrap().get_attribute("aria-label").as_deref(), Some("문제 목록"));
    assert_eq!(trial.text_at(".cm-panel-lint .cm-diagnosticText").as_deref(), Some("<b>not</b> HTML"));
    trial.find(".cm-panel-lint .cm-diagnosticAction").unwrap().unchecked_into::<web_sys::HtmlElement>().click();
    assert_eq!(*trial.told.borrow(), ["action fix-1"]);
    // A range outside the text (the text got shorter meanwhile) is no error.
    trial.editor.set_lint(&[Lint {
        from: 900,
        to: 1000,
        severity: Severity::Warning,
        message: "gone".into(),
        actions: vec![],
    }]);
    TimeoutFuture::new(20).await;
    assert!(trial.find(".cm-lintRange-error").is_none());
}

#[wasm_bindgen_test]
async fn a_diagnostic_that_only_moved_stays_and_one_that_says_or_does_something_else_comes_anew() {
    let trial = Trial::open("a: 1\nb: x\n").await;
    let tell = |from: u32, message: &str, id: &str| {
        trial.editor.set_lint(&[Lint {
            from,
            to: from + 1,
            severity: Severity::Error,
            message: message.into(),
            actions: vec![Action { name: "Mend".into(), id: id.into() }],
        }]);
    };
    let marker = || trial.find(".cm-lint-marker-error").expect("a mark beside the line");
    tell(8, "wrong", "first");
    let shown = marker();
    trial.types("# ").await;
    tell(10, "wrong", "first");
    assert_eq!(marker(), shown, "it has moved with its text");
    tell(10, "wrong", "second");
    assert_ne!(marker(), shown, "another mend");
    let shown = marker();
    tell(9, "wrong", "second");
    assert_ne!(marker(), shown, "another place");
    tell(9, "worse", "second");
    trial.opens_the_list().await;
    assert!(trial.text_at(".cm-panel-lint").is_some_and(|words| words.contains("worse")));
    trial.find(".cm-panel-lint .cm-diagnosticAction").unwrap().unchecked_into::<web_sys::HtmlElement>().click();
    assert_eq!(trial.told.borrow().last().map(String::as_str), Some("action second"));
}

#[wasm_bindgen_test]
async fn hop_marks_and_highlights_stand_at_their_lines() {
    let trial = Trial::open("one\ntwo\nthree\n").await;
    let mark = |label: &str, kind: &str| Mark { label: label.into(), kind: kind.into() };
    trial.editor.set_gutter(&[
        GutterLine { line: 2, marks: vec![mark("3", "vip"), mark("4", "nat")] },
        GutterLine { line: 99, marks: vec![mark("9", "bad")] },
    ]);
    trial.editor.set_highlights(&[
        Highlight { place: HighlightPlace::Line(3), class_name: "lit".into() },
        Highlight { place: HighlightPlace::Range(4, 7), class_name: "word".into() },
    ]);
    TimeoutFuture::new(20).await;
    assert_eq!(trial.text_at(".cm-hops .hops").as_deref(), Some("34"));
    assert!(trial.find(".hop.hop-bad").is_none(), "there is no line 99");
    assert_eq!(trial.text_at(".cm-line.lit").as_deref(), Some("three"));
    assert_eq!(trial.text_at(".word").as_deref(), Some("two"));
    trial.find(".hop-nat").unwrap().unchecked_into::<web_sys::HtmlElement>().click();
    assert_eq!(*trial.told.borrow(), ["mark 4 at 2"]);
}

#[wasm_bindgen_test]
async fn each_file_keeps_its_own_undo_history() {
    let trial = Trial::open("a: 1\n").await;
    trial.types("# ").await;
    trial.editor.open_file("b.yaml", "b: 1\n");
    assert_eq!(trial.editor.text(), "b: 1\n");
    assert!(!trial.editor.undo(), "nothing was done in b.yaml");
    trial.editor.open_file("a.yaml", "# a: 1\n");
    assert_eq!(trial.editor.text(), "# a: 1\n");
    assert!(trial.editor.undo());
    assert_eq!(trial.editor.text(), "a: 1\n");
}

#[wasm_bindgen_test]
async fn completions_come_from_the_page() {
    let trial = Trial::open("").await;
    trial.editor.set_completion(|text, pos, _| {
        assert_eq!(text.len() as u32, pos);
        let options = vec![Completion {
            label: "kind".into(),
            apply: Some("kind: ".into()),
            detail: "string".into(),
            info: String::new(),
        }];
        Some(Completions { from: 0, options })
    });
    trial.types("k").await;
    TimeoutFuture::new(300).await;
    assert_eq!(trial.text_at(".cm-tooltip-autocomplete li .cm-completionLabel").as_deref(), Some("kind"));
}

#[wasm_bindgen_test]
async fn an_editor_that_is_dropped_leaves_the_page() {
    let trial = Trial::open("a: 1\n").await;
    let Trial { ref place, .. } = trial;
    assert!(place.query_selector(".cm-editor").unwrap().is_some());
    let place = place.clone();
    drop(trial);
    assert!(place.query_selector(".cm-editor").unwrap().is_none());
}
