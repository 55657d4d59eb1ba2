//! The page that `kubectl describe` writes: lines with levels and tab-divided cells, aligned at the end (upstream
//! `PrefixWriter` over a tabwriter).

use crate::api::value::Value;
use crate::kubectl::output::tabwriter;

/// Annotations longer than this stand on lines of their own.
const LONGEST_ANNOTATION: usize = 140;

/// A page under construction.
#[derive(Default)]
pub struct Sheet {
    open: String,
    done: String,
}

impl Sheet {
    /// A line at a level (two blanks each).
    pub fn line(&mut self, level: usize, text: impl AsRef<str>) {
        self.part(level, text);
        self.open.push('\n');
    }

    /// A piece of a line.
    pub fn part(&mut self, level: usize, text: impl AsRef<str>) {
        for _ in 0..level {
            self.open.push_str("  ");
        }
        self.open.push_str(text.as_ref());
    }

    /// `Title:<tab>value`.
    pub fn field(&mut self, level: usize, title: &str, value: impl std::fmt::Display) {
        self.line(level, format!("{title}:\t{value}"));
    }

    /// Aligns what stands so far by itself.
    pub fn flush(&mut self) {
        self.done.push_str(&tabwriter::align(&self.open, 0, 2));
        self.open.clear();
    }

    pub fn finish(mut self) -> String {
        if !self.open.is_empty() {
            self.flush();
        }
        self.done
    }

    /// `Labels:` and the like: one pair a line.
    pub fn pairs(&mut self, title: &str, map: Option<&Value>) {
        self.part(0, format!("{title}:\t"));
        let pairs: Vec<(&str, &str)> = map
            .and_then(Value::as_map)
            .into_iter()
            .flat_map(|m| m.iter())
            .map(|(k, v)| (k.as_str(), v.as_str().unwrap_or("")))
            .collect();
        if pairs.is_empty() {
            self.line(0, "<none>");
        }
        for (i, (key, value)) in pairs.into_iter().enumerate() {
            self.line(0, format!("{}{key}={value}", if i > 0 { "\t" } else { "" }));
        }
    }

    /// `Annotations:`; what kubectl keeps for itself is left out.
    pub fn annotations(&mut self, title: &str, map: Option<&Value>) {
        self.part(0, format!("{title}:\t"));
        let pairs: Vec<(&str, &str)> = map
            .and_then(Value::as_map)
            .into_iter()
            .flat_map(|m| m.iter())
            .filter(|(k, _)| *k != "kubectl.kubernetes.io/last-applied-configuration")
            .map(|(k, v)| (k.as_str(), v.as_str().unwrap_or("")))
            .collect();
        if pairs.is_empty() {
            self.line(0, "<none>");
        }
        for (i, (key, value)) in pairs.into_iter().enumerate() {
            if i > 0 {
                self.part(0, "\t");
            }
            let value = value.strip_suffix('\n').unwrap_or(value);
            if value.len() + key.len() + 2 > LONGEST_ANNOTATION || value.contains('\n') {
                self.line(0, format!("{key}:"));
                for line in value.split('\n') {
                    self.line(0, format!("\t  {}", shorten(line, LONGEST_ANNOTATION - 2)));
                }
            } else {
                self.line(0, format!("{key}: {value}"));
            }
        }
    }
}

fn shorten(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_string();
    }
    let end = (0..=longest).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    format!("{}...", &text[..end])
}
