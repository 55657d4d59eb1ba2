//! How work grows with the size of the world: counted, not timed, so that a busy machine says the same as an idle one. What is
//! counted are the bytes that the work asks the allocator for; nearly everything here that takes time takes memory on its way.

#[path = "workload/mod.rs"]
#[expect(dead_code, reason = "a series of requests learns first, and is measured in benches")]
mod workload;

use giljabi::api::object::Object;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::apiserver::client::Direct;
use giljabi::apiserver::server::{ApiServer, Context};
use giljabi::apiserver::store::{Cause, Store};
use giljabi::apiserver::write::{Random, Writer};
use giljabi::cluster::Settings;
use giljabi::kubectl::apply;
use giljabi::kubectl::manifest::File;
use giljabi::kubectl::run::{Options, Run};
use giljabi::value;
use giljabi::workspace::Workspace;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which notes what a thread asks of it.
struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter left, and nobody asks for it.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size() as u64));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that some work asks for.
fn cost(work: impl FnOnce()) -> f64 {
    let before = ASKED.get();
    work();
    (ASKED.get() - before) as f64
}

/// The exponent between the costs at two sizes.
fn exponent(sizes: (usize, usize), cost: impl Fn(usize) -> f64) -> f64 {
    let (few, many) = (cost(sizes.0), cost(sizes.1));
    let found = (many.max(1.0) / few.max(1.0)).ln() / (sizes.1 as f64 / sizes.0 as f64).ln();
    println!("{few:>14.0} at {:>5}, {many:>14.0} at {:>5}: exponent {found:.2}", sizes.0, sizes.1);
    found
}

const SIZES: (usize, usize) = (30, 1_000);

#[test]
fn reading_grows_with_the_text() {
    let found = exponent(SIZES, |count| {
        let text = workload::services(count);
        cost(|| workload::read(&text))
    });
    assert!(found <= 1.05, "{found:.2}");
}

/// `kubectl apply` of a text, once for each of the costs that it gives back.
fn apply_again_and_again<const TIMES: usize>(text: &str) -> [f64; TIMES] {
    let (mut store, mut random, now) = (Store::default(), Random::new(1), Time(0));
    let mut writer = Writer { store: &mut store, random: &mut random, now, cause: Cause::Bootstrap };
    writer.create("Namespace", value!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "default" } }));
    let mut server = ApiServer::default();
    let context = Context { store: &mut store, random: &mut random, now, cause: Cause::User };
    let mut client = Direct { server: &mut server, context };
    let files = [File { name: "services.yaml".into(), text: text.to_string() }];
    std::array::from_fn(|_| {
        let mut run = Run::new(&mut client, Options::default());
        let cost = cost(|| apply::apply(&mut run, &files));
        assert_eq!(run.finish().code, 0);
        cost
    })
}

#[test]
fn applying_grows_with_the_objects_also_where_nothing_has_changed() {
    let costs = |count: usize| apply_again_and_again::<2>(&workload::services(count));
    let (few, many) = (costs(SIZES.0), costs(SIZES.1));
    for (what, time) in [("created", 0), ("unchanged", 1)] {
        let found = exponent(SIZES, |count| if count == SIZES.0 { few[time] } else { many[time] });
        assert!(found <= 1.05, "{what}: {found:.2}");
    }
}

#[test]
fn applying_and_settling_grow_with_the_pods() {
    let found = exponent(SIZES, |pods| {
        let mut workspace = workload::boot(SIZES.1);
        cost(|| workload::deploy(&mut workspace, pods, 80))
    });
    assert!(found <= 1.1, "{found:.2}");
}

#[test]
fn an_edit_of_one_field_hardly_grows() {
    let found = exponent(SIZES, |pods| {
        let mut workspace = workload::boot(SIZES.1);
        workload::deploy(&mut workspace, pods, 80);
        cost(|| workload::deploy(&mut workspace, pods, 81))
    });
    assert!(found <= 1.0, "{found:.2}");
}

