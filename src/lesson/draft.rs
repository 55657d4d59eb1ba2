//! A lesson that is being written: its folder, read, changed by the author's tools, and written out again; and the checks that
//! offer themselves from what is seen in the cluster.

use super::check::normal;
use super::course::{Folder, read_folder, read_words};
use super::model::*;
use super::read::Problem;
use super::scene::Ran;
use super::text::{StepWords, Words};
use super::{words, write};
use crate::api::view::ServiceType;
use crate::apiserver::store::Store;
use crate::locale::Lang;
use crate::trace::{Client, Trace};
use smol_str::{SmolStr, format_smolstr};

/// A lesson with the words of both languages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    pub lesson: Lesson,
    pub ko: Words,
    pub en: Words,
}

/// A check that offers itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// What it may be called.
    pub id: SmolStr,
    pub check: Check,
}

impl Draft {
    /// An empty lesson.
    pub fn blank(id: &str) -> Draft {
        let words = |title: &str| Words { title: title.into(), ..Words::default() };
        let lesson = Lesson { id: id.into(), track: "first".into(), place: 1, ..Lesson::default() };
        Draft { lesson, ko: words("새 레슨"), en: words("A new lesson") }
    }

    /// Reads a folder; everything that is wrong with it is told.
    pub fn read(folder: &Folder, shared: &[File]) -> Result<Draft, Vec<Problem>> {
        let lesson = read_folder(folder, shared);
        match (lesson, read_words(folder, Lang::Ko), read_words(folder, Lang::En)) {
            (Ok(lesson), Ok(ko), Ok(en)) => Ok(Draft { lesson, ko, en }),
            (lesson, ko, en) => Err([lesson.err(), ko.err(), en.err()].into_iter().flatten().flatten().collect()),
        }
    }

    pub fn folder(&self, shared: &[File]) -> Folder {
        write::folder(&self.lesson, Some(&self.ko), Some(&self.en), shared)
    }

    /// Adds an empty step of a kind; its place.
    pub fn add_step(&mut self, kind: TaskKind) -> usize {
        let taken: Vec<SmolStr> = self.lesson.steps.iter().map(|s| s.id.clone()).collect();
        let id = free(kind.name(), &taken);
        let mut step = Step { id, kind, points: 10, ..Step::default() };
        if matches!(kind, TaskKind::Explain | TaskKind::Predict) {
            let choice = |id: &str, right: bool| Choice { id: id.into(), right, expect: None };
            step.question =
                Some(Question { request: None, choices: vec![choice("right", true), choice("other", false)] });
        } else {
            step.checks.push(NamedCheck { id: "clean".into(), check: Check::Clean });
        }
        self.lesson.steps.push(step);
        self.align();
        self.lesson.steps.len() - 1
    }

    /// Adds a step that asks to predict how a request ends; how it ended is among the choices. Its place.
    pub fn add_prediction(&mut self, store: &Store, sent: &Trace) -> usize {
        let at = self.add_step(TaskKind::Predict);
        let symptom = match sent.outcome.failure() {
            Some(_) => words::symptom(&sent.outcome),
            None => SmolStr::default(),
        };
        let mut ends: Vec<SmolStr> = ["refused", "connect-timed-out", "could-not-resolve"].map(SmolStr::from).into();
        if !symptom.is_empty() && !ends.contains(&symptom) {
            ends.push(symptom);
        }
        let answers = ("answer".into(), Expect { ok: Some(true), ..Expect::default() });
        let fails = ends.into_iter().map(|end| (end.clone(), Expect { symptom: Some(end), ..Expect::default() }));
        let choices = std::iter::once(answers).chain(fails);
        let choices = choices.map(|(id, expect)| Choice { id, right: false, expect: Some(expect) }).collect();
        self.lesson.steps[at].question = Some(Question { request: Some(asked(store, sent)), choices });
        self.align();
        at
    }

    /// Adds a check to a step. The one that stood there for want of a better one goes.
    pub fn add_check(&mut self, step: usize, offer: &Offer) {
        let Some(step) = self.lesson.steps.get_mut(step) else { return };
        step.checks.retain(|c| c.check != Check::Clean);
        let taken: Vec<SmolStr> = step.checks.iter().map(|c| c.id.clone()).collect();
        step.checks.push(NamedCheck { id: free(&offer.id, &taken), check: offer.check.clone() });
        self.align();
    }

    /// Adds a way that was recorded: a solution, or a wrong answer that fails a step with a hint.
    pub fn add_walk(&mut self, actions: Vec<Action>, fails: Option<(SmolStr, SmolStr)>) {
        let (walks, name) = match fails {
            None => (&mut self.lesson.solutions, "solution"),
            Some(_) => (&mut self.lesson.wrong, "wrong"),
        };
        let taken: Vec<SmolStr> = walks.iter().map(|w| w.id.clone()).collect();
        walks.push(Walk { id: free(name, &taken), actions, fails });
    }

