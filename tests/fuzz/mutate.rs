//! How an input becomes another one.

/// Values that are seldom where one expects them.
const VALUES: &[&str] = &[
    "null",
    "~",
    "{}",
    "[]",
    "\"\"",
    "''",
    "-1",
    "0",
    "1",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "0x50",
    "014",
    "1:20",
    "1e400",
    "-1e-400",
    ".nan",
    ".inf",
    "true",
    "yes",
    "off",
    "2026-11-28",
    "길잡이",
    "😀",
    "\u{202e}abc",
    "a\u{200b}b",
    "\u{2028}",
    "__proto__",
    "constructor",
    "<script>alert(1)</script>",
    "10.96.0.1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "0.0.0.0/0",
    "None",
    "%s%n",
    "../../x",
    "*",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "1Ki",
    "100m",
    "1e3Gi",
];

/// Makes one to six changes.
pub fn mutate(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], pieces: &[&str]) {
    // Most of the time few changes: an input that is wrong in one place goes farther than one that is wrong in six.
    let changes = 1 + (random.u32(..).trailing_zeros() as usize).min(5);
    for _ in 0..changes {
        change(random, bytes, corpus, pieces);
    }
}

fn change(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], pieces: &[&str]) {
    let piece = |random: &mut fastrand::Rng| {
        let list = if random.bool() && !pieces.is_empty() { pieces } else { VALUES };
        list[random.usize(..list.len())].as_bytes().to_vec()
    };
    let at = random.usize(..=bytes.len());
    match random.u8(..14) {
        0 => drop(bytes.splice(at..at, piece(random))),
        1 => {
            let end = (at + 1 + random.usize(..24)).min(bytes.len());
            bytes.drain(at..end);
        }
        2 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
        3 if at < bytes.len() => {
            bytes[at] = *b"\n\t :-#'\"{}[]&*!|>%@`,?$()\\<=0".get(random.usize(..30)).unwrap_or(&b'\n')
        }
        4 => {
            // A part of it once more, there or elsewhere.
            let from = random.usize(..=bytes.len());
            let part = bytes[from..(from + random.usize(..200)).min(bytes.len())].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            let other = &corpus[random.usize(..corpus.len())];
            let from = random.usize(..=other.len());
            let part = other[from..(from + random.usize(..400)).min(other.len())].to_vec();
            bytes.splice(at..at, part);
        }
        6 => {
            // One that begins like this and ends like another.
            let other = &corpus[random.usize(..corpus.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.usize(..=other.len())..]);
        }
        7 => digits(random, bytes, at),
        8 => bytes.truncate(at),
        9 => {
            // Something short very often.
            let end = (at + 1 + random.usize(..12)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            let times = 1 << random.usize(..9);
            bytes.splice(at..at, part.repeat(times));
        }
        10 => {
            let other = &corpus[random.usize(..corpus.len())];
            bytes.extend_from_slice(b"\n---\n");
            bytes.extend_from_slice(other);
        }
        _ => lines(random, bytes, corpus, piece),
    }
}

/// Another number in place of one.
fn digits(random: &mut fastrand::Rng, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|i| at + i) else { return };
    let end = bytes[start..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |i| start + i);
    let new = match random.u8(..4) {
        0 => random.u8(..).to_string(),
        1 => random.u32(..).to_string(),
        2 => random.i64(..).to_string(),
        _ => String::new(),
    };
    bytes.splice(start..end, new.into_bytes());
}

/// Changes whole lines, as far as there are any.
fn lines(
    random: &mut fastrand::Rng,
    bytes: &mut Vec<u8>,
    corpus: &[Vec<u8>],
    piece: impl Fn(&mut fastrand::Rng) -> Vec<u8>,
) {
    if bytes.is_empty() {
        return;
    }
    let line = line_at(bytes, random.usize(..bytes.len()));
    match random.u8(..6) {
        0 => drop(bytes.drain(line)),
        1 => {
            let again = bytes[line.clone()].to_vec();
            bytes.splice(line.end..line.end, again);
        }
        2 => {
            // It goes to where another begins.
            let to = line_at(bytes, random.usize(..bytes.len())).start;
            let moved = bytes[line.clone()].to_vec();
            bytes.splice(to..to, moved.iter().copied());
            let shift = if to <= line.start { moved.len() } else { 0 };
            bytes.drain(line.start + shift..line.end + shift);
        }
        3 => {
            let blanks = bytes[line.clone()].iter().take_while(|b| **b == b' ').count();
            bytes.splice(line.start..line.start + blanks, std::iter::repeat_n(b' ', random.usize(..9)));
        }
        4 => {
            if let Some(colon) = bytes[line.clone()].windows(2).position(|w| w == b": ") {
                let mut value = piece(random);
                value.push(b'\n');
                bytes.splice(line.start + colon + 2..line.end, value);
            }
        }
        _ => {
            let other = &corpus[random.usize(..corpus.len())];
            if !other.is_empty() {
                let theirs = line_at(other, random.usize(..other.len()));
                bytes.splice(line.start..line.start, other[theirs].iter().copied());
            }
        }
    }
}

/// The line around a place, with its end.
fn line_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| at + i + 1);
    start..end
}
