//! A workspace that has left most of itself to its twin: who only looks at the network asks the twin nothing, and whoever changes
//! something gets what they would have got without it.

use giljabi::api::object::Object;
use giljabi::api::time::Duration;
use giljabi::apiserver::store::Store;
use giljabi::cluster::{NodeSettings, Settings};
use giljabi::later::Twin;
use giljabi::map::{Places, Scene, Setting, workload};
use giljabi::trace::{Client, Request, Trace, Url};
use giljabi::workspace::{File, Workspace};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

const SERVICE: &str = include_str!("../assets/scenarios/kimho/service.yaml");
const PODS: &str = include_str!("../assets/scenarios/kimho/pods.yaml");

/// The same each time.
fn made() -> Workspace {
    let nodes = (0..3).map(NodeSettings::numbered).collect();
    let mut workspace = Workspace::new(Settings { nodes, ..Settings::default() });
    workspace.set_files(files(SERVICE, PODS));
    workspace
}

fn files(service: &str, pods: &str) -> Vec<File> {
    [("service.yaml", service), ("pods.yaml", pods)]
        .map(|(name, text)| File { name: name.into(), text: text.into() })
        .into()
}

fn left<W: Twin<Workspace>>() -> Workspace {
    let mut workspace = made();
    workspace.leave::<W>();
    workspace
}

fn ask(workspace: &mut Workspace, url: &str) -> Trace {
    let client = Client::Pod { namespace: "default".into(), name: "client".into(), container: "".into() };
    workspace.send(&Request::get(client, Url::parse(url).expect("an address")))
}

/// A twin that nobody may ask.
struct Nobody;

impl Twin<Workspace> for Nobody {
    fn get() -> &'static Workspace {
        panic!("the twin was asked")
    }
}

/// A twin that can be asked.
struct Made;

impl Twin<Workspace> for Made {
    fn get() -> &'static Workspace {
        static MADE: OnceLock<Workspace> = OnceLock::new();
        MADE.get_or_init(made)
    }
}

#[test]
fn who_looks_at_the_network_asks_the_twin_nothing() {
    let workspace = left::<Nobody>();
    let (mut same, mut plain) = (workspace.clone(), made());
    // Why a request fails is another question.
    for url in ["http://kimho", "http://kimho:443", "http://example.com"] {
        let (trace, expected) = (ask(&mut same, url), ask(&mut plain, url));
        assert_eq!(format!("{trace:?}"), format!("{expected:?}"), "{url}");
        // The page says at which line of the files each step is decided.
        for field in trace.hops.iter().flat_map(|hop| &hop.steps).flat_map(|step| &step.because) {
            assert_eq!(same.locate(field), plain.locate(field), "{field}");
        }
    }
    let store = workspace.cluster().store();
    let mut places = Places::default();
    places.update(store);
    let draw = |store: &Store| {
        let unfolded = BTreeSet::new();
        let (width, height, title) = (992.0, 516.0, 300.0);
        let (service, client, trace) = (None, None, None);
        Scene::draw(&Setting {
            store,
            places: &places,
            width,
            height,
            service,
            client,
            trace,
            unfolded: &unfolded,
            title,
        })
    };
    assert_eq!(draw(store), draw(plain.cluster().store()));
    assert!(draw(store).pods().count() > 4);
    for pod in store.list("Pod") {
        assert_eq!(workload(store, pod), workload(plain.cluster().store(), pod));
    }
}

/// Everything that there is to know of a workspace.
fn told(workspace: &Workspace) -> String {
    let cluster = workspace.cluster();
    let objects: Vec<_> =
        cluster.store().iter().map(|o| (&o.key, &*o.value, o.revision, o.origin(), o.view())).collect();
    let text = |object: &Option<Arc<Object>>| object.as_ref().map(|o| format!("{:?}", o.value));
    let events = cluster.store().events().iter();
    let events: Vec<_> = events.map(|e| (e.revision, e.at, &e.cause, &e.key, text(&e.old), text(&e.new))).collect();
    let found = workspace.diagnostics();
    format!("{objects:#?} {events:#?} {:#?} {:#?} {found:#?} {:?}", cluster.events(), cluster.queue(), cluster.now())
}

/// Says where two texts differ, which are too long to be read.
fn same(left: &str, right: &str) {
    let at = left.lines().zip(right.lines()).position(|(a, b)| a != b);
    let around =
        |text: &str, at: usize| text.lines().skip(at.saturating_sub(12)).take(16).collect::<Vec<_>>().join("\n");
    assert!(left == right, "{:?}", at.map(|at| (around(left, at), around(right, at))));
}

#[test]
fn what_was_left_is_found_in_the_twin() {
    let workspace = left::<Made>();
    same(&told(&workspace), &told(&made()));
}

#[test]
fn a_change_comes_to_the_same() {
    let edits = [
        files(&SERVICE.replace("port: 406", "port: 407"), PODS),
        files(SERVICE, &PODS.replace("replicas: 3", "replicas: 5")),
        files(SERVICE, &PODS.replace("giljabi/echo", "nginx:1.29")),
        files("kind: Service\n  broken", PODS),
        files("", PODS),
        files(SERVICE, PODS),
    ];
    let (mut workspace, mut plain) = (left::<Made>(), made());
    let before = workspace.clone();
    for files in edits {
        let (applied, expected) = (workspace.set_files(files.clone()).clone(), plain.set_files(files).clone());
        assert_eq!(applied, expected);
        same(&told(&workspace), &told(&plain));
        for url in ["http://kimho", "http://kimho:407"] {
            assert_eq!(format!("{:?}", ask(&mut workspace, url)), format!("{:?}", ask(&mut plain, url)), "{url}");
        }
    }
    for workspace in [&mut workspace, &mut plain] {
        workspace.cluster_mut().set_power("node-2", false);
        workspace.cluster_mut().run_for(Duration::secs(600));
    }
    same(&told(&workspace), &told(&plain));
    // An earlier moment stays what it was.
    same(&told(&before), &told(&made()));
}
