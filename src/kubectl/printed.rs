//! What a container has printed: the first lines of known servers, and what `echo`, `cat` and `ls` say in the command line of a
//! manifest.
//!
//! This is no shell either (see [`crate::runtime::command`]): straight lines of them and of `sleep`, and one loop around them.
//! Files are shown as they are now.
//! Whatever else a script does prints nothing here.

use crate::api::time::Time;
use crate::runtime::sandbox::START_ERROR;
use crate::runtime::{ContainerState, PodSandbox, Program, RunningContainer, command, image};

/// More lines are not kept: the kubelet turns logs over as well.
const MOST: usize = 20_000;

/// The lines of a container's run in `state`, up to `now`.
pub fn lines(sandbox: &PodSandbox, container: &RunningContainer, state: &ContainerState, now: Time) -> Vec<String> {
    let (start, end) = match state {
        ContainerState::Running { since } => (*since, now),
        ContainerState::Terminated { reason, .. } if reason == START_ERROR => return Vec::new(),
        ContainerState::Terminated { started, finished, .. } => (*started, *finished),
        ContainerState::Waiting { .. } => return Vec::new(),
    };
    if let Some(port) = container.taken_port {
        return refused_port(image::base_name(&container.image), port);
    }
    if let Some(Err(problem)) = &container.site {
        let entry = first_lines("nginx").iter().map(ToString::to_string);
        return entry.chain([format!("nginx: [emerg] {problem}")]).collect();
    }
    let words = container.words();
    let words: Vec<&str> = words.iter().map(|word| word.as_str()).collect();
    let script = match words[..] {
        ["echo" | "/bin/echo", ref rest @ ..] => {
            let shown = rest.iter().copied().filter(|word| *word != "-n" && *word != "-e");
            return vec![shown.collect::<Vec<_>>().join(" ")];
        }
        [program, ref operands @ ..] if matches!(program.rsplit('/').next(), Some("cat" | "ls")) => {
            return shown(sandbox, container, program, operands);
        }
        [shell, flag, text, ..] if is_shell(shell) && flag.starts_with('-') && flag.ends_with('c') => text,
        _ => "",
    };
    let mut lines = Script { sandbox, container, at: start, end, lines: Vec::new() };
    lines.run(script);
    if container.program == Program::Server {
        lines.lines.extend(first_lines(image::base_name(&container.image)).iter().map(ToString::to_string));
    }
    lines.lines
}

/// What `cat` and `ls` show of files.
fn shown(sandbox: &PodSandbox, container: &RunningContainer, program: &str, operands: &[&str]) -> Vec<String> {
    let paths = operands.iter().filter(|word| word.starts_with('/'));
    let name = program.rsplit('/').next().unwrap_or(program);
    let of_path = |path: &&str| -> Vec<String> {
        let text = sandbox.read_file(container, path, "");
        match (name, text) {
            ("cat", Some(text)) => text.lines().map(str::to_string).collect(),
            ("ls", Some(_)) => vec![path.to_string()],
            ("ls", None) if let Some(names) = sandbox.list_folder(container, path) => {
                names.iter().filter(|n| !n.starts_with('.')).map(ToString::to_string).collect()
            }
            _ => vec![format!("{name}: {path}: No such file or directory")],
        }
    };
    paths.flat_map(of_path).collect()
}

fn is_shell(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
}

/// What the server of an image prints when it starts: the first lines that people look for.
fn first_lines(image: &str) -> &'static [&'static str] {
    match image {
        "nginx" => &[
            "/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty, will attempt to perform configuration",
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
        ],
        "luksa/kubia" | "kubia" => &["Kubia server starting..."],
        "coredns/coredns" | "coredns" => &[".:53", "CoreDNS-1.13.1", "linux/amd64, go1.25.2, 1db4568"],
        "redis" => &["* Ready to accept connections tcp"],
        _ => &[],
    }
}

/// What a server prints whose port another one of the pod has, before it gives up.
fn refused_port(image: &str, port: u16) -> Vec<String> {
    match image {
        "nginx" | "nginxinc/nginx-unprivileged" => {
            let refused = format!("nginx: [emerg] bind() to 0.0.0.0:{port} failed (98: Address already in use)");
            let mut lines = vec![refused; 5];
            lines.push("nginx: [emerg] still could not bind()".into());
            lines
        }
        "httpd" => vec![
            format!("(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:{port}"),
            "no listening sockets available, shutting down".into(),
            "AH00015: Unable to open logs".into(),
        ],
        _ => vec![format!("listen tcp 0.0.0.0:{port}: bind: address already in use")],
    }
}

/// A script that is followed from its start on.
struct Script<'c> {
    sandbox: &'c PodSandbox,
    container: &'c RunningContainer,
    at: Time,
    end: Time,
    lines: Vec<String>,
}

