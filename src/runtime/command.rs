//! What a container's command line comes to, and how the few commands that exec probes and hooks run end.
//!
//! This is no shell: it recognises the commands that manifests of demos and lessons have (servers, sleeps, loops that wait for
//! a name, exits). The terminal has its own shell.

use super::image::{self, Entry};
use super::sandbox::{Program, RunningContainer};
use super::volumes::Volume;
use crate::api::time::Duration;
use crate::api::value::Value;
use smol_str::{SmolStr, format_smolstr};

/// The words of a container's process: `command` (else the image's entry point, empty here) and `args`.
pub fn words(container: &Value) -> Vec<SmolStr> {
    let list = |field: &str| container.items_at(&[field]).iter().filter_map(Value::as_smol);
    list("command").chain(list("args")).collect()
}

/// What the container does when it runs.
pub fn program(image_name: &str, container: &Value) -> Program {
    let image = image::find(image_name);
    let has_command = !container.items_at(&["command"]).is_empty();
    let words = words(container);
    let server = image.map_or(&[][..], |i| i.server);
    let starts_server = |text: &str| server.iter().any(|s| text.contains(s));
    // A shell with its input held open waits for what is typed.
    let shell = |w: &SmolStr| matches!(w.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"));
    let waits = match &words[..] {
        [] => matches!(image.map(|i| i.entry), Some(Entry::Exit(0))),
        [only] => shell(only),
        _ => false,
    };
    if container.flag("stdin") && waits {
        return Program::Sleep(None);
    }
    if !has_command {
        // Arguments alone go to the image's own entry point.
        let joined = words.join(" ");
        return match image.map(|i| i.entry) {
            None | Some(Entry::Serve) => match words.first().map(SmolStr::as_str) {
                Some("sh" | "bash" | "/bin/sh" | "/bin/bash" | "sleep") => of_words(&words, &starts_server),
                _ => Program::Server,
            },
            Some(Entry::ServeIfEnv(names)) => {
                let set = container.items_at(&["env"]).iter().any(|e| names.contains(&e.str_at(&["name"])));
                let from = !container.items_at(&["envFrom"]).is_empty();
                if set || from { Program::Server } else { Program::Exit { after: Duration::secs(1), code: 1 } }
            }
            Some(Entry::Sleep) if starts_server(&joined) || joined.starts_with("serve-hostname") => Program::Server,
            Some(Entry::Sleep) => Program::Sleep(None),
            Some(Entry::Exit(code)) if words.is_empty() => Program::Exit { after: Duration::ZERO, code },
            Some(Entry::Exit(_)) => of_words(&words, &starts_server),
        };
    }
    match of_words(&words, &starts_server) {
        // What an unknown image runs last in a script of the manifest is its server, unless it is a tool that ends.
        Program::Exit { .. } if image.is_none() && ends_in_a_program(&words) => Program::Server,
        program => program,
    }
}

/// Whether `sh -c TEXT` ends in a program that is none of the usual tools: `… && exec /app/serve`.
fn ends_in_a_program(words: &[SmolStr]) -> bool {
    let Some(at) = words.iter().position(|w| w.starts_with('-') && w.ends_with('c')) else { return false };
    let text = words.get(at + 1).map_or("", SmolStr::as_str);
    let last =
        text.split([';', '\n', '&', '|']).map(str::trim).rfind(|part| !part.is_empty() && !part.starts_with('#'));
    let mut parts = last.unwrap_or("").split_whitespace().skip_while(|w| *w == "exec" || w.contains('='));
    let Some(program) = parts.next().map(|w| w.rsplit('/').next().unwrap_or(w)) else { return false };
    !image::is_tool(program) && !SHELL_WORDS.contains(&program)
}

/// Words of the shell, and tools beyond those of the images, that end by themselves.
const SHELL_WORDS: &[&str] = &[
    "!",
    "(",
    ")",
    ":",
    "break",
    "cd",
    "continue",
    "curl",
    "done",
    "else",
    "esac",
    "exit",
    "export",
    "fi",
    "git",
    "kubectl",
    "nc",
    "openssl",
    "psql",
    "mysql",
    "redis-cli",
    "return",
    "set",
    "source",
    "tar",
    "then",
    "trap",
    "ulimit",
    "umask",
    "unset",
    "wait",
    "{",
    "}",
    "[[",
    "chmod",
    "chown",
    "cp",
    "mv",
    "ln",
];

/// The program that a container is to run and that its image certainly does not have.
pub fn lacking(image_name: &str, container: &Value) -> Option<SmolStr> {
    let first = container.items("command").first()?.as_smol()?;
    let name = first.rsplit('/').next().unwrap_or(&first);
    (image::surely_lacks(image_name, name) && !is_mounted(container, &first)).then_some(first)
}

/// The runtime's words for a program that is not there.
pub fn not_found(program: &str) -> SmolStr {
    if program.contains('/') {
        format_smolstr!("exec: \"{program}\": stat {program}: no such file or directory")
    } else {
        format_smolstr!("exec: \"{program}\": executable file not found in $PATH")
    }
}

/// Whether a command line starts the image's own server, or is none, so that the image's entry point does.
pub fn starts_own_server(image_name: &str, container: &Value) -> bool {
    let words = words(container);
    let server = image::find(image_name).map_or(&[][..], |i| i.server);
    image::find(image_name).is_some()
        && (words.is_empty() || server.iter().any(|s| words.iter().any(|w| w.contains(s))))
}

fn of_words(words: &[SmolStr], starts_server: &dyn Fn(&str) -> bool) -> Program {
    let Some(first) = words.first() else { return Program::Server };
    let name = first.rsplit('/').next().unwrap_or(first);
    match name {
        "sh" | "bash" | "ash" | "dash" => match words.iter().position(|w| w.starts_with('-') && w.ends_with('c')) {
            Some(at) => script(words.get(at + 1).map_or("", SmolStr::as_str), starts_server),
            // A script in a file: nobody here knows what it does; the main program of a container stays.
            None if words.get(1).is_some_and(|w| !w.starts_with('-')) => Program::Server,
            // An interactive shell without a terminal reads the end of its input.
            None => Program::Exit { after: Duration::ZERO, code: 0 },
        },
        "sleep" => Program::Sleep(sleep_time(words.get(1).map_or("", SmolStr::as_str))),
        "tail" if words.iter().any(|w| w.contains("-f") || w.contains("-F")) => Program::Sleep(None),
        "cat" if words.len() == 1 => Program::Exit { after: Duration::ZERO, code: 0 },
        "true" | "echo" | "ls" | "env" | "printenv" | "date" | "hostname" | "cp" | "mv" | "mkdir" | "touch"
        | "chmod" | "chown" => Program::Exit { after: Duration::millis(50), code: 0 },
        "false" => Program::Exit { after: Duration::millis(50), code: 1 },
        "wget" | "curl" | "nslookup" | "ping" => Program::Exit { after: Duration::millis(500), code: 0 },
        _ => Program::Server,
    }
}

/// The time of `sleep`; `None` for ever.
pub fn sleep_time(word: &str) -> Option<Duration> {
    let (digits, unit) = word.split_at(word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len()));
    let scale = match unit {
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => 1.0,
    };
    let seconds = digits.parse::<f64>().ok()? * scale;
    (0.0..1e9).contains(&seconds).then(|| Duration::micros((seconds * 1e6) as u64))
}

