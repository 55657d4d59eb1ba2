//! `kubectl explain`: fields out of the one schema. The sentences are this project's own.

use super::{Act, BEGINNER, Verb};
use crate::api::schema::{Field, FieldType, Shape, Struct, schema};
use crate::kubectl::arguments::resource;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;

pub const VERB: Verb = Verb {
    names: &["explain"],
    group: BEGINNER,
    short: "Get documentation for a resource",
    usage: "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group] [-o|--output=plaintext|plaintext-openapiv2]",
    examples: "# What a service is made of\nkubectl explain service\n\n# One field\nkubectl explain service.spec.ports.targetPort\n\n# Everything below a field\nkubectl explain deployment.spec --recursive",
    flags: &["recursive api-version= output,o= max-depth#"],
    act: Act::Run(run),
};

/// How deep `--recursive` goes.
const DEEPEST: usize = 40;
/// What objects of all kinds have.
const COMMON: [&str; 3] = ["apiVersion", "kind", "metadata"];

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let [path] = &args[..] else {
        return Err(own(if args.is_empty() {
            "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a complete list of supported resources.\n"
        } else {
            "We accept only this format: explain RESOURCE\n"
        }));
    };
    let recursive = call.flags.is_on("recursive");
    let depth = call.flags.number("max-depth").unwrap_or(0);
    if depth != 0 && !recursive {
        return Err(own("--max-depth requires --recursive"));
    }
    if depth < 0 {
        return Err(own("--max-depth must be non-negative"));
    }
    let mut words = path.split('.').filter(|w| !w.is_empty());
    let first = words.next().unwrap_or("");
    let mut fields: Vec<&str> = words.collect();
    let mut found = resource(call.cluster.store(), first)?;
    // `deployments.apps.spec`: the group belongs to the resource.
    for taken in (1..=fields.len()).rev() {
        let with_group = format!("{first}.{}", fields[..taken].join("."));
        if let Some(exact) = crate::apiserver::resource::find_word(call.cluster.store(), &with_group) {
            found = exact;
            fields.drain(..taken);
            break;
        }
    }
    if let Some(version) = call.flags.get("api-version") {
        found = crate::apiserver::resource::find(call.cluster.store(), version, &found.kind).ok_or_else(|| {
            own(format!(
                "couldn't find resource for {}",
                crate::api::json::quote(&format!("{version}, Resource={}", found.plural))
            ))
        })?;
    }
    let mut text = String::new();
    if !found.group().is_empty() {
        text.push_str(&format!("GROUP:      {}\n", found.group()));
    }
    text.push_str(&format!("KIND:       {}\nVERSION:    {}\n\n", found.kind, found.version()));
    call.streams.out.push_str(&text);
    let about = schema().kind(&found.group_version, &found.kind).and_then(|k| k.en());
    // A kind that is kept as it comes has in common with all others what a node has beside its spec and status.
    let spelled = found.root.is_some();
    let Some(root) =
        found.root.or(schema().kind("v1", "Node").and_then(|k| k.root)).filter(|_| spelled || about.is_some())
    else {
        call.streams.out.push_str("DESCRIPTION:\n    <empty>\n");
        return Ok(Next::Done(0));
    };
    if !spelled && fields.first().is_some_and(|f| !COMMON.contains(f)) {
        return Err(own(format!(
            "the fields of {} are kept as they are written; they are not described here",
            found.kind
        )));
    }
    let text = if fields.is_empty() {
        let about = about.unwrap_or("<empty>");
        let rest =
            if spelled { "" } else { " Its other fields are kept as they are written; they are not described here." };
        let mut text = format!("DESCRIPTION:\n{}\n", wrap(&format!("{about}{rest}"), 76, 4));
        text.push_str("FIELDS:\n");
        for field in schema().at(root).fields_by_name().filter(|f| spelled || COMMON.contains(&f.name)) {
            item(&mut text, field, 1, recursive, depth as usize, &mut vec![schema().at(root).name]);
        }
        if recursive {
            text.push('\n');
        }
        text
    } else {
        let missing =
            || own(format!("field {} does not exist", crate::api::json::quote(fields.last().copied().unwrap_or(""))));
        let resolved = schema().resolve(root, fields.iter().copied()).ok_or_else(missing)?;
        one(resolved.field, recursive, depth as usize)
    };
    call.streams.out.push_str(&text);
    Ok(Next::Done(0))
}

/// One field with what is below it.
fn one(field: &Field, recursive: bool, depth: usize) -> String {
    let mut text = format!("FIELD: {} <{}>\n", field.name, field.ty.explain_name());
    if let Some(values) = field.listed_values() {
        text.push_str("ENUM:\n");
        for value in &values.values {
            text.push_str(&format!("    {}\n", if value.is_empty() { "\"\"" } else { value }));
        }
    }
    text.push_str(&format!("\nDESCRIPTION:\n{}", wrap(field.en().unwrap_or("<no description>"), 76, 4)));
    if let Some(below) = below(&field.ty) {
        text.push_str("\nFIELDS:\n");
        list(&mut text, below, 1, recursive, depth, &mut Vec::new());
        if recursive {
            text.push('\n');
        }
    }
    text
}

fn below(ty: &FieldType) -> Option<&'static Struct> {
    match &ty.shape {
        Shape::Struct(_) | Shape::List(_) | Shape::Map(_) => ty.element_struct(),
        _ => None,
    }
}

fn list(
    text: &mut String,
    of: &'static Struct,
    level: usize,
    recursive: bool,
    depth: usize,
    above: &mut Vec<&'static str>,
) {
    if level > DEEPEST || above.contains(&of.name) {
        return;
    }
    above.push(of.name);
    for field in of.fields_by_name() {
        item(text, field, level, recursive, depth, above);
    }
    above.pop();
}

fn item(text: &mut String, field: &Field, level: usize, recursive: bool, depth: usize, above: &mut Vec<&'static str>) {
    let indent = " ".repeat(level * 2);
    let required = if field.required { " -required-" } else { "" };
    text.push_str(&format!("{indent}{}\t<{}>{required}\n", field.name, field.ty.explain_name()));
    if let Some(values) = field.listed_values() {
        let quoted = |v: &&'static str| if v.is_empty() { "\"\"" } else { *v };
        let mut shown: Vec<&str> = values.values.iter().take(4).map(quoted).collect();
        if values.values.len() > 4 {
            shown.push("....");
        }
        text.push_str(&format!("{indent}enum: {}\n", shown.join(", ")));
    }
    if !recursive {
        let about = field.en().unwrap_or("<no description>");
        text.push_str(&wrap(about, 78 - level * 2, level * 2 + 2));
        text.push('\n');
    } else if (depth == 0 || level < depth)
        && let Some(inner) = below(&field.ty)
    {
        list(text, inner, level + 1, recursive, depth, above);
    }
}

/// Text in lines of at most `width` characters, each behind `indent` blanks.
fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
    out
}
