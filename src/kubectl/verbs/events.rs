//! `kubectl events`.

use super::{Act, TROUBLE, Verb};
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::call::{Call, Next, events, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::{Format, columns_event_times, list_of, tabwriter};

pub const VERB: Verb = Verb {
    names: &["events"],
    group: TROUBLE,
    short: "List events",
    usage: "[(-o|--output=)json|yaml|name] [--for TYPE/NAME] [--watch] [--types=Normal,Warning]",
    examples: "# What happened in the namespace\nkubectl events\n\n# What happened to a pod\nkubectl events --for pod/web-1\n\n# Only what went wrong\nkubectl events --types=Warning",
    flags: &["all-namespaces,A for= no-headers output,o= types= watch,w chunk-size# template="],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let everywhere = call.flags.is_on("all-namespaces");
    let namespace = if everywhere { String::new() } else { call.namespace() };
    let types = call.flags.list("types");
    if let Some(odd) = types.iter().find(|t| !["Normal", "Warning"].iter().any(|k| k.eq_ignore_ascii_case(t))) {
        return Err(own(format!("valid --types are Normal or Warning, not {odd}")));
    }
    let about = match call.flags.get("for").map(str::to_string) {
        Some(target) => {
            let Some((kind, name)) = target.split_once('/') else {
                return Err(own("--for must be in resource/name form"));
            };
            Some((crate::kubectl::arguments::resource(call.cluster.store(), kind)?.kind, name.to_string()))
        }
        None => None,
    };
    let mut found: Vec<Value> = events(call.cluster, &namespace).into_iter().map(|e| e.value.clone()).collect();
    found.retain(|e| types.is_empty() || types.iter().any(|t| t.eq_ignore_ascii_case(e.text("type"))));
    found.retain(|e| {
        about.as_ref().is_none_or(|(kind, name)| {
            e.str_at(&["involvedObject", "kind"]) == kind && e.str_at(&["involvedObject", "name"]) == name
        })
    });
    found.arrange_by(|a, b| a.text("lastTimestamp").cmp(b.text("lastTimestamp")));
    let output = call.flags.text("output").to_string();
    if !output.is_empty() {
        let files = call.files;
        let format = Format::parse(&output, &|p| files.read(p)).map_err(own)?;
        let text = format.print(&list_of(found), "").map_err(own)?;
        call.streams.out.push_str(&text);
        return Ok(Next::Done(0));
    }
    if found.is_empty() {
        if everywhere {
            call.complain("No events found.");
        } else {
            call.complain(format!("No events found in {namespace} namespace."));
        }
        return Ok(Next::Done(0));
    }
    let mut text = String::new();
    if !call.flags.is_on("no-headers") {
        text.push_str(if everywhere { "NAMESPACE\t" } else { "" });
        text.push_str("LAST SEEN\tTYPE\tREASON\tOBJECT\tMESSAGE\n");
    }
    let now = call.now();
    for event in &found {
        let (first, last, count) = columns_event_times(event, now);
        let seen = if count > 1 { format!("{last} (x{count} over {first})") } else { last };
        if everywhere {
            text.push_str(&format!("{}\t", event.str_at(&["metadata", "namespace"])));
        }
        text.push_str(&format!(
            "{seen}\t{}\t{}\t{}/{}\t{}\n",
            event.text("type"),
            event.text("reason"),
            event.str_at(&["involvedObject", "kind"]),
            event.str_at(&["involvedObject", "name"]),
            event.text("message").trim()
        ));
    }
    call.streams.out.push_str(&tabwriter::align(&text, 6, 3));
    Ok(Next::Done(0))
}
