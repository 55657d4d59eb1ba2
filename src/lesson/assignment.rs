//! Assignments: which lessons, in which order, in which language, with or without hints, from which seed. As a link it is
//! short enough for a QR code, and no solution stands in it.

use super::course::Course;
use crate::locale::Lang;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

/// What a teacher sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// In the order in which they are to be done.
    pub lessons: Vec<SmolStr>,
    /// `None`: the browser's.
    pub lang: Option<Lang>,
    pub hints: bool,
    /// The seed of exams.
    pub seed: u64,
}

/// Why a code cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCode {
    /// It is no code of an assignment, or was cut.
    Broken,
    /// It was made by a newer version.
    Newer,
    /// It names lessons that this version does not have: so many.
    UnknownLessons(usize),
}

const VERSION: u8 = 1;
pub const MAX_LESSONS: usize = 100;
const HINTS: u8 = 1;
const KOREAN: u8 = 2;
const ENGLISH: u8 = 4;

impl Assignment {
    /// The code for the link's fragment. A lesson is two bytes, the beginning of a hash of its name, so that a code outlives
    /// new lessons and new orders.
    pub fn code(&self) -> String {
        let language = match self.lang {
            Some(Lang::Ko) => KOREAN,
            Some(Lang::En) => ENGLISH,
            None => 0,
        };
        let mut bytes = vec![VERSION, language | if self.hints { HINTS } else { 0 }];
        let mut seed = self.seed;
        loop {
            let low = (seed & 0x7f) as u8;
            seed >>= 7;
            bytes.push(if seed > 0 { low | 0x80 } else { low });
            if seed == 0 {
                break;
            }
        }
        for lesson in self.lessons.iter().take(MAX_LESSONS) {
            bytes.extend(mark(lesson));
        }
        let sum = Sha256::digest(&bytes);
        bytes.push(sum[0]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Reads a code.
    pub fn read(code: &str, course: &Course) -> Result<Assignment, BadCode> {
        if code.len() > 400 {
            return Err(BadCode::Broken);
        }
        let bytes = BASE64URL_NOPAD.decode(code.trim().as_bytes()).map_err(|_| BadCode::Broken)?;
        let (sum, bytes) = bytes.split_last().ok_or(BadCode::Broken)?;
        let [version, flags, rest @ ..] = bytes else { return Err(BadCode::Broken) };
        if Sha256::digest(bytes)[0] != *sum {
            return Err(BadCode::Broken);
        }
        if *version > VERSION {
            return Err(BadCode::Newer);
        }
        let length = rest.iter().position(|b| b & 0x80 == 0).ok_or(BadCode::Broken)? + 1;
        if length > 10 {
            return Err(BadCode::Broken);
        }
        let seed = rest[..length].iter().rev().fold(0_u64, |seed, b| (seed << 7) | u64::from(b & 0x7f));
        let marks = &rest[length..];
        if marks.len() % 2 != 0 || marks.is_empty() || marks.len() / 2 > MAX_LESSONS {
            return Err(BadCode::Broken);
        }
        let named = |pair: &[u8]| course.lessons.iter().find(|l| mark(&l.id)[..] == *pair).map(|l| l.id.clone());
        let lessons: Vec<SmolStr> = marks.chunks(2).filter_map(named).collect();
        if lessons.len() < marks.len() / 2 {
            return Err(BadCode::UnknownLessons(marks.len() / 2 - lessons.len()));
        }
        let lang = match flags & (KOREAN | ENGLISH) {
            KOREAN => Some(Lang::Ko),
            ENGLISH => Some(Lang::En),
            _ => None,
        };
        Ok(Assignment { lessons, lang, hints: flags & HINTS != 0, seed })
    }
}

/// The two bytes of a lesson.
pub fn mark(lesson: &str) -> [u8; 2] {
    let hash = Sha256::digest(lesson.as_bytes());
    [hash[0], hash[1]]
}
