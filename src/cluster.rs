//! A whole cluster that lives in simulated time: store, runtime, controllers, and the queue that moves them.
//!
//! Nothing happens but through [`Cluster::step`]: it takes the next due look out of the queue, moves the clock to it, lets one
//! controller look at one key, and writes what it wants. The same settings, seed and actions give the same bytes, natively and
//! in the browser. A cluster is cheap to clone, so a fork, a what-if and a moment of history are clones.

pub mod addons;
pub(crate) mod bootstrap;
mod files;
pub mod history;
mod queue;
mod requests;
pub mod restless;
mod stand;
mod traffic;
pub mod why;

pub use crate::controller::missing_claims;
pub use crate::controller::{Latencies, LoadBalancerProvider, NodeSettings, ProxyMode, Settings};
pub use queue::{ControllerId, Due, Queue};

use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::apiserver::server::ApiServer;
use crate::apiserver::store::{Cause, Store};
use crate::apiserver::write::{Random, Writer};
use crate::controller::{self, Context, Index, Memory, Recorder, Write};
use crate::later::{Later, Part, Twin};
use crate::network::Network;
use crate::runtime::{RunningContainer, Runtime};
use smol_str::SmolStr;
use std::sync::Arc;

/// A cluster at one moment.
#[derive(Clone, Debug)]
pub struct Cluster {
    settings: Arc<Settings>,
    store: Store,
    now: Time,
    random: Random,
    runtime: Runtime,
    network: Network,
    api: ApiServer,
    index: Later<Arc<Index>>,
    recorder: Later<Arc<Recorder>>,
    memory: Later<Arc<Memory>>,
    queue: Later<Arc<Queue>>,
    /// The newest revision that the controllers have been told of.
    told: u64,
    work: Work,
    /// The last run until rest was cut off.
    restless: bool,
}

/// The kinds of objects that are read without a change: by the map, and by who sends a request.
const AT_HAND: [&str; 6] = ["Deployment", "EndpointSlice", "Node", "Pod", "ReplicaSet", "Service"];

impl<W: Twin<Cluster>> Twin<Store> for Part<W> {
    fn get() -> &'static Store {
        &W::get().store
    }
}

impl<W: Twin<Cluster>> Twin<Network> for Part<W> {
    fn get() -> &'static Network {
        &W::get().network
    }
}

impl<W: Twin<Cluster>> Twin<Runtime> for Part<W> {
    fn get() -> &'static Runtime {
        &W::get().runtime
    }
}

/// Counted work: what bounds on growth are measured in, since it is the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Looks that controllers took at keys.
    pub reconciles: u64,
    /// Objects that they went through in those looks (pods of a Service, nodes for a pod).
    pub looked: u64,
    /// Writes to the store.
    pub writes: u64,
}

impl std::ops::Sub for Work {
    type Output = Work;
    fn sub(self, earlier: Work) -> Work {
        Work {
            reconciles: self.reconciles - earlier.reconciles,
            looked: self.looked - earlier.looked,
            writes: self.writes - earlier.writes,
        }
    }
}

/// How a run until rest ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Looks that were taken.
    pub steps: u64,
    /// How much simulated time went by.
    pub took: Duration,
    /// `None`: the cluster is at rest. Otherwise who keeps it busy: controller and key of what is due next.
    pub busy: Option<(&'static str, ObjectKey)>,
}

/// A run until rest on its way.
#[derive(Clone, Debug)]
pub struct Settling {
    started: Time,
    steps: u64,
    /// How many objects there were.
    objects: usize,
}

/// This many events are remembered at least, and at most twice as many.
const EVENTS: usize = 4_096;

/// A run until rest is cut off after this many looks for each object that the cluster has: who never rests by then never
/// will.
const STEPS_PER_OBJECT: u64 = 200;
/// And after this much simulated time.
const LONGEST_RUN: Duration = Duration::secs(3_600);
/// And with more objects than this, or with so many more than at its start where there were about as many already: a wish for a
/// million pods is a slip of the keyboard, and would take the memory of the page.
const MOST_OBJECTS: usize = 30_000;
const MOST_MORE: usize = 2_000;

