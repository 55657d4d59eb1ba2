//! wget: BusyBox' in images that have it, GNU's elsewhere.

use super::Ctx;
use crate::runtime::serve::reason;
use crate::shell::world::Event;
use crate::trace::{Outcome, Request, StepKind, Symptom, Trace, Url};
use std::net::{IpAddr, SocketAddr};

#[derive(Default)]
struct Options {
    quiet: bool,
    /// `-nv`.
    brief: bool,
    headers_shown: bool,
    spider: bool,
    output: Option<String>,
    timeout: Option<u32>,
    headers: Vec<(smol_str::SmolStr, smol_str::SmolStr)>,
    insecure: bool,
    urls: Vec<String>,
}

fn read(ctx: &mut Ctx) -> Result<Options, i32> {
    let args = ctx.args().to_vec();
    let mut options = Options::default();
    let header = |text: &str| text.split_once(':').map(|(n, v)| (n.trim().into(), v.trim().into()));
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-q" | "--quiet" => options.quiet = true,
            "-nv" | "--no-verbose" => options.brief = true,
            "--spider" => options.spider = true,
            "-S" | "--server-response" => options.headers_shown = true,
            "--no-check-certificate" => options.insecure = true,
            "-c" | "-4" | "-6" | "--no-proxy" | "--no-cache" => {}
            "-O" | "--output-document" => options.output = rest.next().cloned(),
            "-T" | "--timeout" => options.timeout = rest.next().and_then(|t| t.parse().ok()),
            "-t" | "--tries" | "-U" | "-P" => drop(rest.next()),
            "--header" => options.headers.extend(rest.next().and_then(|h| header(h))),
            other => {
                if let Some(text) = other.strip_prefix("--timeout=").or(other.strip_prefix("-T")) {
                    options.timeout = text.parse().ok();
                } else if let Some(text) = other.strip_prefix("--header=") {
                    options.headers.extend(header(text));
                } else if let Some(text) = other.strip_prefix("--output-document=") {
                    options.output = Some(text.to_string());
                } else if other.starts_with("--tries=") || other.starts_with("-t") {
                } else if let Some(text) = other.strip_prefix("-qO").or(other.strip_prefix("-O")) {
                    options.quiet |= other.starts_with("-q");
                    options.output = if text.is_empty() { rest.next().cloned() } else { Some(text.to_string()) };
                } else if other.starts_with('-') {
                    ctx.complain(match (ctx.env.place.is_busybox(), other.starts_with("--")) {
                        (true, true) => format!("wget: unrecognized option: {}", other.trim_start_matches('-')),
                        (true, false) => format!("wget: unrecognized option: {}", &other[1..2]),
                        (false, true) => format!("wget: unrecognized option '{other}'\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options."),
                        (false, false) => format!("wget: invalid option -- '{}'\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.", &other[1..2]),
                    });
                    return Err(if ctx.env.place.is_busybox() { 1 } else { 2 });
                } else {
                    options.urls.push(other.to_string());
                }
            }
        }
    }
    if options.urls.is_empty() {
        ctx.complain(if ctx.env.place.is_busybox() {
            "Usage: wget [-cqS] [--spider] [-O FILE] [--header STR] [-T SEC] URL..."
        } else {
            "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options."
        });
        return Err(1);
    }
    Ok(options)
}

pub fn wget(ctx: &mut Ctx) -> i32 {
    let options = match read(ctx) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let busybox = ctx.env.place.is_busybox();
    let mut code = 0;
    for text in options.urls.clone() {
        let Some(url) = Url::parse(&text) else {
            ctx.complain(if busybox {
                format!("wget: bad address '{text}'")
            } else {
                format!("{text}: Invalid host name.")
            });
            code = 1;
            continue;
        };
        let mut request = Request::get(ctx.env.place.client(), url.clone());
        request.connect_timeout_secs = options.timeout;
        request.headers = options.headers.clone();
        request.insecure = options.insecure;
        if options.spider {
            request.method = "HEAD".into();
        }
        let started = ctx.world.cluster.now() + ctx.took;
        let trace = ctx.world.cluster.send(&request);
        ctx.took = ctx.took + trace.ended.since(trace.started);
        let address = trace.hops.iter().flat_map(|h| &h.steps).find_map(|s| match &s.kind {
            StepKind::Connect { packet } => Some(packet.dst),
            _ => None,
        });
        let ended = if busybox {
            busybox_words(ctx, &options, &trace, address)
        } else {
            let clock = |at: crate::api::time::Time| at.text().replace('T', " ").trim_end_matches('Z').to_string();
            let times = (clock(started), clock(started + trace.ended.since(trace.started)));
            gnu_words(ctx, &options, &trace, address, times)
        };
        code = if ended == 0 { code } else { ended };
        ctx.world.events.push(Event::Trace(Box::new(trace)));
    }
    code
}

