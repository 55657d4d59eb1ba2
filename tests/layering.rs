//! Keeps the import table of ARCHITECTURE.md true: which module of the library may name which other, and that the core names
//! nothing of the browser, the clock, the file system or threads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Whoever explains something needs words for it, whoever points into the text needs ranges, and everybody sorts: the
/// vocabulary that every module above it may use.
const VOCABULARY: [&str; 5] = ["arrange", "later", "text", "locale", "diagnostic"];

/// Module → what it may import besides the vocabulary and itself. A row of two words joined by `::` is a part of a module.
const TABLE: [(&str, &[&str]); 20] = [
    ("arrange", &[]),
    ("later", &[]),
    ("text", &[]),
    ("locale", &["text"]),
    ("diagnostic", &[]),
    ("api", &[]),
    ("apiserver", &["api"]),
    ("runtime", &["api", "apiserver::store"]),
    ("controller", &["api", "apiserver", "runtime"]),
    ("network", &["api", "apiserver::store"]),
    ("trace", &["api", "network", "runtime", "apiserver::store", "apiserver::write"]),
    ("cluster", &["api", "apiserver", "controller", "network", "runtime", "trace"]),
    ("map", &["api", "network", "trace", "apiserver::store"]),
    ("kubectl", &["api", "apiserver", "controller", "network", "runtime", "trace", "cluster"]),
    ("workspace", &["api", "apiserver", "controller", "network", "runtime", "trace", "cluster", "kubectl"]),
    (
        "shell",
        &["api", "apiserver", "controller", "network", "runtime", "trace", "cluster", "kubectl", "workspace", "export"],
    ),
    ("lesson", &["api", "apiserver", "network", "runtime", "trace", "cluster", "kubectl", "workspace", "shell"]),
    ("export", &["api", "apiserver", "network", "runtime", "trace", "cluster", "kubectl", "workspace", "map"]),
    ("doctor", &["api", "apiserver", "network", "runtime", "trace", "cluster", "workspace", "export"]),
    ("lib", &[]),
];

/// What the pure core never names.
const IMPURE: [&str; 13] = [
    "leptos",
    "web_sys",
    "js_sys",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "gloo_events",
    "gloo_storage",
    "gloo_timers",
    "std::time",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
];

/// The two front doors: they may name the whole library, and nobody names them.
const DOORS: [&str; 3] = ["app", "bin", "main"];

