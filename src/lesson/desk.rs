//! The learner's desk as it really is: a workspace (files and the cluster that they make), the learner's computer, and what
//! was run in the terminal.

use super::draw;
use super::model::{Action, ClusterSpec, File, Lesson};
use super::scene::{Happened, Ran, Scene};
use crate::api::time::Duration;
use crate::apiserver::store::Store;
use crate::cluster::{Latencies, LoadBalancerProvider, NodeSettings, ProxyMode, Settings};
use crate::network::kube_proxy::Family;
use crate::shell::terminal::{State, Terminal};
use crate::shell::{Computer, Event};
use crate::trace::{Request, Trace};
use crate::workspace::Workspace;

/// A workspace, the learner's computer, and what was run. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    workspace: Workspace,
    computer: Computer,
    ran: Vec<Ran>,
}

/// How long a line may run before Ctrl-C is pressed, in simulated time.
const PATIENCE: Duration = Duration::secs(300);
/// How long a line that goes on beside the next one (`2$ …`) is watched.
const GLANCE: Duration = Duration::secs(3);
/// How many steps a line may take. Lessons come from strangers, too, and a loop without end must not hold the page.
const MOST_STEPS: usize = 20_000;
/// How many steps all lines may take that ran before the learner came.
const MOST_STEPS_BEFORE: usize = 40_000;
/// The exit code of what Ctrl-C ended.
pub const INTERRUPTED: i32 = 130;

/// The cluster settings that a lesson asks for.
pub fn settings(spec: &ClusterSpec) -> Settings {
    Settings {
        nodes: (0..spec.nodes).map(NodeSettings::numbered).collect(),
        proxy_mode: match spec.proxy.as_str() {
            "ipvs" => ProxyMode::Ipvs,
            "nftables" => ProxyMode::Nftables,
            _ => ProxyMode::Iptables,
        },
        load_balancer: match spec.load_balancer.as_str() {
            "cloud" => LoadBalancerProvider::Cloud,
            "metallb" => LoadBalancerProvider::MetalLb,
            "tunnel" => LoadBalancerProvider::Tunnel,
            _ => LoadBalancerProvider::None,
        },
        latencies: if spec.real_time { Latencies::default() } else { Latencies::none() },
        seed: spec.seed,
        ..Settings::default()
    }
}

impl Desk {
    /// A desk around a workspace that is already there.
    pub fn new(workspace: Workspace, computer: Computer, ran: Vec<Ran>) -> Desk {
        Desk { workspace, computer, ran }
    }

    /// A desk as a lesson sets it up, with the given files in place of its start files. The background is applied first and
    /// is no file of the learner's; what the lesson says has happened before is done last.
    pub fn set_up(lesson: &Lesson, files: &[File]) -> Desk {
        let mut workspace = Workspace::new(settings(&lesson.cluster));
        workspace.furnish(&lesson.world);
        let mut desk = Desk { workspace, computer: Computer::default(), ran: Vec::new() };
        desk.workspace.set_files(files.to_vec());
        let mut left = MOST_STEPS_BEFORE;
        for action in &lesson.before {
            match action {
                Action::Run { line } => {
                    desk.run_within(line, left.min(MOST_STEPS), &mut left);
                }
                Action::Wait(time) => desk.run_for(*time),
                Action::Power { node, up } => drop(desk.power(node, *up)),
                _ => {}
            }
            desk.settle();
        }
        // What came before the learner is not the learner's doing.
        desk.ran.clear();
        desk
    }

    /// A desk at the lesson's start; for an exam, with what `seed` draws.
    pub fn start(lesson: &Lesson, seed: u64) -> Desk {
        Desk::set_up(lesson, &draw::start_files(lesson, seed))
    }

