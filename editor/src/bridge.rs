//! Typed calls into the editor's bundle (`assets/editor/editor.mjs`).
//!
//! Positions are UTF-16 code units from the start of the text, as the browser counts; lines count from 1.

use js_sys::{Array, Function, Object};
use wasm_bindgen::prelude::*;

use crate::exchange::{
    Completions, GutterLine, Highlight, Hover, Lint, Options, array, options_object, phrases_object,
};

#[wasm_bindgen(module = "/src/load.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = loadEditor)]
    async fn load_editor() -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = loadSentences)]
    async fn sentences() -> JsValue;
    /// Waits until an element is to be seen.
    #[wasm_bindgen(js_name = whenSeen)]
    pub async fn when_seen(element: &web_sys::Element);
}

#[wasm_bindgen]
extern "C" {
    type Bundle;
    #[wasm_bindgen(method, catch)]
    fn create(this: &Bundle, parent: &web_sys::Element, options: &Object) -> Result<Handle, JsValue>;

    /// The editor object of the bundle.
    type Handle;
    #[wasm_bindgen(method, catch)]
    fn open(this: &Handle) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = getDoc)]
    fn get_doc(this: &Handle) -> String;
    #[wasm_bindgen(method, js_name = setDoc)]
    fn set_doc(this: &Handle, text: &str) -> bool;
    #[wasm_bindgen(method)]
    fn replace(this: &Handle, from: u32, to: u32, insert: &str);
    #[wasm_bindgen(method, js_name = openFile)]
    fn open_file(this: &Handle, name: &str, text: &str);
    #[wasm_bindgen(method, js_name = forgetFile)]
    fn forget_file(this: &Handle, name: &str);
    #[wasm_bindgen(method)]
    fn composing(this: &Handle) -> bool;
    #[wasm_bindgen(method, js_name = setDark)]
    fn set_dark(this: &Handle, dark: bool);
    #[wasm_bindgen(method, js_name = setPhrases)]
    fn set_phrases(this: &Handle, phrases: &Object);
    #[wasm_bindgen(method, js_name = setReadOnly)]
    fn set_read_only(this: &Handle, read_only: bool);
    #[wasm_bindgen(method, js_name = setLint)]
    fn set_lint(this: &Handle, diagnostics: &Array);
    #[wasm_bindgen(method, js_name = setGutter)]
    fn set_gutter(this: &Handle, lines: &Array);
    #[wasm_bindgen(method, js_name = setHighlights)]
    fn set_highlights(this: &Handle, ranges: &Array);
    #[wasm_bindgen(method, js_name = setCompletion)]
    fn set_completion(this: &Handle, source: &Function);
    #[wasm_bindgen(method, js_name = setHover)]
    fn set_hover(this: &Handle, source: &Function);
    #[wasm_bindgen(method)]
    fn focus(this: &Handle);
    #[wasm_bindgen(method, js_name = revealLine)]
    fn reveal_line(this: &Handle, line: u32, select: bool);
    #[wasm_bindgen(method)]
    fn undo(this: &Handle) -> bool;
    #[wasm_bindgen(method)]
    fn redo(this: &Handle) -> bool;
    #[wasm_bindgen(method)]
    fn destroy(this: &Handle);
}

/// Fetches the sentences of the field reference. None: they cannot be had now.
pub async fn load_sentences() -> Option<String> {
    sentences().await.as_string().filter(|text| !text.is_empty())
}

/// An editor on the page. It leaves the page when it is dropped.
pub struct Editor {
    handle: Handle,
}

impl Editor {
    /// Loads the bundle, if it is not there yet, and makes an editor inside `parent`. To run the bundle, to read the text and to put
    /// it on the page are pieces of work of their own: between two of them `breathe` is awaited.
    ///
    /// # Errors
    /// The message of the browser when the bundle cannot be loaded.
    pub async fn open(
        parent: &web_sys::Element,
        options: Options<'_>,
        breathe: impl AsyncFn(),
    ) -> Result<Self, String> {
        let bundle = load_editor().await.map_err(message_of)?;
        breathe().await;
        let handle = bundle.unchecked_into::<Bundle>().create(parent, &options_object(options)).map_err(message_of)?;
        breathe().await;
        handle.open().map_err(message_of)?;
        Ok(Self { handle })
    }

