//! The words by which lesson files name symptoms and causes of failure: those of the message tables of `trace::why`
//! (`cause.selector_matches_nothing` is `selector-matches-nothing`), so that a new cause needs no line here.

use crate::locale;
use crate::trace::{CauseOfFailure, Outcome, why};
use smol_str::SmolStr;

/// Whether a cause has this word.
pub fn is_cause(word: &str) -> bool {
    has_row("cause.", word)
}

/// Whether a symptom has this word.
pub fn is_symptom(word: &str) -> bool {
    has_row("symptom.", word)
}

/// All causes and all symptoms by their words, each with the row of the message table that says it.
pub fn causes() -> Vec<(String, &'static str)> {
    rows("cause.")
}

pub fn symptoms() -> Vec<(String, &'static str)> {
    rows("symptom.")
}

fn rows(area: &str) -> Vec<(String, &'static str)> {
    locale::rows().filter_map(|(_, id, _, _)| Some((id.strip_prefix(area)?.replace('_', "-"), id))).collect()
}

/// The word for a cause.
pub fn cause(cause: &CauseOfFailure) -> SmolStr {
    why::cause_name(cause).replace('_', "-").into()
}

/// The word for what the client sees: `refused`, `could-not-resolve`; `ok` for an answer that is no error.
pub fn symptom(outcome: &Outcome) -> SmolStr {
    let id = why::symptom_message(outcome).id;
    id.strip_prefix("symptom.").unwrap_or(id).replace('_', "-").into()
}

fn has_row(area: &str, word: &str) -> bool {
    // Rows are written with low lines; a word with one would have two spellings.
    let row = word.replace('-', "_");
    !word.contains('_') && locale::rows().any(|(_, id, _, _)| id.strip_prefix(area) == Some(row.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_tables() {
        assert!(is_cause("selector-matches-nothing") && is_symptom("could-not-resolve"));
        assert!(!is_cause("selector_matches_nothing") && !is_symptom("wobbly"));
    }
}
