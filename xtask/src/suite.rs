//! `cargo xtask test`: every test of the project, stage after stage, and one line at the end that adds them up.

use std::fs::{self, File};
use std::process::Command;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::count::{Count, Failures};
use crate::process::{Outcome, command, root, run as run_command, run_reading, run_reading_quietly, say};
use crate::setup;

/// The parts that a developer can ask for alone.
const PARTS: [&str; 4] = ["lint", "native", "wasm", "e2e"];

/// How cargo is told to build the browser app.
const APP: [&str; 6] = ["--target", "wasm32-unknown-unknown", "--features", "app", "--bin", "giljabi-app"];
/// And the bridge to its editor, which has tests of its own.
const EDITOR: [&str; 4] = ["--target", "wasm32-unknown-unknown", "--package", "giljabi-editor"];

/// Where the site lies that the end-to-end tests open: what a release ships, beside dist/, which `cargo xtask run` rewrites.
pub const SITE: &str = "target/pages";

/// What is said by what goes on beside something else.
const ASIDE_LOG: &str = "target/aside.log";

/// Runs the parts asked for, or all of them. Tells whether everything passed.
pub fn run(asked: &[String]) -> Result<bool, String> {
    if let Some(unknown) = asked.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("no such part of the tests: {unknown} (there are lint, native, wasm and e2e)"));
    }
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|part| part == name);
    let [lint, native, wasm, e2e] = PARTS.map(wanted);
    let mut suite = Suite::default();
    // The site's build keeps one processor busy for minutes, and so does the look at the app: they go on beside everything that leaves
    // one free, the set-up and the native tests above all. They are awaited before the browser tests, since both write the editor's
    // bundle.
    if e2e {
        // The set-up says what is wrong with it, if anything is.
        let _ = setup::for_compiling();
    }
    let aside = Aside::start(lint, e2e);
    suite.check("set up", || {
        if lint {
            setup::for_lint()?;
        }
        if lint || wasm || e2e {
            setup::for_app()?;
        }
        if wasm || e2e {
            setup::for_browser_tests()?;
        }
        Ok(())
    });
    aside.go_on();
    if lint {
        look(&mut suite);
    }
    if native {
        native_tests(&mut suite);
    }
    let site = aside.finish(&mut suite);
    if wasm {
        wasm_tests(&mut suite);
    }
    if e2e {
        end_to_end(&mut suite, site);
    }
    Ok(suite.summary().failed == 0)
}

fn look(suite: &mut Suite) {
    suite.check("format", || run_command(&mut command("cargo", &["fmt", "--all", "--check"])));
    suite.check("clippy: core and commands", || {
        let packages =
            ["clippy", "--locked", "--package", "giljabi", "--package", "xtask", "--package", "giljabi-split"];
        run_command(command("cargo", &packages).args(["--all-targets", "--", "-D", "warnings"]))
    });
}

fn native_tests(suite: &mut Suite) {
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
            Ok(command("cargo", &["test", "--locked", "--test", "oracle", "--", "--nocapture"]))
        });
    }
    if root().join("tests/fuzz").is_dir() {
        suite.tests("fuzz, two minutes", || Ok(command("cargo", &["test", "--locked", "--release", "--test", "fuzz"])));
    }
}

fn wasm_tests(suite: &mut Suite) {
    // A browser on a busy machine may be too late for its driver.
    suite.tests_that_begin("browser tests (WASM)", 2, || {
        run_command(&mut command("node", &["assets/editor/build.mjs"]))?;
        let mut build = command("cargo", &["test", "--locked", "--no-run", "--message-format=json-render-diagnostics"]);
        let mut built = None;
        run_reading_quietly(build.args(EDITOR), |line| built = executable(line).or(built.take()))?;
        // Cargo would start them in the package's folder, and the bundle is served from this one.
        let tests = built.ok_or("the build names no program with tests")?;
        let mut tests = command("wasm-bindgen-test-runner", &[&tests]);
        tests.env("WASM_BINDGEN_TEST_TIMEOUT", "120");
        if let Some(driver) = setup::driver() {
            tests.env("CHROMEDRIVER", driver);
        }
        Ok(tests)
    });
}

