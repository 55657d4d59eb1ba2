//! Properties of the layout over clusters of many sizes: nothing lies on anything, everything has a place, and what an edit
//! did not change stays where it was.

use super::{Places, Point, Rect, Scene, Setting};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::Time;
use crate::apiserver::store::{Cause, Store};
use crate::trace::Client;
use crate::value;
use std::collections::BTreeSet;

fn put(store: &mut Store, kind: &str, value: crate::api::value::Value) {
    store.put(Object::new(kind, value), Cause::User, Time(0));
}

fn pod(store: &mut Store, name: &str, node: &str) {
    let owner = value!([{ "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": true }]);
    put(
        store,
        "Pod",
        value!({
            "metadata": { "name": name, "namespace": "default", "ownerReferences": owner },
            "spec": { "nodeName": node },
            "status": { "phase": "Running", "podIP": "10.244.0.9" }
        }),
    );
}

fn cluster(nodes: usize, pods: usize) -> Store {
    let mut store = Store::default();
    for n in 0..nodes {
        put(&mut store, "Node", value!({ "metadata": { "name": (format!("node-{n:03}")) } }));
    }
    for p in 0..pods {
        pod(&mut store, &format!("web-{p:04}"), &format!("node-{:03}", p % nodes.max(1)));
    }
    store
}

fn draw(store: &Store, places: &Places, width: f64) -> Scene {
    Scene::draw(&Setting {
        store,
        places,
        width,
        height: 516.0,
        service: None,
        client: None,
        trace: None,
        unfolded: &BTreeSet::new(),
        title: 300.0,
    })
}

