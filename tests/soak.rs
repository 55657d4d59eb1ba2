//! A cluster that runs for hours under load holds no more memory than one that has run for one: what a real cluster forgets
//! (events after an hour, flows after their timeouts, old ReplicaSets) is forgotten here, too. Counted in bytes that are held,
//! not in time.

use giljabi::api::time::Duration;
use giljabi::cluster::Settings;
use giljabi::cluster::history::History;
use giljabi::trace::many::Many;
use giljabi::trace::{Client, Request, Url};
use giljabi::workspace::Workspace;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, which counts what the thread holds.
struct Counting;

fn note(bytes: i64) {
    // A thread that is ending has no counter left, and nobody asks for it.
    let _ = HELD.try_with(|held| held.set(held.get() + bytes));
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        note(-(layout.size() as i64));
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn world(version: u64) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  type: NodePort\n  selector: {{app: web}}\n  ports: \
         [{{port: 80, targetPort: 8080, nodePort: 31000}}]\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n\
         spec:\n  replicas: 3\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}, \
         annotations: {{version: v{version}}}}}\n    spec:\n      containers:\n      - name: web\n        image: luksa/kubia\n        \
         ports: [{{containerPort: 8080}}]\n        readinessProbe: {{httpGet: {{path: /, port: 8080}}}}\n---\napiVersion: v1\n\
         kind: Pod\nmetadata: {{name: client}}\nspec:\n  containers: [{{name: client, image: nginx}}]\n---\napiVersion: v1\nkind: \
         Pod\nmetadata: {{name: crashing}}\nspec:\n  containers: [{{name: c, image: busybox, command: [\"false\"]}}]\n"
    )
}

/// A minute: a new version rolls out, and requests come from inside and outside.
fn minute(workspace: &mut Workspace, version: u64) {
    workspace.set_file("web.yaml", &world(version));
    let inside = Client::Pod { namespace: "default".into(), name: "client".into(), container: "".into() };
    for (from, url) in [(inside, "http://web"), (Client::Learner, "http://192.168.49.2:31000")] {
        let request = Request::get(from, Url::parse(url).expect("a URL"));
        let mut many = Many::new(&request, &[], 20);
        many.run(&mut workspace.cluster_mut().world(), 20);
        assert_eq!(many.tally.answered, 20, "{url} in version {version}");
    }
    workspace.cluster_mut().run_for(Duration::secs(60));
}

#[test]
fn hours_of_a_rolling_load_hold_no_more_than_the_first_ones() {
    let mut workspace = Workspace::new(Settings::default());
    // What each hour ends with: bytes, objects, events.
    let mut hours: Vec<(i64, usize, usize)> = Vec::new();
    let mut version = 0;
    for _ in 0..5 {
        let end = workspace.cluster().now() + Duration::secs(3_600);
        while workspace.cluster().now() < end {
            version += 1;
            minute(&mut workspace, version);
        }
        let cluster = workspace.cluster();
        hours.push((HELD.get(), cluster.store().iter().count(), cluster.recorder().iter().count()));
    }
    println!("{version} versions; bytes, objects and events at the end of each hour: {hours:?}");
    let (_, objects, events) = hours[0];
    for (_, later, later_events) in &hours[1..] {
        assert!(*later <= objects + 2, "objects grow: {hours:?}");
        assert!(*later_events <= events + events / 4, "events grow: {hours:?}");
    }
    // The log of writes holds some thousands; it is full in the third hour.
    let full = hours[2].0;
    assert!(hours[3..].iter().all(|(bytes, ..)| *bytes <= full + full / 10), "memory grows: {hours:?}");
}

#[test]
fn a_history_of_many_moments_holds_a_bounded_number() {
    let mut workspace = Workspace::new(Settings::default());
    let mut history = History::default();
    let mut held = Vec::new();
    let many = |workspace: &mut Workspace, count| {
        let request = Request::get(Client::Learner, Url::parse("http://10.96.0.10:9153").expect("a URL"));
        let request = Request { from: Client::Node { name: "node-1".into() }, ..request };
        let mut many = Many::new(&request, &[], count);
        many.run(&mut workspace.cluster_mut().world(), count);
    };
    // Nodes whose tables of flows are full.
    many(&mut workspace, 30_000);
    for version in 0..600 {
        many(&mut workspace, 3);
        workspace.set_file(
            "web.yaml",
            &world(version).replace("nodePort: 31000", &format!("nodePort: {}", 31_000 + version)),
        );
        history.keep(workspace.cluster(), "edit");
        held.push(HELD.get());
    }
    let (full, later) = (held[255], held[300..].iter().max().copied().unwrap_or(0));
    println!("{} KB a moment; {full} bytes with 256 of them, at most {later} later", (full - held[15]) / 240 / 1_024);
    assert!(history.moments().len() <= 256);
    assert!(later <= full + full / 5, "{later} after {full}");
}

#[test]
fn a_million_requests_hold_no_more_than_the_first_ones() {
    let mut workspace = Workspace::new(Settings::default());
    workspace.set_file("web.yaml", &world(0));
    let request = Request::get(Client::Learner, Url::parse("http://192.168.49.2:31000").expect("a URL"));
    let count = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let mut many = Many::new(&request, &[], count);
    let mut held = Vec::new();
    // In steps, between which a page tells how far it is and can be stopped.
    while many.tally.answered < count {
        many.run(&mut workspace.cluster_mut().world(), count / 10);
        held.push(HELD.get());
    }
    println!("bytes after each tenth: {held:?}");
    // A node keeps so many flows and no more.
    let most = held.iter().max().copied().unwrap_or(0);
    assert!(held.len() == 10 && most <= held[2] + held[2] / 4, "{held:?}");
}
