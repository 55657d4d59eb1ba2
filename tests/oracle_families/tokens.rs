//! Tokens for what varies: `<allocated>`, `<allocated:KIND-N>`, `<suffix>`. A numbered token stands for one value, wherever
//! it appears; two tokens of one kind stand for two values.

use serde_json::Value as Json;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Tokens(BTreeMap<String, String>);

impl Tokens {
    /// Whether `actual` is what `expected` says, tokens bound on the way.
    pub fn matches(&mut self, expected: &Json, actual: &Json) -> bool {
        match (expected, actual) {
            (Json::String(token), actual) if token == "<allocated>" => !actual.is_null(),
            (Json::String(token), actual) if token.starts_with("<allocated:") => {
                let value = actual.as_str().map_or_else(|| actual.to_string(), str::to_string);
                match self.0.get(token) {
                    Some(bound) => *bound == value,
                    None => {
                        let kind = token.rsplit_once('-').map_or(token.as_str(), |(kind, _)| kind);
                        let taken = self.0.iter().any(|(t, v)| t.starts_with(kind) && *v == value);
                        self.0.insert(token.clone(), value);
                        !taken && !actual.is_null()
                    }
                }
            }
            (Json::String(e), Json::String(a)) => self.text(e, a),
            (Json::Array(e), Json::Array(a)) => e.len() == a.len() && e.iter().zip(a).all(|(e, a)| self.matches(e, a)),
            (Json::Object(e), Json::Object(a)) => {
                e.len() == a.len() && e.iter().all(|(k, e)| a.get(k).is_some_and(|a| self.matches(e, a)))
            }
            (e, a) => e == a,
        }
    }

    /// The same for text that holds tokens among other words.
    pub fn text(&self, expected: &str, actual: &str) -> bool {
        let mut expected = expected.to_string();
        for (token, value) in &self.0 {
            expected = expected.replace(token, value);
        }
        let mut rest = actual;
        let mut expected = expected.as_str();
        loop {
            let (suffix, allocated) = (expected.find("<suffix>"), expected.find("<allocated>"));
            let Some(at) = suffix.into_iter().chain(allocated).min() else { return rest == expected };
            let Some(after) = rest.strip_prefix(&expected[..at]) else { return false };
            // Five characters, whichever they are; an address or a number ends where its letters do.
            let length = match suffix == Some(at) {
                true => 5,
                false => {
                    after.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != ':').unwrap_or(after.len())
                }
            };
            let Some(next) = after.get(length..).filter(|_| length > 0) else { return false };
            rest = next;
            expected = expected[at..].split_once('>').map_or("", |(_, tail)| tail);
        }
    }
}