/// What `sh -c TEXT` comes to.
fn script(text: &str, starts_server: &dyn Fn(&str) -> bool) -> Program {
    if let Some(name) = waits_for_name(text) {
        return Program::UntilName(name);
    }
    let endless = ["while true", "while :", "while [ true ]", "while sleep", "sleep infinity", "tail -f /dev/null"];
    if endless.iter().any(|e| text.contains(e)) && !starts_server(text) {
        return Program::Sleep(None);
    }
    if starts_server(text) {
        return Program::Server;
    }
    // Step by step: sleeps add up, an exit ends it.
    let mut after = Duration::millis(50);
    let mut code = 0;
    for part in text.split([';', '\n', '&', '|']).map(str::trim).filter(|p| !p.is_empty()) {
        let mut parts = part.split_whitespace();
        match parts.next().map(|c| c.rsplit('/').next().unwrap_or(c)) {
            Some("sleep") => match sleep_time(parts.next().unwrap_or("")) {
                Some(time) => after = after + time,
                None => return Program::Sleep(None),
            },
            Some("exit") => {
                return Program::Exit { after, code: parts.next().and_then(|c| c.parse().ok()).unwrap_or(code) };
            }
            Some("false") => code = 1,
            Some("true") => code = 0,
            Some("nc" | "socat" | "python" | "python3" | "node" | "java" | "ruby" | "php" | "serve") => {
                return Program::Server;
            }
            _ => code = 0,
        }
    }
    if after >= Duration::secs(3_600) { Program::Sleep(Some(after)) } else { Program::Exit { after, code } }
}

/// The name that an `until nslookup NAME` (or `until getent hosts NAME`) loop waits for.
fn waits_for_name(text: &str) -> Option<SmolStr> {
    let at = text.find("until ")?;
    let mut words = text[at + 6..].split_whitespace().skip_while(|w| *w == "!");
    let tool = words.next()?;
    if !matches!(tool, "nslookup" | "getent" | "host" | "dig") {
        return None;
    }
    let name = words.find(|w| !w.starts_with('-') && *w != "hosts")?;
    Some(name.trim_end_matches([';', '.']).into())
}

