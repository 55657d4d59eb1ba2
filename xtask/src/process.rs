//! Starting other programs: in the project's folder, with the project's tools first on PATH.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Nothing, or the reason why a step did not succeed, in words for the person at the terminal.
pub type Outcome = Result<(), String>;

/// The project's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where setup puts the tools that it builds itself.
pub fn tools_bin() -> PathBuf {
    root().join("target/tools/bin")
}

/// Tells what happens next.
pub fn say(text: &str) {
    println!("\n==> {text}");
}

/// PATH with the project's own tools in front.
fn search_path() -> OsString {
    let own = [tools_bin(), root().join("node_modules/.bin")];
    let inherited = env::var_os("PATH").unwrap_or_default();
    let all = own.into_iter().chain(env::split_paths(&inherited));
    // The project's folder would have to hold the separator of PATH; then the inherited one is all there is.
    env::join_paths(all).unwrap_or(inherited)
}

/// Where a program is that a person would start by this name.
pub fn find(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&search_path()).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// A command in the project's folder.
pub fn command(program: &str, args: &[&str]) -> Command {
    // npm and npx are scripts on Windows, which are not started without their ending.
    let script = cfg!(windows) && matches!(program, "npm" | "npx");
    let name = if script { format!("{program}.cmd") } else { program.to_string() };
    // A bare name is looked up in our own PATH, not in the one that the child is given: so it is resolved here.
    let mut command = Command::new(find(&name).unwrap_or_else(|| PathBuf::from(&name)));
    command.args(args).current_dir(root()).env("PATH", search_path());
    // `cargo run` describes this package to us; the programs that we start are about others.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    command
}

/// Runs a command to its end, its output on the terminal.
pub fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", shown(command))) }
}

/// What a command prints, if it succeeds.
pub fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = command(program, args).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Runs a command to its end, its output on the terminal, and hands every line of its standard output to `line` as well.
pub fn run_reading(command: &mut Command, mut line: impl FnMut(&str)) -> Outcome {
    run_reading_quietly(command, |text| {
        // A closed terminal is no reason to stop the tests.
        let _ = writeln!(io::stdout(), "{text}");
        line(text);
    })
}

/// The same, for what nobody but `line` wants to read.
pub fn run_reading_quietly(command: &mut Command, mut line: impl FnMut(&str)) -> Outcome {
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
    }
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            line(String::from_utf8_lossy(&bytes).trim_end());
            bytes.clear();
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", shown(command))) }
}

fn not_started(command: &Command, error: &io::Error) -> String {
    format!("{} cannot be started: {error}", shown(command))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
