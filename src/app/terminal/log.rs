//! What a terminal has shown: a log that only grows at its end and is cut at its beginning. It is plain DOM, in blocks that the
//! browser lays out only when they are in view, so that ten thousand lines scroll as smoothly as ten.

use giljabi::shell::links::{Hint, Index};
use giljabi::shell::{display, explain};
use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Node};

/// How many lines are kept.
const KEPT: usize = 10_000;
/// How many lines a block has.
const BLOCK: usize = 100;

/// The log of one terminal.
pub struct Log {
    /// The element that holds everything; it is moved into the page when the terminal is shown.
    pub root: HtmlElement,
    /// Lines in the last block, and in all blocks.
    in_block: usize,
    lines: usize,
    /// The beginning of a line whose end has not come, and the node that shows it.
    open: String,
    open_node: Option<Element>,
    /// What is shown comes from this command (its number).
    command: usize,
    hint: Hint,
    /// The rows that are lit.
    lit: Vec<Element>,
}

/// Makes an element with a class.
pub fn element(tag: &str, class: &str) -> HtmlElement {
    let made = document().create_element(tag).expect("a tag that HTML has");
    made.set_class_name(class);
    made.unchecked_into()
}

fn append(to: &Node, what: &Node) {
    // Appending to an element that we made ourselves cannot fail.
    let _ = to.append_child(what);
}

fn append_text(to: &Node, text: &str) {
    append(to, &document().create_text_node(text));
}

impl Log {
    pub fn new(label: &str) -> Log {
        let root = element("div", "term-log");
        for (name, value) in [("role", "log"), ("aria-live", "polite"), ("aria-label", label), ("translate", "no")] {
            let _ = root.set_attribute(name, value);
        }
        Log {
            root,
            in_block: 0,
            lines: 0,
            open: String::new(),
            open_node: None,
            command: 0,
            hint: Hint::default(),
            lit: Vec::new(),
        }
    }

    /// Forgets everything that was shown.
    pub fn clear(&mut self) {
        self.root.set_text_content(None);
        self.in_block = 0;
        self.lines = 0;
        self.open.clear();
        self.open_node = None;
        self.lit.clear();
    }

    /// Lights the typed lines of these commands and no others. `show`: they come into view.
    pub fn light(&mut self, commands: &[usize], show: bool) {
        for row in self.lit.drain(..) {
            let _ = row.class_list().remove_1("lit");
        }
        for command in commands {
            let Ok(Some(row)) = self.root.query_selector(&format!(".term-typed[data-command='{command}']")) else {
                continue;
            };
            let _ = row.class_list().add_1("lit");
            if show {
                let how = web_sys::ScrollIntoViewOptions::new();
                how.set_block(web_sys::ScrollLogicalPosition::Nearest);
                row.scroll_into_view_with_scroll_into_view_options(&how);
            }
            self.lit.push(row);
        }
    }

    /// A line as somebody typed it, behind its prompt. What comes next is its output.
    pub fn typed(&mut self, prompt: &str, line: &str, number: usize, hint: Hint) {
        self.close_line();
        (self.command, self.hint) = (number, hint);
        let row = element("div", "term-typed");
        let _ = row.set_attribute("data-command", &number.to_string());
        let shown = element("span", "term-prompt");
        shown.set_text_content(Some(prompt));
        append(&row, &shown);
        let words = element("span", "term-words");
        words.set_text_content(Some(&display::settled(&display::plain(&line.replace('\n', "\n> ")))));
        append(&row, &words);
        append(&row, &element("span", "term-chips"));
        append(&self.block(), &row);
        self.count(1);
    }

    /// A button beside the typed line that leads to a request it sent; the line itself can now be pressed, too, which `light`
    /// says in words.
    pub fn chip(&self, command: usize, sent: usize, words: &str, good: bool, light: &str) {
        let part = |class: &str| {
            let selector = format!(".term-typed[data-command='{command}'] > .{class}");
            self.root.query_selector(&selector).ok().flatten()
        };
        if let Some(line) = part("term-words") {
            for (name, value) in [("role", "button"), ("tabindex", "-1"), ("title", light)] {
                let _ = line.set_attribute(name, value);
            }
        }
        let Some(place) = part("term-chips") else { return };
        // A loop may send hundreds; the first ones and the last one have a button.
        if place.child_element_count() >= 12
            && let Some(last) = place.last_element_child()
        {
            last.remove();
        }
        let chip = element("button", if good { "term-chip good" } else { "term-chip bad" });
        chip.set_text_content(Some(&format!("{} {sent}", if good { "✓" } else { "✕" })));
        for (name, value) in [("type", "button"), ("tabindex", "-1"), ("data-sent", &sent.to_string())] {
            let _ = chip.set_attribute(name, value);
        }
        let _ = chip.set_attribute("aria-label", words);
        let _ = chip.set_attribute("title", words);
        append(&place, &chip);
    }

    /// Our own words, apart from what programs print.
    pub fn note(&mut self, words: &str) {
        self.close_line();
        let row = element("div", "term-note");
        row.set_text_content(Some(words));
        append(&self.block(), &row);
        self.count(1);
    }

    /// A file that can be taken along.
    pub fn offer(&mut self, words: &str, number: usize) {
        self.close_line();
        let row = element("div", "term-row");
        let button = element("button", "term-chip");
        button.set_text_content(Some(words));
        for (name, value) in [("type", "button"), ("tabindex", "-1"), ("data-file", &number.to_string())] {
            let _ = button.set_attribute(name, value);
        }
        append(&row, &button);
        append(&self.block(), &row);
        self.count(1);
        self.rove();
    }

