//! A trace as a drawing: one column a place, time going down, every packet an arrow. No scripts, no outside fonts: it can be
//! put anywhere as it is.

use super::mermaid::is_told;
use super::place_name;
use crate::locale::Lang;
use crate::text::xml;
use crate::trace::{Direction, Hop, Place, StepKind, Trace, why};
use std::fmt::Write;

/// The width of a place's column, and the margin at both sides.
const COLUMN: usize = 250;
const LEFT: usize = 20;
/// Where the boxes of the places begin.
const TOP: usize = 24;
/// From one line of a text to the next, and around an arrow.
const LINE: usize = 15;
const GAP: usize = 10;
/// What stays free at the sides of a text in its column.
const AIR: usize = 16;

/// The drawing. Colours follow the screen: violet for DNS, blue for packets, amber for translation, red for failure.
pub fn trace(trace: &Trace, lang: Lang) -> String {
    let mut places: Vec<&Place> = Vec::new();
    for hop in &trace.hops {
        if !places.contains(&&hop.at) {
            places.push(&hop.at);
        }
    }
    let x = |place: &Place| LEFT + places.iter().position(|p| *p == place).unwrap_or(0) * COLUMN + COLUMN / 2;
    let names: Vec<Vec<String>> =
        places.iter().map(|place| wrapped(&place_name(place, lang), COLUMN - 2 * AIR)).collect();
    let heads = names.iter().map(Vec::len).max().unwrap_or(1) * LINE + GAP;
    let mut body = Drawing { text: String::new(), y: TOP + heads + GAP };
    let mut last: Option<&Hop> = None;
    for hop in &trace.hops {
        if let (Some(from), Some(packet)) = (last.filter(|l| l.at != hop.at), &hop.packet) {
            let (a, b) = (x(&from.at), x(&hop.at));
            body.y += GAP;
            body.write(&packet.to_string(), (a + b) / 2, a.abs_diff(b) - AIR, "#1d4ed8", "");
            body.y += GAP / 2;
            let dash = if hop.direction == Direction::Reply { " stroke-dasharray=\"5 4\"" } else { "" };
            let _ = writeln!(
                body.text,
                "<path d=\"M{a} {}H{b}\" stroke=\"#2563eb\" stroke-width=\"1.5\" fill=\"none\" marker-end=\"url(#a)\"{dash}/>",
                body.y
            );
        }
        for step in hop.steps.iter().filter(|s| is_told(&s.kind)) {
            body.y += GAP / 2;
            body.write(&why::step(step, lang), x(&hop.at), COLUMN - AIR, colour(&step.kind), "");
        }
        last = Some(hop);
    }
    body.y += GAP;
    let fill = if trace.outcome.is_success() { "#15803d" } else { "#dc2626" };
    let at = last.map_or(LEFT + COLUMN / 2, |hop| x(&hop.at));
    body.write(&why::symptom(&trace.outcome, lang), at, COLUMN - AIR, fill, " font-weight=\"bold\"");
    let (width, height) = (LEFT * 2 + places.len().max(1) * COLUMN, body.y + 40);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\"><defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#2563eb\"/></marker></defs><rect \
         width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    for (place, name) in places.iter().zip(&names) {
        let at = x(place);
        let mut head = Drawing { text: String::new(), y: TOP + (heads - name.len() * LINE) / 2 - 4 };
        head.lines(name, at, "#0f172a", "");
        let _ = write!(
            out,
            "<path d=\"M{at} {}V{}\" stroke=\"#cbd5e1\"/><rect x=\"{}\" y=\"{TOP}\" width=\"{}\" height=\"{heads}\" rx=\"6\" \
             fill=\"#f1f5f9\" stroke=\"#94a3b8\"/>{}",
            TOP + heads,
            height - 20,
            at - COLUMN / 2 + AIR / 2,
            COLUMN - AIR,
            head.text
        );
    }
    out + &body.text + "</svg>\n"
}

/// What is drawn so far, and how far down it has come.
struct Drawing {
    text: String,
    y: usize,
}

impl Drawing {
    /// A text in the middle of `at`, in as many lines as it needs in so much room.
    fn write(&mut self, text: &str, at: usize, room: usize, fill: &str, more: &str) {
        self.lines(&wrapped(text, room), at, fill, more);
    }

    /// A white edge keeps letters readable where a line passes behind them.
    fn lines(&mut self, lines: &[String], at: usize, fill: &str, more: &str) {
        for line in lines {
            self.y += LINE;
            let _ = writeln!(
                self.text,
                "<text x=\"{at}\" y=\"{}\" text-anchor=\"middle\" fill=\"{fill}\" stroke=\"#ffffff\" stroke-width=\"3\" \
                 paint-order=\"stroke\"{more}>{}</text>",
                self.y,
                xml(line)
            );
        }
    }
}

fn colour(kind: &StepKind) -> &'static str {
    match kind {
        StepKind::ResolverRead { .. }
        | StepKind::HostsFile { .. }
        | StepKind::DnsCached { .. }
        | StepKind::DnsQuery { .. }
        | StepKind::DnsAnswer { .. }
        | StepKind::DnsForwarded { .. } => "#7c3aed",
        StepKind::Dnat { .. } | StepKind::Snat { .. } | StepKind::Translated { .. } | StepKind::Balanced { .. } => {
            "#b45309"
        }
        StepKind::Rejected { .. }
        | StepKind::Dropped { .. }
        | StepKind::Refused { .. }
        | StepKind::Lost { .. }
        | StepKind::Stray { .. }
        | StepKind::TimedOut { .. } => "#dc2626",
        StepKind::Tls { .. } | StepKind::HttpRouted { .. } | StepKind::Mirrored { .. } => "#be185d",
        StepKind::Delivered { .. } | StepKind::HttpResponse { .. } | StepKind::Answered { .. } => "#15803d",
        _ => "#334155",
    }
}

/// How wide a letter is drawn at most, in tenths of a unit. What draws it has fonts of its own; Korean letters are as wide as high.
fn width(letter: char) -> usize {
    match letter {
        '\u{1100}'.. => 115,
        'A'..='Z' | '@' | '%' => 82,
        '.' | ',' | ':' | ';' | '\'' | 'i' | 'j' | 'l' | '|' | ' ' => 42,
        _ => 72,
    }
}

/// Lines of at most so many units, broken at spaces where there are any.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length: usize = word.chars().map(width).sum();
        if !line.is_empty() && used + width(' ') + length > room * 10 {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if !line.is_empty() {
            line.push(' ');
            used += width(' ');
        }
        for letter in word.chars() {
            if used + width(letter) > room * 10 && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(letter);
            used += width(letter);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_at_spaces_and_inside_words_that_are_too_long() {
        assert_eq!(wrapped("a bc def", 30), ["a bc", "def"]);
        assert_eq!(wrapped("coredns-57c84cb6c6", 60), ["coredns-", "57c84cb6", "c6"]);
        assert_eq!(wrapped("", 20), [""]);
        for text in ["10.244.1.3:35789 → 10.96.0.10:53 UDP", "서비스가 없어요. 그런 이름도 없어요", "WWWWWWWWWWWWWWWW"]
        {
            for line in wrapped(text, 90) {
                assert!(line.chars().map(width).sum::<usize>() <= 900, "{line}");
            }
        }
    }
}