#[test]
fn every_module_imports_only_what_its_row_allows() {
    let table: BTreeMap<_, _> = TABLE.into_iter().collect();
    let macros = exported_macros();
    let mut broken = Vec::new();
    let mut edges = 0;
    for file in rust_files() {
        let code = code_of(&fs::read_to_string(&file.path).unwrap());
        for path in library_paths(&code, &file.module) {
            // An exported macro lives at the crate's root, whichever module wrote it.
            if macros.contains(&path[0]) && path.len() == 1 {
                continue;
            }
            edges += 1;
            let (from, to) = (file.module[0].as_str(), path[0].as_str());
            if DOORS.contains(&to) && from != to {
                broken.push(format!("{}: {to} is a front door", file.shown()));
                continue;
            }
            if DOORS.contains(&from) || from == to {
                continue;
            }
            let Some(row) = table.get(from) else {
                broken.push(format!("{}: the module {from} has no row in the table", file.shown()));
                continue;
            };
            let part = path.iter().take(2).map(String::as_str).collect::<Vec<_>>().join("::");
            let vocabulary = VOCABULARY.contains(&to) && !VOCABULARY.contains(&from);
            let diagnostic = from == "diagnostic" && VOCABULARY.contains(&to);
            if !(vocabulary || diagnostic || row.contains(&to) || row.contains(&part.as_str())) {
                broken.push(format!("{}: {from} may not import {}", file.shown(), path.join("::")));
            }
        }
    }
    assert!(edges > 0, "no import was found: the test does not see the code");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut broken = Vec::new();
    for file in rust_files().into_iter().filter(|file| !DOORS.contains(&file.module[0].as_str())) {
        let words = words_of(&code_of(&fs::read_to_string(&file.path).unwrap()));
        for impure in IMPURE {
            let sought: Vec<&str> = impure.split("::").collect();
            let named = words.windows(3).any(|three| match sought[..] {
                [krate] => three[0] == krate && three[1] == "::",
                [krate, module] => three == [krate, "::", module],
                _ => false,
            });
            if named {
                broken.push(format!("{}: the core names {impure}", file.shown()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_the_browser_gets_sorts_through_arrange() {
    let of_the_browser = |file: &RustFile| !matches!(file.module[0].as_str(), "arrange" | "bin");
    let mut broken = Vec::new();
    for file in rust_files().into_iter().filter(of_the_browser) {
        let code = code_of(&fs::read_to_string(&file.path).unwrap());
        if code.split('.').skip(1).any(|call| call.starts_with("sort(") || call.starts_with("sort_")) {
            broken.push(format!("{}: a sort of its own weighs four kilobytes in the browser", file.shown()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn paths_are_read_as_rust_reads_them() {
    let code = code_of(
        "use crate::{api::{self, Object}, text::Span as S}; // use crate::app;\n\
         /* crate::shell */ let a = \"crate::lesson\"; super::super::network::f(); crate::value!(1); giljabi::trace::T; \
         let b = ['{', '\\'', 'x']; fn f<'a>(a: &'a str) {} mod tests { use super::own; fn g() {} use super::super::path; } use super::view;",
    );
    let paths = library_paths(&code, &["api".into(), "parse".into()]);
    let mut found: Vec<String> = paths.iter().map(|path| path.join("::")).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "api::Object",
            "api::parse::own",
            "api::path",
            "api::self",
            "api::view",
            "network::f",
            "text::Span",
            "trace::T",
            "value",
        ]
    );
}

struct RustFile {
    path: PathBuf,
    /// Its path as a module of the crate: `["api", "parse"]`; `["lib"]` for the root.
    module: Vec<String>,
}

impl RustFile {
    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

fn rust_files() -> Vec<RustFile> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(&src).unwrap().with_extension("");
                let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
                    module.pop();
                }
                files.push(RustFile { path, module });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The names of the macros that the library exports.
fn exported_macros() -> Vec<String> {
    let mut macros = Vec::new();
    for file in rust_files() {
        let words = words_of(&code_of(&fs::read_to_string(&file.path).unwrap()));
        macros.extend(
            words.windows(3).filter(|three| three[0] == "macro_rules" && three[1] == "!").map(|three| three[2].clone()),
        );
    }
    macros
}

/// The text without comments and without what stands inside quotes.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if char == '\'' {
            char_literal(rest)
        } else if char == 'r' && !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            raw_string(rest)
        } else if char == '"' {
            quoted(rest)
        } else {
            0
        };
        if skipped > 0 {
            code.push(' ');
            rest = &rest[skipped..];
        } else {
            code.push(char);
            rest = &rest[char.len_utf8()..];
        }
    }
    code
}

/// The length of the character literal that begins here; 0 if it is a lifetime.
fn char_literal(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |end| 3 + end + 1),
        Some((at, char)) if text[at + char.len_utf8()..].starts_with('\'') => at + char.len_utf8() + 1,
        _ => 0,
    }
}

/// The length of the string literal that begins here.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of the raw string literal that begins here; 0 if none does.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|char| *char == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let start = hashes + 2;
    text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
}

/// Identifiers, `::`, and every other character by itself.
fn words_of(code: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(char) = rest.chars().next() {
        let name = |char: char| char.is_alphanumeric() || char == '_';
        let length = if name(char) {
            rest.find(|char| !name(char)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            char.len_utf8()
        };
        words.push(rest[..length].to_string());
        rest = rest[length..].trim_start();
    }
    words
}

/// Every path in the code of a module that names something of the library, from the crate's root: `["api", "Object"]`.
fn library_paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let words = words_of(code);
    let mut found = Vec::new();
    // Where we are: a module inside the file (`mod tests { … }`) has a `super` of its own.
    let mut module = module.to_vec();
    let mut depth = 0_usize;
    let mut inner = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let next = |step: usize| words.get(at + step).map_or("", String::as_str);
        let begins = at == 0 || words[at - 1] != "::";
        match words[at].as_str() {
            "crate" | "giljabi" if begins && next(1) == "::" => {
                at = tree(&words, at + 2, Vec::new(), &mut found);
                continue;
            }
            "super" if begins && next(1) == "::" => {
                at = tree(&words, at + 2, module[..module.len() - 1].to_vec(), &mut found);
                continue;
            }
            "mod" if next(2) == "{" => {
                module.push(next(1).to_string());
                inner.push(depth);
                at += 1;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inner.last() == Some(&depth) {
                    inner.pop();
                    module.pop();
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.retain(|path| !path.is_empty());
    found
}

/// Reads what follows a path's `::`: a name, a group in braces, or `super`. Returns where it ends.
fn tree(words: &[String], mut at: usize, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    loop {
        match words.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while at < words.len() && words[at] != "}" {
                    at = if words[at] == "," { at + 1 } else { tree(words, at, path.clone(), found) };
                }
                return at + 1;
            }
            Some("super") => {
                path.pop();
                at += 1;
            }
            Some(name) if name.starts_with(|char: char| char.is_alphabetic() || char == '_') => {
                path.push(name.to_string());
                at += 1;
            }
            _ => return at + 1,
        }
        if words.get(at).is_none_or(|word| word != "::") {
            found.push(path);
            // `as` and its name belong to the same item of a group.
            return if words.get(at).is_some_and(|word| word == "as") { at + 2 } else { at };
        }
        at += 1;
    }
}