/// What a file is called that holds an answer.
fn file_name(options: &Options, url: &Url) -> String {
    options.output.clone().unwrap_or_else(|| match url.path.split('?').next().unwrap_or("").rsplit('/').next() {
        Some("") | None => "index.html".to_string(),
        Some(name) => name.to_string(),
    })
}

/// GNU wget 1.21.
fn gnu_words(
    ctx: &mut Ctx,
    options: &Options,
    trace: &Trace,
    address: Option<SocketAddr>,
    (from, until): (String, String),
) -> i32 {
    let url = &trace.request.to;
    let mut log = String::new();
    if options.spider {
        log.push_str("Spider mode enabled. Check if remote file exists.\n");
    }
    log.push_str(&format!("--{from}--  {url}\n"));
    let (host, port) = (&url.host, url.port);
    let is_address = host.parse::<IpAddr>().is_ok();
    let unresolved = matches!(&trace.outcome, Outcome::Failed(f) if matches!(f.symptom, Symptom::CouldNotResolve { .. } | Symptom::ResolveTimedOut { .. }));
    if !is_address {
        let end = match address {
            _ if unresolved => "failed: Name or service not known.".to_string(),
            Some(address) => address.ip().to_string(),
            None => String::new(),
        };
        log.push_str(&format!("Resolving {host} ({host})... {end}\n"));
    }
    if unresolved {
        log.push_str(&format!("wget: unable to resolve host address ‘{host}’\n"));
        return told(ctx, options, &log, 4);
    }
    let shown = match address {
        Some(address) if !is_address => format!("{host} ({host})|{}|:{port}", address.ip()),
        _ => format!("{host}:{port}"),
    };
    log.push_str(&format!("Connecting to {shown}... "));
    let response = match &trace.outcome {
        Outcome::Failed(failure) => {
            let (words, code) = match &failure.symptom {
                Symptom::ConnectionRefused { .. } => ("failed: Connection refused.".to_string(), 4),
                Symptom::NoRoute { .. } => ("failed: No route to host.".to_string(), 4),
                Symptom::ConnectTimedOut { .. } => ("failed: Connection timed out.\nGiving up.\n".to_string(), 4),
                Symptom::Tls { problem } => (
                    format!(
                        "connected.\nERROR: cannot verify {host}'s certificate:\n  {problem}\nTo connect to {host} insecurely, use `--no-check-certificate'."
                    ),
                    5,
                ),
                Symptom::EmptyReply => {
                    ("connected.\nHTTP request sent, awaiting response... No data received.\nGiving up.\n".to_string(), 4)
                }
                _ => (
                    "connected.\nHTTP request sent, awaiting response... Read error (Connection timed out) in headers.\nGiving up.\n".to_string(),
                    4,
                ),
            };
            log.push_str(&format!("{words}\n"));
            return told(ctx, options, &log, code);
        }
        Outcome::Answered { response, .. } => response,
    };
    let status = format!("{} {}", response.status, reason(response.status));
    log.push_str("connected.\nHTTP request sent, awaiting response... ");
    if options.headers_shown {
        log.push_str(&format!("\n  HTTP/1.1 {status}\n"));
        for (name, value) in response.headers.iter().filter(|(_, v)| !v.is_empty()) {
            log.push_str(&format!("  {name}: {value}\n"));
        }
    } else {
        log.push_str(&format!("{status}\n"));
    }
    if response.status >= 400 {
        if options.spider {
            log.push_str("Remote file does not exist -- broken link!!!\n\n");
        } else {
            log.push_str(&format!("{until} ERROR {}: {}.\n\n", response.status, reason(response.status)));
        }
        return told(ctx, options, &log, 8);
    }
    let body = response.body.to_string();
    let kind = response.headers.iter().find(|(n, v)| n.eq_ignore_ascii_case("content-type") && !v.is_empty());
    let kind = kind.map_or(String::new(), |(_, v)| format!(" [{}]", v.split(';').next().unwrap_or("")));
    log.push_str(&format!("Length: {}{kind}\n", body.len()));
    if options.spider {
        log.push_str("Remote file exists.\n\n");
        return told(ctx, options, &log, 0);
    }
    let name = file_name(options, url);
    let named = if name == "-" { "STDOUT" } else { &name };
    log.push_str(&format!("Saving to: ‘{named}’\n\n"));
    let done = if name == "-" { "written to stdout".to_string() } else { format!("‘{name}’ saved") };
    let micros = trace.ended.since(trace.started).0.max(1);
    let (speed, seconds) = (body.len() as f64 * 1e6 / micros as f64, micros as f64 / 1e6);
    let (rate, unit) = if speed >= 1_048_576.0 {
        (speed / 1_048_576.0, "MB/s")
    } else if speed >= 1_024.0 {
        (speed / 1_024.0, "KB/s")
    } else {
        (speed, "B/s")
    };
    let rate = if rate >= 99.95 {
        format!("{rate:.0}")
    } else if rate >= 9.995 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.2}")
    };
    let bar = "=".repeat(18);
    log.push_str(&format!(
        "{named:<20}100%[{bar}>] {:>7}  {rate}{unit}    in {}s\n\n{until} ({rate} {unit}) - {done} [{}/{}]\n\n",
        body.len(),
        if seconds < 0.001 { "0".to_string() } else { format!("{seconds:.3}").trim_end_matches('0').to_string() },
        body.len(),
        body.len()
    ));
    if name == "-" {
        ctx.out.push_str(&body);
    } else if let Err(why) = ctx.world.write(ctx.env, &name, &body) {
        ctx.complain(format!("{name}: {why}"));
        return 3;
    }
    if options.brief {
        ctx.complain(format!("{until} URL:{url} [{}/{}] -> \"{name}\" [1]", body.len(), body.len()));
        return 0;
    }
    told(ctx, options, &log, 0)
}