/// How a command ends that a probe or a hook runs in a container of a pod with these volumes: its exit code and how long it
/// takes.
pub fn exec(container: &mut RunningContainer, volumes: &mut [Volume], words: &[SmolStr]) -> (i32, Duration) {
    let Some(first) = words.first() else { return (0, Duration::ZERO) };
    let name = first.rsplit('/').next().unwrap_or(first);
    if matches!(name, "sh" | "bash" | "ash") && !image::surely_lacks(&container.image, name) {
        let at = words.iter().position(|w| w.starts_with('-') && w.ends_with('c'));
        let text = at.and_then(|at| words.get(at + 1)).cloned().unwrap_or_default();
        return exec_script(container, volumes, &text);
    }
    let operands = || words.iter().skip(1).filter(|w| !w.starts_with('-'));
    let known = image::find(&container.image).is_none_or(|i| i.has_program(name) || i.server.contains(&name));
    // A script from a volume: nobody here knows what it does, and whoever wrote it there means it to pass.
    if first.contains('/') && is_mounted(&container.spec, first) {
        return (0, Duration::millis(5));
    }
    if !known || image::surely_lacks(&container.image, name) {
        return (127, Duration::ZERO);
    }
    let fast = Duration::millis(5);
    let code = match name {
        "ls" | "stat" | "cat" | "head" | "tail" | "grep" => {
            // The pattern of grep is no file.
            let files = operands().skip(usize::from(name == "grep"));
            let missing = files.filter(|f| f.starts_with('/')).any(|f| !container.files.exists(container, volumes, f));
            if missing { if name == "ls" { 2 } else { 1 } } else { 0 }
        }
        "test" | "[" => i32::from(!test(container, volumes, &words[1..])),
        "touch" => {
            let missing = operands().filter(|file| !container.files.exists(container, volumes, file));
            let missing: Vec<&SmolStr> = missing.collect();
            i32::from(!missing.into_iter().all(|file| container.write_file(volumes, file, Some("")).is_ok()))
        }
        "rm" => i32::from(!operands().all(|file| container.write_file(volumes, file, None).is_ok())),
        "false" => 1,
        "exit" => operands().next().and_then(|c| c.parse().ok()).unwrap_or(0),
        "sleep" => return (0, words.get(1).and_then(|w| sleep_time(w)).unwrap_or(Duration::secs(86_400))),
        _ => 0,
    };
    (code, fast)
}

/// Whether a path lies in one of the container's volumes.
fn is_mounted(container: &Value, path: &str) -> bool {
    let under = |mount: &Value| {
        let folder = mount.text("mountPath").trim_end_matches('/');
        path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    container.items("volumeMounts").iter().any(under)
}

fn exec_script(container: &mut RunningContainer, volumes: &mut [Volume], text: &str) -> (i32, Duration) {
    let (mut code, mut time) = (0, Duration::ZERO);
    for part in text.split([';', '\n']) {
        for (i, step) in part.split("&&").enumerate() {
            if i > 0 && code != 0 {
                continue;
            }
            let words: Vec<SmolStr> = step.split_whitespace().map(|w| w.trim_matches(['"', '\'']).into()).collect();
            if words.is_empty() || words[0] == "sh" {
                continue;
            }
            let (c, t) = exec(container, volumes, &words);
            (code, time) = (c, time + t);
            if words[0] == "exit" {
                return (code, time);
            }
        }
    }
    (code, time)
}

fn test(container: &RunningContainer, volumes: &[Volume], words: &[SmolStr]) -> bool {
    let words: Vec<&str> = words.iter().map(SmolStr::as_str).filter(|w| *w != "]").collect();
    match words[..] {
        ["!", ref rest @ ..] => {
            let rest: Vec<SmolStr> = rest.iter().map(|w| SmolStr::from(*w)).collect();
            rest.first().is_some_and(|w| w != "!") && !test(container, volumes, &rest)
        }
        ["-f" | "-e" | "-r" | "-s" | "-d", file] => container.files.exists(container, volumes, file),
        [a, "=" | "==", b] => a == b,
        [a, "!=", b] => a != b,
        ["-n", a] => !a.is_empty(),
        ["-z", a] => a.is_empty(),
        [a] => !a.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn command_lines_come_to_what_they_do() {
        let exit = |millis, code| Program::Exit { after: Duration::millis(millis), code };
        for (image, container, expected) in [
            ("nginx", value!({}), Program::Server),
            ("nginx", value!({ "command": ["sleep", "60"] }), Program::Sleep(Some(Duration::secs(60)))),
            ("curlimages/curl", value!({ "command": ["sleep", "infinity"] }), Program::Sleep(None)),
            ("busybox", value!({}), exit(0, 0)),
            ("busybox", value!({ "args": ["sh", "-c", "sleep 5; exit 3"] }), exit(5_050, 3)),
            (
                "busybox",
                value!({ "command": ["sh", "-c", "until nslookup db.shop; do echo waiting; sleep 2; done"] }),
                Program::UntilName("db.shop".into()),
            ),
            ("mysql", value!({}), exit(1_000, 1)),
            ("mysql", value!({ "env": [{ "name": "MYSQL_ROOT_PASSWORD", "value": "x" }] }), Program::Server),
            ("nginx", value!({ "command": ["sh", "-c", "echo hi > /x && nginx -g 'daemon off;'"] }), Program::Server),
            ("me/own:1", value!({}), Program::Server),
        ] {
            assert_eq!(program(image, &container), expected, "{image} {container:?}");
        }
    }
}
