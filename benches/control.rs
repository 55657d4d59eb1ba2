//! The control plane in time: how long a cluster takes to come up and to follow a change, at 10 to 10,000 pods.
//!
//! `cargo bench --bench control` prints one table natively; a number behind `--` is the most pods to try.
//! `node benches/control.mjs` runs the same work in headless Chromium, compiled as the site is. Times are medians; growth exponents
//! are those between the smallest and the greatest number of pods. `tests/control_speed.rs` holds the counted work to its bounds.

#[path = "../tests/control_world/mod.rs"]
mod control_world;

use control_world::{deploy, flip, nodes_for, ready_endpoints, scale_by, settle};
use giljabi::cluster::{Cluster, Settings};
use std::hint::black_box;

pub fn main() {
    say(&format!("{:<64}{:>6}{:>12}{:>12}{:>12}", "what", "runs", "median ms", "CPU ms", "spread ms"));
    measure("a new cluster of 3 nodes, at rest with CoreDNS", 15, || Cluster::new(Settings::default()));
    let most = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let sizes: Vec<usize> = [10, 100, 1_000, 10_000].into_iter().filter(|size| *size <= most).collect();
    let settled: Vec<f64> = sizes.iter().map(|pods| from_nothing(*pods)).collect();
    growth("from nothing to all endpoints ready", &sizes, &settled);
    let flips: Vec<f64> = sizes.iter().map(|pods| one_service(*pods)).collect();
    growth("one pod's readiness among one Service's", &sizes, &flips);
    let flips: Vec<f64> = sizes.iter().map(|pods| many_services(*pods)).collect();
    growth("one pod's readiness among Services of 10 pods", &sizes, &flips);
}

fn from_nothing(pods: usize) -> f64 {
    let runs = if pods >= 10_000 { 3 } else { 9 };
    let fresh = nodes_for(pods);
    measure(&format!("{pods} pods of one Service from nothing to all endpoints ready"), runs, || {
        let mut cluster = fresh.clone();
        deploy(&mut cluster, "web", pods);
        settle(&mut cluster);
        assert_eq!(ready_endpoints(&cluster, "web"), pods);
        cluster
    })
}

/// One Service has all the pods.
fn one_service(pods: usize) -> f64 {
    let mut cluster = nodes_for(pods);
    deploy(&mut cluster, "web", pods);
    settle(&mut cluster);
    let resident = memory();
    changes(&mut cluster, "web", &format!("{pods} pods of one Service"), resident)
}

/// Every ten pods have a Service of their own.
fn many_services(pods: usize) -> f64 {
    let mut cluster = nodes_for(pods);
    for number in 0..pods / 10 {
        deploy(&mut cluster, &format!("web-{number}"), 10);
    }
    settle(&mut cluster);
    let resident = memory();
    changes(&mut cluster, "web-0", &format!("{pods} pods, 10 a Service"), resident)
}

fn changes(cluster: &mut Cluster, name: &str, what: &str, resident: f64) -> f64 {
    let mut fails = false;
    let flips = measure(&format!("{what}: one pod's readiness flips"), 31, || {
        fails = !fails;
        flip(cluster, fails);
    });
    let mut more = -1;
    measure(&format!("{what}: one pod more or fewer"), 15, || {
        more = -more;
        scale_by(cluster, name, more);
    });
    measure(&format!("{what}: a snapshot"), 31, || cluster.clone());
    if resident > 0.0 {
        say(&format!("{:<64}{:>6}{resident:>12.1} MB in all", format!("{what}: memory"), 1));
    }
    flips
}

/// The exponent between the ends, of CPU time.
fn growth(what: &str, sizes: &[usize], times: &[f64]) {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return };
    let most = sizes[sizes.len() - 1];
    let exponent = (last / first).ln() / ((most / sizes[0]) as f64).ln();
    say(&format!("{what:<64}{:>6}{exponent:>12.2} growth exponent of CPU time, {} to {most} pods", "", sizes[0]));
}

/// The median CPU time of `work` in milliseconds.
fn measure<T>(what: &str, runs: usize, mut work: impl FnMut() -> T) -> f64 {
    let mut times: Vec<(f64, f64)> = (0..runs)
        .map(|_| {
            let (started, before) = (on_clock(), on_processor());
            let made = black_box(work());
            let times = (on_clock() - started, on_processor() - before);
            // What was made is given back outside of the measured time.
            drop(made);
            times
        })
        .collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (clock, spread) = (times[runs / 2].0, times[runs * 3 / 4].0 - times[runs / 4].0);
    times.sort_by(|a, b| a.1.total_cmp(&b.1));
    // The system counts processor time in ticks. What is shorter than a tick is hardly ever interrupted: the clock tells.
    let busy = if times[runs / 2].1 > 0.0 { times[runs / 2].1 } else { clock };
    say(&format!("{what:<64}{runs:>6}{clock:>12.3}{busy:>12.3}{spread:>12.3}"));
    busy
}

#[cfg(not(target_arch = "wasm32"))]
mod machine {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub fn say(line: &str) {
        println!("{line}");
    }

    /// Milliseconds on the clock.
    pub fn on_clock() -> f64 {
        START.elapsed().as_secs_f64() * 1e3
    }

    /// Milliseconds that this thread has been on a processor; 0 where the system does not tell.
    pub fn on_processor() -> f64 {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        told.split(' ').next().and_then(|n| n.parse().ok()).map_or(0.0, |nanos: f64| nanos / 1e6)
    }

    /// Megabytes that the process has; 0 where the system does not tell.
    pub fn memory() -> f64 {
        let told = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        told.split(' ').nth(1).and_then(|n| n.parse().ok()).map_or(0.0, |pages: f64| pages * 4_096.0 / 1e6)
    }
}

#[cfg(target_arch = "wasm32")]
mod machine {
    //! The machine is what `benches/control.mjs` tells of it.

    #[link(wasm_import_module = "machine")]
    unsafe extern "C" {
        fn print(text: *const u8, length: usize);
        safe fn clock() -> f64;
        safe fn processor() -> f64;
    }

    pub fn say(line: &str) {
        // SAFETY: the script reads the text of this length before it returns.
        unsafe { print(line.as_ptr(), line.len()) }
    }

    pub fn on_clock() -> f64 {
        clock()
    }

    pub fn on_processor() -> f64 {
        processor()
    }

    pub fn memory() -> f64 {
        core::arch::wasm32::memory_size(0) as f64 * 65_536.0 / 1e6
    }
}

use machine::{memory, on_clock, on_processor, say};
