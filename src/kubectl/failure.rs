//! How kubectl tells an error (`cmd/util/helpers.go`).

use crate::apiserver::status::Status;
use std::collections::BTreeSet;
use std::fmt::Write;

/// An error of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The server's answer.
    Server(Box<Status>),
    /// kubectl's own.
    Own(String),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        if status.code == 0 {
            return Failure::Own(status.message);
        }
        Failure::Server(Box::new(status))
    }
}

impl Failure {
    /// Adds what was being done with which file (`AddSourceToErr`).
    pub fn when(self, doing: &str, file: &str) -> Failure {
        let with = |message: &str| format!("error when {doing} {file:?}: {message}");
        match self {
            Failure::Server(mut status) => {
                status.message = with(&status.message);
                Failure::Server(status)
            }
            Failure::Own(message) => Failure::Own(with(&message)),
        }
    }

    /// The error as a line of its own, as it stands among several.
    fn line(&self) -> String {
        match self {
            Failure::Own(message) => message.clone(),
            Failure::Server(status) if status.reason.is_empty() => format!("Error from server: {}", status.message),
            Failure::Server(status) => format!("Error from server ({}): {}", status.reason, status.message),
        }
    }
}

/// What the command prints at its end: nothing without errors, all of them otherwise.
pub fn tell(failures: &[Failure]) -> String {
    let mut text = match failures {
        [] => return String::new(),
        [Failure::Server(status)] if status.reason == "Invalid" => invalid(status),
        [Failure::Own(message)] if !message.starts_with("error: ") => format!("error: {message}"),
        [one] => one.line(),
        many => many.iter().map(|f| f.line() + "\n").collect(),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// `The Service "web" is invalid: …`, one line a cause when there are several.
fn invalid(status: &Status) -> String {
    let mut text = match (status.kind.as_str(), status.name.as_str()) {
        ("", "") if status.causes.is_empty() => return format!("The request is invalid: {}", status.message),
        ("", "") => "The request is invalid".to_string(),
        (kind, name) => format!("The {kind} {name:?} is invalid"),
    };
    let mut seen = BTreeSet::new();
    let lines = status.causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message));
    let causes: Vec<String> = lines.filter(|line| seen.insert(line.clone())).collect();
    match &causes[..] {
        [] => {}
        [one] => {
            let _ = writeln!(text, ": {one}");
        }
        many => {
            text.push_str(": \n");
            many.iter().for_each(|line| {
                let _ = writeln!(text, "* {line}");
            });
        }
    }
    text
}
