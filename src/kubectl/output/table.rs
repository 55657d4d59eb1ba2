//! Tables of objects: the server's columns, and what `-A`, `--show-labels`, `-L`, `--no-headers` and several kinds at once
//! make of them.

use super::age::since;
use super::columns::{self, Header};
use super::jsonpath::Template;
use super::tabwriter;
use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::Value;
use crate::apiserver::resource::Resource;
use crate::apiserver::store::Store;
use std::sync::Arc;

/// What the flags ask for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub wide: bool,
    pub namespaces: bool,
    pub show_labels: bool,
    /// `-L`: one column a label.
    pub label_columns: Vec<String>,
    pub no_headers: bool,
    /// Names with their kind: `pod/web-1`.
    pub with_kind: bool,
    /// `--output-watch-events`.
    pub event: Option<&'static str>,
}

/// The headers and a function that fills in an object's cells.
pub struct Printer {
    headers: Vec<Header>,
    cells: Cells,
}

enum Cells {
    Fixed(fn(&Object, Time) -> Vec<String>),
    Paths(Vec<(bool, Option<Template>)>),
}

impl Printer {
    pub fn of(store: &Store, resource: &Resource) -> Printer {
        if let Some(columns) = columns::find(&resource.stored) {
            return Printer { headers: columns.headers(), cells: Cells::Fixed(columns.cells) };
        }
        let definition = store
            .list("CustomResourceDefinition")
            .find(|d| d.name() == &resource.plural_with_group())
            .map(|d| &*d.value);
        let (headers, paths) = columns::custom(definition, resource.version());
        let paths = paths
            .iter()
            .map(|path| {
                let date = path.starts_with('@');
                let path = path.trim_start_matches('@');
                (date, Template::parse(&format!("{{{path}}}")).ok())
            })
            .collect();
        Printer { headers, cells: Cells::Paths(paths) }
    }

    fn cells(&self, object: &Object, now: Time) -> Vec<String> {
        match &self.cells {
            Cells::Fixed(cells) => cells(object, now),
            Cells::Paths(paths) => paths
                .iter()
                .map(|(date, path)| {
                    let found = path.as_ref().and_then(|p| p.find(&object.value).ok()).unwrap_or_default();
                    match found.first() {
                        Some(Value::String(stamp)) if *date => since(stamp, now),
                        Some(value) => super::jsonpath::to_text(value),
                        None => String::new(),
                    }
                })
                .collect(),
        }
    }

    /// The lines of a table before they are aligned.
    pub fn lines(&self, resource: &Resource, objects: &[Arc<Object>], now: Time, options: &Options) -> String {
        let mut text = String::new();
        let shown: Vec<bool> = self.headers.iter().map(|h| options.wide || !h.wide).collect();
        if !options.no_headers {
            let mut headers: Vec<String> = Vec::new();
            if options.event.is_some() {
                headers.push("EVENT".to_string());
            }
            if options.namespaces && resource.namespaced {
                headers.push("NAMESPACE".to_string());
            }
            let visible = self.headers.iter().zip(&shown).filter(|(_, s)| **s);
            headers.extend(visible.map(|(h, _)| h.name.to_uppercase()));
            headers.extend(options.label_columns.iter().map(|l| l.rsplit('/').next().unwrap_or(l).to_uppercase()));
            if options.show_labels {
                headers.push("LABELS".to_string());
            }
            text.push_str(&headers.join("\t"));
            text.push('\n');
        }
        for object in objects {
            let mut row: Vec<String> = Vec::new();
            if let Some(event) = options.event {
                row.push(event.to_string());
            }
            if options.namespaces && resource.namespaced {
                row.push(object.namespace().to_string());
            }
            let at = row.len();
            let cells = self.cells(object, now);
            row.extend(cells.into_iter().zip(&shown).filter(|(_, s)| **s).map(|(c, _)| c));
            if options.with_kind
                && let Some(name) = row.get_mut(at)
            {
                *name = format!("{}/{name}", resource.kind_with_group());
            }
            for label in &options.label_columns {
                row.push(object.label(label).unwrap_or("").to_string());
            }
            if options.show_labels {
                row.push(columns::format_labels(object.value.at(&["metadata", "labels"])));
            }
            text.push_str(&row.iter().map(|c| clean(c)).collect::<Vec<_>>().join("\t"));
            text.push('\n');
        }
        text
    }
}

/// A cell on one line: kubectl cuts it at a line end, and escapes what would move the cursor.
fn clean(cell: &str) -> String {
    let line = match cell.find(['\n', '\r', '\u{c}']) {
        Some(at) => format!("{}...", &cell[..at]),
        None => cell.to_string(),
    };
    line.replace('\u{1b}', "^[")
}

/// Aligns the lines as `kubectl get` does.
pub fn align(lines: &str) -> String {
    tabwriter::align(lines, 6, 3)
}