    /// Gives every step, check, choice and turn its place in both languages, and takes away what has none in the lesson.
    pub fn align(&mut self) {
        for words in [&mut self.ko, &mut self.en] {
            let old = std::mem::take(&mut words.steps);
            words.steps =
                self.lesson.steps.iter().map(|step| aligned(step, old.iter().find(|w| w.id == step.id))).collect();
        }
    }
}

fn aligned(step: &Step, old: Option<&StepWords>) -> StepWords {
    let mut new =
        old.cloned().unwrap_or_else(|| StepWords { title: "…".into(), task: "…".into(), ..StepWords::default() });
    new.id = step.id.clone();
    let rows = |ids: Vec<&SmolStr>, had: &[(SmolStr, String)]| -> Vec<(SmolStr, String)> {
        let text = |id: &SmolStr| had.iter().find(|(i, _)| i == id).map_or("…".to_string(), |(_, t)| t.clone());
        ids.into_iter().map(|id| (id.clone(), text(id))).collect()
    };
    let choices: Vec<&Choice> = step.question.iter().flat_map(|q| &q.choices).collect();
    if step.question.is_some() && new.ask.is_empty() {
        new.ask = "…".into();
    }
    let wrong = choices.iter().filter(|c| !c.right).map(|c| &c.id);
    let turns: Vec<&SmolStr> = step.turns.iter().map(|t| &t.id).chain(wrong).collect();
    new.turns = rows(turns, &new.turns);
    new.checks = rows(step.checks.iter().map(|c| &c.id).collect(), &new.checks);
    new.choices = rows(choices.iter().map(|c| &c.id).collect(), &new.choices);
    if new.hints.is_empty() {
        new.hints.push("…".into());
    }
    new
}

/// The first name of this kind that is not taken.
fn free(name: &str, taken: &[SmolStr]) -> SmolStr {
    let mut names = std::iter::once(SmolStr::from(name)).chain((2..).map(|n| format_smolstr!("{name}-{n}")));
    names.find(|n| !taken.contains(n)).unwrap_or_default()
}

/// The checks that offer themselves: what the last request came to, what was run, which endpoints and objects there are.
pub fn offers(store: &Store, sent: Option<&Trace>, ran: &[Ran]) -> Vec<Offer> {
    let mut offers = sent.map(|trace| of_request(store, trace)).unwrap_or_default();
    for run in ran.iter().rev().filter(|r| r.code == 0).take(5) {
        let check = Check::Command { line: normal(&run.line).into(), bound: Bound::SOME };
        offers.push(Offer { id: "ran".into(), check });
    }
    let own = |namespace: &str, name: &str| namespace != "kube-system" && name != "kubernetes";
    for service in store.list("Service").filter(|s| own(s.namespace(), s.name())) {
        let name = if service.namespace() == "default" {
            service.name().clone()
        } else {
            format_smolstr!("{}/{}", service.namespace(), service.name())
        };
        let external = service.view().service().is_some_and(|s| s.type_ == ServiceType::ExternalName);
        let count = super::check::endpoints(store, &name, None, true);
        if !external {
            let bound = Bound { at_least: count, at_most: count };
            let check = Check::Endpoints { service: name, port: None, ready: true, bound };
            offers.push(Offer { id: "endpoints".into(), check });
        }
    }
    for kind in ["Service", "Ingress", "Deployment", "Pod", "Endpoints"] {
        for object in store.list(kind).filter(|o| own(o.namespace(), o.name())).take(8) {
            let check = ObjectCheck {
                kind: kind.into(),
                namespace: object.namespace().clone(),
                name: object.name().clone(),
                field: None,
                test: ValueTest::Exists,
                bound: Bound::SOME,
            };
            offers.push(Offer { id: "exists".into(), check: Check::Object(check) });
        }
    }
    offers.push(Offer { id: "clean".into(), check: Check::Clean });
    offers
}

/// The request of a trace in the words of a lesson.
fn asked(store: &Store, trace: &Trace) -> RequestSpec {
    let from: SmolStr = match &trace.request.from {
        Client::Pod { namespace, name, .. } if namespace == "default" => format_smolstr!("pod/{name}"),
        Client::Pod { namespace, name, .. } => format_smolstr!("pod/{namespace}/{name}"),
        Client::Node { name } => format_smolstr!("node/{name}"),
        Client::Outside { ip } => format_smolstr!("outside/{ip}"),
        Client::Learner => "computer".into(),
    };
    let host = &trace.request.to.host;
    // An address of today is another one tomorrow.
    let service = store
        .list("Service")
        .find(|s| s.namespace() == "default" && s.value.str_at(&["spec", "clusterIP"]) == host.as_str());
    let to = trace.request.to.to_string();
    let to = service.map_or(to.clone(), |s| to.replacen(host.as_str(), &format!("vip({})", s.name()), 1));
    RequestSpec { from, to: to.into(), via: None, insecure: trace.request.insecure }
}