    /// The text shown.
    pub fn text(&self) -> String {
        self.handle.get_doc()
    }

    /// Makes `text` the text shown, keeping the cursor where the text did not change. False when nothing was done: the text
    /// is equal, or an input method is in the middle of a syllable. [`Options::on_change`] is not called.
    pub fn set_text(&self, text: &str) -> bool {
        self.handle.set_doc(text)
    }

    /// Replaces a range, as one step of undo. [`Options::on_change`] is not called.
    pub fn replace(&self, from: u32, to: u32, insert: &str) {
        self.handle.replace(from, to, insert);
    }

    /// Shows another file. The one shown before keeps its cursor and its undo history under its own name.
    pub fn open_file(&self, name: &str, text: &str) {
        self.handle.open_file(name, text);
    }

    /// Drops the undo history of a file that is not shown.
    pub fn forget_file(&self, name: &str) {
        self.handle.forget_file(name);
    }

    /// Whether an input method is in the middle of a syllable.
    pub fn composing(&self) -> bool {
        self.handle.composing()
    }

    /// Tells whether the page is dark.
    pub fn set_dark(&self, dark: bool) {
        self.handle.set_dark(dark);
    }

    /// Gives the page's words for CodeMirror's own English ones.
    pub fn set_phrases(&self, phrases: &[(&str, &str)]) {
        self.handle.set_phrases(&phrases_object(phrases));
    }

    /// Lets the person write, or read only.
    pub fn set_read_only(&self, read_only: bool) {
        self.handle.set_read_only(read_only);
    }

    /// Replaces all diagnostics.
    pub fn set_lint(&self, diagnostics: &[Lint]) {
        self.handle.set_lint(&array(diagnostics.iter().map(Lint::to_js)));
    }

    /// Replaces all hop marks.
    pub fn set_gutter(&self, lines: &[GutterLine]) {
        self.handle.set_gutter(&array(lines.iter().map(GutterLine::to_js)));
    }

    /// Replaces all highlights.
    pub fn set_highlights(&self, highlights: &[Highlight]) {
        self.handle.set_highlights(&array(highlights.iter().map(Highlight::to_js)));
    }

    /// Sets what is asked for completions: the text, the position, and whether the person asked (Ctrl+Space) rather than typed.
    pub fn set_completion(&self, source: impl Fn(String, u32, bool) -> Option<Completions> + 'static) {
        let source: Box<dyn Fn(String, u32, bool) -> JsValue> =
            Box::new(move |text, pos, asked| source(text, pos, asked).map_or(JsValue::NULL, |found| found.to_js()));
        self.handle.set_completion(Closure::wrap(source).into_js_value().unchecked_ref());
    }

    /// Sets what is asked for the card at a position of the text.
    pub fn set_hover(&self, source: impl Fn(String, u32) -> Option<Hover> + 'static) {
        let source: Box<dyn Fn(String, u32) -> JsValue> =
            Box::new(move |text, pos| source(text, pos).map_or(JsValue::NULL, |found| found.to_js()));
        self.handle.set_hover(Closure::wrap(source).into_js_value().unchecked_ref());
    }

    /// Puts the keyboard focus into the editor.
    pub fn focus(&self) {
        self.handle.focus();
    }

    /// Scrolls a line into view; with `select` the cursor goes there too.
    pub fn reveal_line(&self, line: u32, select: bool) {
        self.handle.reveal_line(line, select);
    }

    /// Undoes one step of the file shown. False: there is none.
    pub fn undo(&self) -> bool {
        self.handle.undo()
    }

    /// Does again what was undone. False: there is nothing.
    pub fn redo(&self) -> bool {
        self.handle.redo()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.handle.destroy();
    }
}

fn message_of(error: JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => format!("{error:?}"),
    }
}
