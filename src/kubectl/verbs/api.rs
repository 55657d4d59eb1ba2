//! `kubectl api-resources`, `api-versions`, `version`, `options`.

use super::{Act, OTHER, SETTINGS, Verb};
use crate::api::json;
use crate::api::schema::schema;
use crate::api::value::Value;
use crate::api::yaml;
use crate::apiserver::resource::{self, Resource};
use crate::arrange::Arrange;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::tabwriter;

pub const RESOURCES: Verb = Verb {
    names: &["api-resources"],
    group: OTHER,
    short: "Print the supported API resources on the server",
    usage: "[flags]",
    examples: "# Every kind\nkubectl api-resources\n\n# The kinds of a group\nkubectl api-resources --api-group=networking.k8s.io",
    flags: &[
        "api-group= cached categories= namespaced no-headers output,o= sort-by= verbs= show-managed-fields template=",
    ],
    act: Act::Run(resources),
};

pub const VERSIONS: Verb = Verb {
    names: &["api-versions"],
    group: OTHER,
    short: "Print the supported API versions on the server, in the form of \"group/version\"",
    usage: "",
    examples: "# Every group and version\nkubectl api-versions",
    flags: &[],
    act: Act::Run(versions),
};

pub const VERSION: Verb = Verb {
    names: &["version"],
    group: OTHER,
    short: "Print the client and server version information",
    usage: "[flags]",
    examples: "# Both versions\nkubectl version",
    flags: &["client output,o="],
    act: Act::Run(version),
};

pub const OPTIONS: Verb = Verb {
    names: &["options"],
    group: SETTINGS,
    short: "Print the list of flags inherited by all commands",
    usage: "",
    examples: "",
    flags: &[],
    act: Act::Run(|call| {
        call.say("The following options can be passed to any command:\n");
        call.streams.out.push_str(&crate::kubectl::help::options(&[crate::kubectl::flags::GLOBAL]));
        Ok(Next::Done(0))
    }),
};

fn verbs(of: &Resource) -> Vec<&'static str> {
    schema()
        .kind(&of.group_version, &of.kind)
        .map_or(vec!["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"], |k| {
            k.verbs.clone()
        })
}

fn resources(call: &mut Call) -> Result<Next, Failure> {
    if let Some(odd) = call.flags.args.first() {
        return Err(call.usage(format!("unexpected arguments: [{odd}]")));
    }
    let output = call.flags.text("output").to_string();
    if !matches!(output.as_str(), "" | "wide" | "name" | "json" | "yaml") {
        return Err(own(format!("--output {output} is not available")));
    }
    let sort = call.flags.text("sort-by").to_string();
    if !matches!(sort.as_str(), "" | "name" | "kind") {
        return Err(own("--sort-by accepts only name or kind"));
    }
    let group = call.flags.get("api-group").map(str::to_string);
    let namespaced = call.flags.switch("namespaced");
    let wanted_verbs = call.flags.list("verbs");
    let categories = call.flags.list("categories");
    let mut all: Vec<Resource> = resource::all(call.cluster.store()).collect();
    // By group, then by name, as kubectl sorts them.
    all.retain(|r| group.as_deref().is_none_or(|g| r.group() == g));
    all.retain(|r| namespaced.is_none_or(|n| r.namespaced == n));
    all.retain(|r| wanted_verbs.iter().all(|v| verbs(r).contains(&v.as_str())));
    all.retain(|r| categories.iter().all(|c| r.categories.iter().any(|x| x == c)));
    all.arrange_by(|a, b| match sort.as_str() {
        "kind" => a.kind.cmp(&b.kind),
        "name" => a.plural.cmp(&b.plural),
        _ => (a.group(), a.plural.as_str()).cmp(&(b.group(), b.plural.as_str())),
    });
    if output == "name" {
        for one in &all {
            call.say(one.plural_with_group());
        }
        return Ok(Next::Done(0));
    }
    let wide = output == "wide";
    let mut text = String::new();
    if !call.flags.is_on("no-headers") {
        text.push_str("NAME\tSHORTNAMES\tAPIVERSION\tNAMESPACED\tKIND");
        text.push_str(if wide { "\tVERBS\tCATEGORIES\n" } else { "\n" });
    }
    for one in &all {
        let short = one.short_names.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(",");
        text.push_str(&format!("{}\t{short}\t{}\t{}\t{}", one.plural, one.group_version, one.namespaced, one.kind));
        if wide {
            let categories = one.categories.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(",");
            text.push_str(&format!("\t{}\t{categories}", verbs(one).join(",")));
        }
        text.push('\n');
    }
    call.streams.out.push_str(&tabwriter::align(&text, 6, 3));
    Ok(Next::Done(0))
}

fn versions(call: &mut Call) -> Result<Next, Failure> {
    let mut all: Vec<String> = resource::all(call.cluster.store()).map(|r| r.group_version.to_string()).collect();
    all.arrange();
    all.dedup();
    all.iter().for_each(|v| call.say(v));
    Ok(Next::Done(0))
}

/// `GET /version`.
pub(super) fn version_object() -> Value {
    crate::value!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitTreeState": "clean", "platform": "linux/amd64",
        "compiler": "gc", "goVersion": "go1.25.5"
    })
}

fn version(call: &mut Call) -> Result<Next, Failure> {
    let both = !call.flags.is_on("client");
    match call.flags.text("output") {
        "" => {
            call.say("Client Version: v1.36.2");
            call.say("Kustomize Version: v5.7.1");
            if both {
                call.say("Server Version: v1.36.2");
            }
        }
        format @ ("json" | "yaml") => {
            let format = format.to_string();
            let mut object = crate::value!({ "clientVersion": (version_object()), "kustomizeVersion": "v5.7.1" });
            if both {
                object.set_at(&["serverVersion"], version_object());
            }
            if format == "json" {
                call.say(json::to_string_pretty(&object, 2));
            } else {
                call.streams.out.push_str(&yaml::print(&object));
            }
        }
        _ => return Err(own("--output must be 'yaml' or 'json'")),
    }
    Ok(Next::Done(0))
}
