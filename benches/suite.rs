//! The work that `cargo xtask bench` measures natively, and how the cost of each kind of work grows. `cargo bench --bench suite`
//! prints `what <TAB> unit <TAB> sample …` lines, which the suite (benches/suite.mjs) turns into a table; so it is of use alone, too.

#[path = "../tests/workload/mod.rs"]
mod workload;

use std::hint::black_box;
use std::time::Instant;
use workload::How;

fn main() {
    let long = std::env::args().any(|word| word == "--long");
    let sizes: &[usize] = if long { &[10, 100, 300, 1_000] } else { &[10, 100, 300] };
    sample("boot", 9, || workload::boot(0), |_| ());
    for pods in sizes {
        sample(&format!("deploy {pods}"), 5, || workload::boot(*pods), |w| workload::deploy(w, *pods, 80));
    }
    let mut workspace = workload::boot(10);
    workload::deploy(&mut workspace, 10, 80);
    for (door, name) in workload::DOORS.iter().zip(["ClusterIP", "name", "NodePort"]) {
        for (how, told, count) in
            [(How::Counted, "untraced", 200_000), (How::Traced, "traced", 200_000), (How::Told, "told", 4_000)]
        {
            workload::ask(&mut workspace, door, 500, how);
            rate(&format!("requests {name} {told}"), count, || workload::ask(&mut workspace, door, count, how));
        }
    }
    growth();
}

/// What each kind of work costs at sizes of three decades.
fn growth() {
    for count in [10, 100, 1_000, 10_000] {
        let text = workload::services(count);
        sample(&format!("grows parse {count}"), 5, || (), |()| workload::read(&text));
        let store = workload::store(count);
        sample(&format!("grows rules {count}"), 3, || (), |()| drop(black_box(workload::rules(&store))));
        let (mut store, mut proxies, mut ready) = (store.clone(), workload::rules(&store), true);
        sample(
            &format!("grows flip {count}"),
            15,
            || (),
            |()| {
                ready = !ready;
                workload::flip(&mut store, &mut proxies, ready);
            },
        );
    }
    for pods in [10, 100, 1_000, 10_000] {
        let runs = if pods > 1_000 { 1 } else { 3 };
        let mut workspace = workload::boot(pods);
        sample(&format!("grows settle {pods}"), runs, || workspace.clone(), |w| workload::deploy(w, pods, 80));
        workload::deploy(&mut workspace, pods, 80);
        let mut port = 80;
        sample(
            &format!("grows edit {pods}"),
            5,
            || (),
            |()| {
                port = 161 - port;
                workload::deploy(&mut workspace, pods, port);
            },
        );
        if port == 81 {
            workload::deploy(&mut workspace, pods, 80);
        }
        sample(
            &format!("grows trace {pods}"),
            5,
            || (),
            |()| workload::ask(&mut workspace, workload::DOORS[0], 500, How::Told),
        );
        sample(&format!("grows matrix {pods}"), 3, || (), |()| workload::matrix(&mut workspace));
    }
    println!("memory\tMB\t{:.1}", status("VmHWM:") / 1e3);
}

/// Milliseconds on the clock and on the processor.
fn sample<T>(what: &str, runs: usize, mut before: impl FnMut() -> T, mut work: impl FnMut(&mut T)) {
    let is_boot = what == "boot";
    let (mut clock, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let first = (Instant::now(), on_processor());
        let mut made = before();
        let begun = if is_boot { first } else { (Instant::now(), on_processor()) };
        work(&mut made);
        clock.push(begun.0.elapsed().as_secs_f64() * 1e3);
        processor.push((on_processor() - begun.1) / 1e6);
        // What was made is given back outside of the measured time.
        drop(black_box(made));
    }
    line(what, "ms", &clock);
    line(what, "CPU ms", &processor);
}

/// How many a second.
fn rate(what: &str, count: u64, mut work: impl FnMut()) {
    let (mut clock, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let begun = (Instant::now(), on_processor());
        work();
        clock.push(count as f64 / begun.0.elapsed().as_secs_f64());
        processor.push(count as f64 / (on_processor() - begun.1).max(1.0) * 1e9);
    }
    line(what, "/s", &clock);
    line(what, "/CPU s", &processor);
}

fn line(what: &str, unit: &str, samples: &[f64]) {
    let samples: Vec<String> = samples.iter().map(|s| format!("{s:.4}")).collect();
    println!("{what}\t{unit}\t{}", samples.join(" "));
}

/// Nanoseconds that this process was on the processor; 0 where the system does not say.
fn on_processor() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// A line of /proc/self/status in kB; 0 where there is none.
fn status(name: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0.0)
}
