//! `cargo xtask fuzz`: the long run of the fuzzer, over every target, with overflow checks and with LLVM's edge counters, by
//! which it keeps inputs that reach something new. They need no other toolchain: both are flags of the stable compiler.

use std::process::{Child, Command};

use crate::process::{Outcome, command, output, say};

/// The share of all inputs that each target gets, in thousandths: cheap ones many, whole clusters few.
const SHARES: [(&str, u64); 9] = [
    ("parse", 300),
    ("link", 250),
    ("pcap", 200),
    ("lesson", 180),
    ("request", 25),
    ("apply", 25),
    ("shell", 17),
    ("cluster", 2),
    ("doctor", 1),
];

/// Cargo builds the native command beside a test; nothing in it takes the counters, and nobody runs it, so the linker is told
/// not to look for who does.
const FLAGS: &str = "-Clink-arg=-Wl,--unresolved-symbols=ignore-all -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Coverflow-checks=on -Cdebug-assertions=on";

/// What was asked for.
struct Asked {
    inputs: u64,
    jobs: u64,
    seed: u64,
    target: Option<String>,
}

pub fn run(words: &[String]) -> Outcome {
    let asked = read(words)?;
    let host = output("rustc", &["-vV"])
        .and_then(|text| text.lines().find_map(|l| l.strip_prefix("host: ").map(str::to_string)))
        .ok_or("rustc does not say for which machine it compiles")?;
    say("building the fuzzer with counters (a target folder of its own: target/fuzz-build)");
    crate::process::run(fuzzer(&host).arg("--no-run"))?;
    let shares = SHARES.iter().filter(|(name, _)| asked.target.as_deref().is_none_or(|t| t == *name));
    let shares: Vec<_> = shares.collect();
    if shares.is_empty() {
        let names: Vec<&str> = SHARES.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no such target; there are {}", names.join(", ")));
    }
    let whole: u64 = shares.iter().map(|(_, share)| share).sum();
    let mut broken = Vec::new();
    for (name, share) in shares {
        let each = (asked.inputs * share / whole / asked.jobs).max(1);
        say(&format!("{name}: {} inputs in {} processes", each * asked.jobs, asked.jobs));
        let start = |job: u64| -> Result<Child, String> {
            let mut fuzzer = fuzzer(&host);
            fuzzer.args(["--", "--target", name, "--inputs", &each.to_string()]);
            fuzzer.args(["--seed", &(asked.seed + job).to_string()]);
            fuzzer.spawn().map_err(|error| format!("the fuzzer cannot be started: {error}"))
        };
        let children = (0..asked.jobs).map(start).collect::<Result<Vec<_>, _>>()?;
        for mut child in children {
            let ended = child.wait().map_err(|error| format!("the fuzzer is lost: {error}"))?;
            if !ended.success() {
                broken.push(*name);
            }
        }
    }
    broken.dedup();
    if broken.is_empty() { Ok(()) } else { Err(format!("broken: {}", broken.join(", "))) }
}

fn fuzzer(host: &str) -> Command {
    let mut cargo = command("cargo", &["test", "--locked", "--release", "--quiet", "--test", "fuzz", "--target", host]);
    cargo.env("CARGO_TARGET_DIR", "target/fuzz-build").env("RUSTFLAGS", FLAGS);
    cargo
}

fn read(words: &[String]) -> Result<Asked, String> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let mut asked = Asked { inputs: 100_000_000, jobs: cores, seed: 1, target: None };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or(format!("{word} needs a value"))?;
        let number = || value.replace('_', "").parse::<u64>().map_err(|error| format!("{word} {value}: {error}"));
        match word.as_str() {
            "--inputs" => asked.inputs = number()?,
            "--jobs" => asked.jobs = number()?.max(1),
            "--seed" => asked.seed = number()?,
            "--target" => asked.target = Some(value.clone()),
            other => return Err(format!("no such option of fuzz: {other} (--inputs, --jobs, --seed, --target)")),
        }
    }
    Ok(asked)
}
