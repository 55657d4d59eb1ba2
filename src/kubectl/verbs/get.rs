//! `kubectl get`.

use super::{Act, FILES, INTERMEDIATE, SELECT, Verb};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::apiserver::resource::Resource;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::arguments::{Ask, Target, ask};
use crate::kubectl::call::{Call, Follow, Next, Step, Streams, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::table::{Options, Printer, align};
use crate::kubectl::output::{Format, list_of, shown, sort_by};
use crate::kubectl::selector::{FieldSelector, LabelSelector};
use std::sync::Arc;

pub const VERB: Verb = Verb {
    names: &["get"],
    group: INTERMEDIATE,
    short: "Display one or many resources",
    usage: "[(-o|--output=)json|yaml|name|go-template|jsonpath|custom-columns|wide] (TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
    examples: "# List the pods of the namespace\nkubectl get pods\n\n# List services and pods together, with more columns\nkubectl get svc,pods -o wide\n\n# The node port of a service alone\nkubectl get svc web -o jsonpath='{.spec.ports[0].nodePort}'\n\n# Keep watching\nkubectl get pods -w",
    flags: &[
        "output,o= watch,w watch-only output-watch-events ignore-not-found show-labels show-kind label-columns,L= \
            no-headers sort-by= chunk-size# server-print raw= subresource= template= show-managed-fields \
            allow-missing-template-keys",
        SELECT,
        FILES,
    ],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    if let Some(path) = call.flags.get("raw").map(str::to_string) {
        return raw(call, &path);
    }
    if args.is_empty() && !call.flags.has("filename") {
        call.complain(
            "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n",
        );
        return Err(call.usage(
            "Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).",
        ));
    }
    let files = call.files;
    // A template without a format is Go's.
    let output = match (call.flags.text("output"), call.flags.text("template")) {
        ("", "") => String::new(),
        ("", template) => format!("go-template={template}"),
        (format, template) if !format.contains('=') && !template.is_empty() => format!("{format}={template}"),
        (format, _) => format.to_string(),
    };
    let format = Format::parse(&output, &|p| files.read(p)).map_err(own)?;
    let format = match format {
        Format::CustomColumns(columns) if call.flags.is_on("no-headers") => {
            Format::CustomColumns(columns.without_headers())
        }
        other => other,
    };
    let watch = call.flags.is_on("watch") || call.flags.is_on("watch-only");
    let (groups, with_kind, single) = gather(call, &args)?;
    let options = options(call, &format, with_kind);
    if watch {
        return Ok(Next::Follow(Box::new(Watch::new(call, groups, options, format)?)));
    }
    if format.is_table() {
        print_tables(call, groups, &options)?;
    } else {
        print_objects(call, groups, &format, single)?;
    }
    Ok(Next::Done(0))
}

/// Objects that stand together: one resource each.
struct Group {
    resource: Resource,
    objects: Vec<Arc<Object>>,
}

/// What was asked for; whether names need their kind; whether it is one object by name.
fn gather(call: &mut Call, args: &[String]) -> Result<(Vec<Group>, bool, bool), Failure> {
    if call.flags.has("filename") {
        let targets = call.targets(args, false)?;
        let single = targets.len() == 1;
        let groups: Vec<Group> =
            targets.into_iter().map(|t| Group { resource: t.resource, objects: vec![t.object] }).collect();
        let kinds = kinds_of(&groups);
        return Ok((merge(groups), kinds > 1, single));
    }
    let all = call.flags.is_on("all");
    let asked = ask(call.cluster.store(), args, all, call.is_selected(), true)?;
    let ignore = call.flags.is_on("ignore-not-found");
    match asked {
        Ask::Named(named) => {
            if call.flags.is_on("all-namespaces") {
                return Err(own("a resource cannot be retrieved by name across all namespaces"));
            }
            let namespace = call.namespace();
            let single = named.len() == 1;
            let mut groups = Vec::new();
            for (resource, name) in named {
                match call.get(&resource, &namespace, &name) {
                    Ok(object) => groups.push(Group { resource, objects: vec![object] }),
                    Err(status) if ignore && status.reason == "NotFound" => {}
                    Err(status) => call.fail(status),
                }
            }
            let kinds = kinds_of(&groups);
            Ok((merge(groups), kinds > 1 || call.flags.is_on("show-kind"), single))
        }
        Ask::All(resources) => {
            let several = resources.len() > 1;
            let mut groups = Vec::new();
            for resource in resources {
                let objects = match call.matching(&resource) {
                    Ok(objects) => objects,
                    Err(failure) => {
                        call.fail(failure);
                        continue;
                    }
                };
                groups.push(Group { resource, objects });
            }
            Ok((groups, several || call.flags.is_on("show-kind"), false))
        }
    }
}

fn kinds_of(groups: &[Group]) -> usize {
    let mut kinds: Vec<&str> = groups.iter().map(|g| g.resource.stored.as_str()).collect();
    kinds.arrange();
    kinds.dedup();
    kinds.len()
}

/// Neighbours of one resource share a table.
fn merge(groups: Vec<Group>) -> Vec<Group> {
    let mut merged: Vec<Group> = Vec::new();
    for group in groups {
        match merged.last_mut() {
            Some(last) if last.resource.stored == group.resource.stored => last.objects.extend(group.objects),
            _ => merged.push(group),
        }
    }
    merged
}

fn options(call: &Call, format: &Format, with_kind: bool) -> Options {
    Options {
        wide: matches!(format, Format::Table { wide: true }),
        namespaces: call.flags.is_on("all-namespaces"),
        show_labels: call.flags.is_on("show-labels"),
        label_columns: call.flags.list("label-columns"),
        no_headers: call.flags.is_on("no-headers"),
        with_kind,
        event: None,
    }
}

fn sorted(call: &Call, groups: &mut [Group]) -> Result<(), Failure> {
    let field = call.flags.text("sort-by").to_string();
    if field.is_empty() {
        return Ok(());
    }
    for group in groups {
        let values: Vec<&Value> = group.objects.iter().map(|o| &*o.value).collect();
        let order = sort_by(&values, &field).map_err(own)?;
        group.objects = order.into_iter().map(|i| group.objects[i].clone()).collect();
    }
    Ok(())
}

fn print_tables(call: &mut Call, mut groups: Vec<Group>, options: &Options) -> Result<(), Failure> {
    sorted(call, &mut groups)?;
    let namespaced = groups.iter().all(|g| g.resource.namespaced);
    groups.retain(|g| !g.objects.is_empty());
    if groups.is_empty() {
        if !call.flags.is_on("ignore-not-found") && call.failures.is_empty() {
            if call.flags.is_on("all-namespaces") || !namespaced {
                call.complain("No resources found");
            } else {
                let namespace = call.namespace();
                call.complain(format!("No resources found in {namespace} namespace."));
            }
        }
        return Ok(());
    }
    let now = call.now();
    let mut tables = Vec::new();
    for group in &groups {
        let printer = Printer::of(call.cluster.store(), &group.resource);
        tables.push(align(&printer.lines(&group.resource, &group.objects, now, options)));
    }
    let divider = if options.no_headers { "" } else { "\n" };
    call.streams.out.push_str(&tables.join(divider));
    Ok(())
}

fn print_objects(call: &mut Call, mut groups: Vec<Group>, format: &Format, single: bool) -> Result<(), Failure> {
    sorted(call, &mut groups)?;
    if let Format::Name = format {
        for group in &groups {
            for object in &group.objects {
                call.say(format!("{}/{}", group.resource.kind_with_group(), object.name()));
            }
        }
        return Ok(());
    }
    let managed = call.flags.is_on("show-managed-fields");
    let mut items: Vec<Value> = Vec::new();
    for group in &groups {
        items.extend(group.objects.iter().map(|o| if managed { o.value.clone() } else { shown(&o.value) }));
    }
    if items.is_empty() && (single || !call.failures.is_empty()) {
        return Ok(());
    }
    let object = match items.len() {
        1 if single => items.remove(0),
        _ => list_of(items),
    };
    let text = match (format.print(&object, ""), format) {
        (Ok(text), _) => text,
        (Err(problem), Format::GoTemplate(template, text)) => {
            // What there was to work with is printed as well, on the other stream.
            call.streams.out.push_str(&template.debug(&problem, &object));
            return Err(own(format!("error executing template {}: {problem}", crate::api::json::quote(text))));
        }
        (Err(problem), _) => return Err(own(problem)),
    };
    call.streams.out.push_str(&text);
    Ok(())
}

/// `--raw`: the paths that people look at to see what a cluster is.
fn raw(call: &mut Call, path: &str) -> Result<Next, Failure> {
    match path {
        "/healthz" | "/livez" | "/readyz" => call.streams.out.push_str("ok"),
        "/version" => {
            let version = super::api::version_object();
            call.streams.out.push_str(&crate::api::json::to_string_pretty(&version, 2));
        }
        path if path.starts_with("/api") => {
            return Err(own("--raw is not simulated here for objects; get them with -o json"));
        }
        _ => return Err(crate::apiserver::status::Status::no_such_resource().into()),
    }
    Ok(Next::Done(0))
}

/// How long a watch sleeps between two looks when nothing is due in the cluster.
const LOOK: Duration = Duration::millis(100);

/// `get -w`: a table that goes on, row by row.
struct Watch {
    resource: Resource,
    name: Option<String>,
    namespace: String,
    labels: LabelSelector,
    fields: FieldSelector,
    options: Options,
    format: Format,
    /// The newest revision that has been shown; `None` before the first look.
    seen: Option<u64>,
    first: Vec<Arc<Object>>,
    widths: Vec<usize>,
    events: bool,
}

impl Watch {
    fn new(call: &mut Call, mut groups: Vec<Group>, options: Options, format: Format) -> Result<Watch, Failure> {
        if let Some(failure) = call.failures.pop() {
            return Err(failure);
        }
        if groups.len() != 1 {
            return Err(own("you may only specify a single resource type when watching"));
        }
        let group = groups.remove(0);
        let args = &call.flags.args;
        let name = match args.first().and_then(|a| a.split_once('/')) {
            Some((_, name)) => Some(name.to_string()),
            None => args.get(1).cloned(),
        };
        let (labels, fields) = call.selectors(&group.resource)?;
        let only = call.flags.is_on("watch-only");
        Ok(Watch {
            name,
            namespace: call.list_namespace(),
            labels,
            fields,
            options,
            format,
            seen: None,
            first: if only { Vec::new() } else { group.objects },
            resource: group.resource,
            widths: Vec::new(),
            events: call.flags.is_on("output-watch-events"),
        })
    }

    fn print(&mut self, cluster: &Cluster, objects: &[Arc<Object>], event: &'static str, streams: &mut Streams) {
        if !self.format.is_table() {
            for object in objects {
                let name = format!("{}/{}", self.resource.kind_with_group(), object.name());
                match self.format.print(&shown(&object.value), &name) {
                    Ok(text) => streams.out.push_str(&text),
                    Err(problem) => streams.err.push_str(&format!("error: {problem}\n")),
                }
            }
            return;
        }
        if objects.is_empty() {
            return;
        }
        let printer = Printer::of(cluster.store(), &self.resource);
        self.options.event = self.events.then_some(event);
        let lines = printer.lines(&self.resource, objects, cluster.now(), &self.options);
        self.options.no_headers = true;
        // A later row keeps to the columns of the earlier ones, and may only widen them.
        let rows: Vec<Vec<&str>> = lines.lines().map(|l| l.split('\t').collect()).collect();
        for row in &rows {
            for (i, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
                let width = cell.chars().count() + 3;
                match self.widths.get_mut(i) {
                    Some(known) => *known = (*known).max(width),
                    None => self.widths.push(width.max(6)),
                }
            }
        }
        for row in &rows {
            for (i, cell) in row.iter().enumerate() {
                streams.out.push_str(cell);
                if i + 1 < row.len() {
                    let pad = self.widths.get(i).map_or(0, |w| w.saturating_sub(cell.chars().count()));
                    streams.out.extend(std::iter::repeat_n(' ', pad));
                }
            }
            streams.out.push('\n');
        }
    }

    fn wants(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || !self.resource.namespaced || object.namespace() == self.namespace.as_str())
            && self.name.as_deref().is_none_or(|n| n == object.name())
            && self.labels.matches(object)
            && self.fields.matches(object)
    }
}

