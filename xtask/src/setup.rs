//! Installing what is missing. Every step first looks whether its work is done already, so that a second run costs moments.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::process::{Outcome, command, find, output, root, run, say, tools_bin};

const TRUNK: &str = "0.21.14";
const OLDEST_NODE: u32 = 20;
const TARGET: &str = "wasm32-unknown-unknown";

/// What compiling the app needs.
pub fn for_compiling() -> Outcome {
    wasm_target()
}

/// What running and building the app needs.
pub fn for_app() -> Outcome {
    for_compiling()?;
    node_packages()?;
    wasm_bindgen()?;
    splitter()?;
    trunk()
}

/// What `cargo fmt` and `cargo clippy` need.
pub fn for_lint() -> Outcome {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if output("cargo", &[subcommand, "--version"]).is_none() {
            say(&format!("installing {component}"));
            run(&mut command("rustup", &["component", "add", component]))
                .map_err(|why| format!("{why}\n`cargo {subcommand}` is missing and could not be installed"))?;
        }
    }
    Ok(())
}

/// A browser and its driver. The tests that need them fail, and say so, if they cannot be had.
pub fn for_browser_tests() -> Outcome {
    if browser().is_some() && driver().is_some() {
        return Ok(());
    }
    say("installing Chromium and its driver for the browser tests");
    let attempt = install_browser();
    match (browser(), driver()) {
        (Some(_), Some(_)) => Ok(()),
        (browser, driver) => {
            let name = |found: Option<PathBuf>, what| if found.is_none() { what } else { "" };
            let missing = [name(browser, "Chromium (or Chrome)"), name(driver, "chromedriver")];
            let missing: Vec<_> = missing.into_iter().filter(|what| !what.is_empty()).collect();
            Err(format!(
                "The browser tests need {}, and setup could not install it: {}.\nInstall it by hand, or name the programs \
                 in CHROME and CHROMEDRIVER, and run the command again.",
                missing.join(" and "),
                attempt.err().unwrap_or_else(|| "the package manager installed something else".to_string()),
            ))
        }
    }
}

/// The browser that the tests drive.
pub fn browser() -> Option<PathBuf> {
    const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    const MAC: [&str; 2] = [
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    named("CHROME")
        .or_else(|| NAMES.iter().find_map(|name| find(name)))
        .or_else(|| MAC.iter().map(PathBuf::from).find(|path| path.is_file()))
}

/// The browser's WebDriver, which wasm-bindgen's test runner talks to.
pub fn driver() -> Option<PathBuf> {
    const PLACES: [&str; 2] = ["/usr/lib/chromium/chromedriver", "/usr/lib/chromium-browser/chromedriver"];
    named("CHROMEDRIVER")
        .or_else(|| find("chromedriver"))
        .or_else(|| PLACES.iter().map(PathBuf::from).find(|path| path.is_file()))
}

/// The web server whose example configuration is tested. On Debian and its kin its package is only unpacked: installed, it
/// would begin to serve.
pub fn nginx() -> Result<PathBuf, String> {
    let unpacked = root().join("target/tools/nginx");
    let own = unpacked.join("usr/sbin/nginx");
    let found = || named("NGINX").or_else(|| find("nginx")).or_else(|| own.is_file().then(|| own.clone()));
    if let Some(program) = found() {
        return Ok(program);
    }
    say("fetching nginx for the test of its example configuration");
    let attempt = if find("apt-get").is_some() { unpack_nginx(&unpacked) } else { install_nginx() };
    found().ok_or_else(|| {
        let why = attempt.err().unwrap_or_else(|| "the package holds no nginx".to_string());
        format!("The test of docs/nginx.conf needs nginx, and setup could not get it: {why}.\nInstall it by hand, or name the program in NGINX.")
    })
}

fn unpack_nginx(folder: &Path) -> Outcome {
    make_folder(folder)?;
    let fetch = || run(command("apt-get", &["download", "nginx"]).current_dir(folder));
    // A machine that has never asked for packages knows none.
    if fetch().is_err() {
        as_root("apt-get", &["update"])?;
        fetch()?;
    }
    let packages = fs::read_dir(folder).map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    for package in
        packages.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "deb"))
    {
        run(command("dpkg", &["-x"]).arg(&package).arg(folder))?;
    }
    Ok(())
}

fn install_nginx() -> Outcome {
    let (manager, _, install) = MANAGERS
        .into_iter()
        .find(|(manager, ..)| find(manager).is_some())
        .ok_or("this machine has no package manager that setup knows")?;
    let words: Vec<&str> =
        install.iter().copied().filter(|w| !w.contains("chrom") && *w != "--cask").chain(["nginx"]).collect();
    as_root(manager, &words)
}

fn named(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file())
}

fn wasm_target() -> Outcome {
    let sysroot = output("rustc", &["--print", "sysroot"])
        .ok_or("rustc cannot be started: Rust is needed (https://rustup.rs)")?;
    if Path::new(&sysroot).join("lib/rustlib").join(TARGET).join("lib").is_dir() {
        return Ok(());
    }
    say(&format!("installing Rust's target {TARGET}"));
    run(&mut command("rustup", &["target", "add", TARGET])).map_err(|why| {
        format!(
            "{why}\nRust's target {TARGET} is missing and rustup could not add it; install it as you installed Rust"
        )
    })
}

