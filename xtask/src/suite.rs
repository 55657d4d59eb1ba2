//! `cargo xtask test`: every test of the project, stage after stage, and one line at the end that adds them up.

use std::fs::{self, File};
use std::process::Command;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::count::{Count, Failures};
use crate::process::{Outcome, command, root, run as run_command, run_reading, say};
use crate::setup;

/// The parts that a developer can ask for alone.
const PARTS: [(&str, Part); 4] = [("lint", lint), ("native", native), ("wasm", wasm), ("e2e", e2e)];

type Part = fn(&mut Suite);

/// How cargo is told to build the browser app.
const APP: [&str; 6] = ["--target", "wasm32-unknown-unknown", "--features", "app", "--bin", "giljabi-app"];

/// Where the site lies that the end-to-end tests open: what a release ships, beside dist/, which `cargo xtask run` rewrites.
pub const SITE: &str = "target/pages";

/// What the site's build says when it goes on beside something else.
const SITE_LOG: &str = "target/pages.log";

/// Runs the parts asked for, or all of them. Tells whether everything passed.
pub fn run(asked: &[String]) -> Result<bool, String> {
    if let Some(unknown) = asked.iter().find(|part| !PARTS.iter().any(|(name, _)| name == part)) {
        return Err(format!("no such part of the tests: {unknown} (there are lint, native, wasm and e2e)"));
    }
    let mut suite = Suite::default();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|part| part == name);
    for (name, part) in PARTS {
        if wanted(name) {
            // The site's build keeps one processor busy for minutes: it goes on beside the native tests, which leave one free as
            // often. It is awaited before the next part, since both write the editor's bundle.
            let site = (name == "native" && wanted("e2e")).then(|| thread::spawn(site_aside));
            part(&mut suite);
            if let Some(site) = site {
                suite.site(Some(site));
            }
        }
    }
    Ok(suite.summary().failed == 0)
}

fn lint(suite: &mut Suite) {
    suite.check("format", || {
        setup::for_lint()?;
        run_command(&mut command("cargo", &["fmt", "--all", "--check"]))
    });
    suite.check("clippy: core and commands", || {
        let packages =
            ["clippy", "--locked", "--package", "giljabi", "--package", "xtask", "--package", "giljabi-split"];
        run_command(command("cargo", &packages).args(["--all-targets", "--", "-D", "warnings"]))
    });
    suite.check("clippy: app", || {
        setup::for_app()?;
        for profile in ["dev", "test"] {
            let mut clippy = command("cargo", &["clippy", "--locked", "--profile", profile]);
            run_command(clippy.args(APP).args(["--", "-D", "warnings"]))?;
        }
        Ok(())
    });
}

fn native(suite: &mut Suite) {
    suite.tests("native tests", || {
        Ok(command(
            "cargo",
            &[
                "test",
                "--locked",
                "--no-fail-fast",
                "--package",
                "giljabi",
                "--package",
                "xtask",
                "--package",
                "giljabi-split",
            ],
        ))
    });
    if root().join("tests/oracle.rs").is_file() {
        suite.tests("recorded facts of a real cluster", || {
            Ok(command("cargo", &["test", "--locked", "--release", "--test", "oracle", "--", "--nocapture"]))
        });
    }
    if root().join("tests/fuzz").is_dir() {
        suite.tests("fuzz, two minutes", || Ok(command("cargo", &["test", "--locked", "--release", "--test", "fuzz"])));
    }
}

fn wasm(suite: &mut Suite) {
    // A browser on a busy machine may be too late for its driver.
    suite.tests_that_begin("browser tests (WASM)", 2, || {
        setup::for_app()?;
        setup::for_browser_tests()?;
        run_command(&mut command("node", &["assets/editor/build.mjs"]))?;
        let mut tests = command("cargo", &["test", "--locked", "--no-fail-fast"]);
        tests.args(APP);
        if let Some(driver) = setup::driver() {
            tests.env("CHROMEDRIVER", driver);
        }
        Ok(tests)
    });
}

fn e2e(suite: &mut Suite) {
    let built = suite.site_built.unwrap_or_else(|| suite.site(None));
    suite.tests_of_files("end-to-end tests", browser_tests, || {
        if !built {
            return Err("there is no site to test".to_string());
        }
        setup::for_browser_tests()?;
        test_files("tests/e2e", ".test.mjs")
    });
}

fn build_site(say_to: Option<File>) -> Outcome {
    setup::for_app()?;
    let mut build = crate::release();
    if let Some(log) = say_to {
        build.stderr(log.try_clone().map_err(|error| error.to_string())?).stdout(log);
    }
    run_command(build.args(["--dist", SITE]))
}

/// Builds the site while something else has the terminal.
fn site_aside() -> Outcome {
    let log = root().join(SITE_LOG);
    build_site(Some(File::create(&log).map_err(|error| format!("{} cannot be written: {error}", log.display()))?))
}

/// Node's runner over files of browser tests, one for each processor.
fn browser_tests(files: &[String]) -> Command {
    let mut tests = command("node", &["--test", "--test-reporter=spec", "--test-timeout=180000"]);
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    tests.arg(format!("--test-concurrency={at_once}"));
    tests.args(files).env("SITE_DIR", root().join(SITE));
    if let Some(browser) = setup::browser() {
        tests.env("CHROME", browser);
    }
    // Without one its test fails, and says so.
    match setup::nginx() {
        Ok(nginx) => drop(tests.env("NGINX", nginx)),
        Err(why) => eprintln!("{why}"),
    }
    tests
}

