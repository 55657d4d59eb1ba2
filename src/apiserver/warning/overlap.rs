//! Files of one volume that want the same place (`pkg/api/pod/warnings.go`: `warningsForOverlappingVirtualPaths`).

use crate::api::json;
use crate::api::value::Value;
use crate::arrange::{Arrange, set_of};
use std::collections::BTreeSet;

/// The volumes of a pod whose files hide one another.
pub fn warn_overlaps(warnings: &mut Vec<String>, volumes: &[Value]) {
    for volume in volumes {
        let name = json::quote(volume.text("name"));
        for (field, kind, named) in SOURCES {
            // A Secret's volume has another word for the Secret's name than a projection has.
            let named = if *field == "secret" { "secretName" } else { named };
            if let Some(source) = volume.field(field) {
                check(warnings, paths(source), &about(&name, "", kind, source.text(named), !named.is_empty()));
            }
        }
        let Some(projected) = volume.field("projected") else { continue };
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for source in projected.items("sources") {
            let Some((found, words)) = projection(source, &name) else {
                if source.as_map().is_none_or(|m| m.is_empty()) {
                    warnings.push(format!("volume {name} (Projected) has no sources provided"));
                }
                continue;
            };
            check(warnings, found.clone(), &words);
            let unique: BTreeSet<&str> = set_of(found);
            // Those that both have stand twice.
            let mut together: Vec<&str> = unique.iter().chain(&all).copied().collect();
            together.arrange();
            check(warnings, together, &words);
            all.extend(unique);
        }
    }
}

/// Where a volume's files may come from: the field, the kind, and the field that names the object.
const SOURCES: &[(&str, &str, &str)] =
    &[("configMap", "ConfigMap", "name"), ("secret", "Secret", "name"), ("downwardAPI", "DownwardAPI", "")];

fn about(volume: &str, before: &str, kind: &str, name: &str, named: bool) -> String {
    let object = if named { format!(" {}", json::quote(name)) } else { String::new() };
    format!("volume {volume} ({before}{kind}{object}): overlapping paths")
}

fn paths(source: &Value) -> Vec<&str> {
    source.items("items").iter().map(|item| item.text("path")).collect()
}

/// The paths of one source of a projected volume, if it has any.
fn projection<'a>(source: &'a Value, volume: &str) -> Option<(Vec<&'a str>, String)> {
    for (field, kind, named) in SOURCES {
        if let Some(part) = source.field(field).filter(|p| !p.items("items").is_empty()) {
            return Some((paths(part), about(volume, "Projected ", kind, part.text(named), !named.is_empty())));
        }
    }
    if let Some(token) = source.field("serviceAccountToken") {
        return Some((vec![token.text("path")], about(volume, "Projected ", "ServiceAccountToken", "", false)));
    }
    let bundle = source.field("clusterTrustBundle")?;
    let name = if bundle.field("name").is_some() { bundle.text("name") } else { bundle.text("signerName") };
    Some((vec![bundle.text("path")], about(volume, "Projected ", "ClusterTrustBundle", name, true)))
}

fn check(warnings: &mut Vec<String>, paths: Vec<&str>, words: &str) {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for path in paths {
        let path = path.trim_end_matches('/');
        if let Some(other) = seen.iter().find(|other| overlaps(other, path)) {
            warnings.push(format!("{words}: {} with {}", json::quote(path), json::quote(other)));
        }
        seen.insert(path);
    }
}

/// Whether one is the other, or begins like it: as upstream sees it, which does not ask where a name ends.
fn overlaps(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| long.starts_with(short) || format!("{long}/") == short;
    !one.is_empty() && !other.is_empty() && (begins(one, other) || begins(other, one))
}