    /// Runs lines in the terminal, each for at most `most` steps; what they took goes off `left`.
    fn run_within(&mut self, text: &str, most: usize, left: &mut usize) -> String {
        let tabs: Vec<(String, String)> =
            self.workspace.files().map(|f| (f.name.to_string(), f.text.clone())).collect();
        let cluster = self.workspace.cluster_mut();
        let lines: Vec<(usize, &str)> = text.lines().map(place_of).collect();
        let mut terminals: Vec<(Terminal, &str)> = Vec::new();
        let mut printed = String::new();
        for (i, (at, line)) in lines.iter().enumerate() {
            while terminals.len() <= *at {
                terminals.push((Terminal::new(), ""));
            }
            let beside = lines.get(i + 1).is_some_and(|(next, _)| next != at);
            let patience = if beside { GLANCE } else { PATIENCE };
            let (terminal, typed) = &mut terminals[*at];
            *typed = line;
            show(&mut printed, terminal.enter(line));
            let began = cluster.now();
            let mut steps = 0;
            while terminals[*at].0.is_running() {
                let (state, events) = terminals[*at].0.step(cluster, &mut self.computer, &tabs);
                for event in &events {
                    if let Event::Edit { file, .. } = event {
                        self.computer.saved.insert(file.clone(), None);
                    }
                }
                show(&mut printed, events);
                if state == State::Reading {
                    terminals[*at].0.end_of_input();
                }
                steps += 1;
                if cluster.now().since(began) >= patience || steps >= most {
                    break;
                }
                if let State::Waiting(until) = state {
                    for (other, _) in terminals.iter_mut().enumerate().filter(|(o, _)| o != at).map(|(_, t)| t) {
                        show(&mut printed, other.step(cluster, &mut self.computer, &tabs).1);
                    }
                    let time = until.since(cluster.now());
                    cluster.run_for(time.max(Duration::micros(1)));
                }
            }
            *left = left.saturating_sub(steps);
            let (terminal, _) = &mut terminals[*at];
            if terminal.is_running() && !beside {
                show(&mut printed, terminal.interrupt(cluster, &mut self.computer, &tabs));
                self.ran.push(Ran { line: line.to_string(), code: INTERRUPTED });
            } else if !terminal.is_running() {
                self.ran.push(Ran { line: line.to_string(), code: terminal.status() });
            }
        }
        for (terminal, line) in &mut terminals {
            if terminal.is_running() {
                show(&mut printed, terminal.interrupt(cluster, &mut self.computer, &tabs));
                self.ran.push(Ran { line: line.to_string(), code: INTERRUPTED });
            }
        }
        printed
    }

    /// The parts, for a host that keeps them itself: the app's session.
    pub fn into_parts(self) -> (Workspace, Computer) {
        (self.workspace, self.computer)
    }

    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    pub fn workspace_mut(&mut self) -> &mut Workspace {
        &mut self.workspace
    }
}

impl Scene for Desk {
    fn store(&self) -> &Store {
        self.workspace.cluster().store()
    }

    fn events(&self) -> Vec<Happened<'_>> {
        let records = self.workspace.cluster().recorder().iter();
        records
            .map(|r| Happened {
                kind: &r.about.kind,
                namespace: &r.about.namespace,
                name: &r.about.name,
                reason: r.reason,
            })
            .collect()
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.workspace.diagnostics().iter().filter(|d| d.is_error());
        errors
            .map(|d| if d.field.is_empty() { d.verbatim.clone() } else { format!("{}: {}", d.field, d.verbatim) })
            .collect()
    }

    fn files(&self) -> Vec<File> {
        self.workspace.files().cloned().collect()
    }

    fn commands(&self) -> &[Ran] {
        &self.ran
    }

    fn rules(&self, node: &str) -> Vec<String> {
        let tables = self.workspace.cluster().network().proxy.node(node).and_then(|n| n.tables(Family::V4));
        let listings = tables.map(|t| t.listings()).unwrap_or_default();
        listings.iter().flat_map(|l| l.text.lines().map(str::to_string)).collect()
    }

    fn send(&mut self, request: &Request) -> Trace {
        self.workspace.send(request)
    }

    fn run_for(&mut self, time: Duration) {
        self.workspace.cluster_mut().run_for(time);
    }

    fn settle(&mut self) {
        self.workspace.cluster_mut().run_until_settled();
    }

    fn run(&mut self, text: &str) -> String {
        self.run_within(text, MOST_STEPS, &mut { usize::MAX })
    }

    fn write(&mut self, name: &str, text: &str) {
        self.workspace.set_file(name, text);
    }

    fn remove(&mut self, name: &str) {
        self.workspace.remove_file(name);
    }

    fn power(&mut self, node: &str, up: bool) -> bool {
        let known = self.store().list("Node").any(|n| n.name() == node);
        if known {
            self.workspace.cluster_mut().set_power(node, up);
        }
        known
    }
}

/// Which terminal a line is for: `2$ LINE` is typed into a second one.
fn place_of(line: &str) -> (usize, &str) {
    line.strip_prefix("2$ ").map_or((0, line), |rest| (1, rest))
}

fn show(printed: &mut String, events: Vec<Event>) {
    for event in events {
        if let Event::Out(text) | Event::Err(text) = event {
            printed.push_str(&text);
        }
    }
}
