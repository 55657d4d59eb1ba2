//! Text that is not applied yet: between a key and its edit, and, where the person has switched it so, until they apply it
//! themselves. It is kept in the browser like everything else, and it follows its file from tab to tab.

use leptos::prelude::*;
use std::collections::BTreeMap;

use crate::app::erased::effect;
use crate::app::keep;
use crate::app::session::Session;

/// The names under which the browser keeps the switch and the texts.
const SWITCH: &str = "apply";
const TEXTS: &str = "drafts";

#[derive(Clone, Copy)]
pub struct Drafts {
    /// Whether each edit that parses is applied at once.
    pub at_once: RwSignal<bool>,
    /// The texts, by whose desk and which file.
    texts: RwSignal<BTreeMap<(String, String), String>>,
}

impl Drafts {
    pub fn open() -> Drafts {
        let pairs = keep::read(TEXTS).and_then(|text| keep::pairs_from_json(&text)).unwrap_or_default();
        let named = |(name, text): (String, String)| {
            let (desk, file) = name.split_once('/')?;
            Some(((desk.to_string(), file.to_string()), text))
        };
        let drafts = Drafts {
            at_once: RwSignal::new(keep::read(SWITCH).as_deref() != Some("later")),
            texts: RwSignal::new(giljabi::arrange::map_of(pairs.into_iter().filter_map(named))),
        };
        effect(move || {
            let later = !drafts.at_once.get();
            if later || keep::read(SWITCH).is_some() {
                keep::write(SWITCH, if later { "later" } else { "at once" });
            }
        });
        drafts
    }

    fn keep(self) {
        let texts = self.texts.read_untracked();
        let pairs: Vec<_> = texts.iter().map(|((desk, file), text)| (format!("{desk}/{file}"), text.clone())).collect();
        match pairs.is_empty() {
            true => keep::remove(TEXTS),
            false => {
                keep::write(TEXTS, &keep::pairs_to_json(&pairs));
            }
        }
    }

    /// Notes a file's text of now.
    pub fn note(self, s: Session, file: &str, text: String) {
        let key = (s.desk_of(), file.to_string());
        let applied = s.text_of(file) == text;
        if applied && !self.texts.read_untracked().contains_key(&key) {
            return;
        }
        self.texts.update(|texts| match applied {
            true => drop(texts.remove(&key)),
            false => drop(texts.insert(key, text)),
        });
        self.keep();
    }

    /// The text to show of a file.
    pub fn text(self, s: Session, file: &str) -> String {
        let key = (s.desk_of(), file.to_string());
        self.texts.with_untracked(|texts| texts.get(&key).cloned()).unwrap_or_else(|| s.text_of(file))
    }

    /// Whether something of this desk waits to be applied.
    pub fn any(self, s: Session) -> bool {
        let desk = s.desk_of();
        self.texts.read().keys().any(|(of, _)| *of == desk)
    }

    /// Whether a file's text waits.
    pub fn waits(self, s: Session, file: &str) -> bool {
        self.texts.read().contains_key(&(s.desk_of(), file.to_string()))
    }

    /// Applies what waits at this desk, as one edit. False: nothing waited.
    pub fn apply(self, s: Session) -> bool {
        let mine = self.take(s);
        if mine.is_empty() {
            return false;
        }
        s.edit_all(mine);
        true
    }

    /// Forgets what waits at this desk: its files came from elsewhere.
    pub fn drop_all(self, s: Session) {
        self.take(s);
    }

    fn take(self, s: Session) -> Vec<(String, String)> {
        let desk = s.desk_of();
        if !self.texts.read_untracked().keys().any(|(of, _)| *of == desk) {
            return Vec::new();
        }
        let mut mine = Vec::new();
        self.texts.update(|texts| {
            let (own, others) =
                std::mem::take(texts).into_iter().partition::<BTreeMap<_, _>, _>(|((of, _), _)| *of == desk);
            mine = own.into_iter().map(|((_, file), text)| (file, text)).collect();
            *texts = others;
        });
        self.keep();
        mine
    }
}