#[test]
fn every_pod_has_a_place_and_nothing_overlaps() {
    for (nodes, pods) in [(1, 0), (3, 8), (3, 100), (10, 100), (10, 1000), (100, 1000)] {
        let store = cluster(nodes, pods);
        let mut places = Places::default();
        places.update(&store);
        for width in [340.0, 992.0, 1900.0] {
            let scene = draw(&store, &places, width);
            let size = format!("{nodes} nodes, {pods} pods, {width} wide");
            assert!(store.list("Pod").all(|p| scene.pod_rect(&p.key).is_some()), "a pod is missing: {size}");
            let apart = |boxes: &[Rect]| {
                for (i, a) in boxes.iter().enumerate() {
                    assert!(!boxes[i + 1..].iter().any(|b| a.overlaps(*b)), "{size}: {a:?}");
                    assert!(
                        a.x >= 0.0 && a.right() <= scene.width + 0.1 && a.bottom() <= scene.height,
                        "{size}: {a:?}"
                    );
                }
            };
            apart(&scene.nodes.iter().map(|n| n.rect).chain(scene.outside.iter().map(|o| o.rect)).collect::<Vec<_>>());
            for node in &scene.nodes {
                let inside = node.pods.iter().map(|p| p.rect).chain(node.groups.iter().map(|g| g.rect));
                apart(&inside.chain([node.kernel]).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn an_edit_moves_nothing_that_it_did_not_change() {
    let mut store = cluster(3, 12);
    let mut places = Places::default();
    places.update(&store);
    let before = draw(&store, &places, 992.0);
    store.remove(&ObjectKey::new("Pod", "default", "web-0003"), Cause::User, Time(0));
    pod(&mut store, "another", "node-001");
    places.update(&store);
    let after = draw(&store, &places, 992.0);
    for pod in before.pods().filter(|p| p.key.name != "web-0003") {
        assert_eq!(after.pod_rect(&pod.key), Some(pod.rect), "{}", pod.key);
    }
}

#[test]
fn groups_unfold_by_namespace_and_workload_and_fold_again() {
    let mut store = Store::default();
    put(&mut store, "Node", value!({ "metadata": { "name": "node-000" } }));
    for namespace in ["default", "shop", "bank"] {
        for workload in ["a", "b", "c"] {
            let owner = value!([{ "kind": "ReplicaSet", "name": (workload), "uid": "1", "controller": true }]);
            for p in 0..6 {
                put(
                    &mut store,
                    "Pod",
                    value!({
                        "metadata": {
                            "name": (format!("{workload}-{p}")), "namespace": (namespace), "ownerReferences": (owner.clone())
                        },
                        "spec": { "nodeName": "node-000" },
                        "status": { "phase": "Running" }
                    }),
                );
            }
        }
    }
    let mut places = Places::default();
    places.update(&store);
    let mut unfolded = BTreeSet::new();
    let draw = |unfolded: &BTreeSet<super::GroupKey>| {
        Scene::draw(&Setting {
            store: &store,
            places: &places,
            width: 992.0,
            height: 516.0,
            service: None,
            client: None,
            trace: None,
            unfolded,
            title: 300.0,
        })
    };
    let folded = draw(&unfolded);
    let kinds = |scene: &Scene| scene.groups().map(|g| g.key.workload.kind.to_string()).collect::<Vec<_>>();
    assert_eq!(kinds(&folded), ["Namespace"; 3], "many groups stand behind their namespaces");
    unfolded.insert(folded.nodes[0].groups[0].key.clone());
    let namespace = draw(&unfolded);
    assert_eq!(namespace.nodes[0].folds.len(), 1);
    assert_eq!(kinds(&namespace).iter().filter(|k| *k == "ReplicaSet").count(), 3);
    let workload = namespace.groups().find(|g| g.key.workload.kind == "ReplicaSet").expect("a workload").key.clone();
    unfolded.insert(workload.clone());
    let pods = draw(&unfolded);
    assert_eq!(pods.nodes[0].pods.len(), 6, "its pods have boxes of their own");
    let node = &pods.nodes[0];
    let inside: Vec<Rect> = node.pods.iter().map(|p| p.rect).chain(node.groups.iter().map(|g| g.rect)).collect();
    let all: Vec<Rect> = inside.into_iter().chain(node.folds.iter().map(|f| f.rect)).chain([node.kernel]).collect();
    for (i, a) in all.iter().enumerate() {
        assert!(!all[i + 1..].iter().any(|b| a.overlaps(*b)), "{a:?}");
    }
    assert!(store.list("Pod").all(|p| pods.pod_rect(&p.key).is_some()), "every pod is somewhere");
    unfolded.clear();
    assert_eq!(draw(&unfolded), folded);
}

#[test]
fn many_nodes_are_tiles_but_for_those_of_the_request_and_the_unfolded() {
    let store = cluster(100, 1_000);
    let mut places = Places::default();
    places.update(&store);
    let client = Client::Pod { namespace: "default".into(), name: "web-0007".into(), container: "".into() };
    let draw = |unfolded: &BTreeSet<super::GroupKey>| {
        Scene::draw(&Setting {
            store: &store,
            places: &places,
            width: 992.0,
            height: 516.0,
            service: None,
            client: Some(&client),
            trace: None,
            unfolded,
            title: 300.0,
        })
    };
    let mut unfolded = BTreeSet::new();
    let scene = draw(&unfolded);
    let whole = |scene: &Scene| {
        scene.nodes.iter().filter(|n| n.folded.is_none()).map(|n| n.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(whole(&scene), ["node-007"], "the client's node is whole");
    assert!(scene.height < 2_000.0, "a hundred nodes can be looked over: {}", scene.height);
    let in_tiles: usize = scene.nodes.iter().filter_map(|n| n.folded.as_ref()).map(|f| f.pods.len()).sum();
    assert_eq!(in_tiles, 990);
    unfolded.insert(super::node_key(&"node-042".into()));
    let scene = draw(&unfolded);
    assert_eq!(whole(&scene), ["node-007", "node-042"]);
    let node = scene.node("node-042").expect("it is there");
    assert_eq!(node.folds.len(), 1, "and folds again");
    let boxes: Vec<Rect> = node.pods.iter().map(|p| p.rect).chain(node.groups.iter().map(|g| g.rect)).collect();
    assert!(!boxes.is_empty() && boxes.iter().all(|b| !b.overlaps(node.folds[0].rect) && !b.overlaps(node.kernel)));
}

/// Wherever a packet is, on a pod, falling, in the kernel or on the way out of it, its label hides no pods.
#[test]
fn labels_cover_no_dots() {
    let (w, h) = (150.0, 38.0);
    for (nodes, pods) in [(5, 100), (20, 1000)] {
        let store = cluster(nodes, pods);
        let mut places = Places::default();
        places.update(&store);
        let scene = draw(&store, &places, 992.0);
        for node in &scene.nodes {
            for group in &node.groups {
                let x = group.rect.center().x;
                for y in [group.rect.bottom(), node.kernel.y - 20.0, node.kernel.y, node.kernel.bottom()] {
                    let label = Rect::new(x + 16.0, scene.quiet_top(Point::new(x, y), (x + 16.0, w, h)), w, h);
                    let hidden = scene.groups().find(|g| g.rect.overlaps(label));
                    assert!(hidden.is_none(), "{nodes} nodes: at {x} {y} the label {label:?} hides {hidden:?}");
                }
            }
        }
    }
}
