//! What goes with its owner, what stays, and what waits for the other.

use super::{apply, deployment, get, kubectl, pods, settle};
use giljabi::api::object::ObjectKey;
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::{Cluster, Settings};

#[test]
fn the_garbage_collector_orphans_waits_or_follows() {
    let make = || {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &deployment(2, "1", "0"));
        settle(&mut cluster);
        cluster
    };
    let sets = |cluster: &Cluster| cluster.store().list("ReplicaSet").filter(|s| s.namespace() == "default").count();
    let mut cluster = make();
    kubectl(&mut cluster, "delete deployment web --cascade=orphan", "");
    settle(&mut cluster);
    assert_eq!((sets(&cluster), pods(&cluster, "web").len()), (1, 2), "orphans stay");
    assert!(cluster.store().list("ReplicaSet").all(|s| s.controller_ref().is_none() || s.namespace() != "default"));
    // A Deployment with the same selector takes them in again.
    apply(&mut cluster, &deployment(2, "1", "0"));
    settle(&mut cluster);
    assert_eq!((sets(&cluster), pods(&cluster, "web").len()), (1, 2));
    assert!(
        cluster.store().list("ReplicaSet").filter(|s| s.namespace() == "default").all(|s| s.controller_ref().is_some())
    );

    let mut cluster = make();
    kubectl(&mut cluster, "delete deployment web --cascade=foreground --wait=false", "");
    let web = get(&cluster, "Deployment", "web").expect("it waits for what it owns");
    assert_eq!(web.value.items_at(&["metadata", "finalizers"]), [Value::from("foregroundDeletion")]);
    settle(&mut cluster);
    assert!(get(&cluster, "Deployment", "web").is_none() && sets(&cluster) == 0 && pods(&cluster, "web").is_empty());

    let mut cluster = make();
    kubectl(&mut cluster, "delete deployment web --wait=false", "");
    assert!(get(&cluster, "Deployment", "web").is_none() && sets(&cluster) == 1, "the owner goes first");
    settle(&mut cluster);
    assert!(sets(&cluster) == 0 && pods(&cluster, "web").is_empty());
}

#[test]
fn a_namespace_waits_for_finalizers_and_takes_nothing_new() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
    settle(&mut cluster);
    apply(
        &mut cluster,
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: shop, finalizers: [example.com/wait]}}",
    );
    kubectl(&mut cluster, "delete namespace shop --wait=false", "");
    cluster.run_for(Duration::secs(30));
    let shop = cluster.store().get(&ObjectKey::new("Namespace", "", "shop")).expect("it cannot go").clone();
    assert_eq!(shop.value.str_at(&["status", "phase"]), "Terminating");
    assert_eq!(cluster.store().in_namespace("shop").map(|o| o.name().to_string()).collect::<Vec<_>>(), ["kept"]);
    let kept = ObjectKey::new("ConfigMap", "shop", "kept");
    let old = cluster.store().get(&kept).expect("kept").clone();
    let mut value = old.value.clone();
    value.remove_at(&["metadata", "finalizers"]);
    cluster.write(Cause::User, |w| w.update(&old, value));
    settle(&mut cluster);
    assert!(cluster.store().get(&ObjectKey::new("Namespace", "", "shop")).is_none());
}

/// A ConfigMap that these own: API version, kind, name, uid.
fn owned(name: &str, owners: &[(&str, &str, &str, &str)]) -> String {
    let owners: Vec<String> = owners
        .iter()
        .map(|(version, kind, name, uid)| {
            format!("{{apiVersion: {version}, kind: {kind}, name: {name}, uid: '{uid}', blockOwnerDeletion: true}}")
        })
        .collect();
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, ownerReferences: [{}]}}}}", owners.join(", "))
}

#[test]
fn the_garbage_collector_takes_lost_owners_from_the_list_while_others_are_left() {
    let owners = |cluster: &Cluster, name: &str| -> Option<Vec<String>> {
        let map = get(cluster, "ConfigMap", name)?;
        Some(map.value.items_at(&["metadata", "ownerReferences"]).iter().map(|o| o.text("name").to_string()).collect())
    };
    let mut cluster = Cluster::new(Settings::default());
    for name in ["one", "two"] {
        apply(&mut cluster, &format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}"));
    }
    let uid = |cluster: &Cluster, name: &str| get(cluster, "ConfigMap", name).expect("there").uid().to_string();
    let (one, two) = (uid(&cluster, "one"), uid(&cluster, "two"));
    let pair = [("v1", "ConfigMap", "one", one.as_str()), ("v1", "ConfigMap", "two", two.as_str())];
    apply(&mut cluster, &owned("child", &pair));
    // One that never was goes at once; of another's name, too.
    let strange = [pair[0], ("v1", "Secret", "never", "u-1"), ("v1", "ConfigMap", "two", "u-2")];
    apply(&mut cluster, &owned("lucky", &strange));
    apply(&mut cluster, &owned("lost", &strange[1..]));
    // Nobody knows whether an owner of an unknown kind is there.
    apply(&mut cluster, &owned("kept", &[("argoproj.io/v1alpha1", "Rollout", "web", "u-3")]));
    settle(&mut cluster);
    assert_eq!(owners(&cluster, "child"), Some(vec!["one".into(), "two".into()]));
    assert_eq!(owners(&cluster, "lucky"), Some(vec!["one".into()]));
    assert_eq!(owners(&cluster, "lost"), None);
    assert_eq!(owners(&cluster, "kept"), Some(vec!["web".into()]));

    kubectl(&mut cluster, "delete configmap two --wait=false", "");
    settle(&mut cluster);
    assert_eq!(owners(&cluster, "child"), Some(vec!["one".into()]));
    // An owner that waits for its dependents gets those that others own, too, off its back.
    apply(&mut cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: three}}");
    let three = uid(&cluster, "three");
    let both = [("v1", "ConfigMap", "one", one.as_str()), ("v1", "ConfigMap", "three", three.as_str())];
    apply(&mut cluster, &owned("shared", &both));
    settle(&mut cluster);
    kubectl(&mut cluster, "delete configmap three --cascade=foreground --wait=false", "");
    settle(&mut cluster);
    assert!(get(&cluster, "ConfigMap", "three").is_none());
    assert_eq!(owners(&cluster, "shared"), Some(vec!["one".into()]));
    kubectl(&mut cluster, "delete configmap one --cascade=foreground --wait=false", "");
    settle(&mut cluster);
    assert!(["one", "shared", "child", "lucky"].iter().all(|name| get(&cluster, "ConfigMap", name).is_none()));
}
