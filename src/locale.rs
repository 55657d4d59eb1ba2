//! The two languages of everything that we explain. What a real tool prints is English and verbatim, and is not here.
//!
//! Messages are data: `assets/locale/*.tsv`, rows of `id <TAB> English <TAB> Korean`, one file an area. `{name}` stands for
//! an argument. Korean particles agree with the word before them, so a row may write `{name:을}`, `{name:이}`, `{name:은}`,
//! `{name:과}`, `{name:으로}`: the form that fits the argument's last letter is chosen. English nouns agree with their count:
//! `{n|# pod|# pods}` says the first for 1 and the second for the rest, `#` being the number.

use crate::text::visible;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A language that the product speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lang {
    En,
    #[default]
    Ko,
}

impl Lang {
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Ko];

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ko => "ko",
        }
    }

    /// The language of a tag such as `ko-KR`; anything that is not Korean is English.
    pub fn from_tag(tag: &str) -> Lang {
        if tag.to_ascii_lowercase().starts_with("ko") { Lang::Ko } else { Lang::En }
    }
}

/// A message table: area name and text.
type Area = (&'static str, &'static str);

/// What the page says until its first request has arrived, of every area (a line `@area` begins its rows): a file of its own,
/// so that the browser does not have to get all the others before it can show something.
const AT_ONCE: &[Area] = &[("start", include_str!("../assets/locale/start.tsv"))];
/// What its panels say when they are drawn, likewise.
const PANELS: &[Area] = &[("panels", include_str!("../assets/locale/panels.tsv"))];
/// The tables of the areas. A new area is one file and one line here.
const LATER: &[Area] = &[
    ("trace", include_str!("../assets/locale/trace.tsv")),
    ("site", include_str!("../assets/locale/site.tsv")),
    ("app", include_str!("../assets/locale/app.tsv")),
    ("screen", include_str!("../assets/locale/screen.tsv")),
    ("api", include_str!("../assets/locale/api.tsv")),
    ("control", include_str!("../assets/locale/control.tsv")),
    ("load", include_str!("../assets/locale/load.tsv")),
    ("check", include_str!("../assets/locale/check.tsv")),
    ("export", include_str!("../assets/locale/export.tsv")),
    ("doctor", include_str!("../assets/locale/doctor.tsv")),
    ("lesson", include_str!("../assets/locale/lesson.tsv")),
    ("lessons", include_str!("../assets/locale/lessons.tsv")),
    ("terminal", include_str!("../assets/locale/terminal.tsv")),
];

type Table = HashMap<&'static str, (&'static str, &'static str)>;

fn row_of(id: &str) -> Option<(&'static str, &'static str)> {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| read(AT_ONCE)).get(id).copied().or_else(|| row_of_panels(id))
}

/// On its own, because it is what refers to the other tables: a first request that never comes here does not need them.
#[inline(never)]
fn row_of_panels(id: &str) -> Option<(&'static str, &'static str)> {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| read(PANELS)).get(id).copied().or_else(|| row_of_later(id))
}

/// On its own for the same reason: panels that say nothing unusual do not come here.
#[inline(never)]
fn row_of_later(id: &str) -> Option<(&'static str, &'static str)> {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| read(LATER)).get(id).copied()
}

fn read(areas: &'static [Area]) -> Table {
    rows_of(areas).map(|(_, id, en, ko)| (id, (en, ko))).collect()
}

/// Every row of every table: area, id, English, Korean.
pub fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    rows_of(AT_ONCE).chain(rows_of(PANELS)).chain(rows_of(LATER))
}

fn rows_of(areas: &'static [Area]) -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
    areas.iter().flat_map(|(area, text)| {
        let mut area = *area;
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(move |line| {
            if let Some(name) = line.strip_prefix('@') {
                area = name;
                return None;
            }
            let mut columns = line.split('\t');
            Some((area, columns.next()?, columns.next()?, columns.next()?))
        })
    })
}

