//! What the editor offers while somebody types: names of fields, their values, and what a field is for. All of it is read
//! from the field reference; the text may be broken, so the place is worked out from indentation alone.

use crate::api::schema::{Field, KindInfo, Shape, Struct, Support, help_is_ready, schema};
use crate::arrange::Arrange;
use crate::locale::{self, Lang};
use crate::text::Span;

/// Something to write at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub label: String,
    /// What is written, with the colon of a key.
    pub insert: String,
    /// Its type, as `kubectl explain` names it.
    pub detail: String,
    /// One sentence on what it is for; empty while the sentences are not loaded.
    pub sentence: String,
}

/// What can stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// What the chosen one replaces.
    pub replaces: Span,
    pub items: Vec<Suggestion>,
}

/// What is known of the field under the pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The key in the text.
    pub span: Span,
    /// `spec.ports.targetPort`
    pub path: String,
    pub type_name: String,
    /// One sentence; empty while the sentences are not loaded.
    pub sentence: String,
    /// Further facts, a line each: default, since, values, not simulated.
    pub facts: Vec<String>,
}

/// What could be written at a byte offset.
pub fn complete(text: &str, offset: usize, lang: Lang) -> Suggestions {
    let place = Place::find(text, offset);
    let typed = &text[place.typed.start as usize..place.typed.end as usize];
    let mut items = match (&place.key, place.path.is_empty()) {
        (Some(key), true) if *key == "kind" => kinds(&place, lang),
        (Some(key), true) if *key == "apiVersion" => versions(&place),
        (Some(key), _) => place.field(key).map(values).unwrap_or_default(),
        (None, _) => place.owner().map(|owner| keys(owner, &place, lang)).unwrap_or_default(),
    };
    let wanted = typed.to_lowercase();
    items.retain(|s| s.label.to_lowercase().contains(&wanted) && s.insert.trim_end() != typed);
    // What begins so comes first; fields otherwise in their own order, names of kinds and values by length.
    items.arrange_by_key(|s| {
        (!s.label.to_lowercase().starts_with(&wanted), if place.key.is_some() { s.label.len() } else { 0 })
    });
    Suggestions { replaces: place.typed, items }
}

/// What is known of the key at a byte offset.
pub fn hover(text: &str, offset: usize, lang: Lang) -> Option<Card> {
    let (start, line) = line_at(text, offset);
    let read = Line::read(line)?;
    let key = read.key?;
    let span = Span::new(start + read.column, start + read.column + key.len());
    if !span.contains(offset) {
        return None;
    }
    let place = Place::find(text, start + read.column);
    if place.path.is_empty() && (key == "kind" || key == "apiVersion") {
        let kind = place.kind?;
        let sentence = if lang == Lang::Ko { kind.ko() } else { kind.en() };
        return Some(Card {
            span,
            path: kind.kind.to_string(),
            type_name: kind.group_version.to_string(),
            sentence: sentence.unwrap_or("").to_string(),
            facts: match kind.support {
                Support::Accepted => vec![locale::text(lang, "assist.unmodelled", &[])],
                _ => Vec::new(),
            },
        });
    }
    let field = place.field(key)?;
    let mut facts = Vec::new();
    if let Some(default) = field.default {
        facts.push(locale::text(lang, "assist.default", &[("value", default.trim_start_matches("= "))]));
    }
    if let Some(values) = field.values() {
        facts.push(locale::text(lang, "assist.values", &[("values", &values.values.join(", "))]));
    }
    if let Some(since) = field.since {
        facts.push(locale::text(lang, "assist.since", &[("version", since)]));
    }
    if field.unmodelled {
        facts.push(locale::text(lang, "assist.unmodelled", &[]));
    }
    let mut path: Vec<&str> = place.path.clone();
    path.push(key);
    Some(Card {
        span,
        path: path.join("."),
        type_name: field.ty.explain_name(),
        sentence: sentence(field, lang),
        facts,
    })
}

/// Whether the sentences are loaded; the browser fetches them when the first card or list is wanted.
pub fn sentences_ready() -> bool {
    help_is_ready()
}

fn sentence(field: &Field, lang: Lang) -> String {
    if lang == Lang::Ko { field.ko() } else { field.en() }.unwrap_or("").to_string()
}

fn keys(owner: &Struct, place: &Place, lang: Lang) -> Vec<Suggestion> {
    owner
        .fields()
        .iter()
        .filter(|f| !f.read_only && !place.siblings.contains(&f.name))
        .map(|f| Suggestion {
            label: f.name.to_string(),
            insert: match f.ty.shape {
                // What goes on below begins on the next line.
                Shape::Struct(_) | Shape::Map(_) | Shape::List(_) => format!("{}:", f.name),
                _ => format!("{}: ", f.name),
            },
            detail: f.ty.explain_name(),
            sentence: sentence(f, lang),
        })
        .collect()
}

