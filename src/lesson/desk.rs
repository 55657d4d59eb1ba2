//! The learner's desk as it really is: a workspace (files and the cluster that they make) and what was run in the terminal.

use super::draw;
use super::model::{Action, ClusterSpec, File, Lesson};
use super::scene::{Happened, Ran, Scene};
use crate::api::time::Duration;
use crate::apiserver::store::Store;
use crate::cluster::{Latencies, LoadBalancerProvider, NodeSettings, ProxyMode, Settings};
use crate::network::kube_proxy::Family;
use crate::trace::{Request, Trace};
use crate::workspace::Workspace;

/// A workspace and its terminal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Desk {
    workspace: Workspace,
    ran: Vec<Ran>,
}

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
    pub fn new(workspace: Workspace, ran: Vec<Ran>) -> Desk {
        Desk { workspace, ran }
    }

    /// A desk as a lesson sets it up, with the given files in place of its start files. The background is applied first and
    /// is no file of the learner's; what the lesson says has happened before is done last.
    pub fn set_up(lesson: &Lesson, files: &[File]) -> Desk {
        let mut workspace = Workspace::new(settings(&lesson.cluster));
        workspace.furnish(&lesson.world);
        let mut desk = Desk { workspace, ran: Vec::new() };
        desk.workspace.set_files(files.to_vec());
        for action in &lesson.before {
            match action {
                Action::Run { line } => drop(desk.run(line)),
                Action::Wait(time) => desk.run_for(*time),
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

    fn run(&mut self, line: &str) -> String {
        self.ran.push(Ran { line: line.to_string(), code: 127 });
        String::new()
    }

    fn write(&mut self, name: &str, text: &str) {
        self.workspace.set_file(name, text);
    }

    fn remove(&mut self, name: &str) {
        self.workspace.remove_file(name);
    }
}
