//! `kubectl diff`: what apply would change, as `diff -u -N` prints it.

use super::{ADVANCED, Act, FILES, Verb};
use crate::api::value::Value;
use crate::api::yaml;
use crate::kubectl::apply;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::items;
use crate::kubectl::run::{DryRun, Run};

pub const VERB: Verb = Verb {
    names: &["diff"],
    group: ADVANCED,
    short: "Diff the live version against a would-be applied version",
    usage: "-f FILENAME",
    examples: "# What would change?\nkubectl diff -f web.yaml",
    flags: &[
        "concurrency# force-conflicts prune prune-allowlist= selector,l= server-side field-manager= show-managed-fields",
        FILES,
    ],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    if !call.flags.has("filename") {
        return Err(own("must specify one of -f and -k"));
    }
    let files = call.filenames()?;
    let mut options = call.options()?;
    options.dry_run = DryRun::Server;
    let mut differs = false;
    for item in items(call.cluster.store(), &files, &options) {
        let item = match item {
            Ok(item) => item,
            Err(failure) => {
                call.fail(failure);
                continue;
            }
        };
        let live = call.cluster.store().get(&item.resource.key(&item.namespace, &item.name)).map(|o| o.value.clone());
        // What apply would leave, worked out on a copy of the cluster.
        let mut copy = call.cluster.clone();
        let file = crate::kubectl::manifest::File { name: item.file.clone(), text: yaml::print(&item.object) };
        let mut plain = options.clone();
        plain.dry_run = DryRun::None;
        let mut run = Run::new(&mut copy, plain);
        apply::apply(&mut run, std::slice::from_ref(&file));
        let (output, failures) = run.take();
        // The note about a missing annotation is apply's, not diff's.
        let own_note = |l: &&str| !l.contains("last-applied-configuration");
        for warning in output.stderr.lines().filter(own_note).filter_map(|l| l.strip_prefix("Warning: ")) {
            call.warn(warning);
        }
        if !failures.is_empty() {
            failures.into_iter().for_each(|f| call.fail(f));
            continue;
        }
        let merged = copy.store().get(&item.resource.key(&item.namespace, &item.name)).map(|o| o.value.clone());
        let text = |value: Option<&Value>| value.map_or(String::new(), |v| yaml::print(&tidy(v)));
        let (before, after) = (text(live.as_ref()), text(merged.as_ref()));
        if before == after {
            continue;
        }
        differs = true;
        let name = format!(
            "{}.{}.{}.{}",
            item.resource.group_version.replace('/', "."),
            item.resource.kind,
            item.namespace,
            item.name
        );
        call.say(format!("diff -u -N /tmp/LIVE-0/{name} /tmp/MERGED-0/{name}"));
        call.say(format!("--- /tmp/LIVE-0/{name}\n+++ /tmp/MERGED-0/{name}"));
        let body = unified(&before, &after);
        call.streams.out.push_str(&body);
    }
    Ok(Next::Done(i32::from(differs)))
}

/// Without what changes at every write, and without kubectl's own note.
fn tidy(object: &Value) -> Value {
    let mut object = object.clone();
    object.remove_at(&["metadata", "managedFields"]);
    object.remove_at(&["metadata", "resourceVersion"]);
    object.remove_at(&["metadata", "annotations", apply::LAST_APPLIED]);
    if object.at(&["metadata", "annotations"]).and_then(Value::as_map).is_some_and(|m| m.is_empty()) {
        object.remove_at(&["metadata", "annotations"]);
    }
    object
}

/// The longest text that is compared line by line.
const MOST_LINES: usize = 3_000;

/// A unified diff with three lines of context (longest common subsequence).
pub fn unified(before: &str, after: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut marks: Vec<(char, &str)> = Vec::new();
    if a.len() > MOST_LINES || b.len() > MOST_LINES {
        marks.extend(a.iter().map(|l| ('-', *l)));
        marks.extend(b.iter().map(|l| ('+', *l)));
    } else {
        let mut longest = vec![vec![0_u16; b.len() + 1]; a.len() + 1];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                longest[i][j] =
                    if a[i] == b[j] { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                marks.push((' ', a[i]));
                (i, j) = (i + 1, j + 1);
            } else if i < a.len() && (j == b.len() || longest[i + 1][j] >= longest[i][j + 1]) {
                marks.push(('-', a[i]));
                i += 1;
            } else {
                marks.push(('+', b[j]));
                j += 1;
            }
        }
    }
    hunks(&marks)
}

fn hunks(marks: &[(char, &str)]) -> String {
    const CONTEXT: usize = 3;
    let mut out = String::new();
    let mut at = 0;
    let (mut line_a, mut line_b) = (1, 1);
    while let Some(offset) = marks[at..].iter().position(|(m, _)| *m != ' ') {
        let first = at + offset;
        let start = first.saturating_sub(CONTEXT).max(at);
        for (mark, _) in &marks[at..start] {
            line_a += usize::from(*mark != '+');
            line_b += usize::from(*mark != '-');
        }
        // The hunk goes on while changes are near.
        let mut end = first;
        while let Some(next) = marks[end..].iter().position(|(m, _)| *m != ' ') {
            if next > 2 * CONTEXT && end > first {
                break;
            }
            end += next + 1;
        }
        end = (end + CONTEXT).min(marks.len());
        let hunk = &marks[start..end];
        let (in_a, in_b) = (hunk.iter().filter(|m| m.0 != '+').count(), hunk.iter().filter(|m| m.0 != '-').count());
        let (from_a, from_b) =
            (if in_a == 0 { line_a - 1 } else { line_a }, if in_b == 0 { line_b - 1 } else { line_b });
        let range = |from: usize, count: usize| if count == 1 { from.to_string() } else { format!("{from},{count}") };
        out.push_str(&format!("@@ -{} +{} @@\n", range(from_a, in_a), range(from_b, in_b)));
        for (mark, line) in hunk {
            out.push_str(&format!("{mark}{line}\n"));
            line_a += usize::from(*mark != '+');
            line_b += usize::from(*mark != '-');
        }
        at = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn a_diff_has_hunks_with_context() {
        let (a, b) = ("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nfive\n6\n7\n8\n");
        assert_eq!(unified(a, b), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
        assert_eq!(unified("", "a\n"), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(unified("a\n", "a\n"), "");
    }
}
