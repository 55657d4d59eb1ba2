//! What a terminal's screen makes of a program's bytes: escape sequences and control characters never reach the page.

use crate::text::visible;

/// The longest line that is shown whole; what stands behind is cut, and said to be.
const LONGEST_LINE: usize = 8_000;

/// Takes out escape sequences (colours, cursor movements, titles) and control characters, but for line ends, tabs, carriage
/// returns and backspaces.
pub fn plain(text: &str) -> String {
    if !text.bytes().any(|b| b < 0x20 && b != b'\n' || b == 0x7f) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // CSI: parameters, then one letter.
                Some('[') => drop(chars.by_ref().find(|c| ('@'..='~').contains(c))),
                // OSC: up to BEL or ESC \.
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || c == '\u{1b}' && chars.next_if_eq(&'\\').is_some() {
                            break;
                        }
                    }
                }
                Some('(' | ')') => drop(chars.next()),
                _ => {}
            },
            '\n' | '\t' | '\r' | '\u{8}' => out.push(c),
            c if (c as u32) < 0x20 || c == '\u{7f}' || ('\u{80}'..'\u{a0}').contains(&c) => {}
            c => out.push(c),
        }
    }
    out
}

/// A line as it is shown, after its carriage returns and backspaces: what is written later covers what was there.
pub fn settled(line: &str) -> String {
    let mut cells: Vec<char> = Vec::new();
    if line.contains(['\r', '\u{8}']) {
        let mut at = 0_usize;
        for c in line.chars() {
            match c {
                '\r' => at = 0,
                '\u{8}' => at = at.saturating_sub(1),
                c if at < cells.len() => {
                    cells[at] = c;
                    at += 1;
                }
                c => {
                    cells.push(c);
                    at += 1;
                }
            }
        }
    }
    let line = if cells.is_empty() { line.trim_matches('\r').to_string() } else { cells.into_iter().collect() };
    // What turns the direction of a text or takes no place in it shows as itself.
    let line = visible(&line);
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{} […]", &line[..end]),
        None => line.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_controls_never_reach_the_page() {
        for (text, shown) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("bell\u{7} nul\u{0}", "bell nul"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bplain", "plain"),
            ("open \u{1b}[", "open "),
            ("tab\there\nnext 한글", "tab\there\nnext 한글"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_later_covers() {
        assert_eq!(settled("  0%\r 50%\r100%"), "100%");
        assert_eq!(settled("abc\u{8}\u{8}X"), "aXc");
        assert_eq!(settled("dos\r"), "dos");
        assert!(settled(&"x".repeat(20_000)).chars().count() < LONGEST_LINE + 10);
    }
}
