//! `kubectl edit`: the objects go to an editor; what comes back is sent as a patch, and comes back to the editor with the
//! reasons when the server refuses it (`pkg/cmd/util/editor`). Left out: `--output-patch`, `--save-config`.

use super::{Act, FILES, INTERMEDIATE, PRINT, VALIDATE, Verb};
use crate::api::value::{Map, Value};
use crate::api::yaml;
use crate::apiserver::resource::Resource;
use crate::cluster::Cluster;
use crate::kubectl::apply::three_way;
use crate::kubectl::call::{Call, Next, Streams, own};
use crate::kubectl::failure::{Failure, tell};
use crate::kubectl::output::shown;
use crate::kubectl::run::{Options, Run};
use crate::text::Span;
use smol_str::SmolStr;

pub const VERB: Verb = Verb {
    names: &["edit"],
    group: INTERMEDIATE,
    short: "Edit a resource on the server",
    usage: "(RESOURCE/NAME | -f FILENAME)",
    examples: "# Change a service in the editor\nkubectl edit svc/web",
    flags: &["output-patch save-config subresource= windows-line-endings field-manager=", FILES, PRINT, VALIDATE],
    act: Act::Run(run),
};

/// The lines above the text, as kubectl writes them.
const HEAD: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,\n# and an empty file will abort the edit. If an error occurs while saving this file will be\n# reopened with the relevant failures.\n#\n";

/// An object under the editor.
#[derive(Clone, Debug)]
struct Original {
    resource: Resource,
    namespace: SmolStr,
    name: SmolStr,
    value: Value,
}

/// An edit under way: what was given to the editor, and what was sent already.
#[derive(Clone, Debug)]
pub struct Edit {
    originals: Vec<Original>,
    /// The file's name in the editor.
    pub file: String,
    /// What the editor shows.
    pub text: String,
    /// The last text that was refused.
    refused: Option<String>,
}

/// What comes of a text that was saved.
pub enum Saved {
    /// The edit is over.
    Done(i32),
    /// The editor opens again, with the reasons on top ([`Edit::text`]).
    Again,
}

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own(super::NOTHING_NAMED));
    }
    let targets = call.targets(&args, true)?;
    if targets.is_empty() {
        if call.failures.is_empty() {
            return Err(own("edit cancelled, no objects found"));
        }
        return Ok(Next::Done(1));
    }
    let originals: Vec<Original> = targets
        .iter()
        .map(|target| Original {
            resource: target.resource.clone(),
            namespace: target.namespace().into(),
            name: target.name().into(),
            value: shown(&target.object.value),
        })
        .collect();
    Ok(Next::Edit(Box::new(Edit::new(originals, call.now().0))))
}

impl Edit {
    fn new(originals: Vec<Original>, number: u64) -> Edit {
        let text = match &originals[..] {
            [one] => yaml::print(&one.value),
            many => {
                let mut list = Value::map();
                list.set_at(&["apiVersion"], "v1");
                list.set_at(&["items"], Value::list(many.iter().map(|o| o.value.clone()).collect()));
                list.set_at(&["kind"], "List");
                list.set_at(&["metadata"], Value::map());
                yaml::print(&list)
            }
        };
        // kubectl's temporary file has a number of its own each time.
        let file = format!("/tmp/kubectl-edit-{}.yaml", number % 4_000_000_000);
        Edit { originals, file, text: format!("{HEAD}{text}"), refused: None }
    }

    /// What the editor is to show on its tab: the first object's name.
    pub fn title(&self) -> String {
        self.originals.first().map(|o| format!("{}/{}", o.resource.singular, o.name)).unwrap_or_default()
    }

