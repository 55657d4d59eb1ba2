//! A QR code for an assignment's link, as the outline of its dark modules.

use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write;

/// A drawn code: its side in modules, the quiet zone around it included, and an SVG path of what is dark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    pub side: i32,
    pub path: String,
}

/// The quiet zone that a reader needs on each side, in modules.
const QUIET: i32 = 4;

/// Draws a text; `None` when it is too long for any code.
pub fn draw(text: &str) -> Option<Drawn> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let from = x;
            while x < code.size() && code.get_module(x, y) {
                x += 1;
            }
            if x > from {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", from + QUIET, y + QUIET, x - from, x - from);
            }
            x += 1;
        }
    }
    Some(Drawn { side: code.size() + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn() {
        let drawn = draw("https://example.org/#/do/AQMB").unwrap();
        assert!(drawn.side >= 21 + 8);
        // The finder pattern in the upper left corner begins with seven dark modules.
        assert!(drawn.path.starts_with("M4 4h7v1h-7z"), "{}", &drawn.path[..40]);
        assert_eq!(draw(&"x".repeat(5_000)), None);
    }
}
