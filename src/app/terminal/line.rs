//! The command line: a real input field, so that input methods, screen readers and the clipboard work as everywhere, with the
//! keys that a shell's line editor adds (Emacs keys, history, search, completion).

use leptos::prelude::*;
use web_sys::{HtmlInputElement, KeyboardEvent};

use super::engine::{Shell, Shells};

/// Where somebody is in the history.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// How many lines back; 0 is the line of now.
    back: usize,
    /// The line of now, while an older one is shown.
    draft: String,
    /// What Ctrl+K, Ctrl+U and Ctrl+W took away last.
    cut: String,
    /// A search is under way, this many hits back.
    search: Option<usize>,
    /// Tab was pressed, and there was more than one way on.
    asked: bool,
}

/// One command line.
#[derive(Clone, Copy)]
pub struct CommandLine {
    pub shells: Shells,
    pub shell: Shell,
    line: StoredValue<Line>,
    /// What a search has found.
    pub found: RwSignal<Option<String>>,
}

impl CommandLine {
    pub fn new(shells: Shells, shell: Shell) -> CommandLine {
        CommandLine { shells, shell, line: StoredValue::new(Line::default()), found: RwSignal::new(None) }
    }

    /// A key in the field. True: it was the shell's, and not the browser's.
    pub fn key(self, input: &HtmlInputElement, event: &KeyboardEvent) -> bool {
        // The input method has the key until its syllable is finished.
        if event.is_composing() || event.key_code() == 229 {
            return false;
        }
        let (ctrl, alt) = (event.ctrl_key() && !event.meta_key(), event.alt_key());
        let key = event.key();
        if key != "Tab" {
            self.line.update_value(|l| l.asked = false);
        }
        if self.line.with_value(|l| l.search.is_some()) && self.search_key(input, &key, ctrl) {
            return true;
        }
        match (key.as_str(), ctrl, alt) {
            ("Enter", false, false) => self.submit(input),
            ("ArrowUp", false, false) | ("p", true, false) => self.older(input),
            ("ArrowDown", false, false) | ("n", true, false) => self.newer(input),
            ("Tab", false, false) if !event.shift_key() && !input.value().is_empty() => self.complete(input),
            ("c", true, false) if !selected() => {
                let line = input.value();
                if !self.shell.running.get_untracked() && !line.is_empty() {
                    self.shell.inner.update_value(|i| {
                        let prompt = i.terminal.prompt();
                        i.log.typed(&prompt, &format!("{line}^C"), 0, Default::default());
                    });
                    self.shell.shown.update(|n| *n += 1);
                }
                self.set(input, "");
                self.shells.interrupt(self.shell);
            }
            ("d", true, false) if input.value().is_empty() => self.shells.end_of_input(self.shell),
            ("d", true, false) => edit(input, |text, at| {
                let end = next(text, at);
                (format!("{}{}", &text[..at], &text[end..]), at)
            }),
            ("l", true, false) => {
                self.shell.inner.update_value(|i| i.log.clear());
                self.shell.shown.update(|n| *n += 1);
            }
            ("a", true, false) => edit(input, |text, _| (text.to_string(), 0)),
            ("e", true, false) => edit(input, |text, _| (text.to_string(), text.len())),
            ("b", true, false) => edit(input, |text, at| (text.to_string(), previous(text, at))),
            ("f", true, false) => edit(input, |text, at| (text.to_string(), next(text, at))),
            ("b", false, true) => edit(input, |text, at| (text.to_string(), word_before(text, at))),
            ("f", false, true) => edit(input, |text, at| (text.to_string(), word_after(text, at))),
            ("k", true, false) => self.cut(input, |text, at| at..text.len()),
            ("u", true, false) => self.cut(input, |_, at| 0..at),
            ("w", true, false) | ("Backspace", false, true) => self.cut(input, |text, at| word_before(text, at)..at),
            ("d", false, true) => self.cut(input, |text, at| at..word_after(text, at)),
            ("y", true, false) => {
                let cut = self.line.with_value(|l| l.cut.clone());
                edit(input, |text, at| (format!("{}{cut}{}", &text[..at], &text[at..]), at + cut.len()));
            }
            ("r", true, false) => {
                self.line.update_value(|l| l.search = Some(0));
                self.set(input, "");
                self.look(input);
            }
            _ => return false,
        }
        true
    }

    fn set(self, input: &HtmlInputElement, text: &str) {
        input.set_value(text);
        let end = text.encode_utf16().count() as u32;
        // A text field has a selection; one that has just left the page has none to set.
        let _ = input.set_selection_range(end, end);
    }

    fn submit(self, input: &HtmlInputElement) {
        let text = input.value();
        self.line.update_value(|l| (l.back, l.draft) = (0, String::new()));
        self.set(input, "");
        self.shells.enter(self.shell, &text);
    }

    /// Text with several lines was pasted: each is run but the last, which waits to be finished.
    pub fn paste(self, input: &HtmlInputElement, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut lines: Vec<&str> = text.split('\n').collect();
        let last = lines.pop().unwrap_or("").to_string();
        let mut first = true;
        for line in lines {
            let whole = if first { format!("{}{line}", input.value()) } else { line.to_string() };
            first = false;
            self.shells.enter(self.shell, &whole);
        }
        self.set(input, &last);
    }

