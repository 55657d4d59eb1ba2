//! `giljabi doctor`: what a real cluster, Helm or kustomize printed; who gets through, and if not, at which hop and why.

use crate::arguments::{Arguments, Format, Usage};
use crate::files;
use giljabi::api::json;
use giljabi::api::time::{EPOCH_SECS, Time};
use giljabi::doctor::{self, Severity};
use giljabi::locale::Lang;
use std::time::{SystemTime, UNIX_EPOCH};

/// What counts as "no" for the exit code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailOn {
    #[default]
    Error,
    Warning,
    Never,
}

impl FailOn {
    pub fn read(word: &str) -> Result<FailOn, Usage> {
        match word {
            "error" => Ok(FailOn::Error),
            "warning" => Ok(FailOn::Warning),
            "never" => Ok(FailOn::Never),
            other => Err(Usage(format!("--fail-on is error, warning or never, not {other:?}"))),
        }
    }
}

/// True when nothing is found that counts.
pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let (_, report) = doctor::diagnose(files::read_deep(&arguments.files)?);
    match arguments.format {
        Format::Text => print!("{}", doctor::text(&report, lang)),
        Format::Json => println!("{}", json::to_string_pretty(&doctor::json(&report, lang), 2)),
        Format::Sarif => {
            println!("{}", json::to_string_pretty(&doctor::sarif(&report, lang, env!("CARGO_PKG_VERSION")), 2));
        }
        Format::Junit => print!("{}", doctor::junit(&report, lang, &now())),
        other => return Err(Usage(format!("doctor prints text, json, sarif or junit, not {}", other.name()))),
    }
    let worst = report.worst();
    // An empty stream is what a program that failed before this one leaves: it must not pass for a healthy cluster.
    if report.objects == 0 && worst != Some(Severity::Error) && arguments.fail_on != FailOn::Never {
        return Err(Usage("there is no object in the files, so nothing was examined".to_string()));
    }
    Ok(match arguments.fail_on {
        FailOn::Error => worst != Some(Severity::Error),
        FailOn::Warning => !matches!(worst, Some(Severity::Error | Severity::Warning)),
        FailOn::Never => true,
    })
}

/// The time of day as JUnit has it: in UTC, without a zone.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    Time(since.saturating_sub(EPOCH_SECS) * 1_000_000).text().trim_end_matches('Z').to_string()
}
