//! The work behind the table: who could ask whom, in rows that a person can look through, and the requests that answer it, sent
//! in copies of the cluster a few milliseconds at a time.

use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::view::Protocol;
use giljabi::map::workload;
use giljabi::trace::{Client, Outcome, Request, Scheme, Symptom, Url};
use leptos::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::app::player::now;
use crate::app::session::Session;
use crate::app::timebar::clients;

/// How long a slice may take, in milliseconds: what is left of a frame is the page's.
const SLICE: f64 = 9.0;
/// So many clients have a row each; of more, those of one workload share a row.
const SPELLED: usize = 24;

/// Clients that stand in one row: those of a workload where there are many, else a single one.
#[derive(Clone, PartialEq)]
pub struct Row {
    /// The workload, or the kind, that the clients share; `None`: a client alone.
    pub group: Option<String>,
    pub members: Vec<Client>,
}

/// Who asks whom.
#[derive(Clone, Default, PartialEq)]
pub struct Plan {
    pub rows: Vec<Row>,
    pub urls: Vec<Url>,
}

impl Plan {
    pub fn of(s: Session) -> Plan {
        let state = s.state.get_untracked();
        let all = clients(&state.store);
        let few = all.len() <= SPELLED;
        let mut rows: Vec<Row> = Vec::new();
        for client in all {
            let name = match &client {
                _ if few => None,
                Client::Pod { namespace, name, .. } => {
                    let pod = state.store.get(&ObjectKey::new("Pod", namespace.clone(), name.clone()));
                    let owner = pod.map(|pod| workload(&state.store, pod)).filter(|owner| owner.kind != "Pod");
                    owner.map(|owner| owner.to_string())
                }
                Client::Node { .. } => Some("node".to_string()),
                _ => None,
            };
            match rows.iter_mut().find(|row| row.group.is_some() && row.group == name) {
                Some(row) => row.members.push(client),
                None => rows.push(Row { group: name, members: vec![client] }),
            }
        }
        for row in rows.iter_mut().filter(|row| row.members.len() == 1) {
            row.group = None;
        }
        Plan { rows, urls: urls(s) }
    }

    /// How many requests answer it whole.
    pub fn size(&self) -> usize {
        self.rows.iter().map(|row| row.members.len()).sum::<usize>() * self.urls.len()
    }

    /// The `n`-th request: first one of every row, so that the table is there at once, then the rest, member by member.
    fn nth(&self, at: &mut (usize, usize, usize)) -> Option<(usize, Client, Url)> {
        let longest = self.rows.iter().map(|row| row.members.len()).max()?;
        while at.0 < longest {
            let (member, row, url) = *at;
            let next = match (row + 1 < self.rows.len(), url + 1 < self.urls.len()) {
                (_, true) => (member, row, url + 1),
                (true, false) => (member, row + 1, 0),
                (false, false) => (member + 1, 0, 0),
            };
            *at = next;
            if let Some(client) = self.rows[row].members.get(member)
                && let Some(to) = self.urls.get(url)
            {
                return Some((row, client.clone(), to.clone()));
            }
        }
        None
    }
}

/// Every port of every Service that is not the system's.
fn urls(s: Session) -> Vec<Url> {
    let state = s.state.get_untracked();
    let mut urls = Vec::new();
    let own = |o: &&Arc<Object>| o.namespace() != "kube-system" && o.name() != "kubernetes";
    for object in state.store.list("Service").filter(own) {
        let Some(service) = object.view().service() else { continue };
        for port in &service.ports {
            let scheme = match () {
                () if port.protocol == Protocol::Udp => "udp",
                () if port.port == 443 || port.name == "https" || port.app_protocol == "https" => "https",
                () => "http",
            };
            urls.extend(Url::parse(&format!("{scheme}://{}.{}:{}", object.name(), object.namespace(), port.port)));
        }
    }
    urls
}

/// An address as it is spoken to, as far as is known.
fn as_spoken(known: &[(Url, Scheme)], url: &Url) -> Url {
    let scheme = known.iter().find(|(of, _)| of == url).map_or(url.scheme, |(_, scheme)| *scheme);
    Url { scheme, ..url.clone() }
}

/// Asks, and where something other than HTTP came back asks again as gRPC and as a bare connection: whether a Service can be
/// reached is no question of what is spoken behind it. Returns the address that was asked at last.
fn ask(s: Session, client: &Client, url: Url) -> (Outcome, Url) {
    let send = |url: &Url| {
        let mut request = Request::get(client.clone(), address_for(s, client, url));
        request.insecure = true;
        s.probe(&request)
    };
    let outcome = send(&url);
    if !matches!(&outcome, Outcome::Failed(failure) if failure.symptom == Symptom::NotHttp) {
        return (outcome, url);
    }
    for scheme in [Scheme::Grpc, Scheme::Tcp] {
        let other = Url { scheme, ..url.clone() };
        let again = send(&other);
        if again.is_success() {
            return (again, other);
        }
    }
    (outcome, url)
}

/// An answer, and whether the last edit changed it.
#[derive(Clone)]
pub struct Answer {
    pub outcome: Arc<Outcome>,
    pub changed: bool,
    /// After which edit it was given.
    edit: usize,
}

