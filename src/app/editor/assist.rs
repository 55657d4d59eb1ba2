//! Completion and cards of the editor: the core's answers in the editor's positions.

use giljabi::locale::Lang;
use giljabi::text::{byte_offset, utf16_offset};
use giljabi::workspace;
use giljabi_editor::{Completion, Completions, Hover};

/// Fetches the sentences of the field reference, once; without them, cards and lists say what a field is but not what for.
pub async fn fetch_sentences() {
    if !workspace::sentences_ready()
        && let Some(text) = giljabi_editor::load_sentences().await
    {
        giljabi::api::schema::install_help(text);
    }
}

/// What could be written at a position (in UTF-16 units).
pub fn completions(text: &str, position: u32, lang: Lang) -> Option<Completions> {
    let found = workspace::complete(text, byte_offset(text, position as usize), lang);
    let options: Vec<Completion> = found
        .items
        .into_iter()
        .map(|item| Completion {
            apply: (item.insert != item.label).then_some(item.insert),
            label: item.label,
            detail: item.detail,
            info: item.sentence,
        })
        .collect();
    let from = utf16_offset(text, found.replaces.start as usize) as u32;
    (!options.is_empty()).then_some(Completions { from, options })
}

/// The card of the field at a position (in UTF-16 units).
pub fn card(text: &str, position: u32, lang: Lang) -> Option<Hover> {
    let card = workspace::hover(text, byte_offset(text, position as usize), lang)?;
    let mut words = vec![card.sentence];
    words.extend(card.facts);
    words.retain(|w| !w.is_empty());
    Some(Hover {
        from: utf16_offset(text, card.span.start as usize) as u32,
        to: utf16_offset(text, card.span.end as usize) as u32,
        title: card.path,
        detail: card.type_name,
        text: words.join("\n"),
    })
}
