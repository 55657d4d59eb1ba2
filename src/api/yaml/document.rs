//! A file's documents, told apart as kubectl does it (apimachinery `util/yaml`, `YAMLReader`): at lines that hold nothing but
//! `---`. What stands behind another kind of document start in the same part is never read, there as here.

use crate::text::Span;

/// A part of a file that is read as one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub span: Span,
    /// The lines before it, for line numbers that count in the whole file.
    pub first_line: usize,
}

/// The parts of a file in order. A part may hold nothing but comments.
pub fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut start, mut first_line, mut at) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let end = at + line.len();
        // A separator right at the start of a part belongs to the part, as in the real reader: line numbers count it.
        let separates = line.strip_prefix("---").is_some_and(|rest| rest.trim_end().is_empty()) && at > start;
        if separates {
            parts.push(Part { span: Span::new(start, at), first_line });
            (start, first_line) = (end, number + 1);
        }
        at = end;
    }
    if at > start {
        parts.push(Part { span: Span::new(start, at), first_line });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_end_within_its_last_line() {
        let text = "a: |\n  b";
        let reading = crate::api::yaml::read(text, crate::text::Span::new(0, text.len()));
        assert_eq!(reading.map(|r| r.value.text("a").to_string()), Ok("b\n".to_string()));
    }

    #[test]
    fn only_lines_of_three_dashes_separate() {
        let text = "---\na: 1\n--- \r\nb: |\n  ---x\n---\n";
        let parts: Vec<_> = split(text).iter().map(|p| (p.span.of(text), p.first_line)).collect();
        assert_eq!(parts, [("---\na: 1\n", 0), ("b: |\n  ---x\n", 3)]);
    }
}
