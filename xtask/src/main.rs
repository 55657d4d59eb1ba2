//! Giljabi's commands: `cargo xtask run` starts the app on this machine, `cargo xtask test` runs every test. Both set up
//! first whatever is missing. This program has no dependencies, so that it starts at once even in a fresh clone.

mod count;
mod fuzz;
mod process;
mod setup;
mod suite;

use std::net::TcpListener;
use std::process::{Command, ExitCode};

use process::Outcome;

const HELP: &str = "\
cargo xtask run [trunk's options]   set up, then serve the app on 127.0.0.1 and rebuild it at every change
cargo xtask test [part …]           set up, then run every test; parts: lint native wasm e2e
cargo xtask build [trunk's options] set up, then build the site into dist/ (works under any path)
cargo xtask bench [part …]          set up, then measure, beside another simulator; --long, --keep (see benches/suite.mjs)
cargo xtask size                    what the built site in dist/ weighs, file by file and module by module
cargo xtask first                   record anew which functions the first request needs (assets/first.txt)
cargo xtask fuzz [--inputs N] [--jobs N] [--seed N] [--target NAME]
                                    the fuzzer's long run, 100 million inputs unless said otherwise
cargo xtask setup                   install what the other commands need, browser for the tests included
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_str() {
        "run" => run(&rest),
        "test" => match suite::run(&rest) {
            // The summary has said what failed, and is the last word.
            Ok(false) => return ExitCode::FAILURE,
            outcome => outcome.map(|_| ()),
        },
        "build" => build(&rest),
        "fuzz" => fuzz::run(&rest),
        "bench" => bench(&rest),
        "size" => process::run(&mut process::command("node", &["benches/size.mjs", "dist"])),
        "first" => first(),
        "setup" => setup::for_app().and_then(|()| setup::for_browser_tests()),
        "" | "help" | "-h" | "--help" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => Err(format!("no such command: {other}\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\n{why}");
            ExitCode::FAILURE
        }
    }
}

/// Serves the app until the person stops it.
fn run(options: &[String]) -> Outcome {
    setup::for_app()?;
    let mut trunk = process::command("trunk", &["serve"]);
    if !options.iter().any(|option| option.starts_with("--port") || option == "-p") {
        let port = free_port()?;
        process::say(&format!("building; then open http://127.0.0.1:{port}/ (Ctrl+C stops)"));
        trunk.args(["--port", &port.to_string()]);
    }
    process::run(trunk.args(options))
}

/// Builds what a web server needs, into dist/.
fn build(options: &[String]) -> Outcome {
    setup::for_app()?;
    process::run(release().args(options))?;
    process::say("the site is in dist/: any static web server can serve it, under any path");
    Ok(())
}

/// Measures, and prints one table. The site that is measured is a release of the sources at hand.
fn bench(options: &[String]) -> Outcome {
    setup::for_app()?;
    setup::for_browser_tests()?;
    let mut parts = options.iter().filter(|option| !option.starts_with("--")).peekable();
    if parts.peek().is_none() || parts.any(|part| part == "interaction" || part == "size") {
        process::run(release().args(["--dist", suite::SITE]))?;
    }
    let mut bench = process::command("node", &["benches/suite.mjs"]);
    bench.args(options).env("SITE_DIR", process::root().join(suite::SITE));
    if let Some(browser) = setup::browser() {
        bench.env("CHROME", browser);
    }
    process::run(&mut bench)
}

/// `trunk build --release`, with the compiler's options of a release: Leptos without a type of its own for every view, which
/// makes the program smaller; names of functions with their type arguments, which tell apart what assets/first.txt names; and
/// instructions of 128 bits, which every browser has that knows the page's style sheets: keys and values are moved in half as many
/// steps, so the program is both smaller and quicker.
pub fn release() -> Command {
    as_released(process::command("trunk", &["build", "--release"]))
}

/// What cargo does of it, which needs none of the tools.
pub fn release_compiled() -> Command {
    as_released(process::command("cargo", &["build", "--locked", "--profile", "site"]))
}

fn as_released(mut command: Command) -> Command {
    let options = "--cfg=erase_components -Csymbol-mangling-version=v0 -Ctarget-feature=+simd128";
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", options).env("GILJABI_RELOCATIONS", "1");
    command
}

/// Builds a site that records, and writes down what the browser ran until the first request had arrived.
fn first() -> Outcome {
    setup::for_app()?;
    setup::for_browser_tests()?;
    let site = "target/recorder";
    process::run(release().args(["--dist", site]).env("GILJABI_RECORD", "1"))?;
    let mut record = process::command("node", &["tests/e2e/record.mjs"]);
    if let Some(browser) = setup::browser() {
        record.env("CHROME", browser);
    }
    process::run(record.env("SITE_DIR", process::root().join(site)))
}

/// The first free port from 8080 on, so that something else on 8080 is no reason to fail.
fn free_port() -> Result<u16, String> {
    (8080..8100)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| "the ports 8080 to 8099 of 127.0.0.1 are all taken; choose one with --port".to_string())
}
