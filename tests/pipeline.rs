//! What the API server does to writes beyond the recorded facts: stale versions, generated names, finalizers, namespaces on
//! their way out, both IP families, kinds that an add-on brings, kinds that are only kept.

#[allow(dead_code)]
#[path = "oracle_families/world.rs"]
mod world;

use giljabi::api::value::Value;
use giljabi::apiserver::allocate::Ranges;
use giljabi::apiserver::request::PatchKind;
use giljabi::apiserver::resource;
use giljabi::apiserver::server::ApiServer;
use giljabi::kubectl::run::{Options, Output};
use giljabi::kubectl::{apply, create, delete, patch, replace};
use giljabi::value;
use world::{World, manifest};

fn creates(world: &mut World, text: &str) -> Output {
    world.kubectl(Options::default(), |run| create::create(run, &manifest(text)))
}

fn patches(world: &mut World, word: &str, name: &str, change: Value) -> Output {
    let resource = resource::find_word(&world.store, word).expect("a resource");
    world.kubectl(Options::default(), |run| patch::patch(run, &resource, name, PatchKind::Merge, &change))
}

fn object(world: &World, word: &str, name: &str) -> Option<Value> {
    let resource = resource::find_word(&world.store, word)?;
    world.store.get(&resource.key("default", name)).map(|o| o.value.clone())
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n  - port: 80\n";

#[test]
fn a_stale_version_is_a_conflict() {
    let mut world = World::new();
    creates(&mut world, SERVICE);
    let stale =
        format!("{SERVICE}  selector: {{app: web}}\n").replace("name: web\n", "name: web\n  resourceVersion: \"1\"\n");
    let output = world.kubectl(Options::default(), |run| replace::replace(run, &manifest(&stale), false));
    assert_eq!(
        output.stderr,
        "Error from server (Conflict): error when replacing \"manifest.yaml\": Operation cannot be fulfilled on services \
         \"web\": the object has been modified; please apply your changes to the latest version and try again\n"
    );
    let missing = SERVICE.replace("web", "other");
    let output = world.kubectl(Options::default(), |run| replace::replace(run, &manifest(&missing), false));
    assert_eq!(
        output.stderr,
        "Error from server (NotFound): error when replacing \"manifest.yaml\": services \"other\" not found\n"
    );
}

#[test]
fn generated_names_and_finalizers() {
    let mut world = World::new();
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: settings-\n";
    let output = creates(&mut world, text);
    let name = output.stdout.strip_prefix("configmap/").and_then(|t| t.strip_suffix(" created\n")).unwrap_or_default();
    assert!(name.starts_with("settings-") && name.len() == "settings-".len() + 5, "{}", output.stdout);
    let applied = world.kubectl(Options::default(), |run| apply::apply(run, &manifest(text)));
    assert_eq!(applied.stderr, "error: from settings-: cannot use generate name with apply\n");

    let held = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: held\n  finalizers: [example.com/hold]\n";
    creates(&mut world, held);
    let output =
        world.kubectl(Options::default(), |run| delete::delete_files(run, &manifest(held), &Default::default()));
    assert_eq!(output.stdout, "configmap \"held\" deleted from default namespace\n");
    let waiting = object(&world, "cm", "held").expect("it waits for its finalizer");
    assert!(waiting.at(&["metadata", "deletionTimestamp"]).is_some());
    let added = value!({ "metadata": { "finalizers": ["example.com/hold", "example.com/more"] } });
    let output = patches(&mut world, "cm", "held", added);
    let words = "The ConfigMap \"held\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object \
                 is being deleted, found new finalizers [\"example.com/more\"]\n";
    assert_eq!(output.stderr, words);
    patches(&mut world, "cm", "held", value!({ "metadata": { "finalizers": null } }));
    assert!(object(&world, "cm", "held").is_none(), "the last finalizer is gone, and so is the object");
}

#[test]
fn nothing_enters_a_namespace_that_is_ending() {
    let mut world = World::new();
    creates(&mut world, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n");
    let shop = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n";
    let output =
        world.kubectl(Options::default(), |run| delete::delete_files(run, &manifest(shop), &Default::default()));
    assert_eq!(output.stdout, "namespace \"shop\" deleted\n");
    let default = shop.replace("shop", "default");
    let output =
        world.kubectl(Options::default(), |run| delete::delete_files(run, &manifest(&default), &Default::default()));
    assert!(output.stderr.contains("namespaces \"default\" is forbidden: this namespace may not be deleted"));
    let late = SERVICE.replace("name: web\n", "name: web\n  namespace: gone\n");
    assert_eq!(
        creates(&mut world, &late).stderr,
        "Error from server (NotFound): error when creating \"manifest.yaml\": namespaces \"gone\" not found\n"
    );
}

#[test]
fn a_dual_stack_cluster_gives_an_address_of_each_family() {
    let mut world = World::new();
    world.server = ApiServer::new(Ranges::dual_stack());
    let text = SERVICE.replace("spec:\n", "spec:\n  ipFamilyPolicy: PreferDualStack\n");
    assert_eq!(creates(&mut world, &text).stderr, "");
    let service = object(&world, "svc", "web").expect("created");
    let families: Vec<&str> = service.items_at(&["spec", "ipFamilies"]).iter().filter_map(Value::as_str).collect();
    assert_eq!(families, ["IPv4", "IPv6"]);
    let ips = service.items_at(&["spec", "clusterIPs"]).to_vec();
    assert_eq!(ips.len(), 2);
    assert!(ips[1].as_str().is_some_and(|ip| ip.starts_with("fd00:10:96::")), "{ips:?}");

    let single = value!({ "spec": { "ipFamilyPolicy": "SingleStack" } });
    assert_eq!(patches(&mut world, "svc", "web", single).stderr, "");
    let service = object(&world, "svc", "web").expect("still there");
    assert_eq!(service.items_at(&["spec", "clusterIPs"]), &ips[..1], "the first address stays, the second is released");
    let wrong = value!({ "spec": { "ipFamilies": ["IPv6"] } });
    let output = patches(&mut world, "svc", "web", wrong);
    assert!(output.stderr.contains("expected an IPv6 value as indicated by `ipFamilies[0]`"), "{}", output.stderr);
}

#[test]
fn a_definition_brings_its_kind_and_takes_it_along() {
    let mut world = World::new();
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata:\n  name: one\nspec:\n  size: 3\n";
    assert_eq!(
        creates(&mut world, widget).stderr,
        "error: resource mapping not found for name: \"one\" namespace: \"\" from \"manifest.yaml\": no matches for kind \
         \"Widget\" in version \"example.com/v1\"\nensure CRDs are installed first\n"
    );
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: widgets.example.com\n\
                      spec:\n  group: example.com\n  names: {kind: Widget, plural: widgets, singular: widget, shortNames: [wd]}\n  \
                      scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      \
                      openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}\n";
    let output = creates(&mut world, definition);
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("customresourcedefinition.apiextensions.k8s.io/widgets.example.com created\n", "")
    );
    assert_eq!(creates(&mut world, widget).stdout, "widget.example.com/one created\n");
    let output = world.kubectl(Options::default(), |run| apply::apply(run, &manifest(&widget.replace('3', "4"))));
    assert_eq!(output.stdout, "widget.example.com/one configured\n");
    assert_eq!(object(&world, "wd", "one").and_then(|o| o.at(&["spec", "size"]).and_then(Value::as_i64)), Some(4));
}

#[test]
fn other_kinds_are_kept_and_lists_taken_apart() {
    let mut world = World::new();
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: rbac.authorization.k8s.io/v1\n  kind: Role\n  metadata: {name: reader}\n  \
                rules:\n  - {apiGroups: [\"\"], resources: [pods], verbs: [get]}\n- apiVersion: v1\n  kind: ServiceAccount\n  \
                metadata: {name: robot}\n";
    let output = creates(&mut world, text);
    assert_eq!(
        output.stdout, "role.rbac.authorization.k8s.io/reader created\nserviceaccount/robot created\n",
        "{}",
        output.stderr
    );
}
