//! The API server on many objects: reading a file of Services, then creating each (decode, default, allocate, validate,
//! write). `cargo bench --bench apiserver` prints one table with the cost of one object at 10, 100, 1,000 and 10,000, in time
//! on a processor (on the clock where the system does not tell); the last column is that cost against the one at 100.

use giljabi::api::parse::parse;
use giljabi::api::time::Time;
use giljabi::apiserver::client::Direct;
use giljabi::apiserver::server::{ApiServer, Context};
use giljabi::apiserver::store::{Cause, Store};
use giljabi::apiserver::write::{Random, Writer};
use giljabi::kubectl::manifest::File;
use giljabi::kubectl::run::{Options, Run};
use giljabi::kubectl::{apply, create};
use giljabi::value;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    println!("{:<28}{:>10}{:>12}{:>14}{:>10}", "what", "objects", "total ms", "µs an object", "growth");
    for (name, work) in [("parse", parsing as fn(&str)), ("create", creating), ("apply, unchanged", applying)] {
        let mut at_hundred = 0.0;
        for count in [10, 100, 1_000, 10_000] {
            let text = services(count);
            let mut times: Vec<f64> = (0..if count > 1_000 { 3 } else { 9 })
                .map(|_| clock(&text, 1_000usize.div_ceil(count), work))
                .collect();
            times.sort_by(f64::total_cmp);
            let total = times[times.len() / 2];
            let each = total * 1_000.0 / count as f64;
            if count == 100 {
                at_hundred = each;
            }
            let growth = if count < 100 { String::new() } else { format!("{:.2}", each / at_hundred) };
            println!("{name:<28}{count:>10}{total:>12.2}{each:>14.1}{growth:>10}");
        }
    }
}

/// Milliseconds.
fn clock(text: &str, runs: usize, work: fn(&str)) -> f64 {
    // A thousand objects a sample at least: the system's own count comes in steps of milliseconds.
    let (start, before) = (Instant::now(), on_processor());
    (0..runs).for_each(|_| work(text));
    let total = match on_processor() - before {
        0.0 => start.elapsed().as_secs_f64() * 1e3,
        busy => busy / 1e6,
    };
    total / runs as f64
}

/// Nanoseconds that this thread has been on a processor; 0 where the system does not tell.
fn on_processor() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

fn services(count: usize) -> String {
    let one = |i: usize| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web-{i}\n  labels:\n    app: web\nspec:\n  type: {}\n  selector:\n    app: web-{i}\n  ports:\n  - name: http\n    port: 80\n    targetPort: http\n  - name: metrics\n    port: 9090\n---\n",
            if i.is_multiple_of(20) { "NodePort" } else { "ClusterIP" }
        )
    };
    (0..count).map(one).collect()
}

fn parsing(text: &str) {
    black_box(parse("services.yaml", black_box(text)));
}

fn creating(text: &str) {
    with_server(|run| create::create(run, &files(text)));
}

fn applying(text: &str) {
    with_server(|run| {
        apply::apply(run, &files(text));
        apply::apply(run, &files(text));
    });
}

fn files(text: &str) -> Vec<File> {
    vec![File { name: "services.yaml".into(), text: text.to_string() }]
}

fn with_server(act: impl FnOnce(&mut Run)) {
    let (mut store, mut random, now) = (Store::default(), Random::new(1), Time(0));
    let mut writer = Writer { store: &mut store, random: &mut random, now, cause: Cause::Bootstrap };
    writer.create("Namespace", value!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } }));
    let mut server = ApiServer::default();
    let context = Context { store: &mut store, random: &mut random, now, cause: Cause::User };
    let mut client = Direct { server: &mut server, context };
    let mut run = Run::new(&mut client, Options::default());
    act(&mut run);
    let output = run.finish();
    assert_eq!(output.code, 0, "{}", output.stderr);
}
