//! BusyBox' wget. GNU's is played by the same words.

use super::Ctx;
use crate::shell::world::Event;
use crate::trace::{Outcome, Request, StepKind, Symptom, Url};

pub fn wget(ctx: &mut Ctx) -> i32 {
    let args = ctx.args().to_vec();
    let (mut quiet, mut output, mut timeout, mut spider, mut urls) = (false, None, None, false, Vec::new());
    let mut headers = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-q" | "--quiet" => quiet = true,
            "--spider" => spider = true,
            "-S" | "--no-check-certificate" | "-c" => {}
            "-O" | "--output-document" => output = rest.next().cloned(),
            "-T" | "--timeout" | "-t" => timeout = rest.next().and_then(|t| t.parse().ok()),
            "--header" => headers
                .extend(rest.next().and_then(|h| h.split_once(':')).map(|(n, v)| (n.trim().into(), v.trim().into()))),
            other => {
                if let Some(text) = other.strip_prefix("--timeout=").or(other.strip_prefix("-T")) {
                    timeout = text.parse().ok();
                } else if let Some(text) = other.strip_prefix("--header=") {
                    headers.extend(text.split_once(':').map(|(n, v)| (n.trim().into(), v.trim().into())));
                } else if let Some(text) = other.strip_prefix("-qO").or(other.strip_prefix("-O")) {
                    quiet |= other.starts_with("-q");
                    output = if text.is_empty() { rest.next().cloned() } else { Some(text.to_string()) };
                } else if other.starts_with('-') {
                    ctx.complain(format!("wget: unrecognized option: {}", other.trim_start_matches('-')));
                    return 1;
                } else {
                    urls.push(other.to_string());
                }
            }
        }
    }
    let Some(text) = urls.first() else {
        ctx.complain("Usage: wget [-cqS] [--spider] [-O FILE] [--header STR] [-T SEC] URL...");
        return 1;
    };
    let Some(url) = Url::parse(text) else {
        ctx.complain(format!("wget: bad address '{text}'"));
        return 1;
    };
    let mut request = Request::get(ctx.env.place.client(), url.clone());
    request.connect_timeout_secs = timeout;
    request.headers = headers;
    let trace = ctx.world.cluster.send(&request);
    ctx.took = ctx.took + trace.ended.since(trace.started);
    let address = trace.hops.iter().flat_map(|h| &h.steps).find_map(|s| match &s.kind {
        StepKind::Connect { packet } => Some(packet.dst),
        _ => None,
    });
    if let Some(address) = address.filter(|_| !quiet) {
        ctx.complain(format!("Connecting to {}:{} ({address})", url.host, url.port));
    }
    let code = match &trace.outcome {
        Outcome::Failed(failure) => {
            let words = match &failure.symptom {
                Symptom::CouldNotResolve { host } | Symptom::ResolveTimedOut { host } => {
                    format!("wget: bad address '{host}'")
                }
                Symptom::ConnectionRefused { .. } => {
                    format!(
                        "wget: can't connect to remote host ({}): Connection refused",
                        address.map_or(url.host.to_string(), |a| a.ip().to_string())
                    )
                }
                Symptom::NoRoute { .. } => {
                    format!(
                        "wget: can't connect to remote host ({}): No route to host",
                        address.map_or(url.host.to_string(), |a| a.ip().to_string())
                    )
                }
                Symptom::ConnectTimedOut { .. } if timeout.is_some() => "wget: download timed out".to_string(),
                Symptom::ConnectTimedOut { .. } => {
                    format!(
                        "wget: can't connect to remote host ({}): Operation timed out",
                        address.map_or(url.host.to_string(), |a| a.ip().to_string())
                    )
                }
                Symptom::NoAnswer { .. } => "wget: download timed out".to_string(),
                Symptom::Tls { problem } => format!("wget: {problem}"),
                _ => "wget: error getting response".to_string(),
            };
            ctx.complain(words);
            1
        }
        Outcome::Answered { response, .. } if response.status >= 400 => {
            ctx.complain(format!(
                "wget: server returned error: HTTP/1.1 {} {}",
                response.status,
                crate::trace::curl::reason(response.status)
            ));
            1
        }
        Outcome::Answered { response, .. } => {
            let body = response.body.to_string();
            if spider {
                if !quiet {
                    ctx.complain("remote file exists");
                }
            } else {
                let name = output.unwrap_or_else(|| match url.path.rsplit('/').next() {
                    Some("") | None => "index.html".to_string(),
                    Some(name) => name.to_string(),
                });
                if name == "-" {
                    if !quiet {
                        ctx.complain("writing to stdout");
                    }
                    ctx.out.push_str(&body);
                    if !quiet {
                        ctx.complain(format!("-                    100% |********************************| {:>5}  0:00:00 ETA\nwritten to stdout", body.len()));
                    }
                } else {
                    if !quiet {
                        ctx.complain(format!("saving to '{name}'"));
                    }
                    if let Err(why) = ctx.world.write(ctx.env, &name, &body) {
                        ctx.complain(format!("wget: can't open '{name}': {why}"));
                        return 1;
                    }
                    if !quiet {
                        ctx.complain(format!(
                            "{name:<20} 100% |********************************| {:>5}  0:00:00 ETA\n'{name}' saved",
                            body.len()
                        ));
                    }
                }
            }
            0
        }
    };
    ctx.world.events.push(Event::Trace(Box::new(trace)));
    code
}
