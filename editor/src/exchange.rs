//! What the page and the editor hand each other, and its form in JavaScript.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

/// How an editor starts, and whom it tells.
///
/// The callbacks come from inside the editor's own update: they may read it, and should change it only later (from a
/// signal's effect, say), because CodeMirror refuses an update within an update.
pub struct Options<'a> {
    /// The name of the file shown first (see [`crate::Editor::open_file`]).
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// What a screen reader calls the editor.
    pub label: &'a str,
    /// Whether the page is dark, for the few things that CodeMirror colours itself.
    pub dark: bool,
    /// Whether the person may only read.
    pub read_only: bool,
    /// CodeMirror's own English words, each with the page's word for it.
    pub phrases: &'a [(&'a str, &'a str)],
    /// The person changed the text. It is not handed over, because a large text would be copied at every key; ask for
    /// [`crate::Editor::text`] when it is wanted.
    pub on_change: Box<dyn Fn()>,
    /// The cursor moved: line, and position in the text.
    pub on_cursor: Box<dyn Fn(u32, u32)>,
    /// Ctrl/⌘+Enter.
    pub on_submit: Box<dyn Fn()>,
    /// A mark in the gutter was clicked: its label, its line.
    pub on_mark: Box<dyn Fn(String, u32)>,
    /// A diagnostic's action was chosen: its id.
    pub on_action: Box<dyn Fn(String)>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            name: "",
            text: "",
            label: "YAML",
            dark: false,
            read_only: false,
            phrases: &[],
            on_change: Box::new(|| {}),
            on_cursor: Box::new(|_, _| {}),
            on_submit: Box::new(|| {}),
            on_mark: Box::new(|_, _| {}),
            on_action: Box::new(|_| {}),
        }
    }
}

/// How bad what a diagnostic tells is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
    Info,
}

/// A message about a range of the text.
#[derive(Clone, Debug)]
pub struct Lint {
    pub from: u32,
    pub to: u32,
    pub severity: Severity,
    /// Shown as plain text; line breaks are kept.
    pub message: String,
    /// Buttons below the message.
    pub actions: Vec<Action>,
}

/// A button below a diagnostic's message.
#[derive(Clone, Debug)]
pub struct Action {
    /// The words on the button.
    pub name: String,
    /// What [`Options::on_action`] is told.
    pub id: String,
}

/// The hop marks beside one line.
#[derive(Clone, Debug)]
pub struct GutterLine {
    pub line: u32,
    pub marks: Vec<Mark>,
}

/// One hop mark: its number, and the end of its class name (`dns` for the class `hop-dns`).
#[derive(Clone, Debug)]
pub struct Mark {
    pub label: String,
    pub kind: String,
}

/// A lit part of the text.
#[derive(Clone, Debug)]
pub struct Highlight {
    pub place: HighlightPlace,
    pub class_name: String,
}

/// Where a [`Highlight`] is.
#[derive(Clone, Copy, Debug)]
pub enum HighlightPlace {
    /// The whole line.
    Line(u32),
    /// From a position up to another.
    Range(u32, u32),
}

/// What could be written at a position.
#[derive(Clone, Debug)]
pub struct Completions {
    /// Where the text begins that a completion replaces.
    pub from: u32,
    pub options: Vec<Completion>,
}

/// One thing that could be written.
#[derive(Clone, Debug)]
pub struct Completion {
    /// What the list shows and what is matched with what was typed.
    pub label: String,
    /// What is written, if not the label.
    pub apply: Option<String>,
    /// A short word beside the label (a type).
    pub detail: String,
    /// A sentence beside the list.
    pub info: String,
}

/// What hovering over a range shows.
#[derive(Clone, Debug)]
pub struct Hover {
    pub from: u32,
    pub to: u32,
    pub title: String,
    pub detail: String,
    pub text: String,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl Lint {
    pub(crate) fn to_js(&self) -> JsValue {
        let actions =
            array(self.actions.iter().map(|action| {
                object([("name", action.name.as_str().into()), ("id", action.id.as_str().into())]).into()
            }));
        object([
            ("from", self.from.into()),
            ("to", self.to.into()),
            ("severity", self.severity.name().into()),
            ("message", self.message.as_str().into()),
            ("actions", actions.into()),
        ])
        .into()
    }
}

impl GutterLine {
    pub(crate) fn to_js(&self) -> JsValue {
        let marks =
            array(self.marks.iter().map(|mark| {
                object([("label", mark.label.as_str().into()), ("kind", mark.kind.as_str().into())]).into()
            }));
        object([("line", self.line.into()), ("marks", marks.into())]).into()
    }
}

impl Highlight {
    pub(crate) fn to_js(&self) -> JsValue {
        let class_name = ("className", self.class_name.as_str().into());
        match self.place {
            HighlightPlace::Line(line) => object([("line", line.into()), class_name]).into(),
            HighlightPlace::Range(from, to) => object([("from", from.into()), ("to", to.into()), class_name]).into(),
        }
    }
}

impl Completions {
    pub(crate) fn to_js(&self) -> JsValue {
        let options = array(self.options.iter().map(Completion::to_js));
        object([("from", self.from.into()), ("options", options.into())]).into()
    }
}

impl Completion {
    fn to_js(&self) -> JsValue {
        object([
            ("label", self.label.as_str().into()),
            ("apply", self.apply.as_deref().map_or(JsValue::UNDEFINED, JsValue::from_str)),
            ("detail", self.detail.as_str().into()),
            ("info", self.info.as_str().into()),
        ])
        .into()
    }
}

impl Hover {
    pub(crate) fn to_js(&self) -> JsValue {
        object([
            ("from", self.from.into()),
            ("to", self.to.into()),
            ("title", self.title.as_str().into()),
            ("detail", self.detail.as_str().into()),
            ("text", self.text.as_str().into()),
        ])
        .into()
    }
}

/// The options as the bundle wants them. JavaScript owns the callbacks from here on and frees them with the editor.
pub(crate) fn options_object(options: Options<'_>) -> Object {
    object([
        ("name", options.name.into()),
        ("doc", options.text.into()),
        ("label", options.label.into()),
        ("dark", options.dark.into()),
        ("readOnly", options.read_only.into()),
        ("phrases", phrases_object(options.phrases).into()),
        ("onChange", Closure::wrap(options.on_change).into_js_value()),
        ("onCursor", Closure::wrap(options.on_cursor).into_js_value()),
        ("onSubmit", Closure::wrap(options.on_submit).into_js_value()),
        ("onMark", Closure::wrap(options.on_mark).into_js_value()),
        ("onAction", Closure::wrap(options.on_action).into_js_value()),
    ])
}

pub(crate) fn phrases_object(phrases: &[(&str, &str)]) -> Object {
    let object = Object::new();
    for (english, word) in phrases {
        put(&object, english, &JsValue::from_str(word));
    }
    object
}

pub(crate) fn array(items: impl Iterator<Item = JsValue>) -> Array {
    items.collect()
}

fn object<const N: usize>(entries: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in &entries {
        put(&object, name, value);
    }
    object
}

fn put(object: &Object, name: &str, value: &JsValue) {
    // Setting a property of a plain object that we have just made cannot fail.
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}
