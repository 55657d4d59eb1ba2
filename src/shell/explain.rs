//! What a line of output means, for those who ask: the words of real tools on one side, ours on the other.

use crate::locale::Message;

/// Words that a line must all contain, and what is said about it. The first row that fits counts.
const ROWS: &[(&[&str], &str)] = &[
    (&["no servers could be reached"], "shell.no_dns"),
    (&["Could not resolve host"], "shell.no_name"),
    (&["NXDOMAIN"], "shell.no_name"),
    (&["can't resolve"], "shell.no_name"),
    (&["bad address"], "shell.no_name"),
    (&["Name or service not known"], "shell.no_name"),
    (&["unknown host"], "shell.no_name"),
    (&["Could not connect"], "shell.refused"),
    (&["Couldn't connect"], "shell.refused"),
    (&["onnection refused"], "shell.refused"),
    (&["No route to host"], "shell.no_route"),
    (&["Host is unreachable"], "shell.no_route"),
    (&["Destination", "Unreachable"], "shell.no_route"),
    (&["timed out waiting for the condition"], "shell.waited"),
    (&["timed out"], "shell.timeout"),
    (&["Timeout was reached"], "shell.timeout"),
    (&["Empty reply from server"], "shell.empty_reply"),
    (&["Connection reset by peer"], "shell.reset"),
    (&["SSL certificate problem"], "shell.certificate"),
    (&["no alternative certificate subject name"], "shell.certificate_name"),
    (&["wrong version number"], "shell.not_tls"),
    (&["HTTP/0.9"], "shell.not_http"),
    (&["100% packet loss"], "shell.ping"),
    (&["503 Service Temporarily Unavailable"], "shell.http_503"),
    (&["504 Gateway"], "shell.http_504"),
    (&["502 Bad Gateway"], "shell.http_502"),
    (&["404 Not Found"], "shell.http_404"),
    (&["default backend - 404"], "shell.http_404"),
    (&["executable file not found"], "shell.no_program_in_image"),
    (&["command not found"], "shell.no_program"),
    (&["sh: ", ": not found"], "shell.no_program"),
    (&["doesn't have a resource type"], "shell.no_kind"),
    (&["no matches for kind"], "shell.no_version"),
    (&["(NotFound)", "namespaces "], "shell.no_namespace"),
    (&["(NotFound)"], "shell.not_found"),
    (&["(AlreadyExists)"], "shell.exists"),
    (&["(Forbidden)"], "shell.forbidden"),
    (&["(Conflict)"], "shell.conflict"),
    (&["the object has been modified"], "shell.conflict"),
    (&["provided port is already allocated"], "shell.port_taken"),
    (&["may not change once set"], "shell.immutable"),
    (&["field is immutable"], "shell.immutable"),
    (&["strict decoding error"], "shell.unknown_field"),
    (&["unknown field"], "shell.unknown_field"),
    (&["is invalid"], "shell.invalid"),
    (&["Invalid value"], "shell.invalid"),
    (&["Required value"], "shell.required"),
    (&["error converting YAML"], "shell.yaml"),
    (&["error parsing"], "shell.yaml"),
    (&["unknown flag"], "shell.flag"),
    (&["unknown shorthand flag"], "shell.flag"),
    (&["unknown command"], "shell.verb"),
    (&["exec [POD] [COMMAND] is not supported"], "shell.dashes"),
    (&["container not found"], "shell.no_container"),
    (&["a container name must be specified"], "shell.which_container"),
    (&["Defaulted container"], "shell.which_container"),
    (&["address already in use"], "shell.local_port"),
    (&["lost connection to pod"], "shell.lost_pod"),
    (&["Metrics API not available"], "shell.metrics"),
    (&["the path ", "does not exist"], "shell.path"),
    (&["No such file or directory"], "shell.path"),
    (&["Permission denied"], "shell.permission"),
    (&["No resources found"], "shell.nothing_here"),
    (&["Warning: ", "deprecated"], "shell.deprecated"),
    (&["is missing the kubectl.kubernetes.io/last-applied-configuration"], "shell.last_applied"),
    (&["syntax error"], "shell.syntax"),
    (&["unexpected EOF"], "shell.quote"),
    (&["Unable to use a TTY"], "shell.tty"),
    (&["ImagePullBackOff"], "shell.image"),
    (&["ErrImagePull"], "shell.image"),
    (&["CrashLoopBackOff"], "shell.crash"),
    (&["CreateContainerConfigError"], "shell.config"),
    (&["ContainerCreating"], "shell.creating"),
    (&["<pending>"], "shell.pending_address"),
    (&["  Pending  "], "shell.pending_pod"),
    (&["0/1     Running"], "shell.not_ready"),
    (&["0/2     Running"], "shell.not_ready"),
    (&["stopped: too much output"], "shell.too_much"),
    (&["command terminated with exit code"], "shell.exit_code"),
];

/// What there is to say about a line of output; `None` for lines that speak for themselves.
pub fn explain(line: &str) -> Option<Message> {
    ROWS.iter().find(|(words, _)| words.iter().all(|w| line.contains(w))).map(|(_, id)| Message::new(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::{Lang, text};
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_its_words_in_both_languages() {
        for (_, id) in ROWS {
            for lang in Lang::ALL {
                assert_ne!(text(lang, id, &[]), *id);
            }
        }
        let used: BTreeSet<&str> = ROWS.iter().map(|(_, id)| *id).collect();
        let unused: Vec<&str> = crate::locale::rows()
            .filter(|(area, id, ..)| *area == "terminal" && id.starts_with("shell.") && !used.contains(id))
            .map(|(_, id, ..)| id)
            .collect();
        assert!(unused.is_empty(), "never said: {unused:?}");
    }

    #[test]
    fn the_nearest_row_is_taken() {
        for (line, id) in [
            ("curl: (6) Could not resolve host: kimho", "shell.no_name"),
            ("curl: (7) Failed to connect to kimho port 406 after 0 ms: Could not connect to server", "shell.refused"),
            (
                "curl: (28) Failed to connect to 10.96.0.9 port 80 after 130000 ms: Connection timed out",
                "shell.timeout",
            ),
            ("Error from server (NotFound): namespaces \"x\" not found", "shell.no_namespace"),
            ("Error from server (NotFound): pods \"x\" not found", "shell.not_found"),
            (";; connection timed out; no servers could be reached", "shell.no_dns"),
            ("sh: curl: not found", "shell.no_program"),
        ] {
            assert_eq!(explain(line).map(|m| m.id), Some(id), "{line}");
        }
        assert_eq!(explain("NAME   READY   STATUS    RESTARTS   AGE"), None);
    }
}