/// The answers so far, and the run that goes on.
#[derive(Clone, Copy)]
pub struct Run {
    pub plan: RwSignal<Arc<Plan>>,
    pub left: RwSignal<usize>,
    pub stopped: RwSignal<bool>,
    answers: StoredValue<BTreeMap<(Client, String), Answer>>,
    /// Counts the answers of each row, so that a row is drawn anew when one of its own has come.
    beats: StoredValue<Vec<ArcRwSignal<u32>>>,
    /// What is spoken at an address, where it is not what its Service lets one think.
    spoken: RwSignal<Vec<(Url, Scheme)>>,
    number: StoredValue<u32>,
    at: StoredValue<(usize, usize, usize)>,
}

impl Run {
    pub fn new() -> Run {
        Run {
            plan: RwSignal::new(Arc::default()),
            left: RwSignal::new(0),
            stopped: RwSignal::new(false),
            answers: StoredValue::new(BTreeMap::new()),
            beats: StoredValue::new(Vec::new()),
            spoken: RwSignal::new(Vec::new()),
            number: StoredValue::new(0),
            at: StoredValue::new((0, 0, 0)),
        }
    }

    /// Begins anew for the cluster of now. What was answered before stands until its answer of now has come.
    pub fn begin(self, s: Session) {
        let plan = Plan::of(s);
        self.spoken.set(Vec::new());
        self.left.set(plan.size());
        self.at.set_value((0, 0, 0));
        if *self.plan.read_untracked().as_ref() != plan {
            let alive: BTreeSet<&Client> = giljabi::arrange::set_of(plan.rows.iter().flat_map(|row| &row.members));
            self.answers.update_value(|answers| answers.retain(|(client, _), _| alive.contains(client)));
            self.beats.set_value(plan.rows.iter().map(|_| ArcRwSignal::new(0)).collect());
            self.plan.set(Arc::new(plan));
        }
        self.resume(s);
    }

    /// Goes on where it stopped.
    pub fn resume(self, s: Session) {
        self.stopped.set(false);
        self.number.update_value(|n| *n += 1);
        self.breathe(s, self.number.get_value());
    }

    /// Stops; what is answered stays.
    pub fn stop(self) {
        self.stopped.set(true);
        self.number.update_value(|n| *n += 1);
    }

    /// Ends for good.
    pub fn end(self) {
        self.number.update_value(|n| *n += 1);
    }

    /// The answer to one of the requests, if it is there.
    pub fn answer(self, client: &Client, url: &Url) -> Option<Answer> {
        self.answers.with_value(|answers| answers.get(&(client.clone(), url.to_string())).cloned())
    }

    /// The address as it is spoken to.
    pub fn spoken(self, url: &Url) -> Url {
        as_spoken(&self.spoken.read(), url)
    }

    /// Depends on the answers of a row.
    pub fn track(self, row: usize) {
        let beat = self.beats.with_value(|beats| beats.get(row).cloned());
        if let Some(beat) = beat {
            beat.track();
        }
    }

    /// Sends some of the requests, then lets the page breathe.
    fn breathe(self, s: Session, mine: u32) {
        set_timeout(
            move || {
                // A newer run, or a view that is gone, ends this one.
                if self.number.try_get_value() != Some(mine) {
                    return;
                }
                let (plan, edit) = (self.plan.get_untracked(), s.edits.get_untracked());
                let mut at = self.at.get_value();
                let mut touched = BTreeSet::new();
                let mut done = 0;
                let until = now() + SLICE;
                while now() < until {
                    let Some((row, client, url)) = plan.nth(&mut at) else { break };
                    let known = as_spoken(&self.spoken.read_untracked(), &url);
                    let before = known.scheme;
                    let (outcome, spoken) = ask(s, &client, known);
                    let outcome = Arc::new(outcome);
                    if spoken.scheme != before {
                        self.spoken.update(|known| known.insert(0, (url.clone(), spoken.scheme)));
                    }
                    self.answers.update_value(|answers| {
                        let key = (client, url.to_string());
                        let changed = answers.get(&key).is_some_and(|before| {
                            before.outcome.is_success() != outcome.is_success()
                                || (before.changed && before.edit == edit)
                        });
                        answers.insert(key, Answer { outcome, changed, edit });
                    });
                    done += 1;
                    touched.insert(row);
                }
                self.at.set_value(at);
                let beats = self.beats.get_value();
                for row in touched {
                    if let Some(beat) = beats.get(row) {
                        beat.update(|n| *n += 1);
                    }
                }
                self.left.update(|left| *left = left.saturating_sub(done));
                if done > 0 && self.left.get_untracked() > 0 {
                    self.breathe(s, mine);
                }
            },
            std::time::Duration::ZERO,
        );
    }
}

/// The address that a client can use: cluster names mean something to pods alone, others are given the ClusterIP.
pub fn address_for(s: Session, client: &Client, url: &Url) -> Url {
    if matches!(client, Client::Pod { .. }) {
        return url.clone();
    }
    let (name, namespace) = url.host.split_once('.').unwrap_or((&url.host, "default"));
    let key = ObjectKey::new("Service", namespace, name);
    let ip = s.state.read_untracked().store.get(&key).and_then(|o| o.view().service()?.cluster_ip());
    match ip {
        Some(ip) => Url { host: ip.to_string().into(), ..url.clone() },
        None => url.clone(),
    }
}