impl Follow for Watch {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        let Some(seen) = self.seen else {
            self.seen = Some(cluster.store().revision());
            let first = std::mem::take(&mut self.first);
            self.print(cluster, &first, "ADDED", streams);
            return Step::Wait(cluster.now() + LOOK);
        };
        let mut rows: Vec<(Arc<Object>, &'static str)> = Vec::new();
        for event in cluster.store().events_since(seen) {
            if event.key.kind != self.resource.stored {
                continue;
            }
            let kind = match (&event.old, &event.new) {
                (None, _) => "ADDED",
                (_, None) => "DELETED",
                _ => "MODIFIED",
            };
            if let Some(object) = event.new.as_ref().or(event.old.as_ref()).filter(|o| self.wants(o)) {
                rows.push((object.clone(), kind));
            }
        }
        self.seen = Some(cluster.store().revision());
        for (object, kind) in rows {
            self.print(cluster, &[object], kind, streams);
        }
        Step::Wait(next_look(cluster))
    }
}

/// When to look again: as soon as something is due in the cluster.
pub(super) fn next_look(cluster: &Cluster) -> Time {
    cluster.now() + LOOK
}

/// The key of a target, for those who follow it.
pub(super) fn key_of(target: &Target) -> ObjectKey {
    target.object.key.clone()
}