impl Cluster {
    /// A new cluster, at rest: nodes ready, system namespaces, the Service `kubernetes`, CoreDNS running.
    pub fn new(settings: Settings) -> Cluster {
        let mut cluster = Cluster::installed(settings);
        cluster.run_until_settled();
        cluster
    }

    /// A cluster that has just been installed: its controllers have not looked yet, nor heard of anything. They do when it
    /// [settles](Cluster::settle_on), write by write.
    pub fn installed(settings: Settings) -> Cluster {
        let mut cluster = Cluster::empty(settings);
        bootstrap::install(&mut cluster);
        cluster
    }

    /// A cluster in which nothing has been installed yet.
    fn empty(settings: Settings) -> Cluster {
        debug_assert!(controller::all().len() <= usize::from(traffic::PROXY), "a controller has kube-proxy's place");
        Cluster {
            random: Random::new(settings.seed),
            network: traffic::network(&settings),
            api: requests::server(&settings),
            settings: Arc::new(settings),
            store: Store::default(),
            now: Time::default(),
            runtime: Runtime::default(),
            index: Later::default(),
            recorder: Later::default(),
            memory: Later::default(),
            queue: Later::default(),
            told: 0,
            work: Work::default(),
            restless: false,
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes settings while the cluster runs (latencies, the load balancer's provider).
    pub fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }

    /// Leaves what only a change needs to the cluster's twin.
    pub fn leave<W: Twin<Cluster>>(&mut self) {
        self.store.leave::<Part<W>>(&AT_HAND);
        self.index = Later::away(|_| &W::get().index, 0);
        self.recorder = Later::away(|_| &W::get().recorder, 0);
        self.memory = Later::away(|_| &W::get().memory, 0);
        self.queue = Later::away(|_| &W::get().queue, 0);
        self.runtime.leave::<Part<W>>(&self.store);
        self.network.leave::<Part<W>>();
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The runtime, to serve requests from. What changes a container goes through [`Cluster::change_container`], so that its
    /// probes notice.
    pub fn runtime_mut(&mut self) -> &mut Runtime {
        &mut self.runtime
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The events as they were written down; [`Cluster::events`] has those that went on, too.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    pub fn work(&self) -> Work {
        self.work
    }

    /// The present moment of simulated time.
    pub fn now(&self) -> Time {
        self.now
    }

    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Writes to the store for `cause` and tells the controllers. The API server's pipeline stands before this; what it lets
    /// through is valid.
    pub fn write<R>(&mut self, cause: Cause, write: impl FnOnce(&mut Writer) -> R) -> R {
        let mut writer = Writer { store: &mut self.store, random: &mut self.random, now: self.now, cause };
        let result = write(&mut writer);
        self.tell();
        result
    }

    /// Changes a running container from inside (a file that a shell writes, a program that is told to misbehave); its probes
    /// see it at their next tick. False when there is no such container.
    pub fn change_container(
        &mut self,
        pod: &ObjectKey,
        container: &str,
        change: impl FnOnce(&mut RunningContainer),
    ) -> bool {
        let now = self.now;
        if let Some(sandbox) = self.runtime.get(pod) {
            controller::count_rested(pod, sandbox, self.recorder.make_mut(), now);
        }
        let Some(container) = self.runtime.get_mut(pod).and_then(|s| s.container_mut(container)) else { return false };
        change(container);
        container.probes.wake(now);
        self.wake("kubelet", pod.clone());
        true
    }

    /// Pulls a node's plug, or puts it back.
    pub fn set_power(&mut self, node: &str, up: bool) {
        self.runtime.set_power(node, up, self.now);
        self.wake("node-lifecycle-controller", ObjectKey::new("Node", "", node));
        let pods: Vec<ObjectKey> = self.index.on_node(node).cloned().collect();
        for pod in pods {
            if up {
                self.runtime.reboot(&pod, self.now);
            }
            self.wake("kubelet", pod);
        }
    }

    /// Changes who gives Services of type LoadBalancer their address (`minikube tunnel`, an add-on, a cloud).
    pub fn set_load_balancer(&mut self, provider: LoadBalancerProvider) {
        self.settings_mut().load_balancer = provider;
        let services: Vec<ObjectKey> = self.store.list("Service").map(|s| s.key.clone()).collect();
        for service in services {
            self.wake("service-lb-controller", service);
        }
    }

    /// Puts a key into a controller's queue, due now.
    fn wake(&mut self, name: &str, key: ObjectKey) {
        if let Some(id) = controller::all().iter().position(|c| c.name() == name) {
            self.queue.make_mut().add(id as ControllerId, key, self.now, false);
        }
    }

    /// Tells index and controllers of every write that they have not heard of.
    fn tell(&mut self) {
        self.tell_some(usize::MAX);
    }

    /// Tells them of so many of those writes, the oldest first.
    fn tell_some(&mut self, most: usize) {
        let Cluster { store, index, queue, settings, now, told, work, .. } = self;
        let (index, queue) = (index.make_mut(), queue.make_mut());
        for event in store.events_since(*told).take(most) {
            (work.writes, *told) = (work.writes + 1, event.revision);
            index.observe(event, store);
            if traffic::concerns_network(event) {
                queue.add(traffic::PROXY, traffic::proxy_key(), *now + settings.latencies.proxy_sync, false);
            }
            for (id, controller) in controller::all().iter().enumerate() {
                if !settings.workloads && !controller::follows_changes(controller.name()) {
                    continue;
                }
                controller.watch(event, store, index, settings, &mut |key, after| {
                    queue.add(id as ControllerId, key, *now + after, false);
                });
            }
        }
        if *told == store.revision() && store.events().len() > 2 * EVENTS {
            store.compact(EVENTS);
        }
    }

    /// Takes the next due look. `None`: nothing is due, ever.
    pub fn step(&mut self) -> Option<Due> {
        self.tell();
        let due = self.queue.make_mut().pop()?;
        self.now = self.now.max(due.at);
        self.forget_events();
        self.work.reconciles += 1;
        if due.controller == traffic::PROXY {
            self.sync_network();
            return Some(due);
        }
        let controller = controller::all()[usize::from(due.controller)];
        let mut context = Context {
            store: &self.store,
            index: &self.index,
            settings: &self.settings,
            runtime: &mut self.runtime,
            random: &mut self.random,
            recorder: self.recorder.make_mut(),
            memory: self.memory.make_mut(),
            now: self.now,
        };
        let result = controller.reconcile(&due.key, &mut context);
        self.work.looked += 1 + result.looked as u64;
        if let Some(again) = result.requeue {
            self.queue.make_mut().add(due.controller, due.key.clone(), again.at.max(self.now), again.standing);
        }
        for write in result.writes {
            self.carry_out(controller.name(), write);
        }
        self.tell();
        Some(due)
    }

    fn carry_out(&mut self, name: &'static str, write: Write) {
        let (Write::Create { saw, .. }
        | Write::Update { saw, .. }
        | Write::Delete { saw, .. }
        | Write::Purge { saw, .. }) = &write;
        let cause = Cause::Controller { name, saw: saw.clone() };
        let mut writer = Writer { store: &mut self.store, random: &mut self.random, now: self.now, cause };
        match write {
            Write::Create { kind, value, .. } => drop(writer.create(kind, value)),
            Write::Update { old, value, .. } => drop(writer.update(&old, value)),
            Write::Delete { key, grace, .. } => drop(writer.delete(&key, grace)),
            Write::Purge { key, .. } => drop(writer.purge(&key)),
        }
    }

    /// Lets `time` go by.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.tell();
        while self.queue.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = end;
        self.forget_events();
    }

    /// Forgets the events whose hour is over.
    fn forget_events(&mut self) {
        if self.recorder.is_due(self.now) {
            let mut recorder = self.events();
            recorder.forget(self.now);
            self.recorder = Arc::new(recorder).into();
        }
    }

    /// The events as they are seen now: with what goes on without a look: probes that are not run because nothing
    /// comes of them any more, images that do not come.
    pub fn events(&self) -> Recorder {
        let mut recorder = Recorder::clone(&self.recorder);
        for (pod, sandbox) in self.runtime.iter().filter(|(_, sandbox)| self.runtime.is_up(&sandbox.node)) {
            controller::count_rested(pod, sandbox, &mut recorder, self.now);
        }
        recorder
    }

    /// Lets time go by until the next probe of a pod (of `namespace`, unless it is empty) has run; gives back whose it was.
    /// `None`: nothing there has probes.
    pub fn run_until_next_probe(&mut self, namespace: &str) -> Option<ObjectKey> {
        let now = self.now;
        let of_namespace = |key: &ObjectKey| namespace.is_empty() || key.namespace == namespace;
        let next = self.runtime.iter().filter(|(key, s)| of_namespace(key) && self.runtime.is_up(&s.node));
        let (at, pod) = next
            .filter_map(|(key, sandbox)| {
                let running = sandbox.all().filter(|c| c.is_running());
                let ticks = running.flat_map(|c| c.probes.all().map(|p| p.tick_after(now)).collect::<Vec<_>>());
                Some((ticks.min()?, key.clone()))
            })
            .min()?;
        self.run_for(at.since(now));
        Some(pod)
    }

    /// Runs until nothing more happens but timers that wait for nothing in particular, or until it is clear that it never
    /// will.
    pub fn run_until_settled(&mut self) -> Settled {
        let mut run = self.settling();
        loop {
            if let Some(settled) = self.settle_on(&mut run) {
                return settled;
            }
        }
    }

    /// Begins a run until rest that goes look by look, for who has other things to do in between.
    pub fn settling(&self) -> Settling {
        Settling { started: self.now, steps: 0, objects: self.store.len() }
    }

    /// Takes the next look of such a run, or tells of a write that nobody has heard of. `Some`: it has ended, at rest or cut off
    /// ([`Cluster::why_restless`]).
    pub fn settle_on(&mut self, run: &mut Settling) -> Option<Settled> {
        if self.told < self.store.revision() {
            self.tell_some(1);
            return None;
        }
        let ended = |cluster: &mut Cluster, busy: Option<_>| {
            cluster.restless = busy.is_some();
            Some(Settled { steps: run.steps, took: cluster.now.since(run.started), busy })
        };
        if self.queue.is_settled() {
            return ended(self, None);
        }
        let limit = STEPS_PER_OBJECT * (self.store.len() as u64 + 100);
        let crowded = self.store.len() > MOST_OBJECTS.max(run.objects + MOST_MORE);
        if crowded || run.steps >= limit || self.now.since(run.started) > LONGEST_RUN {
            let busy = self.queue.waiting().next().map(|d| (controller_name(d.controller), d.key));
            return ended(self, busy);
        }
        self.step();
        run.steps += 1;
        None
    }
}

/// The name of a controller by its place in the registry.
pub fn controller_name(id: ControllerId) -> &'static str {
    if id == traffic::PROXY {
        return "kube-proxy";
    }
    controller::all().get(usize::from(id)).map_or("", |c| c.name())
}

/// The labels of a node that every node has.
pub(crate) fn node_labels(node: &NodeSettings) -> Vec<(SmolStr, SmolStr)> {
    let mut labels: Vec<(SmolStr, SmolStr)> = vec![
        ("beta.kubernetes.io/arch".into(), "amd64".into()),
        ("beta.kubernetes.io/os".into(), "linux".into()),
        ("kubernetes.io/arch".into(), "amd64".into()),
        ("kubernetes.io/hostname".into(), node.name.clone()),
        ("kubernetes.io/os".into(), "linux".into()),
    ];
    if !node.zone.is_empty() {
        labels.push(("topology.kubernetes.io/zone".into(), node.zone.clone()));
    }
    labels.extend(node.labels.iter().cloned());
    labels
}