/// The program that a line of cargo's messages says it has built.
fn executable(message: &str) -> Option<String> {
    let (_, from) = message.split_once(r#""executable":""#)?;
    Some(from.split_once('"')?.0.replace(r"\\", r"\"))
}

fn end_to_end(suite: &mut Suite, site_is_there: bool) {
    suite.tests_of_files("end-to-end tests", browser_tests, || {
        if !site_is_there {
            return Err("there is no site to test".to_string());
        }
        test_files("tests/e2e", ".test.mjs")
    });
}

/// What goes on beside something else, in a thread of its own. What it prints is in a file until it is over.
struct Aside {
    work: JoinHandle<Vec<Done>>,
    set_up: Sender<()>,
}

/// What prints into a file.
type Work = fn(&File) -> Outcome;

/// A stage that is over.
struct Done {
    name: &'static str,
    outcome: Outcome,
    seconds: u64,
}

impl Aside {
    /// Compiles the site at once; builds it, and looks at the app, when everything is set up: as far as they are asked for.
    fn start(lint: bool, site: bool) -> Self {
        let (set_up, wait) = mpsc::channel();
        let work = thread::spawn(move || {
            let log =
                File::create(root().join(ASIDE_LOG)).map_err(|why| format!("{ASIDE_LOG} cannot be written: {why}"));
            let stages: [(_, _, Work); 3] = [
                ("compile the site", site, compile_site),
                ("build the site", site, build_site),
                ("clippy: app", lint, look_at_app),
            ];
            let mut done = Vec::new();
            for (name, wanted, work) in stages {
                if name == "build the site" {
                    // Nobody sets up any more: then the build says what it lacks.
                    let _ = wait.recv();
                }
                if wanted {
                    let start = Instant::now();
                    let outcome = log.as_ref().map_err(Clone::clone).and_then(work);
                    done.push(Done { name, outcome, seconds: start.elapsed().as_secs() });
                }
            }
            done
        });
        if site || lint {
            println!("what goes on beside the rest says so in {ASIDE_LOG}");
        }
        Self { work, set_up }
    }

    /// Everything is set up.
    fn go_on(&self) {
        // It ended before: then its stages say why.
        let _ = self.set_up.send(());
    }

    /// Waits for it. Tells whether there is a site to test.
    fn finish(self, suite: &mut Suite) -> bool {
        let Ok(stages) = self.work.join() else {
            return suite.check("beside the tests", || Err("it broke off".into()));
        };
        if !stages.is_empty() {
            say("what went on beside the rest");
            print!("{}", fs::read_to_string(root().join(ASIDE_LOG)).unwrap_or_default());
        }
        let mut site = false;
        for Done { name, outcome, seconds } in stages {
            site |= name == "build the site" && outcome.is_ok();
            suite.check(name, || outcome);
            if let Some(stage) = suite.stages.last_mut() {
                stage.seconds = seconds;
            }
        }
        site
    }
}

fn compile_site(log: &File) -> Outcome {
    run_into(log, crate::release_compiled().args(APP))
}

fn build_site(log: &File) -> Outcome {
    run_into(log, crate::release().args(["--dist", SITE]))
}

fn look_at_app(log: &File) -> Outcome {
    let mut editor = command("cargo", &["clippy", "--locked", "--all-targets"]);
    run_into(log, editor.args(EDITOR).args(["--", "-D", "warnings"]))?;
    run_into(log, command("cargo", &["clippy", "--locked"]).args(APP).args(["--", "-D", "warnings"]))
}

/// Runs a command to its end, its output in a file.
fn run_into(log: &File, command: &mut Command) -> Outcome {
    let copy = || log.try_clone().map_err(|why| format!("{ASIDE_LOG} cannot be written: {why}"));
    run_command(command.stdout(copy()?).stderr(copy()?))
}

/// Node's runner over files of browser tests, one for each processor.
fn browser_tests(files: &[String]) -> Command {
    let mut tests = command("node", &["--test", "--test-reporter=spec", "--test-timeout=300000"]);
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