    fn older(self, input: &HtmlInputElement) {
        let history = self.shells.history();
        let back = self.line.with_value(|l| l.back);
        if back >= history.len() {
            return;
        }
        if back == 0 {
            self.line.update_value(|l| l.draft = input.value());
        }
        self.line.update_value(|l| l.back = back + 1);
        self.set(input, &history[history.len() - back - 1]);
    }

    fn newer(self, input: &HtmlInputElement) {
        let history = self.shells.history();
        let back = self.line.with_value(|l| l.back);
        if back == 0 {
            return;
        }
        self.line.update_value(|l| l.back = back - 1);
        let text = if back == 1 {
            self.line.with_value(|l| l.draft.clone())
        } else {
            history[history.len() - back + 1].clone()
        };
        self.set(input, &text);
    }

    fn cut(self, input: &HtmlInputElement, range: impl Fn(&str, usize) -> std::ops::Range<usize>) {
        edit(input, |text, at| {
            let range = range(text, at);
            self.line.update_value(|l| l.cut = text[range.clone()].to_string());
            (format!("{}{}", &text[..range.start], &text[range.end..]), range.start)
        });
    }

    fn complete(self, input: &HtmlInputElement) {
        let text = input.value();
        let at = cursor(input, &text);
        let (start, found) = self.shells.complete(self.shell, &text, at);
        let part = &text[start..at];
        let common = common_start(&found);
        if common.len() > part.len() || found.len() == 1 {
            let done = found.len() == 1 && !common.ends_with(['/', '=', ',']);
            let filled = if done { format!("{common} ") } else { common };
            edit(input, |text, at| (format!("{}{filled}{}", &text[..start], &text[at..]), start + filled.len()));
        } else if found.len() > 1 && self.line.with_value(|l| l.asked) {
            self.shells.show_candidates(self.shell, &text, &found);
        }
        // As in bash: the second Tab lists.
        self.line.update_value(|l| l.asked = found.len() > 1);
    }

    /// A key while a search is under way. False: the search is over, and the key is an ordinary one.
    fn search_key(self, input: &HtmlInputElement, key: &str, ctrl: bool) -> bool {
        match key {
            "r" if ctrl => {
                self.line.update_value(|l| l.search = l.search.map(|n| n + 1));
                self.look(input);
                true
            }
            "Enter" => {
                let found = self.end_search();
                self.set(input, &found.unwrap_or_default());
                self.submit(input);
                true
            }
            "Escape" | "ArrowRight" | "ArrowLeft" | "Tab" | "End" | "Home" => {
                let found = self.end_search();
                self.set(input, &found.unwrap_or_default());
                true
            }
            "c" | "g" if ctrl => {
                self.end_search();
                self.set(input, "");
                true
            }
            "ArrowUp" | "ArrowDown" => {
                self.end_search();
                false
            }
            _ => false,
        }
    }

    fn end_search(self) -> Option<String> {
        self.line.update_value(|l| l.search = None);
        let found = self.found.get_untracked();
        self.found.set(None);
        found.filter(|f| !f.is_empty())
    }

    /// Looks for what is typed while a search is under way.
    pub fn look(self, input: &HtmlInputElement) {
        let Some(back) = self.line.with_value(|l| l.search) else { return };
        let wanted = input.value();
        let history = self.shells.history();
        let hit = history.iter().rev().filter(|line| !wanted.is_empty() && line.contains(&wanted)).nth(back);
        self.found.set(Some(hit.cloned().unwrap_or_default()));
    }
}

/// Whether text is selected on the page: then Ctrl+C copies it.
fn selected() -> bool {
    let chosen = window().get_selection().ok().flatten();
    chosen.is_some_and(|s| !s.is_collapsed())
}

/// The cursor in bytes.
fn cursor(input: &HtmlInputElement, text: &str) -> usize {
    let units = input.selection_start().ok().flatten().unwrap_or(u32::MAX) as usize;
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= units {
            return at;
        }
        seen += c.len_utf16();
    }
    text.len()
}

/// Changes the text and the cursor (in bytes).
fn edit(input: &HtmlInputElement, change: impl FnOnce(&str, usize) -> (String, usize)) {
    let text = input.value();
    let (after, at) = change(&text, cursor(input, &text));
    let units = after[..at].encode_utf16().count() as u32;
    if after != text {
        input.set_value(&after);
    }
    let _ = input.set_selection_range(units, units);
}

fn previous(text: &str, at: usize) -> usize {
    text[..at].chars().next_back().map_or(0, |c| at - c.len_utf8())
}

fn next(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(at, |c| at + c.len_utf8())
}

fn word_before(text: &str, at: usize) -> usize {
    let trimmed = text[..at].trim_end();
    trimmed.rfind(char::is_whitespace).map_or(0, |i| next(trimmed, i))
}

fn word_after(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let start = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
    rest[start..].find(char::is_whitespace).map_or(text.len(), |i| at + start + i)
}

fn common_start(words: &[String]) -> String {
    let Some(first) = words.first() else { return String::new() };
    let mut end = first.len();
    for word in words {
        let same = first
            .char_indices()
            .zip(word.chars())
            .take_while(|((_, a), b)| a == b)
            .map(|((i, a), _)| i + a.len_utf8())
            .last();
        end = end.min(same.unwrap_or(0));
    }
    first[..end].to_string()
}