/// "This request, this outcome": as it ended, and closer still.
fn of_request(store: &Store, trace: &Trace) -> Vec<Offer> {
    let request = asked(store, trace);
    let offer = |id: &str, expect: Expect| Offer {
        id: id.into(),
        check: Check::Request { request: request.clone(), expect: Box::new(expect) },
    };
    let Some(failure) = trace.outcome.failure() else {
        let answers = Expect { ok: Some(true), ..Expect::default() };
        let mut offers = vec![offer("answers", answers.clone())];
        let stays = Check::Stays {
            time: crate::api::time::Duration::secs(30),
            every: crate::api::time::Duration::secs(5),
            check: Box::new(offers[0].check.clone()),
        };
        offers.push(Offer { id: "stays".into(), check: stays });
        return offers;
    };
    vec![
        offer("fails", Expect { symptom: Some(words::symptom(&trace.outcome)), ..Expect::default() }),
        offer("fails-so", Expect { cause: Some(words::cause(&failure.cause)), ..Expect::default() }),
        offer("answers", Expect { ok: Some(true), ..Expect::default() }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Settings;
    use crate::lesson::{Desk, progress::right_choices};
    use crate::shell::Computer;
    use crate::trace::{Request, Url};
    use crate::workspace::Workspace;

    #[test]
    fn a_draft_grows_and_is_read_back() {
        let mut draft = Draft::blank("mine");
        let at = draft.add_step(TaskKind::Mend);
        draft.add_step(TaskKind::Explain);
        draft.add_step(TaskKind::Mend);
        let offer = Offer { id: "there".into(), check: Check::Refused { words: "x".into() } };
        draft.add_check(at, &offer);
        draft.add_check(at, &offer);
        draft.add_walk(vec![Action::Run { line: "kubectl get svc".into() }], None);
        draft.add_walk(Vec::new(), Some(("mend".into(), "there".into())));
        draft.lesson.start.push(File { name: "a.yaml".into(), text: "# x\n".into() });
        let ids: Vec<&str> = draft.ko.steps.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(ids, ["mend", "explain", "mend-2"]);
        assert_eq!(draft.en.steps[0].checks.len(), 2);
        assert_eq!(draft.en.steps[1].turns, [("other".into(), "…".to_string())]);
        let folder = draft.folder(&[]);
        assert_eq!(Draft::read(&folder, &[]), Ok(draft));
        assert!(Draft::read(&Folder { id: "x".into(), files: Vec::new() }, &[]).unwrap_err().len() >= 3);
    }

    #[test]
    fn what_is_seen_offers_checks() {
        let mut workspace = Workspace::new(Settings::default());
        workspace.set_file(
            "a.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n",
        );
        let ip = workspace
            .cluster()
            .store()
            .list("Service")
            .find(|s| s.name() == "web")
            .map(|s| s.value.str_at(&["spec", "clusterIP"]).to_string())
            .unwrap();
        let request =
            Request::get(Client::Node { name: "node-1".into() }, Url::parse(&format!("http://{ip}")).unwrap());
        let trace = workspace.send(&request);
        let ran = [Ran { line: "k  get svc".into(), code: 0 }, Ran { line: "false".into(), code: 1 }];
        let offers = offers(workspace.cluster().store(), Some(&trace), &ran);
        let texts: Vec<String> = offers.iter().map(|o| write::check(&o.check)).collect();
        for wanted in [
            "{request: {from: node/node-1, to: \"http://vip(web)\"}, symptom: refused}",
            "{command: \"kubectl get svc\"}",
            "{endpoints: web, count: 0}",
            "{object: Service/web}",
        ] {
            assert!(texts.iter().any(|t| t == wanted), "{wanted}: {texts:#?}");
        }
        assert!(!texts.iter().any(|t| t.contains("false")), "what failed is no check");
        let mut draft = Draft::blank("mine");
        let at = draft.add_prediction(workspace.cluster().store(), &trace);
        let question = draft.lesson.steps[at].question.as_ref().unwrap();
        let desk = Desk::new(workspace, Computer::default(), Vec::new());
        assert_eq!(right_choices(question, &desk), ["refused"], "what was seen is the one right choice");
        assert_eq!(draft.ko.steps[at].choices.len(), question.choices.len());
        draft.lesson.start.push(File { name: "a.yaml".into(), text: "# x\n".into() });
        assert_eq!(Draft::read(&draft.folder(&[]), &[]), Ok(draft));
    }
}
