//! What curl 8 prints for an outcome, and its exit code.

use super::Trace;
use super::outcome::{Outcome, Symptom};
use super::request::Scheme;
use crate::api::time::Duration;
pub use crate::network::dns::client::Printed;
use crate::runtime::serve::reason;

/// How curl was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CurlFlags {
    /// `-s`: no progress, no errors.
    pub silent: bool,
    /// `-S`: errors all the same.
    pub show_error: bool,
    /// `-i`: the answer's headers too.
    pub include: bool,
    /// `-I`: a HEAD request; the headers alone.
    pub head: bool,
    /// `-f`: an HTTP error is an error, and its body is not shown.
    pub fail: bool,
}

/// What `curl URL` prints without a progress meter (its output is no terminal's business here).
pub fn curl(trace: &Trace, flags: CurlFlags) -> Printed {
    let took = trace.ended.since(trace.started);
    let mut printed = Printed::default();
    match &trace.outcome {
        Outcome::Answered { response, .. } => {
            if flags.fail && response.status >= 400 {
                printed.exit_code = 22;
                printed.stderr = format!("curl: (22) The requested URL returned error: {}\n", response.status);
            } else {
                if (flags.include || flags.head) && response.status != 0 {
                    printed.stdout = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
                    // A server that sends no such header is written down with an empty one.
                    for (name, value) in response.headers.iter().filter(|(_, value)| !value.is_empty()) {
                        printed.stdout.push_str(&format!("{name}: {value}\r\n"));
                    }
                    printed.stdout.push_str("\r\n");
                }
                if !flags.head {
                    printed.stdout.push_str(&response.body);
                }
            }
        }
        Outcome::Failed(failure) => {
            let (code, words) = error(&failure.symptom, trace.request.to.scheme, took);
            printed.exit_code = code;
            printed.stderr = format!("curl: ({code}) {words}\n");
        }
    }
    if flags.silent && !flags.show_error {
        printed.stderr.clear();
    }
    printed
}

/// curl's exit code and message for a symptom; `took` is how long the request has run.
pub fn error(symptom: &Symptom, scheme: Scheme, took: Duration) -> (i32, String) {
    let millis = took.as_millis();
    match symptom {
        Symptom::CouldNotResolve { host } | Symptom::ResolveTimedOut { host } => {
            (6, format!("Could not resolve host: {host}"))
        }
        Symptom::ConnectionRefused { host, port } | Symptom::NoRoute { host, port } => {
            (7, format!("Failed to connect to {host} port {port} after {millis} ms: Could not connect to server"))
        }
        Symptom::ConnectTimedOut { host, port, after } if after.as_secs() >= 127 => {
            (28, format!("Failed to connect to {host} port {port} after {millis} ms: Could not connect to server"))
        }
        Symptom::ConnectTimedOut { after, .. } => {
            (28, format!("Connection timed out after {} milliseconds", after.as_millis().max(1)))
        }
        Symptom::NoAnswer { .. } | Symptom::NoDatagram { .. } => {
            (28, format!("Operation timed out after {millis} milliseconds with 0 bytes received"))
        }
        Symptom::EmptyReply if scheme == Scheme::Https => (35, "Recv failure: Connection reset by peer".into()),
        Symptom::EmptyReply => (52, "Empty reply from server".into()),
        Symptom::Tls { problem } if problem.starts_with("SSL") => (
            60,
            format!(
                "{problem}\nMore details here: https://curl.se/docs/sslcerts.html\n\ncurl failed to verify the legitimacy of \
                 the server and therefore could not\nestablish a secure connection to it. To learn more about this situation \
                 and\nhow to fix it, please visit the webpage mentioned above."
            ),
        ),
        Symptom::Tls { problem } => (35, problem.to_string()),
        Symptom::HttpError { status } => (22, format!("The requested URL returned error: {status}")),
        Symptom::NotHttp => (1, "Received HTTP/0.9 when not allowed".into()),
        Symptom::NoEcho => (28, format!("Operation timed out after {millis} milliseconds with 0 bytes received")),
        Symptom::ClientCannotRun { .. } => (126, "command terminated".into()),
    }
}
