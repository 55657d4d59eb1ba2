//! A file and what was read from it. After an edit only the documents are read that the edit changed: a file of a large cluster
//! holds hundreds, and a key changes one.

use super::locate::key_of;
use super::{File, Prepared};
use crate::api::object::ObjectKey;
use crate::api::parse::{MAX_TEXT, Manifest, Parsing};
use crate::api::schema::schema;
use crate::api::yaml;
use crate::diagnostic::Diagnostic;
use crate::text::LineIndex;
use std::sync::{Arc, OnceLock};

/// A file and what was read from it.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub file: File,
    pub manifests: Vec<Manifest>,
    /// The objects that they describe.
    pub keys: Vec<ObjectKey>,
    /// What the YAML reader has to say.
    pub reading: Vec<Diagnostic>,
    /// Whether the manifests are all that the text says, and nothing of it was left out on the way.
    whole: bool,
    lines: OnceLock<LineIndex>,
}

impl Open {
    /// Where its lines begin: many places of one file are asked for their lines.
    pub fn lines(&self) -> &LineIndex {
        self.lines.get_or_init(|| LineIndex::new(&self.file.text))
    }

    /// The file as it is after an edit. `open` are the files before it: what did not change is taken from there.
    pub fn after(open: &[Arc<Open>], file: File) -> Arc<Open> {
        match open.iter().find(|open| open.file.name == file.name) {
            Some(before) if before.whole && before.file.text == file.text => before.clone(),
            before => Arc::new(Open::read(before.map(|before| &**before).filter(|before| before.whole), file)),
        }
    }

    fn read(before: Option<&Open>, file: File) -> Open {
        let kept = before.map(|before| kept(before, &file)).unwrap_or_default();
        let mut parsing = Parsing::new(MAX_TEXT, &file.name, &file.text);
        let places: Vec<usize> = kept.iter().flatten().map(|kept| kept.place).collect();
        parsing.leave_out(|place| places.binary_search(&place).is_ok());
        while !parsing.go_on(&file.text, usize::MAX) {}
        let mut open = Open::of(Prepared { file, manifests: Vec::new(), reading: parsing.diagnostics, whole: true });
        let mut read = parsing.manifests.into_iter().flat_map(take_apart).peekable();
        for (key, manifest) in before.iter().flat_map(|before| before.described()) {
            let Some(Some(kept)) = kept.get(manifest.index) else { continue };
            while let Some(earlier) = read.next_if(|read| read.index < kept.place) {
                open.push(key_of(&earlier), earlier);
            }
            let mut manifest = Manifest { index: kept.place, ..manifest.clone() };
            if kept.moved != 0 {
                manifest.shift(kept.moved);
            }
            open.push(key.clone(), manifest);
        }
        read.for_each(|manifest| open.push(key_of(&manifest), manifest));
        open
    }

    pub fn of(prepared: Prepared) -> Open {
        let Prepared { file, manifests, reading, whole } = prepared;
        let keys = manifests.iter().map(key_of).collect();
        Open { file, manifests, keys, reading, whole, lines: OnceLock::new() }
    }

    fn push(&mut self, key: ObjectKey, manifest: Manifest) {
        self.keys.push(key);
        self.manifests.push(manifest);
    }

    /// The manifests with their objects.
    pub fn described(&self) -> impl Iterator<Item = (&ObjectKey, &Manifest)> {
        self.keys.iter().zip(&self.manifests)
    }

    pub fn is_broken(&self) -> bool {
        self.reading.iter().any(Diagnostic::is_error)
    }
}

/// A document that an edit left as it was.
#[derive(Clone, Copy)]
struct Kept {
    /// Its place in the file after the edit.
    place: usize,
    /// By how many bytes it moved.
    moved: i64,
}

/// The documents at the beginning and at the end of a file that an edit left as they were, by their places before it. Of a
/// document that says nothing, or of which there is something to say, none is kept.
fn kept(before: &Open, file: &File) -> Vec<Option<Kept>> {
    let (was, is) = (&before.file.text, &file.text);
    if was.len().max(is.len()) > MAX_TEXT {
        return Vec::new();
    }
    let (old, new) = (yaml::split(was), yaml::split(is));
    let same = |(a, b): &(&yaml::Part, &yaml::Part)| a.span.of(was) == b.span.of(is);
    let first = old.iter().zip(&new).take_while(same).count();
    let last = old[first..].iter().rev().zip(new[first..].iter().rev()).take_while(same).count();
    let mut kept = vec![None; old.len()];
    for Manifest { index, .. } in &before.manifests {
        if *index < first {
            kept[*index] = Some(Kept { place: *index, moved: 0 });
        } else if *index + last >= old.len() {
            let moved = is.len() as i64 - was.len() as i64;
            kept[*index] = Some(Kept { place: *index + new.len() - old.len(), moved });
        }
    }
    for diagnostic in &before.reading {
        let behind = old.partition_point(|part| part.span.start <= diagnostic.span.start);
        kept[behind.saturating_sub(1)] = None;
    }
    kept
}

