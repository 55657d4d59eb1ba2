//! What is drawn of a state: where everything is, the ways of a trace over it, and its rows. Computed anew only from what it
//! is made of.

use giljabi::api::object::{Object, ObjectKey};
use giljabi::apiserver::store::Store;
use giljabi::locale::{self, Lang};
use giljabi::map::geometry::text_width;
use giljabi::map::{GroupKey, Leg, Places, Scene, Setting, Stage};
use giljabi::trace::{Client, Url};
use leptos::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::session::{Sent, State};

/// What the time bar asks for.
#[derive(Clone, Copy)]
pub struct Asked {
    pub url: RwSignal<String>,
    pub client: RwSignal<Client>,
}

/// The drawing of a state, and a count that goes up when a node or a pod changes: most edits change none of the thousand. What did
/// not change keeps its place from one drawing to the next. The third is the drawing for lists and for the small map: an edit reaches
/// it when the map is painted, whatever else changes the drawing reaches it at once.
pub fn scene_of(
    (state, painted): (RwSignal<Arc<State>>, RwSignal<Arc<State>>),
    sent: RwSignal<Option<Arc<Sent>>>,
    chosen: RwSignal<Option<ObjectKey>>,
    asked: Asked,
    room: RwSignal<(f64, f64)>,
    unfolded: RwSignal<BTreeSet<GroupKey>>,
    lang: RwSignal<Lang>,
) -> (Memo<usize>, Memo<Arc<Scene>>, Memo<Arc<Scene>>) {
    let places = StoredValue::new(Places::default());
    let crowd = Memo::new(move |_| {
        places.update_value(|places| places.update(&state.read().store));
        places.with_value(Places::moves)
    });
    let smallest = StoredValue::new(false);
    // The address is typed letter by letter; the drawing cares only for the Service that it means.
    let service = Memo::new(move |_| {
        let state = state.get();
        chosen.get().or_else(|| service_of(&state.store, &asked.url.read(), &asked.client.read()))
    });
    let scene = Memo::new(move |_| {
        let state = state.get();
        let sent = sent.get();
        // Not only followed: asked, so that the places are those of this state.
        crowd.get();
        places.with_value(|places| {
            let (width, height) = room.get();
            let title = text_width(&locale::text(lang.get(), "map.nowhere", &[]), 12.0, false);
            let draw = |zoom: f64| {
                Scene::draw(&Setting {
                    store: &state.store,
                    places,
                    width: width / zoom,
                    height: height / zoom,
                    service: service.read().as_ref(),
                    client: Some(&asked.client.read()),
                    trace: sent.as_ref().map(|s| &s.trace),
                    unfolded: &unfolded.read(),
                    title,
                })
            };
            // What is much too high is so after the next edit, too: if it needs more than there is even when it is drawn
            // smallest, and so has the most room at its sides, then smallest it is.
            if smallest.get_value() {
                let scene = draw(SMALLEST);
                if width >= NARROW && scene.need * SMALLEST >= height {
                    return Arc::new(scene);
                }
            }
            let scene = draw(1.0);
            // What is too high for the frame is drawn smaller, and then has more room at its sides: as long as it can be read.
            // In a large frame it is drawn larger, for eyes that are further away.
            let zoom = match width {
                w if w < HALF => 1.0,
                // Half a pane, beside another map: as wide as two nodes need.
                w if w < NARROW => (w / NARROW).clamp(SMALLEST, 1.0),
                w => (height / scene.need).clamp(SMALLEST, (w / ROOMY).clamp(1.0, LARGEST)),
            };
            smallest.set_value(zoom == SMALLEST);
            Arc::new(if (0.99..1.02).contains(&zoom) { scene } else { draw(zoom) })
        })
    });
    // All that the drawing is made of but the state: who adds to it adds here.
    let drawn = Memo::new(move |_| {
        painted.track();
        sent.track();
        chosen.track();
        asked.url.track();
        asked.client.track();
        room.track();
        unfolded.track();
        lang.track();
        scene.get_untracked()
    });
    (crowd, scene, drawn)
}

/// Smaller than this the drawing cannot be read; it scrolls instead.
const SMALLEST: f64 = 0.7;
/// Narrower than this, things stand under each other.
const NARROW: f64 = 560.0;
/// On a frame as narrow as this they do, and it scrolls; between the two the drawing is made smaller.
const HALF: f64 = 440.0;
/// So much width lays everything out well; more makes it larger, up to so many times.
const ROOMY: f64 = 1_040.0;
pub const LARGEST: f64 = 1.6;

pub fn legs_of(scene: Memo<Arc<Scene>>, sent: RwSignal<Option<Arc<Sent>>>) -> Memo<Arc<Vec<Leg>>> {
    Memo::new(move |_| Arc::new(sent.get().map(|s| giljabi::map::legs(&scene.read(), &s.trace)).unwrap_or_default()))
}

pub fn stages_of(sent: RwSignal<Option<Arc<Sent>>>) -> Memo<Arc<Vec<Stage>>> {
    Memo::new(move |_| Arc::new(sent.get().map(|s| giljabi::map::stages(&s.trace)).unwrap_or_default()))
}

/// The Service that an address means, as the client would resolve it.
fn service_of(store: &Store, url: &str, client: &Client) -> Option<ObjectKey> {
    let first = || {
        let own = |o: &&Arc<Object>| o.namespace() != "kube-system" && o.name() != "kubernetes";
        store.list("Service").find(own).map(|o| o.key.clone())
    };
    let Some(url) = Url::parse(url) else { return first() };
    let here = match client {
        Client::Pod { namespace, .. } => namespace.as_str(),
        _ => "default",
    };
    let mut labels = url.host.split('.');
    let (name, namespace) = (labels.next().unwrap_or(""), labels.next().unwrap_or(here));
    let named = ObjectKey::new("Service", namespace, name);
    if store.get(&named).is_some() {
        return Some(named);
    }
    let by_address = store.list("Service").find(|o| {
        o.view().service().is_some_and(|s| {
            let listed = |ip: &std::net::IpAddr| ip.to_string() == url.host.as_str();
            s.cluster_ips.iter().any(listed) || s.load_balancer.iter().filter_map(|p| p.ip.as_ref()).any(listed)
        })
    });
    by_address.map(|o| o.key.clone()).or_else(first)
}
