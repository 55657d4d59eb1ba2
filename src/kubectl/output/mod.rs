//! What kubectl prints: tables as the API server fills them, YAML, JSON, names, and the three template languages.

pub mod age;
pub mod columns;
mod custom_columns;
pub mod gotemplate;
pub mod jsonpath;
mod kyaml;
mod sort;
pub mod table;
pub mod tabwriter;

pub use columns::cluster_event_times as columns_event_times;
pub use columns::{format_selector, host_port, load_balancer, node_roles, plain};
pub use custom_columns::CustomColumns;
pub use sort::sort_by;

use crate::api::json;
use crate::api::value::Value;
use crate::api::yaml;
use smol_str::SmolStr;

/// What a letter behind a backslash stands for in the quoted texts of both template languages.
fn unescaped(letter: char) -> char {
    match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        other => other,
    }
}

/// How objects are printed (`-o`).
#[derive(Clone, Debug)]
pub enum Format {
    /// A table; `wide` shows all columns.
    Table {
        wide: bool,
    },
    Yaml,
    /// YAML in braces, with every text quoted.
    KYaml,
    Json,
    Name,
    JsonPath(jsonpath::Template, String),
    JsonPathAsJson(jsonpath::Template),
    CustomColumns(CustomColumns),
    GoTemplate(gotemplate::Template, String),
}

/// The formats that every command knows but YAML, as kubectl names them when it does not know one.
const PRINTED: &str =
    "go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile";

fn unmatched(format: &str, allowed: &str) -> String {
    let format = json::quote(format);
    format!("unable to match a printer suitable for the output format {format}, allowed formats are: {allowed}")
}

/// Whether a command that prints what it made knows the format: there are no tables.
pub fn check_printed(output: &str) -> Result<(), String> {
    let name = output.split('=').next().unwrap_or("");
    let known = matches!(name, "" | "yaml") || PRINTED.split(',').any(|f| f == name);
    if known { Ok(()) } else { Err(unmatched(name, &format!("{PRINTED},yaml"))) }
}

impl Format {
    /// Reads the value of `-o`. `file` reads a template out of a file.
    pub fn parse(text: &str, file: &dyn Fn(&str) -> Option<String>) -> Result<Format, String> {
        let (name, argument) = match text.split_once('=') {
            Some((name, argument)) => (name, argument),
            None => (text, ""),
        };
        let from_file = |path: &str| {
            file(path).ok_or(format!("error reading --template {path}, open {path}: no such file or directory\n"))
        };
        match name {
            "" => Ok(Format::Table { wide: false }),
            "wide" => Ok(Format::Table { wide: true }),
            "yaml" => Ok(Format::Yaml),
            "kyaml" => Ok(Format::KYaml),
            "json" => Ok(Format::Json),
            "name" => Ok(Format::Name),
            "jsonpath" | "jsonpath-as-json" | "jsonpath-file" => {
                if argument.is_empty() {
                    return Err("template format specified but no template given".to_string());
                }
                let template = if name == "jsonpath-file" { from_file(argument)? } else { argument.to_string() };
                let parsed = jsonpath::Template::parse(&template)
                    .map_err(|e| format!("error parsing jsonpath {template}, {e}\n"))?;
                Ok(match name {
                    "jsonpath-as-json" => Format::JsonPathAsJson(parsed),
                    _ => Format::JsonPath(parsed, template),
                })
            }
            "custom-columns" | "custom-columns-file" => {
                let spec = if name == "custom-columns-file" { from_file(argument)? } else { argument.to_string() };
                let columns = if name == "custom-columns-file" {
                    CustomColumns::parse_file(&spec)?
                } else {
                    CustomColumns::parse(&spec)?
                };
                Ok(Format::CustomColumns(columns))
            }
            "go-template" | "template" | "go-template-file" | "templatefile" => {
                if argument.is_empty() {
                    return Err("template format specified but no template given".to_string());
                }
                let template = if name.ends_with("file") { from_file(argument)? } else { argument.to_string() };
                let parsed = gotemplate::Template::parse(&template)
                    .map_err(|e| format!("error parsing template {template}, template: output:1: {e}\n"))?;
                Ok(Format::GoTemplate(parsed, template))
            }
            _ => Err(unmatched(name, &format!("custom-columns,custom-columns-file,{PRINTED},wide,yaml"))),
        }
    }

    pub fn is_table(&self) -> bool {
        matches!(self, Format::Table { .. })
    }

    /// One object, in any format but a table.
    pub fn print(&self, object: &Value, name: &str) -> Result<String, String> {
        match self {
            Format::Table { .. } | Format::Name => Ok(format!("{name}\n")),
            Format::Yaml => Ok(yaml::print(object)),
            Format::KYaml => Ok(kyaml::print(object)),
            Format::Json => Ok(json::to_string_pretty(object, 4) + "\n"),
            Format::JsonPath(template, text) => template.print(object).map_err(|e| {
                format!(
                    "error executing jsonpath {}: Error executing template: {e}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t{text}\n\tobject given to jsonpath engine was:\n\t\t{}\n\n",
                    json::quote(text),
                    jsonpath::go_value(object)
                )
            }),
            Format::JsonPathAsJson(template) => {
                Ok(json::to_string_pretty(&Value::list(template.find(object)?), 4) + "\n")
            }
            Format::CustomColumns(columns) => columns.print(object),
            Format::GoTemplate(template, _) => template.print(object),
        }
    }
}

/// Several objects as a `v1` List.
pub fn list_of(items: Vec<Value>) -> Value {
    let mut list = crate::value!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "" } });
    list.set_at(&["items"], items);
    list
}

/// An object as kubectl shows it: without `managedFields`.
pub fn shown(object: &Value) -> Value {
    let mut object = object.clone();
    object.remove_at(&["metadata", "managedFields"]);
    object
}

/// `a/b`.
pub fn slashed(kind: &str, name: &str) -> SmolStr {
    smol_str::format_smolstr!("{kind}/{name}")
}