fn values(field: &'static Field) -> Vec<Suggestion> {
    let item = |label: &str| Suggestion {
        label: label.to_string(),
        insert: label.to_string(),
        detail: String::new(),
        sentence: String::new(),
    };
    match (field.values(), &field.ty.shape) {
        (Some(values), _) => values.values.iter().filter(|v| !v.is_empty()).map(|v| item(v)).collect(),
        (None, Shape::Bool) => ["true", "false"].map(item).into(),
        (None, _) => field.default.filter(|d| !d.starts_with('=')).map(item).into_iter().collect(),
    }
}

fn kinds(place: &Place, lang: Lang) -> Vec<Suggestion> {
    let version = place.version.unwrap_or("");
    schema()
        .kinds()
        .iter()
        .filter(|k| version.is_empty() || k.group_version == version)
        .map(|k| Suggestion {
            label: k.kind.to_string(),
            insert: k.kind.to_string(),
            detail: k.group_version.to_string(),
            sentence: if lang == Lang::Ko { k.ko() } else { k.en() }.unwrap_or("").to_string(),
        })
        .collect()
}

fn versions(place: &Place) -> Vec<Suggestion> {
    let mut versions: Vec<&str> = schema()
        .kinds()
        .iter()
        .filter(|k| place.kind_name.is_none_or(|name| k.kind == name))
        .map(|k| k.group_version)
        .collect();
    versions.arrange();
    versions.dedup();
    let item =
        |v: &str| Suggestion { label: v.into(), insert: v.into(), detail: String::new(), sentence: String::new() };
    versions.into_iter().map(item).collect()
}

/// Where the cursor stands.
#[derive(Default)]
struct Place<'t> {
    kind: Option<&'static KindInfo>,
    kind_name: Option<&'t str>,
    version: Option<&'t str>,
    /// The keys above, outermost first.
    path: Vec<&'t str>,
    /// The key before the cursor, when its value is being written.
    key: Option<&'t str>,
    /// The word being written.
    typed: Span,
    /// Keys that the mapping has already.
    siblings: Vec<&'t str>,
}

/// A line: how far its content is indented, where a list dash stands, its key.
struct Line<'t> {
    /// The column of the last dash.
    dash: Option<usize>,
    /// The column of what follows indentation and dashes.
    column: usize,
    key: Option<&'t str>,
    /// The value behind the colon, without a comment.
    rest: &'t str,
}

impl<'t> Line<'t> {
    /// `None`: nothing but space or a comment.
    fn read(line: &'t str) -> Option<Line<'t>> {
        let (mut column, mut dash) = (0, None);
        let bytes = line.as_bytes();
        loop {
            match bytes.get(column) {
                Some(b' ') => column += 1,
                Some(b'-') if matches!(bytes.get(column + 1), None | Some(b' ')) => {
                    dash = Some(column);
                    column += 1;
                }
                _ => break,
            }
        }
        let content = &line[column..];
        if content.starts_with('#') || (content.trim().is_empty() && dash.is_none()) {
            return None;
        }
        let colon = content.find(':').filter(|i| matches!(content.as_bytes().get(i + 1), None | Some(b' ' | b'\r')));
        let key = colon.map(|i| &content[..i]).filter(|k| !k.is_empty() && !k.contains([' ', '"', '\'', '{', '[']));
        let rest = colon.map_or("", |i| content[i + 1..].trim());
        Some(Line { dash, column, key, rest })
    }
}

/// The start of the line at an offset, and the line.
fn line_at(text: &str, offset: usize) -> (usize, &str) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let start = text[..offset].rfind('\n').map_or(0, |i| i + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |i| offset + i);
    (start, &text[start..end])
}