/// The files of a folder with an ending, in order.
fn test_files(folder: &str, ending: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(root().join(folder)).map_err(|error| format!("{folder} cannot be read: {error}"))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<_> =
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    Ok(files)
}

/// What has run so far.
#[derive(Default)]
struct Suite {
    stages: Vec<Stage>,
    /// Whether there is a site to test, once its build is over.
    site_built: Option<bool>,
}

struct Stage {
    name: &'static str,
    count: Count,
    seconds: u64,
    trouble: Option<String>,
    /// What a reader of the summary should know though it passed.
    note: Option<String>,
}

impl Suite {
    /// Something that passes or fails as a whole. Tells whether it passed.
    fn check(&mut self, name: &'static str, work: impl FnOnce() -> Outcome) -> bool {
        self.stage(name, |count| {
            let outcome = work();
            count.passed = outcome.is_ok().into();
            outcome
        })
    }

    /// Builds the site, or waits until it is built by `aside`. Tells whether it is there.
    fn site(&mut self, aside: Option<JoinHandle<Outcome>>) -> bool {
        let built = self.check("build the site", || match aside {
            Some(building) => {
                let outcome = building.join().unwrap_or_else(|_| Err("its build broke off".to_string()));
                print!("{}", fs::read_to_string(root().join(SITE_LOG)).unwrap_or_default());
                outcome
            }
            None => build_site(None),
        });
        self.site_built = Some(built);
        built
    }

    /// A test runner, whose own counts are added up.
    fn tests(&mut self, name: &'static str, prepare: impl FnOnce() -> Result<Command, String>) {
        self.tests_that_begin(name, 1, prepare);
    }

    /// The same; when it ends without having run a test it is started again, so many times in all. A test that failed has run.
    fn tests_that_begin(
        &mut self,
        name: &'static str,
        times: usize,
        prepare: impl FnOnce() -> Result<Command, String>,
    ) {
        let mut begun = 0;
        self.stage(name, |count| {
            let mut runner = prepare()?;
            loop {
                begun += 1;
                let outcome = run_reading(&mut runner, |line| count.read(line));
                if *count != Count::default() {
                    return outcome;
                }
                if begun == times {
                    return outcome.and_then(|()| Err("it ran no test".to_string()));
                }
                say("once more: it ran no test");
            }
        });
        if let Some(stage) = self.stages.last_mut().filter(|stage| stage.trouble.is_none() && begun > 1) {
            stage.note = Some("began at the second attempt only".to_string());
        }
    }

    /// A test runner over files whose tests share the machine with a browser. The files in which a test failed run once more, by
    /// themselves: what fails twice has failed, and what passed at the second attempt is named in the summary.
    fn tests_of_files(
        &mut self,
        name: &'static str,
        runner: impl Fn(&[String]) -> Command,
        prepare: impl FnOnce() -> Result<Vec<String>, String>,
    ) {
        let mut again = Vec::new();
        self.stage(name, |count| {
            let mut failures = Failures::default();
            let Err(why) = run_reading(&mut runner(&prepare()?), |line| {
                count.read(line);
                failures.read(line);
            }) else {
                return Ok(());
            };
            // A failure whose file is not known cannot be tried again.
            if (failures.files.len() as u64) < count.failed.max(1) {
                return Err(why);
            }
            again = failures.files;
            again.sort();
            again.dedup();
            say(&format!("once more: {}", again.join(" ")));
            let mut second = Count::default();
            let outcome = run_reading(&mut runner(&again), |line| second.read(line));
            *count = count.after_second_attempt(second, outcome.is_ok());
            outcome
        });
        if let Some(stage) = self.stages.last_mut().filter(|stage| stage.trouble.is_none() && !again.is_empty()) {
            stage.note = Some(format!("passed at the second attempt only: {}", again.join(" ")));
        }
    }

    fn stage(&mut self, name: &'static str, work: impl FnOnce(&mut Count) -> Outcome) -> bool {
        say(name);
        let start = Instant::now();
        let mut count = Count::default();
        let trouble = work(&mut count).err();
        if let Some(why) = &trouble {
            eprintln!("{name}: {why}");
            // What failed without counting its failures (it did not compile, say) is one failure.
            count.failed = count.failed.max(1);
        }
        self.stages.push(Stage { name, count, seconds: start.elapsed().as_secs(), trouble, note: None });
        count.failed == 0
    }

    /// Prints a line for each stage and one for all.
    fn summary(&self) -> Count {
        say("summary");
        let mut all = Count::default();
        for Stage { name, count, seconds, trouble, note } in &self.stages {
            let Count { passed, failed } = count;
            println!("{name:<34} {passed:>5} passed {failed:>3} failed {seconds:>5} s");
            if let Some(why) = trouble.as_ref().or(note.as_ref()) {
                println!("    {}", why.replace('\n', "\n    "));
            }
            all.add(*count);
        }
        println!("\n{} passed, {} failed", all.passed, all.failed);
        all
    }
}
