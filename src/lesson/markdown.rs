//! A small, safe subset of Markdown, read into a typed tree: paragraphs, headings, lists, quotes, fenced code, `code`,
//! **strong**, *emphasis* and links to http(s). There is no HTML: whatever looks like it is text. Nothing here makes strings
//! that a browser would interpret.

/// A block of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Level 1 to 6.
    Heading(u8, Vec<Inline>),
    Paragraph(Vec<Inline>),
    List {
        ordered: bool,
        items: Vec<Vec<Inline>>,
    },
    Quote(Vec<Inline>),
    Code {
        language: String,
        text: String,
    },
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inline {
    Text(String),
    Code(String),
    Strong(Vec<Inline>),
    Emphasis(Vec<Inline>),
    Link { to: String, text: Vec<Inline> },
}

/// The longest text that is read; the rest is cut off.
const MAX_TEXT: usize = 64 << 10;
/// How deep emphasis and links may nest.
const MAX_DEPTH: usize = 4;

/// Reads a text.
pub fn read(text: &str) -> Vec<Block> {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut blocks = Vec::new();
    let mut paragraph = String::new();
    let mut lines = text[..end].lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(language) = trimmed.strip_prefix("```") {
            flush(&mut paragraph, &mut blocks);
            let mut code = String::new();
            for line in lines.by_ref().take_while(|l| l.trim() != "```") {
                code.push_str(line);
                code.push('\n');
            }
            blocks.push(Block::Code { language: language.trim().to_string(), text: code });
        } else if trimmed.is_empty() {
            flush(&mut paragraph, &mut blocks);
        } else if let Some((level, rest)) = heading(trimmed) {
            flush(&mut paragraph, &mut blocks);
            blocks.push(Block::Heading(level, inline(rest)));
        } else if let Some((ordered, rest)) = item(trimmed) {
            flush(&mut paragraph, &mut blocks);
            match blocks.last_mut() {
                Some(Block::List { ordered: same, items }) if *same == ordered => items.push(inline(rest)),
                _ => blocks.push(Block::List { ordered, items: vec![inline(rest)] }),
            }
        } else if let Some(rest) = trimmed.strip_prefix("> ") {
            flush(&mut paragraph, &mut blocks);
            blocks.push(Block::Quote(inline(rest)));
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(trimmed);
        }
    }
    flush(&mut paragraph, &mut blocks);
    blocks
}

fn flush(paragraph: &mut String, blocks: &mut Vec<Block>) {
    if !paragraph.is_empty() {
        blocks.push(Block::Paragraph(inline(paragraph)));
        paragraph.clear();
    }
}

fn heading(line: &str) -> Option<(u8, &str)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let rest = line.get(level..)?.strip_prefix(' ')?;
    (1..=6).contains(&level).then_some((level as u8, rest.trim()))
}

fn item(line: &str) -> Option<(bool, &str)> {
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some((false, rest.trim()));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line.get(digits..)?.strip_prefix(". ")?;
    (1..=3).contains(&digits).then_some((true, rest.trim()))
}

/// Reads a line's pieces.
pub fn inline(text: &str) -> Vec<Inline> {
    nested(text, 0)
}

fn nested(text: &str, depth: usize) -> Vec<Inline> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let found = match c {
            '`' => enclosed(rest, "`").map(|(inner, after)| (Inline::Code(inner.to_string()), after)),
            _ if depth >= MAX_DEPTH => None,
            '*' if rest.starts_with("**") => {
                enclosed(rest, "**").map(|(inner, after)| (Inline::Strong(nested(inner, depth + 1)), after))
            }
            '*' => enclosed(rest, "*")
                .filter(|(inner, _)| !inner.starts_with(' ') && !inner.ends_with(' '))
                .map(|(inner, after)| (Inline::Emphasis(nested(inner, depth + 1)), after)),
            '[' => link(rest, depth),
            _ => None,
        };
        match found {
            Some((piece, after)) => {
                if !plain.is_empty() {
                    pieces.push(Inline::Text(std::mem::take(&mut plain)));
                }
                pieces.push(piece);
                rest = after;
            }
            None => {
                plain.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Inline::Text(plain));
    }
    pieces
}

fn enclosed<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let inner = text.strip_prefix(mark)?;
    let end = inner.find(mark).filter(|end| *end > 0)?;
    Some((&inner[..end], &inner[end + mark.len()..]))
}

/// `[text](https://…)`. Any other address leaves the text as it is written.
fn link(text: &str, depth: usize) -> Option<(Inline, &str)> {
    let (label, after) = text.strip_prefix('[')?.split_once("](")?;
    let (to, after) = after.split_once(')')?;
    let safe = (to.starts_with("https://") || to.starts_with("http://"))
        && !to.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"' || c == '<');
    if !safe || label.contains(['[', ']']) {
        return None;
    }
    Some((Inline::Link { to: to.to_string(), text: nested(label, depth + 1) }, after))
}

/// The text without its marks, for labels and for reading aloud.
pub fn plain(pieces: &[Inline]) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Inline::Text(text) | Inline::Code(text) => out.push_str(text),
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Link { text: inner, .. } => {
                out.push_str(&plain(inner));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subset_is_read() {
        let blocks = read("# T\n\none `x`\n**two**\n\n- a\n- *b*\n\n1. c\n\n```yaml\na: 1\n```\n> q");
        assert_eq!(blocks.len(), 6);
        assert_eq!(blocks[1], Block::Paragraph(inline("one `x` **two**")));
        assert!(matches!(&blocks[2], Block::List { ordered: false, items } if items.len() == 2));
        assert_eq!(blocks[4], Block::Code { language: "yaml".into(), text: "a: 1\n".into() });
    }

    #[test]
    fn what_is_dangerous_stays_text() {
        for text in [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "[x](data:text/html,1)",
            "[x](https://a\" onclick=)",
            "![x](y)",
        ] {
            let found = inline(text);
            assert!(!found.iter().any(|p| matches!(p, Inline::Link { .. })), "{text}");
        }
        assert_eq!(plain(&inline("<b>x</b>")), "<b>x</b>");
        read(&"*".repeat(100_000));
        read(&"[".repeat(100_000));
    }
}
