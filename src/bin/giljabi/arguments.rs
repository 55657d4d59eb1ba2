//! The command line: which command, which files, which options. What a person got wrong is told with the right form.

use crate::doctor::FailOn;
use crate::rules;
use giljabi::cluster::{ProxyMode, Settings};
use giljabi::trace::many::MOST;
use lexopt::prelude::*;
use smol_str::SmolStr;
use std::ffi::OsString;

/// How a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
    Mermaid,
    Svg,
    /// Capture files, one a point.
    Pcap,
    Sarif,
    Junit,
}

impl Format {
    const ALL: [(&str, Format); 7] = [
        ("text", Format::Text),
        ("json", Format::Json),
        ("mermaid", Format::Mermaid),
        ("svg", Format::Svg),
        ("pcap", Format::Pcap),
        ("sarif", Format::Sarif),
        ("junit", Format::Junit),
    ];

    pub fn name(self) -> &'static str {
        Format::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    fn read(word: &str) -> Result<Format, Usage> {
        let found = Format::ALL.iter().find(|(name, _)| *name == word).map(|(_, format)| *format);
        found.ok_or_else(|| Usage(format!("--format is text, json, mermaid, svg, pcap, sarif or junit, not {word:?}")))
    }
}

/// Everything that a command may be given. Each command reads what concerns it.
#[derive(Debug, Default)]
pub struct Arguments {
    pub files: Vec<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub node: Option<String>,
    pub count: u32,
    pub seed: u64,
    pub format: Format,
    pub mode: ProxyMode,
    /// As `--ipvs-scheduler` names it; empty: kube-proxy's default.
    pub scheduler: SmolStr,
    pub lang: Option<String>,
    /// The folder that capture files go to.
    pub out: Option<String>,
    /// Which findings of the doctor make it say no.
    pub fail_on: FailOn,
    /// Words behind the command.
    pub words: Vec<String>,
}

impl Arguments {
    /// The cluster that the files stand in.
    pub fn settings(&self) -> Settings {
        Settings {
            seed: self.seed,
            proxy_mode: self.mode,
            ipvs_scheduler: self.scheduler.clone(),
            ..Settings::default()
        }
    }
}

/// A command line that cannot be carried out, in words for the person who typed it.
#[derive(Debug)]
pub struct Usage(pub String);

/// Reads the command and its arguments. `None`: help is wanted.
pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Option<(String, Arguments)>, Usage> {
    let mut parser = lexopt::Parser::from_args(args);
    let mut arguments = Arguments { count: 1, seed: 1, ..Arguments::default() };
    let mut command = None;
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            // `-f a.yaml b.yaml` means both, as a shell's glob gives them.
            Short('f') | Long("filename") => {
                for value in parser.values().map_err(usage)? {
                    arguments.files.push(value.string().map_err(usage)?);
                }
            }
            Long("from") => arguments.from = Some(text(&mut parser)?),
            Long("to") => arguments.to = Some(text(&mut parser)?),
            Long("node") => arguments.node = Some(text(&mut parser)?),
            Long("lang") => arguments.lang = Some(text(&mut parser)?),
            Long("ipvs-scheduler") => arguments.scheduler = rules::scheduler(&text(&mut parser)?)?,
            Long("mode") => arguments.mode = rules::mode(&text(&mut parser)?)?,
            Long("count") => {
                arguments.count = number(&mut parser, "--count")?;
                if !(1..=MOST).contains(&u64::from(arguments.count)) {
                    return Err(Usage(format!("--count is a number from 1 to {MOST}, not {}", arguments.count)));
                }
            }
            Long("seed") => arguments.seed = number(&mut parser, "--seed")?,
            Long("format") => arguments.format = Format::read(&text(&mut parser)?)?,
            Long("fail-on") => arguments.fail_on = FailOn::read(&text(&mut parser)?)?,
            Long("out") => arguments.out = Some(text(&mut parser)?),
            Value(word) if matches!(command.as_deref(), Some("dns" | "lesson" | "grade")) => {
                arguments.words.push(word.string().map_err(usage)?)
            }
            Value(word) if command.is_none() => command = Some(word.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    match command {
        Some(command) => Ok(Some((command, arguments))),
        None => Ok(None),
    }
}

fn text(parser: &mut lexopt::Parser) -> Result<String, Usage> {
    parser.value().and_then(|v| v.string()).map_err(usage)
}

fn number<T: std::str::FromStr>(parser: &mut lexopt::Parser, option: &str) -> Result<T, Usage> {
    let value = text(parser)?;
    value.parse().map_err(|_| Usage(format!("{option} takes a whole number, not {value:?}")))
}

fn usage(error: lexopt::Error) -> Usage {
    Usage(error.to_string())
}