impl<'t> Place<'t> {
    fn find(text: &'t str, offset: usize) -> Place<'t> {
        let (start, line) = line_at(text, offset);
        let mut length = offset.min(text.len()).saturating_sub(start).min(line.len());
        while !line.is_char_boundary(length) {
            length -= 1;
        }
        let before = &line[..length];
        let mut place = Place::default();
        let above = lines_of_document_above(text, start);
        let below = text[start..].lines().skip(1).take_while(|l| !l.starts_with("---"));
        let read = Line::read(line);
        let cursor = Line::read(before);
        let word = before.rfind([' ', '-', ':']).map_or(0, |i| i + 1);
        place.typed = Span::new(start + word, start + before.len());
        // In a value: `key: va|`.
        if let Some(Line { key: Some(key), column, .. }) = cursor
            && before.len() > column + key.len()
        {
            place.key = Some(key);
        }
        let (column, dash) = match (&read, &cursor) {
            (_, Some(line)) => (line.column, line.dash),
            (Some(line), None) if line.column == before.len() => (line.column, line.dash),
            _ => (before.len(), None),
        };
        let mut limit = dash.map_or(column, |d| d + 1);
        for line in above.iter().rev() {
            let Some(read) = Line::read(line) else { continue };
            if let Some(key) = read.key {
                if read.column == column && limit > column.saturating_sub(1) && dash.is_none() {
                    place.siblings.push(key);
                }
                if read.column < limit {
                    place.path.push(key);
                    limit = read.column;
                }
            }
            if let Some(dash) = read.dash
                && dash < limit
            {
                limit = dash + 1;
            }
            if limit == 0 {
                break;
            }
        }
        place.path.reverse();
        for line in above.iter().copied().chain(std::iter::once(line)).chain(below) {
            if let Some(Line { key: Some(key), column: 0, dash: None, rest }) = Line::read(line) {
                let rest = rest.split(" #").next().unwrap_or("").trim().trim_matches(['"', '\'']);
                match key {
                    "kind" if !rest.is_empty() => place.kind_name = Some(rest),
                    "apiVersion" if !rest.is_empty() => place.version = Some(rest),
                    _ => {}
                }
            }
        }
        if let Some(name) = place.kind_name {
            place.kind = match place.version {
                Some(version) => schema().kind(version, name),
                None => schema().kinds().iter().find(|k| k.kind == name),
            };
        }
        place
    }

    /// The struct whose fields can stand here.
    fn owner(&self) -> Option<&'static Struct> {
        let Some(root) = self.kind.and_then(|k| k.root) else {
            // Before there is a kind, every object begins the same way.
            return self.path.is_empty().then(|| schema().struct_("Service")).flatten();
        };
        if self.path.is_empty() {
            return Some(schema().at(root));
        }
        schema().resolve(root, self.path.iter().copied()).and_then(|found| found.ty.element_struct())
    }

    fn field(&self, key: &str) -> Option<&'static Field> {
        self.owner()?.field(key)
    }
}

/// The lines between the document's beginning and `start`.
fn lines_of_document_above(text: &str, start: usize) -> Vec<&str> {
    let mut lines: Vec<&str> = text[..start].lines().collect();
    if let Some(mark) = lines.iter().rposition(|l| l.starts_with("---")) {
        lines.drain(..=mark);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` in the text is the cursor.
    fn labels(text: &str) -> Vec<String> {
        let offset = text.find('|').expect("a cursor");
        complete(&text.replacen('|', "", 1), offset, Lang::En).items.into_iter().map(|s| s.label).collect()
    }

    #[test]
    fn fields_are_offered_where_they_belong() {
        let service = "apiVersion: v1\nkind: Service\nspec:\n  ports:\n  - name: http\n    tar|";
        assert_eq!(labels(service), ["targetPort"]);
        assert_eq!(labels("apiVersion: v1\nkind: Service\nspec:\n  ports:\n  - nodeP|"), ["nodePort"]);
        assert_eq!(labels("apiVersion: v1\nkind: Service\nspec:\n  sel|"), ["selector"]);
        assert!(labels("apiVersion: v1\nkind: Service\nspec:\n  |").contains(&"clusterIP".to_string()));
        let deployment = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - \
                          name: a\n        readinessProbe:\n          httpG|";
        assert_eq!(labels(deployment), ["httpGet"]);
        let second = "apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Pod\nspec:\n  restartP|";
        assert_eq!(labels(second), ["restartPolicy"]);
    }

    #[test]
    fn what_stands_already_is_not_offered_again() {
        let text = "apiVersion: v1\nkind: Service\nspec:\n  selector:\n    app: a\n  s|";
        assert!(!labels(text).contains(&"selector".to_string()));
    }

    #[test]
    fn values_are_offered_behind_the_colon() {
        let types = labels("apiVersion: v1\nkind: Service\nspec:\n  type: |");
        assert!(types.contains(&"NodePort".to_string()), "{types:?}");
        assert_eq!(labels("apiVersion: v1\nkind: Servi|"), ["Service", "ServiceAccount"]);
        assert_eq!(labels("kind: Ingress\napiVersion: net|"), ["networking.k8s.io/v1"]);
        assert_eq!(labels("apiVersion: v1\nkind: Service\nspec:\n  publishNotReadyAddresses: t|"), ["true"]);
    }

    #[test]
    fn a_card_tells_what_a_field_is_for() {
        let text = "apiVersion: v1\nkind: Service\nspec:\n  sessionAffinity: ClientIP\n";
        let card = hover(text, text.find("Affinity").unwrap(), Lang::Ko).expect("a card");
        assert_eq!((card.path.as_str(), card.type_name.as_str()), ("spec.sessionAffinity", "string"));
        assert!(card.sentence.contains("파드"), "{}", card.sentence);
        assert!(card.facts.iter().any(|f| f.contains("None")), "{:?}", card.facts);
        assert_eq!(hover(text, text.find("ClientIP").unwrap() + 3, Lang::Ko), None, "a value has no card");
    }

    #[test]
    fn any_text_and_any_place_give_an_answer() {
        let text = "가나: 다\n- - a:\n\t x\r\n  - 길:\n---\nkind: [\n  'q': \"";
        for offset in 0..=text.len() + 2 {
            complete(text, offset, Lang::Ko);
            hover(text, offset, Lang::En);
        }
    }
}