/// A message that knows its id and its arguments, but not yet its language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    pub id: &'static str,
    pub args: Vec<(&'static str, String)>,
}

impl Message {
    pub fn new(id: &'static str) -> Message {
        Message { id, args: Vec::new() }
    }

    /// Adds an argument; `value` stands wherever the row has `{name}`.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Message {
        self.args.push((name, value.to_string()));
        self
    }

    pub fn text(&self, lang: Lang) -> String {
        let args: Vec<(&str, &str)> = self.args.iter().map(|(n, v)| (*n, v.as_str())).collect();
        text(lang, self.id, &args)
    }
}

/// The message `id` in `lang` with its arguments filled in. An id that no table has comes back as itself, which the tests
/// of the tables make impossible in what is shipped.
pub fn text(lang: Lang, id: &str, args: &[(&str, &str)]) -> String {
    let Some((en, ko)) = row_of(id) else { return id.to_string() };
    fill(if lang == Lang::Ko { ko } else { en }, args)
}

/// Fills `{name}`, `{name:을}` and `{name|one|many}` of a template.
pub fn fill(template: &str, args: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let Some(close) = rest[open..].find('}').map(|i| open + i) else {
            rest = &rest[open..];
            break;
        };
        let inside = &rest[open + 1..close];
        if let Some((name, forms)) = inside.split_once('|')
            && let Some((_, value)) = args.iter().find(|(n, _)| *n == name)
        {
            let (one, many) = forms.split_once('|').unwrap_or((forms, forms));
            out.push_str(&if *value == "1" { one } else { many }.replace('#', &visible(value)));
            rest = &rest[close + 1..];
            continue;
        }
        let (name, particle) = inside.split_once(':').unwrap_or((inside, ""));
        match args.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => {
                // Names and values are often a stranger's: nothing of them may hide.
                let value = visible(value);
                out.push_str(&value);
                out.push_str(agree(&value, particle));
            }
            None => out.push_str(&rest[open..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}

/// How the last sound of a word ends, as far as a particle cares.
#[derive(PartialEq)]
enum Ending {
    Vowel,
    Rieul,
    Consonant,
}

fn ending(word: &str) -> Ending {
    let mut letters = word.chars().rev().filter(|c| c.is_alphanumeric());
    let Some(last) = letters.next() else { return Ending::Vowel };
    let before = letters.next().unwrap_or(' ');
    let after_vowel = matches!(before, 'a' | 'e' | 'i' | 'o' | 'u');
    match last {
        '가'..='힣' => match (last as u32 - 0xAC00) % 28 {
            0 => Ending::Vowel,
            8 => Ending::Rieul,
            _ => Ending::Consonant,
        },
        // As Koreans read words aloud: server is 서버, target is 타깃, ping is 핑.
        'r' if before.is_ascii_lowercase() => Ending::Vowel,
        'b' | 'c' | 'k' | 'p' | 't' if after_vowel => Ending::Consonant,
        'g' if before == 'n' => Ending::Consonant,
        // name is 네임, line 라인, type 타입, rule 룰.
        'e' if word.ends_with("type") => Ending::Consonant,
        'e' if ends_silently(word, ['m', 'n']) => Ending::Consonant,
        'e' if ends_silently(word, ['l', 'l']) => Ending::Rieul,
        // Digits and single letters: 일, 칠, 팔 and L, R end in ㄹ; 영, 삼, 육 and M, N in another consonant.
        '1' | '7' | '8' | 'l' | 'L' | 'r' | 'R' => Ending::Rieul,
        '0' | '3' | '6' | 'm' | 'M' | 'n' | 'N' => Ending::Consonant,
        _ => Ending::Vowel,
    }
}

/// Whether a word ends in a vowel, one of two letters, and an e that is not heard.
fn ends_silently(word: &str, last: [char; 2]) -> bool {
    let mut letters = word.chars().rev().skip(1);
    letters.next().is_some_and(|c| last.contains(&c))
        && letters.next().is_some_and(|c| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u'))
}

fn agree<'a>(word: &str, particle: &'a str) -> &'a str {
    let end = ending(word);
    let closed = end != Ending::Vowel;
    match particle {
        "을" | "를" => {
            if closed {
                "을"
            } else {
                "를"
            }
        }
        "이" | "가" => {
            if closed {
                "이"
            } else {
                "가"
            }
        }
        "은" | "는" => {
            if closed {
                "은"
            } else {
                "는"
            }
        }
        "과" | "와" => {
            if closed {
                "과"
            } else {
                "와"
            }
        }
        "이라" | "라" => {
            if closed {
                "이라"
            } else {
                "라"
            }
        }
        "이에요" | "예요" => {
            if closed {
                "이에요"
            } else {
                "예요"
            }
        }
        "으로" | "로" => {
            if end == Ending::Consonant {
                "으로"
            } else {
                "로"
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_agree_with_the_word_before_them() {
        for (name, expected) in [
            ("서비스", "서비스를 서비스로 서비스와"),
            ("파드", "파드를 파드로 파드와"),
            ("포트 80", "포트 80을 포트 80으로 포트 80과"),
            ("kernel", "kernel을 kernel로 kernel과"),
            ("node-1", "node-1을 node-1로 node-1과"),
            ("echo-server", "echo-server를 echo-server로 echo-server와"),
            ("kimhotarget", "kimhotarget을 kimhotarget으로 kimhotarget과"),
            ("name", "name을 name으로 name과"),
            ("type", "type을 type으로 type과"),
            ("rule", "rule을 rule로 rule과"),
            ("node", "node를 node로 node와"),
        ] {
            assert_eq!(fill("{n:을} {n:으로} {n:과}", &[("n", name)]), expected);
        }
    }

    #[test]
    fn nouns_agree_with_their_count() {
        let told = |n: &str| fill("{n|# pod is|# pods are} ready", &[("n", n)]);
        assert_eq!(told("0"), "0 pods are ready");
        assert_eq!(told("1"), "1 pod is ready");
        assert_eq!(told("21"), "21 pods are ready");
    }

    /// A count of which one is possible has a noun that says so.
    #[test]
    fn no_row_counts_one_in_the_plural() {
        const COUNTS: [&str; 14] = [
            "n", "count", "total", "pods", "nodes", "services", "files", "edits", "hops", "objects", "errors",
            "warnings", "doors", "seconds",
        ];
        for (area, id, en, _) in rows() {
            for (i, _) in en.match_indices('{') {
                let Some((name, after)) = en[i + 1..].split_once('}') else { continue };
                let word: String = after.trim_start().chars().take_while(|c| c.is_ascii_alphabetic()).collect();
                // `s` alone is the unit.
                let counted = COUNTS.contains(&name) && after.starts_with(' ') && word.len() > 1 && word.ends_with('s');
                let verb = ["is", "has", "was", "does", "characters", "times"].contains(&word.as_str());
                assert!(!counted || verb, "{area}: {id} counts {{{name}}} {word}: write {{{name}|# one|# many}}");
            }
        }
    }

    #[test]
    fn every_row_has_both_languages_and_the_same_arguments() {
        let names = |text: &str| {
            let named = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
            let names = named.map(|(n, _)| n.split([':', '|']).next().unwrap_or(n).to_string());
            names.collect::<std::collections::BTreeSet<String>>()
        };
        let mut seen = std::collections::HashSet::new();
        for (area, id, en, ko) in rows() {
            assert!(seen.insert(id), "{area}: {id} stands twice");
            assert!(!en.is_empty() && !ko.is_empty(), "{area}: {id} lacks a language");
            assert_eq!(names(en), names(ko), "{area}: {id} has other arguments in Korean");
        }
        let lines: usize = AT_ONCE
            .iter()
            .chain(PANELS)
            .chain(LATER)
            .map(|(_, t)| t.lines().filter(|l| !l.is_empty() && !l.starts_with(['#', '@'])).count())
            .sum();
        assert_eq!(lines, rows().count(), "a row lacks columns");
    }
}
