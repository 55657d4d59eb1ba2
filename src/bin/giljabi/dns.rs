//! `giljabi dns`: every question that a look-up asks, in order, and what comes back.

use crate::arguments::{Arguments, Usage};
use crate::{files, trace};
use giljabi::network::dns::client::Unanswered;
use giljabi::network::dns::{Question, Rcode, RecordType};
use giljabi::trace::{ask, resolv_conf};
use giljabi::workspace::Workspace;

/// True when the name was found.
pub fn run(arguments: &Arguments) -> Result<bool, Usage> {
    let from = trace::client(arguments.from.as_deref().ok_or_else(|| Usage("say who asks: --from pod/NAME".into()))?)?;
    let Some(name) = arguments.words.first() else {
        return Err(Usage("say which name: giljabi dns … NAME [TYPE]".into()));
    };
    let kind = match arguments.words.get(1) {
        None => RecordType::A,
        Some(word) => RecordType::read(word).ok_or_else(|| Usage(format!("{word:?} is no record type")))?,
    };
    let mut workspace = Workspace::new(arguments.settings());
    workspace.set_files(files::read(&arguments.files)?);
    trace::is_there(&workspace, &from)?;
    let mut world = workspace.cluster_mut().world();
    let conf = resolv_conf(&mut world, &from);
    print!("{}", conf.text());
    let Some(server) = conf.servers.first().copied() else {
        return Err(Usage(format!("{from} has no name server to ask")));
    };
    let candidates = conf.candidates(name);
    if candidates.is_empty() {
        return Err(Usage(format!("{name:?} is no name that a server can be asked for")));
    }
    for candidate in candidates {
        let question = Question { name: candidate, kind };
        match ask(&mut world, &from, server, &question).0 {
            Ok(answer) => {
                println!("{} {kind} {}", question.name, answer.rcode);
                for record in answer.answer.iter().chain(&answer.additional) {
                    println!("  {} {} {} {}", record.name, record.ttl, record.kind, record.data);
                }
                if answer.rcode == Rcode::NoError && !answer.answer.is_empty() {
                    return Ok(true);
                }
            }
            Err(why) => {
                let words = if why == Unanswered::TimedOut { "timed out" } else { "connection refused" };
                println!("{} {kind} {server}: {words}", question.name);
                return Ok(false);
            }
        }
    }
    Ok(false)
}