fn node_packages() -> Outcome {
    let version = output("node", &["--version"])
        .ok_or(format!("node cannot be started: Node.js {OLDEST_NODE} or later is needed (https://nodejs.org)"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < OLDEST_NODE) {
        return Err(format!("this is Node.js {version}; {OLDEST_NODE} or later is needed"));
    }
    let lock = read(&root().join("package-lock.json"))?;
    let stamp = root().join("node_modules/.giljabi-installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    say("installing the JavaScript packages (npm ci, about 160 MB on disk)");
    // None of them needs its install script, so none is run.
    run(&mut command("npm", &["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    write(&stamp, &lock)
}

/// wasm-bindgen's command line must be of the library's version. It is built from the workspace's own lock file, which knows it.
fn wasm_bindgen() -> Outcome {
    const PROGRAMS: [(&str, &str); 2] = [("wbg", "wasm-bindgen"), ("wbg-test-runner", "wasm-bindgen-test-runner")];
    let stamp = tools_bin().join(".wasm-bindgen");
    let wanted = locked_version("wasm-bindgen-cli").ok_or("Cargo.lock does not name wasm-bindgen-cli")?;
    if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    say("building wasm-bindgen's command line (the first time about a minute)");
    build_tools("giljabi-tools", &PROGRAMS)?;
    write(&stamp, &wanted)
}

/// The program that splits a release's WASM in two. Its stamp is its source.
fn splitter() -> Outcome {
    let stamp = tools_bin().join(".giljabi-split");
    let wanted = everything_in(&root().join("xtask/split/src"))?;
    if fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(());
    }
    say("building the program that splits the WASM");
    build_tools("giljabi-split", &[("giljabi-split", "giljabi-split")])?;
    write(&stamp, &wanted)
}

/// Builds a package of this workspace and puts its programs, under the names that they are called by, with the tools.
fn build_tools(package: &str, programs: &[(&str, &str)]) -> Outcome {
    // In a folder of their own, which nothing else waits for.
    let folder = "target/tools/build";
    run(&mut command("cargo", &["build", "--locked", "--package", package, "--target-dir", folder]))?;
    make_folder(&tools_bin())?;
    for (built, name) in programs {
        let exe = std::env::consts::EXE_SUFFIX;
        let from = root().join(format!("{folder}/debug/{built}{exe}"));
        let to = tools_bin().join(format!("{name}{exe}"));
        fs::copy(&from, &to).map_err(|error| format!("{} cannot be copied: {error}", from.display()))?;
    }
    Ok(())
}

fn trunk() -> Outcome {
    if output("trunk", &["--version"]).is_some_and(|version| version.ends_with(&format!(" {TRUNK}"))) {
        return Ok(());
    }
    say(&format!("building trunk {TRUNK} (once; about three minutes)"));
    let (tools, build) = ("target/tools", "target/tools/trunk-build");
    let mut install = command("cargo", &["install", "trunk", "--version", TRUNK, "--locked", "--debug"]);
    // Without its default features trunk cannot download tools or update itself; it finds them on PATH.
    run(install.args(["--no-default-features", "--root", tools, "--target-dir", build]))?;
    // A gigabyte that nobody needs again; that it stays would be no reason to fail.
    let _ = fs::remove_dir_all(root().join(build));
    Ok(())
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Option<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).ok()?;
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    lines.nth(1).and_then(|line| line.strip_prefix("version = ")).map(|version| version.trim_matches('"').to_string())
}

/// Package managers, what they need before, and what they call a browser and its driver.
const MANAGERS: [(&str, &[&str], &[&str]); 6] = [
    ("apt-get", &["update"], &["install", "-y", "--no-install-recommends", "chromium", "chromium-driver"]),
    ("dnf", &[], &["install", "-y", "chromium", "chromedriver"]),
    ("pacman", &[], &["-S", "--noconfirm", "--needed", "chromium"]),
    ("apk", &[], &["add", "chromium", "chromium-chromedriver"]),
    ("zypper", &[], &["--non-interactive", "install", "chromium", "chromedriver"]),
    ("brew", &[], &["install", "--cask", "chromium", "chromedriver"]),
];

fn install_browser() -> Outcome {
    let (manager, before, install) = MANAGERS
        .into_iter()
        .find(|(manager, ..)| find(manager).is_some())
        .ok_or("this machine has no package manager that setup knows")?;
    for step in [before, install].into_iter().filter(|step| !step.is_empty()) {
        as_root(manager, step)?;
    }
    Ok(())
}

/// Calls a package manager as it wants to be called: Homebrew refuses to work as root; the others work only as root.
fn as_root(manager: &str, step: &[&str]) -> Outcome {
    let rooted = output("id", &["-u"]).is_some_and(|id| id == "0");
    let before: &[&str] = if manager == "brew" || rooted {
        &[]
    } else if output("sudo", &["-n", "true"]).is_some() {
        &["sudo", "-n"]
    } else {
        let what = step.join(" ");
        return Err(format!("installing packages needs root, and sudo asks for a password (sudo {manager} {what})"));
    };
    let words: Vec<&str> = before.iter().copied().chain([manager]).chain(step.iter().copied()).collect();
    patiently(|| run(command(words[0], &words[1..]).env("DEBIAN_FRONTEND", "noninteractive")))
}

/// Does a package manager's step again when it fails: a fresh machine often updates itself at that moment, and only one may.
fn patiently(step: impl Fn() -> Outcome) -> Outcome {
    const TRIES: u32 = 6;
    let pause = Duration::from_secs(20);
    for _ in 1..TRIES {
        let Err(why) = step() else { return Ok(()) };
        say(&format!("{why}; another program may be installing something: trying again in {} s", pause.as_secs()));
        sleep(pause);
    }
    step()
}

/// What all files of a folder hold, and those of the folders in it.
fn everything_in(folder: &Path) -> Result<String, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| if path.is_dir() { everything_in(path) } else { read(path) }).collect()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

fn make_folder(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(|error| format!("{} cannot be made: {error}", path.display()))
}
