//! Counting edits as a person counts them: typing on at one place is one edit, however many keys it takes. A new one begins
//! at another place, or after a look at what the last one did.

use super::model::Action;
use smol_str::SmolStr;
use std::ops::Range;

/// The edit that is going on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edits {
    /// Its file, and its lines as they are now.
    place: Option<(SmolStr, Range<usize>)>,
}

impl Edits {
    /// Takes a change of a file's text in; true when a new edit begins with it.
    pub fn change(&mut self, file: &str, before: &str, after: &str) -> bool {
        if before == after {
            return false;
        }
        let (old, new) = changed_lines(before, after);
        if let Some((_, lines)) = self.place.as_mut().filter(|(of, _)| of == file)
            && old.start <= lines.end
            && lines.start <= old.end
        {
            // What stood below the change has moved with it.
            let end = if lines.end > old.end { lines.end + new.end - old.end } else { new.end };
            *lines = lines.start.min(new.start)..end.max(new.end);
            return false;
        }
        self.place = Some((file.into(), new));
        true
    }

    /// Somebody looks at what came of it: the next change is another edit.
    pub fn look(&mut self) {
        self.place = None;
    }
}

/// The lines that differ, in the text before and in the text after.
pub fn changed_lines(before: &str, after: &str) -> (Range<usize>, Range<usize>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.split('\n').collect(), after.split('\n').collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    (same..old.len() - tail, same..new.len() - tail)
}

/// A change of a file as an action that does it again: the smallest run of lines whose text stands first where it changed, or
/// the whole file where there is none.
pub fn as_action(file: &str, before: Option<&str>, after: Option<&str>) -> Option<Action> {
    let whole = |text: &str| Action::Write { file: file.into(), text: text.to_string() };
    match (before, after) {
        (None, None) => None,
        (Some(_), None) => Some(Action::Remove { file: file.into() }),
        (None, Some(after)) => Some(whole(after)),
        (Some(before), Some(after)) if before == after => None,
        (Some(before), Some(after)) => {
            let (mut old, mut new) = changed_lines(before, after);
            let (old_lines, new_lines): (Vec<&str>, Vec<&str>) =
                (before.split('\n').collect(), after.split('\n').collect());
            loop {
                let at: usize = old_lines[..old.start].iter().map(|l| l.len() + 1).sum();
                let from = old_lines[old.clone()].join("\n");
                if !from.is_empty() && !old.is_empty() && !new.is_empty() && before.find(&from) == Some(at) {
                    let to = new_lines[new.clone()].join("\n");
                    return Some(Action::Edit { file: file.into(), from: from.into(), to: to.into() });
                }
                // A line more on each side, until the text is the first of its kind.
                if old.start == 0 && old.end == old_lines.len() {
                    return Some(whole(after));
                }
                (old.start, new.start) = (old.start.saturating_sub(1), new.start.saturating_sub(1));
                if old.end < old_lines.len() {
                    (old.end, new.end) = (old.end + 1, new.end + 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_on_is_one_edit() {
        let mut edits = Edits::default();
        let texts =
            ["a\nb\nc\nd\ne\n", "a\nb\nx\nd\ne\n", "a\nb\nxy\nd\ne\n", "a\nb\nxy\nz\nd\ne\n", "a\nb\nxy\nzz\nd\ne\n"];
        let begun: Vec<bool> = texts.windows(2).map(|w| edits.change("f", w[0], w[1])).collect();
        assert_eq!(begun, [true, false, false, false]);
        assert!(edits.change("f", texts[4], &texts[4].replace('a', "q")), "another place");
        assert!(edits.change("g", "a", "b"), "another file");
        edits.look();
        assert!(edits.change("g", "b", "c"), "after a look");
        assert!(!edits.change("g", "c", "c"), "nothing changed");
    }

    #[test]
    fn the_lines_that_differ_are_found() {
        assert_eq!(changed_lines("a\nb\nc", "a\nx\ny\nc"), (1..2, 1..3));
        assert_eq!(changed_lines("a\na", "a\na\na"), (2..2, 2..3));
        assert_eq!(changed_lines("", "a"), (0..1, 0..1));
    }

    #[test]
    fn a_change_becomes_an_action_that_does_it_again() {
        for (before, after) in [
            ("a\nb\nc\n", "a\nx\nc\n"),
            ("a\na\na\n", "a\na\nb\n"),
            ("a\nb\n", "a\nnew\nb\n"),
            ("a\nb\nc\n", "a\nc\n"),
            ("", "kind: Service\n"),
            ("x\n\ny\n", "x\n\n\ny\n"),
            ("p: 80\nq: 80\n", "p: 80\nq: 8080\n"),
        ] {
            let again = match as_action("f", Some(before), Some(after)).unwrap() {
                Action::Edit { from, to, .. } => before.replacen(from.as_str(), &to, 1),
                Action::Write { text, .. } => text,
                _ => String::new(),
            };
            assert_eq!(again, after, "{before:?}");
        }
        assert_eq!(as_action("f", Some("a"), Some("a")), None);
        assert_eq!(as_action("f", Some("a"), None), Some(Action::Remove { file: "f".into() }));
    }
}
