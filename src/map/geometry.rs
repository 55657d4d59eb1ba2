//! Points, boxes and ways, in the units of the drawing (one unit is one CSS pixel at zoom 1).

use crate::text::visible;
use std::fmt::Write;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub fn new(x: f64, y: f64) -> Point {
        Point { x, y }
    }

    pub fn distance(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Rect {
    pub fn new(x: f64, y: f64, w: f64, h: f64) -> Rect {
        Rect { x, y, w, h }
    }

    pub fn right(self) -> f64 {
        self.x + self.w
    }

    pub fn bottom(self) -> f64 {
        self.y + self.h
    }

    pub fn center(self) -> Point {
        Point::new(self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    pub fn overlaps(self, other: Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    pub fn contains(self, p: Point) -> bool {
        (self.x..=self.right()).contains(&p.x) && (self.y..=self.bottom()).contains(&p.y)
    }
}

/// A way along points, with rounded corners when drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Way {
    pub points: Vec<Point>,
}

impl Way {
    pub fn new(points: Vec<Point>) -> Way {
        Way { points }
    }

    pub fn length(&self) -> f64 {
        self.points.windows(2).map(|w| w[0].distance(w[1])).sum()
    }

    /// The point at the fraction `t` (0 to 1) of the length.
    pub fn at(&self, t: f64) -> Point {
        let mut left = self.length() * t.clamp(0.0, 1.0);
        for w in self.points.windows(2) {
            let d = w[0].distance(w[1]);
            if left <= d && d > 0.0 {
                let f = left / d;
                return Point::new(w[0].x + (w[1].x - w[0].x) * f, w[0].y + (w[1].y - w[0].y) * f);
            }
            left -= d;
        }
        self.points.last().copied().unwrap_or_default()
    }

    /// The SVG path, its corners rounded by `radius`.
    pub fn path(&self, radius: f64) -> String {
        let mut d = String::new();
        let Some(first) = self.points.first() else { return d };
        let _ = write!(d, "M{:.1} {:.1}", first.x, first.y);
        for w in self.points.windows(3) {
            let (a, b, c) = (w[0], w[1], w[2]);
            let toward = |from: Point, to: Point, r: f64| {
                let d = from.distance(to).max(0.001);
                Point::new(from.x + (to.x - from.x) * r / d, from.y + (to.y - from.y) * r / d)
            };
            let r = radius.min(a.distance(b) / 2.0).min(b.distance(c) / 2.0);
            let (enter, leave) = (toward(b, a, r), toward(b, c, r));
            let _ = write!(d, "L{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}", enter.x, enter.y, b.x, b.y, leave.x, leave.y);
        }
        if let Some(last) = self.points.last() {
            let _ = write!(d, "L{:.1} {:.1}", last.x, last.y);
        }
        d
    }
}

/// The width of `text` at a font size: near enough to lay out by, without a font at hand.
pub fn text_width(text: &str, size: f64, mono: bool) -> f64 {
    let em: f64 = text
        .chars()
        .map(|c| match c {
            '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' => {
                if mono {
                    1.2
                } else {
                    0.93
                }
            }
            _ if mono => 0.605,
            'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' | '|' | '!' => 0.28,
            'm' | 'w' | 'M' | 'W' | '@' | '…' | '→' => 0.9,
            'A'..='Z' => 0.67,
            _ => 0.57,
        })
        .sum();
    em * size
}

/// `text`, with what hides in it made visible, cut in its middle so that it fits `width`; the end of a generated name tells more than its middle.
pub fn fit(text: &str, width: f64, size: f64, mono: bool) -> String {
    let text = &*visible(text);
    if text_width(text, size, mono) <= width {
        return text.to_string();
    }
    let chars: Vec<char> = text.chars().collect();
    for keep in (2..chars.len()).rev() {
        // The random end of a generated name is five long.
        let tail = (keep / 2).min(5).max(keep.saturating_sub(24) / 2);
        let cut: String = chars[..keep - tail].iter().chain(['…'].iter()).chain(&chars[chars.len() - tail..]).collect();
        if text_width(&cut, size, mono) <= width {
            return cut;
        }
    }
    "…".to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_walked_at_even_speed() {
        let way = Way::new(vec![Point::new(0.0, 0.0), Point::new(10.0, 0.0), Point::new(10.0, 30.0)]);
        assert_eq!(way.at(0.0), Point::new(0.0, 0.0));
        assert_eq!(way.at(0.5), Point::new(10.0, 10.0));
        assert_eq!(way.at(1.0), Point::new(10.0, 30.0));
        assert!(way.path(4.0).contains('Q'));
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(fit("client", 100.0, 13.0, false), "client");
        let cut = fit("kimho-7c9d8f6b5-x2k4p", 90.0, 13.0, false);
        assert!(cut.starts_with("kimho") && cut.ends_with("x2k4p") && cut.contains('…'), "{cut}");
    }
}
