//! What a link carries: files, and the request and the view to begin with. It comes from strangers, so every size is bounded,
//! nothing in it is more than text, and names show all of their characters.

use super::File;
use crate::api::json;
use crate::api::value::Value;
use crate::api::yaml;
use crate::text::{Span, visible};
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// The longest text of a link, unpacked.
pub const MOST_BYTES: usize = 4_000_000;
/// The most files that it may hold.
pub const MOST_FILES: usize = 200;
/// How long a file's name may be, in characters.
const LONGEST_NAME: usize = 120;

/// What a link carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub files: Vec<File>,
    /// Where the request goes; empty when the link says nothing of it.
    pub url: SmolStr,
    /// Who sends it, as the client is shown.
    pub client: SmolStr,
    /// The file that is in front.
    pub shown: SmolStr,
}

/// The settings stand among the files under names that no file has.
const SETTINGS: [&str; 3] = ["?url", "?client", "?file"];

impl Link {
    /// The text that is packed into the link: `[["service.yaml", "apiVersion: …"], ["?url", "http://web"]]`.
    pub fn write(&self) -> String {
        let pair = |name: &str, text: &str| Value::list(vec![name.into(), text.into()]);
        let files = self.files.iter().map(|f| pair(&f.name, &f.text));
        let settings = SETTINGS.iter().zip([&self.url, &self.client, &self.shown]).filter(|(_, text)| !text.is_empty());
        let text = json::to_string(&Value::list(files.chain(settings.map(|(name, text)| pair(name, text))).collect()));
        // What JSON takes as a character like any other is a line's end to YAML, which reads it.
        text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
    }

    /// Reads such a text. `None`: it is anything else, was cut, or holds no file or too much.
    pub fn read(text: &str) -> Option<Link> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let value = yaml::read(text, Span::new(0, text.len())).ok()?.value;
        let pairs = value.as_list().filter(|pairs| pairs.len() <= MOST_FILES + SETTINGS.len())?;
        let mut link = Link::default();
        let mut taken = BTreeSet::new();
        for pair in pairs {
            let [Value::String(name), Value::String(text)] = pair.as_list()? else { return None };
            match name.as_str() {
                "?url" => link.url = visible(text).into(),
                "?client" => link.client = text.clone(),
                "?file" => link.shown = file_name(text),
                other if other.starts_with('?') => {}
                other => {
                    let name = file_name(other);
                    // Two files of one name could not be told apart.
                    if taken.insert(name.clone()) {
                        link.files.push(File { name, text: text.to_string() });
                    }
                }
            }
        }
        (!link.files.is_empty()).then_some(link)
    }
}

/// A name as it may stand on a tab, and as it reads back: not one of a setting, not too long.
fn file_name(name: &str) -> SmolStr {
    let bare = |text: &str| SmolStr::from(text.trim_start_matches(|c: char| c == '?' || c.is_whitespace()).trim_end());
    let cut: String = bare(&visible(name)).chars().take(LONGEST_NAME).collect();
    let name = bare(&cut);
    if name.is_empty() { "file.yaml".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_reads_back_and_a_hostile_one_is_text_or_nothing() {
        let file = |name: &str| File { name: name.into(), text: "a: b\n'\"\\\u{1f600}길".into() };
        let link = Link {
            files: vec![file("a.yaml"), file("__proto__")],
            url: "http://web".into(),
            client: "pod/client".into(),
            shown: "a.yaml".into(),
        };
        assert_eq!(Link::read(&link.write()), Some(link.clone()));
        for broken in
            ["", "[]", "{}", "[[\"a\"]]", "[[\"a\", 1]]", "[[\"?url\", \"x\"]]", "[[[]]]", "null", "[[\"a\",\"b\"]"]
        {
            assert_eq!(Link::read(broken), None, "{broken}");
        }
        let bomb = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Link::read(&bomb), None);
        let many = json::to_string(&Value::list(
            (0..500).map(|i| Value::list(vec![format!("{i}").into(), "".into()])).collect(),
        ));
        assert_eq!(Link::read(&many), None);
        let named = Link::read("[[\"a\\u202elmay.exe\", \"<script>alert(1)</script>\"], [\"\\u200b\", \"\"]]").unwrap();
        let names: Vec<&str> = named.files.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["a⟨U+202E⟩lmay.exe", "⟨U+200B⟩"]);
    }
}