impl Script<'_> {
    fn run(&mut self, text: &str) {
        let statements = statements(text);
        let compound =
            |s: &String| matches!(s.split_whitespace().next(), Some("while" | "until" | "for" | "if" | "case"));
        let Some(head) = statements.iter().position(compound) else {
            statements.iter().all(|statement| self.step(statement));
            return;
        };
        if !statements[..head].iter().all(|statement| self.step(statement)) {
            return;
        }
        // Only a loop that goes on is followed: `while true`, or `until` something that has not come yet.
        let endless = ["while true", "while :", "while [ true ]"].contains(&statements[head].as_str())
            || statements[head].starts_with("until ");
        let body = &statements[head + 1..];
        let (Some(done), true) = (body.iter().position(|s| s == "done"), endless) else { return };
        let Some(first) = body.first().and_then(|s| s.strip_prefix("do")) else { return };
        let body: Vec<&str> = [first].into_iter().chain(body[1..done].iter().map(String::as_str)).collect();
        loop {
            let (before, printed) = (self.at, self.lines.len());
            if !body.iter().all(|statement| self.step(statement)) || self.at == before || self.lines.len() == printed {
                return;
            }
        }
    }

    /// Follows one statement; false when the run is over or has printed enough.
    fn step(&mut self, statement: &str) -> bool {
        if self.at > self.end || self.lines.len() >= MOST {
            return false;
        }
        let statement = statement.trim_start();
        let (program, rest) = statement.split_once(char::is_whitespace).unwrap_or((statement, ""));
        match program {
            "echo" => self.lines.extend(self.said(rest.trim())),
            "sleep" => match command::sleep_time(rest.trim()) {
                Some(time) => self.at = self.at + time,
                None => return false,
            },
            "exit" | "exec" => return false,
            "cat" | "ls" if !rest.contains(['>', '|', '$', '*']) => {
                let operands: Vec<&str> = rest.split_whitespace().map(|w| w.trim_matches(['"', '\''])).collect();
                self.lines.extend(shown(self.sandbox, self.container, program, &operands));
            }
            _ => {}
        }
        true
    }

    /// What `echo` makes of its words; `None` where that takes a shell.
    fn said(&self, words: &str) -> Option<String> {
        let words = words.strip_prefix("-n ").or_else(|| words.strip_prefix("-e ")).unwrap_or(words);
        let mut out = String::new();
        let (mut quote, mut begun, mut gap) = (None, false, false);
        let mut rest = words;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if quote.is_none() && c.is_whitespace() {
                gap = begun;
                continue;
            }
            begun = true;
            if std::mem::take(&mut gap) {
                out.push(' ');
            }
            match (c, quote) {
                ('\'' | '"', None) => quote = Some(c),
                (_, Some(q)) if q == c => quote = None,
                ('\\', None | Some('"')) => {
                    out.extend(rest.chars().next());
                    rest = rest.get(rest.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
                }
                ('$', None | Some('"')) => {
                    let (value, left) = self.replaced(rest)?;
                    out.push_str(&value);
                    rest = left;
                }
                ('`' | '>' | '<' | '(' | ')' | '*' | '|', None) | ('`', Some('"')) => return None,
                _ => out.push(c),
            }
        }
        Some(out)
    }

    /// The value of what stands behind a `$`, and the text behind it.
    fn replaced<'t>(&self, rest: &'t str) -> Option<(String, &'t str)> {
        if let Some((inner, left)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            let value = match inner.trim() {
                "date" => self.at.as_date_says(),
                "hostname" => self.sandbox.hostname.to_string(),
                _ => return None,
            };
            return Some((value, left));
        }
        let (name, left) = match rest.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => rest.split_at(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return None;
        }
        let value = match self.container.env.get(name) {
            Some(value) => value.to_string(),
            None if name == "HOSTNAME" => self.sandbox.hostname.to_string(),
            None => String::new(),
        };
        Some((value, left))
    }
}

/// The statements of a script: what stands between `;`, `&&` and the ends of lines, outside of quotes.
fn statements(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quote = None;
    let mut before = ' ';
    for c in text.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(q)) if q == c => quote = None,
            (';' | '\n', None) => {
                found.push(String::new());
                before = c;
                continue;
            }
            ('&', None) if before == '&' => {
                found.push(String::new());
                before = ' ';
                continue;
            }
            ('&', None) => {
                before = c;
                continue;
            }
            _ => {}
        }
        before = c;
        found.last_mut().expect("one at least").push(c);
    }
    found.retain(|statement| !statement.trim().is_empty());
    found.into_iter().map(|statement| statement.trim().to_string()).collect()
}
