//! `-o custom-columns=NAME:.metadata.name,…`.

use super::gotemplate::show;
use super::jsonpath::{Template, relaxed};
use super::tabwriter;
use crate::api::value::Value;

#[derive(Clone, Debug)]
pub struct CustomColumns {
    columns: Vec<(String, Template)>,
    headers: bool,
}

impl CustomColumns {
    pub fn parse(spec: &str) -> Result<CustomColumns, String> {
        if spec.is_empty() {
            return Err("custom-columns format specified but no custom columns given".to_string());
        }
        let mut columns = Vec::new();
        for part in spec.split(',') {
            let Some((header, path)) = part.split_once(':') else {
                return Err(format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"));
            };
            columns.push((header.to_string(), Template::parse(&relaxed(path)?)?));
        }
        Ok(CustomColumns { columns, headers: true })
    }

    /// A file of two lines: headers, paths.
    pub fn parse_file(text: &str) -> Result<CustomColumns, String> {
        let mut lines = text.lines();
        let headers: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
        let paths: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
        if headers.len() != paths.len() {
            return Err(format!(
                "number of headers ({}) and field specifications ({}) don't match",
                headers.len(),
                paths.len()
            ));
        }
        let mut columns = Vec::new();
        for (header, path) in headers.iter().zip(paths) {
            columns.push((header.to_string(), Template::parse(&relaxed(path)?)?));
        }
        Ok(CustomColumns { columns, headers: true })
    }

    pub fn without_headers(mut self) -> CustomColumns {
        self.headers = false;
        self
    }

    /// The rows of an object, or of the items of a list.
    pub fn print(&self, object: &Value) -> Result<String, String> {
        let mut text = String::new();
        if self.headers {
            text.push_str(&self.columns.iter().map(|(h, _)| h.as_str()).collect::<Vec<_>>().join("\t"));
            text.push('\n');
        }
        let is_list = object.text("kind").ends_with("List") && object.get("items").is_some();
        let items = if is_list { object.items("items") } else { std::slice::from_ref(object) };
        for item in items {
            let mut cells = Vec::new();
            for (_, path) in &self.columns {
                let found: Vec<String> = path.find(item)?.iter().map(show).collect();
                cells.push(if found.is_empty() { "<none>".to_string() } else { found.join(",") });
            }
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        Ok(tabwriter::align(&text, 6, 3))
    }
}
