//! Whatever comes from outside is answered: no panic, no endless run, no unbounded memory.
//!
//! A target turns bytes into something that a stranger could send: a manifest, a line in the terminal, a lesson, a link. The
//! engine mutates what it has (the project's own manifests, lessons, transcripts; pieces that have a meaning; what earlier
//! runs found) and hands it over. Compiled with the flags of `cargo xtask fuzz`, it also sees which code an input reached and
//! keeps what reached something new.
//!
//! ```text
//! cargo test --release --test fuzz                                    the short run of the test command
//! cargo test --release --test fuzz -- --target parse --inputs 5000000 --seed 3
//! cargo test --release --test fuzz -- --target parse --replay FILE    one input again
//! cargo xtask fuzz                                                       the long run, over every target, with coverage
//! ```
//!
//! An input that breaks a target is written to `target/fuzz/<target>/`; once it is mended it moves to `tests/fuzz/found/<target>/`,
//! where every run begins.

mod coverage;
mod engine;
mod memory;
mod mutate;
mod seeds;
mod targets;
#[allow(dead_code)]
#[path = "../oracle_families/world.rs"]
mod world;

use engine::{Engine, Plan};
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static COUNTED: memory::Counted = memory::Counted;

/// How many inputs each target gets when nobody says how many: some seconds a target. Without optimisation a look at each.
fn short(target: &targets::Target) -> u64 {
    if cfg!(debug_assertions) { target.short / 120 } else { target.short }
}

struct Arguments {
    target: Option<String>,
    inputs: Option<u64>,
    seed: u64,
    replay: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { target: None, inputs: None, seed: 20_261_128, replay: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.replace('_', "").parse::<u64>().map_err(|e| format!("{text}: {e}"));
        match word.as_str() {
            "--target" => arguments.target = Some(value()?),
            "--inputs" => arguments.inputs = Some(number(value()?)?),
            "--seed" => arguments.seed = number(value()?)?,
            "--replay" => arguments.replay = Some(value()?.into()),
            // What `cargo test` hands to every test program.
            _ => {}
        }
    }
    Ok(arguments)
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let wanted = |t: &&targets::Target| arguments.target.as_deref().is_none_or(|name| name == t.name);
    let chosen: Vec<&'static targets::Target> = targets::TARGETS.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = targets::TARGETS.iter().map(|t| t.name).collect();
        eprintln!("there is no such target; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    let (mut passed, mut failed) = (0, 0);
    for target in chosen {
        let plan = match &arguments.replay {
            Some(file) => Plan::Replay(file.clone()),
            None => Plan::Inputs(arguments.inputs.unwrap_or_else(|| short(target))),
        };
        match Engine::run(target, plan, arguments.seed) {
            Ok(report) => {
                println!("fuzz {}: {report}", target.name);
                passed += 1;
            }
            Err(why) => {
                println!("fuzz {}: {why}", target.name);
                failed += 1;
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
