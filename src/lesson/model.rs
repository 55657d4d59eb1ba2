//! What a lesson is, typed: metadata, the cluster that it begins with, ordered steps, and the walks (solutions and foreseen
//! wrong answers) that the gates try. Everything here is read from `lesson.yaml` and is data: nothing in it runs.

use crate::api::time::Duration;
use crate::api::value::Value;
use smol_str::SmolStr;

pub use crate::workspace::File;

/// A lesson without its words (those are in [`super::text::Words`], one a language).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    /// The folder's name.
    pub id: SmolStr,
    pub track: SmolStr,
    /// The lesson's place in its track; lessons of one track are ordered by it.
    pub place: i64,
    /// Headings of the notes, by id (`000-02`).
    pub notes: Vec<SmolStr>,
    /// Entries of `errata.tsv`, by id.
    pub errata: Vec<SmolStr>,
    /// Pages of the official documentation: paths below `https://kubernetes.io/`.
    pub docs: Vec<SmolStr>,
    pub cluster: ClusterSpec,
    /// What the cluster already has; not shown in the editor.
    pub world: Vec<File>,
    /// The learner's files.
    pub start: Vec<File>,
    /// What has happened before the learner comes (a command, some time).
    pub before: Vec<Action>,
    pub steps: Vec<Step>,
    /// For an exam: what is broken is drawn from a seed.
    pub draw: Option<Draw>,
    /// Edits of the shortest good way; up to so many give the star for few edits.
    pub par: Option<u32>,
    /// Why only one mend is right, where that is so; otherwise the gates want two solutions that differ.
    pub one_way: Option<SmolStr>,
    pub solutions: Vec<Walk>,
    pub wrong: Vec<Walk>,
}

/// The cluster of a lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSpec {
    pub nodes: usize,
    pub proxy: SmolStr,
    pub load_balancer: SmolStr,
    pub seed: u64,
    /// Real latencies, or as fast as order allows.
    pub real_time: bool,
}

impl Default for ClusterSpec {
    fn default() -> ClusterSpec {
        ClusterSpec { nodes: 3, proxy: "iptables".into(), load_balancer: "none".into(), seed: 1, real_time: true }
    }
}

/// What kind of task a step is. It decides how the step is presented, not how it is graded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskKind {
    /// Something is broken: make it work.
    #[default]
    Mend,
    /// Something is missing: write it.
    Build,
    /// Say what will happen, then send and see.
    Predict,
    /// Say why, by choosing.
    Explain,
    /// Get there with few edits.
    Race,
    /// With the terminal alone.
    Terminal,
}

impl TaskKind {
    pub const ALL: [(&'static str, TaskKind); 6] = [
        ("mend", TaskKind::Mend),
        ("build", TaskKind::Build),
        ("predict", TaskKind::Predict),
        ("explain", TaskKind::Explain),
        ("race", TaskKind::Race),
        ("terminal", TaskKind::Terminal),
    ];

    pub fn name(self) -> &'static str {
        TaskKind::ALL.iter().find(|(_, kind)| *kind == self).map_or("mend", |(name, _)| name)
    }
}

/// One step: a task with checks, or a question, or both. It is passed when all checks hold at one moment and the question
/// has been answered rightly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub id: SmolStr,
    pub kind: TaskKind,
    pub points: u32,
    pub checks: Vec<NamedCheck>,
    pub question: Option<Question>,
    /// Wrong turns that were foreseen, the most telling first.
    pub turns: Vec<Turn>,
}

impl Step {
    /// The request that it is about: its question's, or the first one that its checks send.
    pub fn request(&self) -> Option<&RequestSpec> {
        let asked = self.question.as_ref().and_then(|q| q.request.as_ref());
        asked.or_else(|| self.checks.iter().find_map(|c| c.check.request()))
    }
}

/// A check with the name by which its label is found in the words.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedCheck {
    pub id: SmolStr,
    pub check: Check,
}

/// A foreseen wrong turn: when `when` holds and the step is not passed, its hint fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub id: SmolStr,
    pub when: Check,
}

/// A question with choices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// For a prediction: what is sent. The choice whose expectation the trace meets is the right one, so that a prediction
    /// cannot disagree with the cluster.
    pub request: Option<RequestSpec>,
    pub choices: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub id: SmolStr,
    /// For a question without a request.
    pub right: bool,
    /// For a prediction.
    pub expect: Option<Expect>,
}

/// The closed set of checks.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    All(Vec<Check>),
    Any(Vec<Check>),
    Not(Box<Check>),
    /// Holds now and goes on holding while time goes by, looked at `every` so often.
    Stays {
        time: Duration,
        every: Duration,
        check: Box<Check>,
    },
    Object(ObjectCheck),
    /// Ready (or not ready) addresses that the EndpointSlices of a Service list.
    Endpoints {
        service: SmolStr,
        port: Option<SmolStr>,
        ready: bool,
        bound: Bound,
    },
    Request {
        request: RequestSpec,
        expect: Box<Expect>,
    },
    Distribution {
        request: RequestSpec,
        requests: u32,
        expect: Spread,
    },
    /// A line of the node's packet filter, as its own tool prints it.
    Rules {
        node: SmolStr,
        contains: SmolStr,
        bound: Bound,
    },
    /// A command line that the learner ran.
    Command {
        line: SmolStr,
        bound: Bound,
    },
    /// What a command of the terminal prints, run on the side without leaving a trace.
    Output {
        line: SmolStr,
        contains: SmolStr,
    },
    Event {
        about: SmolStr,
        reason: SmolStr,
    },
    /// No file has an error.
    Clean,
    /// A diagnostic of some file has these words.
    Refused {
        words: SmolStr,
    },
    /// Some failing request of this step's checks fails for this cause (for turns).
    Cause(SmolStr),
    /// The text of a file of the learner.
    FileHas {
        file: SmolStr,
        contains: SmolStr,
    },
}

