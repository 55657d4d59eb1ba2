//! The unified diff that a refused change of a pod prints: lines compared as Python's difflib does it, since that is what
//! apimachinery's `util/diff` uses (go-difflib), three lines of context, no file names.

use crate::arrange::Arrange;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Above this many lines, lines that are more common than one in a hundred are not what a comparison starts from.
const POPULAR_FROM: usize = 200;
const CONTEXT: usize = 3;

/// The differences from `old` to `new`, or "" when there are none.
pub fn unified_diff(old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut out = String::new();
    for group in groups(&codes(&a, &b)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let _ = writeln!(out, "@@ -{} +{} @@", range(first.a.0, last.a.1), range(first.b.0, last.b.1));
        for code in &group {
            if code.equal {
                lines(&mut out, ' ', &a[code.a.0..code.a.1]);
            } else {
                lines(&mut out, '-', &a[code.a.0..code.a.1]);
                lines(&mut out, '+', &b[code.b.0..code.b.1]);
            }
        }
    }
    out
}

fn lines(out: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        let _ = writeln!(out, "{mark}{line}");
    }
}

/// `start,length` as a hunk's head has it: counted from 1, the length left out when it is 1.
fn range(start: usize, end: usize) -> String {
    match end - start {
        1 => format!("{}", start + 1),
        0 => format!("{start},0"),
        length => format!("{},{length}", start + 1),
    }
}

/// A run of lines that is equal in both, or that one side has in place of the other's.
#[derive(Clone, Copy)]
struct Code {
    equal: bool,
    a: (usize, usize),
    b: (usize, usize),
}

/// All runs, in order.
fn codes(a: &[&str], b: &[&str]) -> Vec<Code> {
    let mut out = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (x, y, size) in blocks(a, b) {
        if i < x || j < y {
            out.push(Code { equal: false, a: (i, x), b: (j, y) });
        }
        (i, j) = (x + size, y + size);
        if size > 0 {
            out.push(Code { equal: true, a: (x, i), b: (y, j) });
        }
    }
    out
}

/// The runs with no more than the context around what differs, one group a hunk.
fn groups(codes: &[Code]) -> Vec<Vec<Code>> {
    let mut codes = codes.to_vec();
    if let Some(first) = codes.first_mut().filter(|c| c.equal) {
        first.a.0 = first.a.0.max(first.a.1.saturating_sub(CONTEXT));
        first.b.0 = first.b.0.max(first.b.1.saturating_sub(CONTEXT));
    }
    if let Some(last) = codes.last_mut().filter(|c| c.equal) {
        last.a.1 = last.a.1.min(last.a.0 + CONTEXT);
        last.b.1 = last.b.1.min(last.b.0 + CONTEXT);
    }
    let (mut out, mut group): (Vec<Vec<Code>>, Vec<Code>) = (Vec::new(), Vec::new());
    for mut code in codes {
        if code.equal && code.a.1 - code.a.0 > 2 * CONTEXT {
            let head = Code { equal: true, a: (code.a.0, code.a.0 + CONTEXT), b: (code.b.0, code.b.0 + CONTEXT) };
            group.push(head);
            out.push(std::mem::take(&mut group));
            code.a.0 = code.a.1 - CONTEXT;
            code.b.0 = code.b.1 - CONTEXT;
        }
        group.push(code);
    }
    if group.iter().any(|c| !c.equal) {
        out.push(group);
    }
    out.retain(|g| g.iter().any(|c| !c.equal));
    out
}

/// Matching blocks `(in a, in b, length)` in order, touching ones joined, ended by an empty one.
fn blocks(a: &[&str], b: &[&str]) -> Vec<(usize, usize, usize)> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (j, line) in b.iter().enumerate() {
        places.entry(line).or_default().push(j);
    }
    if b.len() >= POPULAR_FROM {
        places.retain(|_, at| at.len() <= b.len() / 100 + 1);
    }
    let mut found = Vec::new();
    let mut todo = vec![(0, a.len(), 0, b.len())];
    while let Some((a_low, a_high, b_low, b_high)) = todo.pop() {
        let (i, j, size) = longest(a, b, &places, (a_low, a_high), (b_low, b_high));
        if size == 0 {
            continue;
        }
        found.push((i, j, size));
        if a_low < i && b_low < j {
            todo.push((a_low, i, b_low, j));
        }
        if i + size < a_high && j + size < b_high {
            todo.push((i + size, a_high, j + size, b_high));
        }
    }
    found.arrange();
    let mut joined: Vec<(usize, usize, usize)> = Vec::with_capacity(found.len() + 1);
    for (i, j, size) in found {
        match joined.last_mut() {
            Some(last) if last.0 + last.2 == i && last.1 + last.2 == j => last.2 += size,
            _ => joined.push((i, j, size)),
        }
    }
    joined.push((a.len(), b.len(), 0));
    joined
}

/// The longest run that both ranges have; of equally long ones the first in `a`, then the first in `b`.
fn longest(
    a: &[&str],
    b: &[&str],
    places: &BTreeMap<&str, Vec<usize>>,
    (a_low, a_high): (usize, usize),
    (b_low, b_high): (usize, usize),
) -> (usize, usize, usize) {
    let (mut best_i, mut best_j, mut best) = (a_low, b_low, 0);
    // How long the run is that ends at each place of `b` with the line before, and with this one.
    let mut lengths: Vec<(usize, usize)> = Vec::new();
    for (i, line) in a.iter().enumerate().take(a_high).skip(a_low) {
        let mut next: Vec<(usize, usize)> = Vec::with_capacity(lengths.len());
        let mut before = lengths.iter().peekable();
        for &j in places.get(line).map_or(&[][..], Vec::as_slice) {
            if j < b_low {
                continue;
            }
            if j >= b_high {
                break;
            }
            // Both lists are in order, so one walk finds the run that ends at the place before.
            while before.next_if(|(place, _)| place + 1 < j).is_some() {}
            let size = before.peek().filter(|(place, _)| place + 1 == j).map_or(0, |(_, size)| *size) + 1;
            next.push((j, size));
            if size > best {
                (best_i, best_j, best) = (i + 1 - size, j + 1 - size, size);
            }
        }
        lengths = next;
    }
    // Popular lines start no run, but they lengthen one.
    while best_i > a_low && best_j > b_low && a[best_i - 1] == b[best_j - 1] {
        (best_i, best_j, best) = (best_i - 1, best_j - 1, best + 1);
    }
    while best_i + best < a_high && best_j + best < b_high && a[best_i + best] == b[best_j + best] {
        best += 1;
    }
    (best_i, best_j, best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\ni";
        assert_eq!(unified_diff(old, new), "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n");
        assert_eq!(unified_diff(old, old), "");
        assert_eq!(unified_diff("a", "a\nb"), "@@ -1 +1,2 @@\n a\n+b\n");
    }
}
