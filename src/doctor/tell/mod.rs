//! A report in the forms that people and machines read.

mod json;
mod junit;
mod sarif;
mod text;

pub use json::json;
pub use junit::junit;
pub use sarif::sarif;
pub use text::{sum, text};

use super::Finding;
use crate::export::place_name;
use crate::locale::{Lang, Message};
use crate::text::visible;

/// A finding in sentences: what the client sees, what is wrong, where, what mends it.
fn sentences(finding: &Finding, lang: Lang) -> Vec<String> {
    let mut all = vec![visible(&finding.cause.text(lang)).into_owned()];
    if !finding.verbatim.is_empty() {
        all.push(visible(&finding.verbatim).into_owned());
    }
    let mut more = |id: &'static str, words: Option<String>| {
        if let Some(words) = words {
            all.push(visible(&Message::new(id).with("words", words).text(lang)).into_owned());
        }
    };
    more("doctor-tell-seen", finding.symptom.as_ref().map(|m| m.text(lang)));
    more("doctor-tell-hop", finding.hop.as_ref().map(|place| place_name(place, lang)));
    more("doctor-tell-mend", finding.mend.as_ref().map(|m| m.text(lang)));
    all
}

/// `Service/shop/web`; empty when the finding is about no object.
fn object_name(finding: &Finding) -> String {
    let key = &finding.object;
    match (key.kind.as_str(), key.namespace.as_str()) {
        ("", _) => String::new(),
        (kind, "") => format!("{kind}/{}", key.name),
        (kind, namespace) => format!("{kind}/{namespace}/{}", key.name),
    }
}
