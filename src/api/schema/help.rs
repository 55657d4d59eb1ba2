//! The sentences of the field reference. Natively they are compiled in; in the browser they are a file of their own, which
//! the app fetches when a reader first asks and hands to [`install_help`], so that the first load stays small.

use crate::arrange::Arrange;
use std::sync::OnceLock;

/// One row: struct and field name, or group/version and kind; then English, Korean.
type Row = (&'static str, &'static str, &'static str, &'static str);

static HELP: OnceLock<Vec<Row>> = OnceLock::new();

#[cfg(any(not(target_arch = "wasm32"), feature = "help-inline"))]
fn rows() -> Option<&'static [Row]> {
    Some(HELP.get_or_init(|| read(include_str!(concat!(env!("OUT_DIR"), "/fields.help.tsv")))))
}

#[cfg(not(any(not(target_arch = "wasm32"), feature = "help-inline")))]
fn rows() -> Option<&'static [Row]> {
    HELP.get().map(Vec::as_slice)
}

/// Whether the sentences are here.
pub fn help_is_ready() -> bool {
    rows().is_some()
}

/// Takes the sentences from the text of `assets/fields.tsv`, or from a shorter table of type, field, en, ko. Rows that are
/// neither are passed over: a damaged download leaves fields without a sentence and breaks nothing. Only the first call
/// counts.
pub fn install_help(text: String) {
    // Leaking is bounded: the cell is set once in the life of the program.
    HELP.get_or_init(|| read(Box::leak(text.into_boxed_str())));
}

fn read(text: &'static str) -> Vec<Row> {
    let mut rows: Vec<Row> = text.lines().filter_map(row).collect();
    rows.arrange();
    rows
}

fn row(line: &'static str) -> Option<Row> {
    let line = line.strip_prefix("@kind\t").unwrap_or(line);
    if line.starts_with(['#', '@']) {
        return None;
    }
    let (owner, rest) = line.split_once('\t')?;
    let (field, rest) = rest.split_once('\t')?;
    let mut last = rest.rsplit('\t');
    let (ko, en) = (last.next()?, last.next()?);
    (en != "-" && ko != "-").then_some((owner, field, en, ko))
}

/// English and Korean for a field of a struct, or for a kind of a group/version.
pub(super) fn sentences(owner: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let rows = rows()?;
    let at = rows.binary_search_by(|row| (row.0, row.1).cmp(&(owner, name))).ok()?;
    Some((rows[at].2, rows[at].3))
}