/// The log, unless nobody wants it; errors that end `-nv` are told all the same.
fn told(ctx: &mut Ctx, options: &Options, log: &str, code: i32) -> i32 {
    if options.quiet {
        return code;
    }
    if !options.brief {
        ctx.err.push_str(log);
    } else if code != 0 {
        ctx.complain(log.trim_end().lines().last().unwrap_or(""));
    }
    code
}

/// BusyBox 1.37.
fn busybox_words(ctx: &mut Ctx, options: &Options, trace: &Trace, address: Option<SocketAddr>) -> i32 {
    let url = &trace.request.to;
    if let Some(address) = address.filter(|_| !options.quiet) {
        ctx.complain(format!("Connecting to {}:{} ({address})", url.host, url.port));
    }
    let ip = address.map_or(url.host.to_string(), |a| a.ip().to_string());
    let response = match &trace.outcome {
        Outcome::Failed(failure) => {
            let words = match &failure.symptom {
                Symptom::CouldNotResolve { host } | Symptom::ResolveTimedOut { host } => {
                    format!("wget: bad address '{host}'")
                }
                Symptom::ConnectionRefused { .. } => {
                    format!("wget: can't connect to remote host ({ip}): Connection refused")
                }
                Symptom::NoRoute { .. } => format!("wget: can't connect to remote host ({ip}): No route to host"),
                Symptom::ConnectTimedOut { .. } if options.timeout.is_some() => "wget: download timed out".to_string(),
                Symptom::ConnectTimedOut { .. } => {
                    format!("wget: can't connect to remote host ({ip}): Operation timed out")
                }
                Symptom::NoAnswer { .. } => "wget: download timed out".to_string(),
                Symptom::Tls { problem } => format!("wget: {problem}"),
                _ => "wget: error getting response".to_string(),
            };
            ctx.complain(words);
            return 1;
        }
        Outcome::Answered { response, .. } => response,
    };
    let status = format!("{} {}", response.status, reason(response.status));
    if options.headers_shown {
        ctx.complain(format!("  HTTP/1.1 {status}"));
        for (name, value) in response.headers.iter().filter(|(_, v)| !v.is_empty()) {
            ctx.complain(format!("  {name}: {value}"));
        }
    }
    if response.status >= 400 {
        ctx.complain(format!("wget: server returned error: HTTP/1.1 {status}"));
        return 1;
    }
    if options.spider {
        if !options.quiet {
            ctx.complain("remote file exists");
        }
        return 0;
    }
    let (body, name) = (response.body.to_string(), file_name(options, url));
    let (begins, ends) = match name.as_str() {
        "-" => ("writing to stdout".to_string(), "written to stdout".to_string()),
        name => (format!("saving to '{name}'"), format!("'{name}' saved")),
    };
    if name == "-" {
        ctx.out.push_str(&body);
    } else if let Err(why) = ctx.world.write(ctx.env, &name, &body) {
        ctx.complain(format!("wget: can't open '{name}': {why}"));
        return 1;
    }
    if !options.quiet {
        let bar = format!("{name:<20} 100% |********************************| {:>5}  0:00:00 ETA", body.len());
        ctx.complain(format!("{begins}\n{bar}\n{ends}"));
    }
    0
}