#[test]
fn rules_grow_with_the_services_and_a_flip_does_not() {
    let all = exponent(SIZES, |services| {
        let store = workload::store(services);
        cost(|| drop(workload::rules(&store)))
    });
    assert!(all <= 1.1, "{all:.2}");
    let flip = exponent(SIZES, |services| {
        let mut store = workload::store(services);
        let mut proxies = workload::rules(&store);
        cost(|| workload::flip(&mut store, &mut proxies, false))
    });
    assert!(flip <= 0.1, "{flip:.2}");
}

/// One of the slices of the Service `web-0`; each has a hundred endpoints.
fn slice_of_a_hundred(number: usize, ready: bool) -> Value {
    let endpoint = |i: usize| {
        let ip = format!("10.{}.{}.{i}", 129 + number / 250, number % 250);
        value!({ "addresses": [(ip)], "conditions": { "ready": (ready || i > 0) }, "nodeName": "node-1" })
    };
    value!({
        "addressType": "IPv4",
        "metadata": {
            "name": (format!("web-0-{number}")), "namespace": "default",
            "labels": { "kubernetes.io/service-name": "web-0" },
        },
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        "endpoints": (Value::list((0..100).map(endpoint).collect())),
    })
}

#[test]
fn one_endpoint_of_a_large_service_costs_its_slice() {
    let found = exponent((1_000, 10_000), |endpoints| {
        let mut store = workload::store(1);
        for number in 0..endpoints / 100 {
            store.put(Object::new("EndpointSlice", slice_of_a_hundred(number, true)), Cause::Bootstrap, Time(0));
        }
        let mut proxies = workload::rules(&store);
        store.put(Object::new("EndpointSlice", slice_of_a_hundred(3, false)), Cause::Bootstrap, Time(0));
        cost(|| drop(proxies.sync(&store)))
    });
    // Which endpoints may be used is a number of two bytes each, and that list is made anew.
    assert!(found <= 0.4, "{found:.2}");
}

#[test]
fn a_request_hardly_grows_with_the_endpoints_and_a_matrix_grows_with_its_cells() {
    let ask = |how: workload::How| {
        exponent(SIZES, |pods| {
            let mut workspace = workload::boot(SIZES.1);
            workload::deploy(&mut workspace, pods, 80);
            // What is made when it is first looked at is not the request's.
            workload::ask(&mut workspace, workload::DOORS[0], 5, how);
            cost(|| workload::ask(&mut workspace, workload::DOORS[0], 20, how))
        })
    };
    let untraced = ask(workload::How::Counted);
    assert!(untraced <= 0.1, "{untraced:.2}");
    let traced = ask(workload::How::Told);
    assert!(traced <= 1.05, "{traced:.2}");
    let matrix = exponent(SIZES, |pods| {
        let mut workspace = workload::boot(SIZES.1);
        workload::deploy(&mut workspace, pods, 80);
        workload::matrix(&mut workspace);
        cost(|| workload::matrix(&mut workspace))
    });
    assert!(matrix <= 1.1, "{matrix:.2}");
}

/// A page keeps more than a hundred moments, and the files of as many edits: what a copy costs must not grow with the files.
#[test]
fn a_copy_of_files_and_cluster_hardly_grows() {
    let copies = |objects: usize| {
        let text: String = (0..objects)
            .map(|i| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{i}}}\ndata: {{a: b{i}}}\n"))
            .collect();
        let mut workspace = Workspace::new(Settings::default());
        workspace.set_files(vec![giljabi::workspace::File { name: "all.yaml".into(), text }]);
        (cost(|| drop(workspace.clone())), cost(|| drop(workspace.texts())), workspace)
    };
    let copy = exponent(SIZES, |objects| copies(objects).0);
    assert!(copy < 0.2, "a copy grows with exponent {copy:.2}");
    let texts = exponent(SIZES, |objects| copies(objects).1);
    assert!(texts < 0.2, "its files grow with exponent {texts:.2}");
    // What is put back is what was there.
    let (_, _, mut workspace) = copies(5);
    let before = workspace.texts();
    workspace.set_file("all.yaml", "");
    assert_eq!(workspace.cluster().store().list_in("ConfigMap", "default").count(), 1, "the cluster's own");
    workspace.put_back(before);
    assert_eq!(workspace.cluster().store().list_in("ConfigMap", "default").count(), 6);
    assert!(workspace.file("all.yaml").is_some_and(|file| file.text.contains("name: c4")));
}