/// A `v1` List is its items, each with its own place in the text; so is a list of one kind (`RoleBindingList`).
fn take_apart(manifest: Manifest) -> Vec<Manifest> {
    let (version, kind) = (manifest.value.text("apiVersion"), manifest.value.text("kind"));
    let element = kind.strip_suffix("List").unwrap_or("");
    let known = kind == "List" || schema().kind(version, element).is_some();
    if !known || manifest.value.get("items").is_none() {
        return vec![manifest];
    }
    manifest.items()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Settings;
    use crate::workspace::Workspace;

    fn file(text: &str) -> File {
        File { name: "f.yaml".into(), text: text.into() }
    }

    /// Every edit of `texts` one after the other gives what reading each text for itself gives.
    fn edits(texts: &[&str]) {
        let mut open = vec![Arc::new(Open::read(None, file(texts[0])))];
        for text in texts {
            let after = Open::after(&open, file(text));
            let anew = Open::read(None, file(text));
            assert_eq!(after.manifests, anew.manifests, "{text}");
            assert_eq!(after.keys, anew.keys, "{text}");
            assert_eq!(after.reading, anew.reading, "{text}");
            open = vec![after];
        }
    }

    #[test]
    fn what_is_taken_over_is_what_would_be_read() {
        let list = "kind: List\napiVersion: v1\nitems:\n- {kind: A, metadata: {name: 길}}\n- kind: B\n";
        let (one, two) = ("kind: Pod\nmetadata: {name: a}\n", "a: 1\nb: [x, {y: z}]\n");
        let join = |parts: &[&str]| parts.join("---\n");
        edits(&[
            &join(&[one, list, two]),
            &join(&[one, "kind: Pod\nmetadata: {name: longer}\n", list, two]),
            &join(&[list, two]),
            &join(&[one, list, "# nothing\n", two, one]),
            &join(&[one, list, "# nothing\n", "a: 1\na: 2\n", one, two]),
            &join(&["\n\n", one, list, "# nothing\n", "a: 1\na: 2\n", one, two]),
            &join(&["\n\n", one, list, "a: {\n", "a: 1\na: 2\n", "\tb\n", one]),
            &join(&["\n\n", one, list, "a: {}\n", "a: 1\na: 2\n", "\tb\n", one]),
            &join(&["\u{feff}\n", one, list, "a: {}\n", "\tb\n", one]).replace('\n', "\r\n"),
            "",
            one,
        ]);
    }

    #[test]
    fn an_edit_leaves_the_other_files_as_they_are() {
        let named = |name: &str, text: &str| File { name: name.into(), text: text.into() };
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}\n";
        let mut workspace = Workspace::new(Settings::default());
        workspace.set_files(vec![named("a", service), named("b", "kind: {\n"), named("c", "# nothing\n")]);
        let before = workspace.texts().0;
        let shared = |workspace: &Workspace| {
            before.iter().map(|old| workspace.files.iter().any(|new| Arc::ptr_eq(old, new))).collect::<Vec<_>>()
        };
        workspace.set_some(vec![named("c", "# else\n"), named("d", "")]);
        assert_eq!(shared(&workspace), [true, true, false]);
        let all = workspace.files().cloned().rev().collect();
        workspace.set_files(all);
        assert_eq!(shared(&workspace), [true, true, false]);
        assert_eq!(workspace.files().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    }

    #[test]
    fn an_edit_reads_only_what_it_changed() {
        let part = |i: usize| format!("kind: Service\nmetadata: {{name: s{i}}}\nspec: {{ports: [{{port: {i}}}]}}\n");
        let text = |ports: [usize; 5]| ports.map(part).join("---\n");
        let before = [Arc::new(Open::read(None, file(&text([1, 2, 3, 4, 5]))))];
        let after = Open::after(&before, file(&text([1, 2, 33, 4, 5])));
        let shared = |i: usize| before[0].manifests[i].value.is_same(&after.manifests[i].value);
        assert_eq!([0, 1, 2, 3, 4].map(shared), [true, true, false, true, true]);
        assert!(Arc::ptr_eq(&before[0], &Open::after(&before, before[0].file.clone())));
    }
}