    /// Takes what the editor saved; a closed editor saves what it was given. A copy of what could not be taken stays in the
    /// file [`Edit::file`], which the caller keeps.
    pub fn saved(&mut self, cluster: &mut Cluster, edited: &str, streams: &mut Streams) -> Saved {
        if self.refused.as_deref().is_some_and(|before| bare(before) == bare(edited)) {
            return self.keep(streams, "Edit cancelled, no valid changes were saved.");
        }
        if bare(&self.text) == bare(edited) {
            streams.err.push_str("Edit cancelled, no changes made.\n");
            return Saved::Done(0);
        }
        let has_lines = edited.lines().any(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
        if !has_lines {
            streams.err.push_str("Edit cancelled, saved file was empty.\n");
            return Saved::Done(0);
        }
        let value = match yaml::read(edited, Span::new(0, edited.len())) {
            Ok(reading) => reading.value,
            Err(error) => {
                let why = format!(
                    "The edited file had a syntax error: error parsing edited-file: error converting YAML to JSON: yaml: {}",
                    error.message.trim_start_matches("yaml: ")
                );
                return self.again(edited, &[(why, Vec::new())]);
            }
        };
        let items = if value.str_at(&["kind"]) == "List" { value.items_at(&["items"]).to_vec() } else { vec![value] };
        let mut reasons = Vec::new();
        let mut code = None;
        for item in items {
            let uid = item.str_at(&["metadata", "uid"]);
            let Some(original) = self.originals.iter().find(|o| o.value.str_at(&["metadata", "uid"]) == uid).cloned()
            else {
                return self.keep(streams, "no original object found for the edited one: its metadata.uid was changed");
            };
            match send(cluster, &original, &item, streams) {
                Sent::Done => {}
                Sent::Own(words) => return self.keep(streams, &words),
                Sent::Invalid(head, others) => reasons.push((head, others)),
                Sent::Lost => {
                    streams.err.push_str(&format!(
                        "The edits you made on deleted resources have been saved to {:?}\n",
                        self.file
                    ));
                    code = Some(1);
                }
                Sent::Retryable => {
                    streams.err.push_str(&format!(
                        "You can run `kubectl replace -f {}` to try this update again.\n",
                        self.file
                    ));
                    code = Some(1);
                }
            }
        }
        match code {
            Some(code) => Saved::Done(code),
            None if reasons.is_empty() => Saved::Done(0),
            None => self.again(edited, &reasons),
        }
    }

    fn keep(&self, streams: &mut Streams, words: &str) -> Saved {
        streams.err.push_str(&format!("A copy of your changes has been stored to {:?}\nerror: {words}\n", self.file));
        Saved::Done(1)
    }

    fn again(&mut self, edited: &str, reasons: &[(String, Vec<String>)]) -> Saved {
        let mut text = HEAD.to_string();
        for (head, others) in reasons {
            text.push_str(&format!("# {}{}\n", hashed(head), if others.is_empty() { "" } else { ":" }));
            others.iter().for_each(|other| text.push_str(&format!("# * {}\n", hashed(other))));
            text.push_str("#\n");
        }
        let body: Vec<&str> = edited.lines().filter(|l| !l.starts_with('#')).collect();
        text.push_str(&body.join("\n"));
        text.push('\n');
        self.refused = Some(edited.to_string());
        self.text = text;
        Saved::Again
    }
}

/// A line break within a comment stays in the comment.
fn hashed(text: &str) -> String {
    text.trim_end().replace('\n', "\n# ")
}

/// The text without its comments, as far as it means something: two texts that say the same are equal.
fn bare(text: &str) -> Result<Value, String> {
    match yaml::read(text, Span::new(0, text.len())) {
        Ok(reading) => Ok(reading.value),
        Err(_) => {
            let lines = text.lines().filter(|l| !l.trim_start().starts_with('#'));
            Err(lines.collect::<Vec<_>>().join("\n"))
        }
    }
}

enum Sent {
    Done,
    /// kubectl's own refusal.
    Own(String),
    /// The server's refusal: a head and its causes.
    Invalid(String, Vec<String>),
    /// The object is gone.
    Lost,
    Retryable,
}

fn send(cluster: &mut Cluster, original: &Original, edited: &Value, streams: &mut Streams) -> Sent {
    let resource = &original.resource;
    let done = |streams: &mut Streams, how: &str| {
        streams.out.push_str(&format!("{}/{} {how}\n", resource.kind_with_group(), original.name));
        Sent::Done
    };
    if *edited == original.value {
        return done(streams, "skipped");
    }
    let changed = |path: &[&str]| edited.str_at(path) != original.value.str_at(path);
    if changed(&["apiVersion"]) || changed(&["kind"]) || changed(&["metadata", "name"]) {
        return Sent::Own("At least one of apiVersion, kind and name was changed".to_string());
    }
    // With the original as what stands, too, the three-way merge is the two-way one.
    let (kind, patch) = match three_way(resource, &original.value, edited, &original.value) {
        Ok(found) => found,
        Err(failure) => {
            return Sent::Own(tell(&[failure]).trim_end().trim_start_matches("error: ").to_string());
        }
    };
    if patch.as_map().is_some_and(Map::is_empty) {
        return done(streams, "skipped");
    }
    let options = Options { namespace: original.namespace.clone(), ..Options::default() };
    let mut run = Run::new(cluster, options);
    let result = run.send_patch(resource, &original.namespace, &original.name, kind, patch);
    let output = run.finish();
    streams.err.push_str(&output.stderr);
    let group = resource.group();
    let named = if group.is_empty() { resource.plural.to_string() } else { format!("{}.{group}", resource.plural) };
    let name = original.name.as_str();
    match result {
        Ok(_) => done(streams, "edited"),
        Err(status) if status.reason == "Invalid" => {
            streams.err.push_str(&format!("error: {named} {name:?} is invalid\n"));
            let causes = status.causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
            Sent::Invalid(format!("{named} {name:?} was not valid"), causes)
        }
        Err(status) if status.reason == "NotFound" => {
            streams.err.push_str(&format!("error: {named} {name:?} could not be found on the server\n"));
            Sent::Lost
        }
        Err(status) => {
            streams.err.push_str(&format!("error: {named} {name:?} could not be patched: {}\n", status.message));
            Sent::Retryable
        }
    }
}