    /// What a program printed. `index`: the names that lead somewhere.
    pub fn write(&mut self, text: &str, error: bool, index: &Index, explain_title: &str) {
        let text = display::plain(text);
        // Of a flood, only what will be kept is looked at.
        let ends = text.bytes().filter(|b| *b == b'\n').count();
        let mut rest = text.as_str();
        if ends > KEPT {
            self.clear();
            let skip = ends - KEPT;
            let from = rest.match_indices('\n').nth(skip - 1).map_or(0, |(i, _)| i + 1);
            rest = &rest[from..];
        }
        let (mut plain, mut waiting) = (String::new(), 0);
        while let Some((line, after)) = rest.split_once('\n') {
            rest = after;
            let whole = if self.open.is_empty() {
                display::settled(line)
            } else {
                if let Some(node) = self.open_node.take() {
                    node.remove();
                }
                let open = std::mem::take(&mut self.open);
                display::settled(&format!("{open}{line}"))
            };
            let links = index.links(&whole, &self.hint);
            let why = explain::explain(&whole).is_some();
            if links.is_empty() && !why && !error {
                plain.push_str(&whole);
                plain.push('\n');
                waiting += 1;
                if self.in_block + waiting >= BLOCK {
                    self.flush(&mut plain, &mut waiting);
                }
            } else {
                self.flush(&mut plain, &mut waiting);
                let row = row_of(&whole, &links, error);
                if why {
                    append(&row, &why_button(explain_title, self.command));
                }
                append(&self.block(), &row);
                self.count(1);
            }
        }
        self.flush(&mut plain, &mut waiting);
        if !rest.is_empty() {
            self.open.push_str(rest);
            let node = match self.open_node.take() {
                Some(node) => node,
                None => {
                    let node: Element = element("span", if error { "term-err" } else { "" }).into();
                    append(&self.block(), &node);
                    node
                }
            };
            node.set_text_content(Some(&display::settled(&self.open)));
            self.open_node = Some(node);
        }
        self.rove();
    }

    /// Puts plain lines that wait into the last block.
    fn flush(&mut self, plain: &mut String, waiting: &mut usize) {
        if plain.is_empty() {
            return;
        }
        append_text(&self.block(), plain);
        plain.clear();
        self.count(std::mem::take(waiting));
    }

    /// Ends a line that has no end yet: a prompt begins a line of its own.
    fn close_line(&mut self) {
        if self.open_node.take().is_some() {
            self.open.clear();
            append_text(&self.block(), "\n");
        }
    }

    fn last_block(&self) -> Option<Element> {
        self.root.last_element_child()
    }

    fn new_block(&self) -> Element {
        let block: Element = element("div", "term-block").into();
        append(&self.root, &block);
        block
    }

    /// The block that the next line goes into.
    fn block(&mut self) -> Element {
        if self.in_block >= BLOCK {
            self.in_block = 0;
            return self.new_block();
        }
        self.last_block().unwrap_or_else(|| self.new_block())
    }

    fn count(&mut self, lines: usize) {
        self.in_block += lines;
        self.lines += lines;
        self.cut();
    }

    /// Takes away the oldest blocks when there are too many lines.
    fn cut(&mut self) {
        while self.lines > KEPT + BLOCK
            && let Some(first) = self.root.first_element_child()
            && Some(&first) != self.root.last_element_child().as_ref()
        {
            first.remove();
            self.lines = self.lines.saturating_sub(BLOCK);
        }
    }

    /// Of all that can be pressed in the log, the last one takes the focus from the command line (Shift+Tab); arrow keys walk
    /// from there.
    fn rove(&self) {
        let Ok(all) = self.root.query_selector_all("[tabindex='0']") else { return };
        for i in 0..all.length() {
            if let Some(one) = all.get(i).and_then(|n| n.dyn_into::<Element>().ok()) {
                let _ = one.set_attribute("tabindex", "-1");
            }
        }
        let last = self.last_block().and_then(|b| b.query_selector_all("[tabindex]").ok());
        if let Some(last) = last.and_then(|all| all.get(all.length().checked_sub(1)?))
            && let Ok(last) = last.dyn_into::<Element>()
        {
            let _ = last.set_attribute("tabindex", "0");
        }
    }
}

/// A line with what can be pressed in it.
fn row_of(line: &str, links: &[giljabi::shell::links::Link], error: bool) -> HtmlElement {
    let row = element("div", if error { "term-row term-err" } else { "term-row" });
    let mut at = 0;
    for link in links {
        append_text(&row, &line[at..link.span.start]);
        let word = element("span", "term-link");
        word.set_text_content(Some(&line[link.span.clone()]));
        let key = &link.object;
        for (name, value) in [
            ("role", "button"),
            ("tabindex", "-1"),
            ("title", &key.to_string()),
            ("data-kind", key.kind.as_str()),
            ("data-namespace", key.namespace.as_str()),
            ("data-name", key.name.as_str()),
        ] {
            let _ = word.set_attribute(name, value);
        }
        append(&row, &word);
        at = link.span.end;
    }
    append_text(&row, &line[at..]);
    // An empty row would have no height.
    if line.is_empty() {
        append_text(&row, "\n");
    }
    row
}

fn why_button(title: &str, command: usize) -> HtmlElement {
    let button = element("button", "term-why");
    button.set_text_content(Some("?"));
    for (name, value) in [("type", "button"), ("tabindex", "-1"), ("aria-label", title), ("title", title)] {
        let _ = button.set_attribute(name, value);
    }
    let _ = button.set_attribute("aria-expanded", "false");
    let _ = button.set_attribute("data-of", &command.to_string());
    button
}