impl Check {
    /// The first request that it sends.
    pub fn request(&self) -> Option<&RequestSpec> {
        match self {
            Check::Request { request, .. } | Check::Distribution { request, .. } => Some(request),
            Check::All(checks) | Check::Any(checks) => checks.iter().find_map(Check::request),
            Check::Not(check) | Check::Stays { check, .. } => check.request(),
            _ => None,
        }
    }

    /// Whether it looks at what the API server refused.
    pub fn is_about_refusals(&self) -> bool {
        match self {
            Check::Refused { .. } => true,
            Check::All(checks) | Check::Any(checks) => checks.iter().any(Check::is_about_refusals),
            Check::Not(check) | Check::Stays { check, .. } => check.is_about_refusals(),
            _ => false,
        }
    }
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    pub at_least: u64,
    pub at_most: u64,
}

impl Bound {
    pub const SOME: Bound = Bound { at_least: 1, at_most: u64::MAX };

    pub fn holds(self, count: u64) -> bool {
        (self.at_least..=self.at_most).contains(&count)
    }
}

/// Something about objects.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectCheck {
    pub kind: SmolStr,
    pub namespace: SmolStr,
    /// `*` stands for anything.
    pub name: SmolStr,
    /// A field path; `[*]` is every item, `[name=http]` the items whose `name` is `http`.
    pub field: Option<SmolStr>,
    pub test: ValueTest,
    /// How many objects (or, with a field, values) pass the test.
    pub bound: Bound,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ValueTest {
    /// It is there (and not null).
    Exists,
    Equals(Value),
    /// `*` stands for anything.
    Matches(SmolStr),
}

/// A request, still in words: clients and addresses are looked up when it is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestSpec {
    /// `pod/NAME`, `pod/NAMESPACE/NAME` (`*` allowed: the first that runs), `node/NAME`, `computer`, `outside/IP`.
    pub from: SmolStr,
    /// A URL; `vip(SERVICE)`, `lb(SERVICE)`, `nodeport(SERVICE)`, `pod(POD)` and `node(NAME)` stand for addresses and ports.
    pub to: SmolStr,
    /// `SERVICE` or `NAMESPACE/SERVICE` of type LoadBalancer: its external address is used for the host (`curl --resolve`).
    pub via: Option<SmolStr>,
    pub insecure: bool,
}

/// What a request should come to. What is not said is not looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    pub ok: Option<bool>,
    pub status: Option<u16>,
    pub symptom: Option<SmolStr>,
    pub cause: Option<SmolStr>,
    /// The answering pod, `*` allowed.
    pub pod: Option<SmolStr>,
    /// The source address that the server saw: `client` (the sender's own), `changed` (any other), or an address.
    pub source: Option<SmolStr>,
    pub body: Option<SmolStr>,
    /// How many nodes' kernels the request passes.
    pub kernels: Option<Bound>,
    /// How many questions go to DNS.
    pub queries: Option<Bound>,
    /// Addresses in the last answer of DNS.
    pub addresses: Option<Bound>,
    /// The response code of the last answer of DNS.
    pub rcode: Option<SmolStr>,
    /// A record's data in some answer of DNS.
    pub record: Option<SmolStr>,
    /// A rule that the packet matched has these words.
    pub rule: Option<SmolStr>,
}

/// How the answers of many requests are spread over pods.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// How many pods answer.
    pub pods: Option<Bound>,
    /// The shares of the pods, largest first.
    pub shares: Vec<f64>,
    /// By how much a share may differ.
    pub tolerance: f64,
}

/// What a learner (or a walk) does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Replaces the first occurrence of `from` in a file.
    Edit {
        file: SmolStr,
        from: SmolStr,
        to: SmolStr,
    },
    Write {
        file: SmolStr,
        text: String,
    },
    Remove {
        file: SmolStr,
    },
    /// A line in the terminal.
    Run {
        line: SmolStr,
    },
    Answer {
        step: SmolStr,
        choice: SmolStr,
    },
    Wait(Duration),
    /// A node loses its power, or gets it back.
    Power {
        node: SmolStr,
        up: bool,
    },
}

/// A way through the lesson: a solution, or a foreseen wrong answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    pub id: SmolStr,
    pub actions: Vec<Action>,
    /// For a wrong answer: the step that it fails and the turn whose hint must be given.
    pub fails: Option<(SmolStr, SmolStr)>,
}

/// Faults to draw from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draw {
    pub count: usize,
    pub faults: Vec<Fault>,
}

/// One way to break the start files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    pub id: SmolStr,
    pub file: SmolStr,
    pub from: SmolStr,
    pub to: SmolStr,
    /// The hint that fits while only this is broken.
    pub turn: SmolStr,
    /// What may stand in the place of `to` as well as `from` does: another mend.
    pub also: Option<SmolStr>,
}
