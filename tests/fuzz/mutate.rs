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
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    if lines.is_empty() {
        return;
    }
    let i = random.usize(..lines.len());
    match random.u8(..6) {
        0 => drop(lines.remove(i)),
        1 => lines.insert(i, lines[i].clone()),
        2 => {
            let j = random.usize(..lines.len());
            lines.swap(i, j);
        }
        3 => {
            let text: Vec<u8> = lines[i].iter().copied().skip_while(|b| *b == b' ').collect();
            lines[i] = [" ".repeat(random.usize(..9)).into_bytes(), text].concat();
        }
        4 => {
            if let Some(colon) = lines[i].windows(2).position(|w| w == b": ") {
                lines[i].truncate(colon + 2);
                lines[i].extend(piece(random));
                lines[i].push(b'\n');
            }
        }
        _ => {
            let other = &corpus[random.usize(..corpus.len())];
            let theirs: Vec<&[u8]> = other.split_inclusive(|b| *b == b'\n').collect();
            if !theirs.is_empty() {
                lines.insert(i, theirs[random.usize(..theirs.len())].to_vec());
            }
        }
    }
    *bytes = lines.concat();
}
