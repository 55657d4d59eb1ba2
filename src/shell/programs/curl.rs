//! curl 8. Left out: uploads, cookies, redirects to other hosts than the first.

use super::Ctx;
use crate::api::time::Duration;
use crate::runtime::serve::reason;
use crate::shell::world::Event;
use crate::trace::curl::{CurlFlags, curl as printed};
use crate::trace::{Outcome, Request, Scheme, StepKind, Trace, Url};
use smol_str::SmolStr;
use std::net::IpAddr;

#[derive(Default)]
struct Options {
    flags: CurlFlags,
    verbose: bool,
    insecure: bool,
    method: Option<String>,
    headers: Vec<(SmolStr, SmolStr)>,
    output: Option<String>,
    remote_name: bool,
    write_out: String,
    connect_timeout: Option<u32>,
    max_time: Option<f64>,
    resolve: Vec<(String, u16, IpAddr)>,
    data: bool,
    /// `--no-progress-meter`, `-#`.
    no_meter: bool,
    urls: Vec<String>,
}

const USAGE: &str = "curl: try 'curl --help' or 'curl --manual' for more information";

fn read(ctx: &mut Ctx) -> Result<Options, i32> {
    let mut options = Options::default();
    let args = ctx.args().to_vec();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if !arg.starts_with('-') || arg == "-" {
            options.urls.push(arg.clone());
            continue;
        }
        if let Some(long) = arg.strip_prefix("--") {
            let (long, joined) = long.split_once('=').map_or((long, None), |(l, v)| (l, Some(v.to_string())));
            let mut value = || joined.clone().or_else(|| rest.next().cloned());
            let known = match long {
                "silent" => {
                    options.flags.silent = true;
                    true
                }
                "show-error" => {
                    options.flags.show_error = true;
                    true
                }
                "include" => {
                    options.flags.include = true;
                    true
                }
                "head" => {
                    options.flags.head = true;
                    true
                }
                "fail" | "fail-with-body" => {
                    options.flags.fail = true;
                    true
                }
                "verbose" => {
                    options.verbose = true;
                    true
                }
                "insecure" => {
                    options.insecure = true;
                    true
                }
                "no-progress-meter" | "progress-bar" => {
                    options.no_meter = true;
                    true
                }
                "location" | "compressed" | "ipv4" | "ipv6" | "http1.1" | "http1.0" | "http2" | "no-buffer"
                | "no-keepalive" | "globoff" => true,
                "remote-name" => {
                    options.remote_name = true;
                    true
                }
                "request" => set(&mut options.method, value()),
                "output" => set(&mut options.output, value()),
                "header" => header(&mut options, value()),
                "write-out" => value().map(|v| options.write_out = v).is_some(),
                "connect-timeout" => value()
                    .and_then(|v| v.parse::<f64>().ok())
                    .map(|v| options.connect_timeout = Some(v.ceil().max(1.0) as u32))
                    .is_some(),
                "max-time" => value().and_then(|v| v.parse().ok()).map(|v| options.max_time = Some(v)).is_some(),
                "resolve" => resolve(&mut options, value()),
                "url" => value().map(|v| options.urls.push(v)).is_some(),
                "data" | "data-raw" | "data-binary" | "json" => value().map(|_| options.data = true).is_some(),
                "user" | "user-agent" | "retry" | "retry-delay" | "cacert" | "cert" | "key" | "interface"
                | "referer" | "cookie" | "max-redirs" => value().is_some(),
                "version" => return version(ctx),
                "help" => return help(ctx),
                _ => {
                    ctx.complain(format!("curl: option --{long}: is unknown\n{USAGE}"));
                    return Err(2);
                }
            };
            if !known {
                ctx.complain(format!("curl: option --{long}: requires parameter\n{USAGE}"));
                return Err(2);
            }
            continue;
        }
        let letters: Vec<char> = arg[1..].chars().collect();
        let mut at = 0;
        while at < letters.len() {
            let letter = letters[at];
            at += 1;
            match letter {
                's' => options.flags.silent = true,
                'S' => options.flags.show_error = true,
                'i' => options.flags.include = true,
                'I' => options.flags.head = true,
                'f' => options.flags.fail = true,
                'v' => options.verbose = true,
                'k' => options.insecure = true,
                'O' => options.remote_name = true,
                '#' => options.no_meter = true,
                'L' | '4' | '6' | 'g' | 'N' | 'q' => {}
                'V' => return version(ctx),
                'h' => return help(ctx),
                'X' | 'o' | 'H' | 'w' | 'm' | 'd' | 'u' | 'A' | 'e' | 'b' | 'x' | 'T' | 'E' => {
                    let tail: String = letters[at..].iter().collect();
                    at = letters.len();
                    let value = if tail.is_empty() { rest.next().cloned() } else { Some(tail) };
                    let Some(value) = value else {
                        ctx.complain(format!("curl: option -{letter}: requires parameter\n{USAGE}"));
                        return Err(2);
                    };
                    match letter {
                        'X' => options.method = Some(value),
                        'o' => options.output = Some(value),
                        'H' => drop(header(&mut options, Some(value))),
                        'w' => options.write_out = value,
                        'm' => options.max_time = value.parse().ok(),
                        'd' => options.data = true,
                        _ => {}
                    }
                }
                other => {
                    ctx.complain(format!("curl: option -{other}: is unknown\n{USAGE}"));
                    return Err(2);
                }
            }
        }
    }
    if options.urls.is_empty() {
        ctx.complain(USAGE);
        return Err(2);
    }
    Ok(options)
}

fn set(slot: &mut Option<String>, value: Option<String>) -> bool {
    *slot = value;
    slot.is_some()
}

fn header(options: &mut Options, value: Option<String>) -> bool {
    let Some(value) = value else { return false };
    if let Some((name, text)) = value.split_once(':') {
        options.headers.push((name.trim().into(), text.trim().into()));
    }
    true
}

fn resolve(options: &mut Options, value: Option<String>) -> bool {
    let Some(value) = value else { return false };
    let mut parts = value.splitn(3, ':');
    if let (Some(host), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next())
        && let (Ok(port), Ok(address)) = (port.parse(), address.trim_matches(['[', ']']).parse())
    {
        options.resolve.push((host.trim_start_matches('+').to_string(), port, address));
    }
    true
}

fn version(ctx: &mut Ctx) -> Result<Options, i32> {
    ctx.say("curl 8.17.0 (x86_64-pc-linux-gnu) libcurl/8.17.0 OpenSSL/3.5.4 zlib/1.3.1\nProtocols: file http https\nFeatures: alt-svc AsynchDNS HSTS HTTPS-proxy IPv6 Largefile libz SSL UnixSockets");
    Err(0)
}

fn help(ctx: &mut Ctx) -> Result<Options, i32> {
    ctx.say("Usage: curl [options...] <url>\n -d, --data <data>           HTTP POST data\n -f, --fail                  Fail fast with no output on HTTP errors\n -H, --header <header>       Pass custom header to server\n -I, --head                  Show document info only\n -i, --show-headers          Show response headers in output\n -k, --insecure              Allow insecure server connections\n -m, --max-time <seconds>    Maximum time allowed for transfer\n -o, --output <file>         Write to file instead of stdout\n     --resolve <host:port:addr>  Resolve a host and port to an address\n -s, --silent                Silent mode\n -v, --verbose               Make the operation more talkative\n -w, --write-out <format>    Output FORMAT after completion");
    Err(0)
}

pub fn curl(ctx: &mut Ctx) -> i32 {
    let options = match read(ctx) {
        Ok(options) => options,
        Err(code) => return code,
    };
    let mut code = 0;
    for url in options.urls.clone() {
        code = one(ctx, &options, &url);
    }
    code
}

/// What is wrong with an address, in curl's words.
fn rejected(url: &str) -> (i32, String) {
    if let Some((scheme, _)) = url.split_once("://")
        && !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https")
    {
        return (1, format!("Protocol \"{scheme}\" not supported"));
    }
    let authority = url.split_once("://").map_or(url, |(_, r)| r).split(['/', '?', '#']).next().unwrap_or("");
    if authority.is_empty() || authority.starts_with(':') {
        return (3, "URL rejected: No host part in the URL".to_string());
    }
    if url.contains(char::is_whitespace) {
        return (3, "URL rejected: Malformed input to a URL function".to_string());
    }
    (3, "URL rejected: Port number was not a decimal number between 0 and 65535".to_string())
}

fn one(ctx: &mut Ctx, options: &Options, text: &str) -> i32 {
    let parsed = Url::parse(text).filter(|u| matches!(u.scheme, Scheme::Http | Scheme::Https));
    let Some(url) = parsed else {
        let (code, words) = rejected(text);
        if !options.flags.silent || options.flags.show_error {
            ctx.complain(format!("curl: ({code}) {words}"));
        }
        return code;
    };
    let method = match (&options.method, options.flags.head, options.data) {
        (Some(method), _, _) => method.as_str(),
        (None, true, _) => "HEAD",
        (None, false, true) => "POST",
        _ => "GET",
    };
    let mut request = Request::get(ctx.env.place.client(), url.clone());
    request.method = method.into();
    request.headers = options.headers.clone();
    request.insecure = options.insecure;
    let limit = options.max_time.map(|m| m.ceil().max(1.0) as u32);
    request.connect_timeout_secs = match (options.connect_timeout, limit) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    request.resolve =
        options.resolve.iter().find(|(h, p, _)| *h == url.host.as_str() && *p == url.port).map(|(_, _, a)| *a);
    let trace = ctx.world.cluster.send(&request);
    ctx.took = ctx.took + trace.ended.since(trace.started);
    if ctx.env.place == crate::shell::env::Place::Computer
        && matches!(url.host.as_str(), "localhost" | "127.0.0.1" | "::1")
    {
        ctx.world.computer.connections.push(url.port);
    }
    let result = printed(&trace, options.flags);
    let to_file = options.remote_name || options.output.as_deref().is_some_and(|o| o != "-");
    if (to_file || !ctx.tty) && !options.flags.silent && !options.no_meter {
        let took = trace.ended.since(trace.started);
        ctx.complain(meter(result.stdout.len(), took, result.exit_code == 0));
    }
    if options.verbose {
        verbose(ctx, &trace, method, options);
    }
    let name = if options.remote_name {
        url.path.rsplit('/').next().filter(|n| !n.is_empty()).map(str::to_string)
    } else {
        options.output.clone()
    };
    match name.filter(|n| n != "-") {
        Some(path) => {
            if let Err(why) = ctx.world.write(ctx.env, &path, &result.stdout) {
                ctx.complain(format!("curl: (23) client returned ERROR on writing, 0 bytes: {path}: {why}"));
            }
        }
        None => ctx.out.push_str(&result.stdout),
    }
    ctx.err.push_str(&result.stderr);
    if !options.write_out.is_empty() {
        let text = write_out(&options.write_out, &trace, result.exit_code, result.stdout.len());
        ctx.out.push_str(&text);
    }
    ctx.world.events.push(Event::Trace(Box::new(trace)));
    result.exit_code
}

/// The progress meter as it stands when the transfer is over.
fn meter(bytes: usize, took: Duration, done: bool) -> String {
    let percent = if done && bytes > 0 { 100 } else { 0 };
    let speed = (bytes as u64 * 1_000_000).checked_div(took.0).unwrap_or(bytes as u64);
    let clock = match took.as_secs() {
        0 => "--:--:--".to_string(),
        s => format!("{:>2}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60),
    };
    let (size, speed) = (five(bytes as u64), five(speed));
    format!(
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 Dload  Upload   Total   Spent    Left  Speed\n{percent:>3} {size}  {percent:>3} {size}    0     0  {speed}      0 --:--:-- {clock} --:--:-- {speed}"
    )
}

/// A number in five characters: `12345`, `1234k`.
fn five(number: u64) -> String {
    match number {
        0..100_000 => format!("{number:>5}"),
        100_000..10_240_000 => format!("{:>4}k", number / 1_024),
        _ => format!("{:>2}.{}M", number / 1_048_576, number % 1_048_576 * 10 / 1_048_576),
    }
}

/// The address that was dialled.
fn dialled(trace: &Trace) -> Option<std::net::SocketAddr> {
    trace.hops.iter().flat_map(|h| &h.steps).find_map(|s| match &s.kind {
        StepKind::Connect { packet } | StepKind::ConnectionReused { packet } => Some(packet.dst),
        _ => None,
    })
}

fn verbose(ctx: &mut Ctx, trace: &Trace, method: &str, options: &Options) {
    let url = &trace.request.to;
    let (host, port) = (&url.host, url.port);
    if let Some(address) = dialled(trace) {
        if host.parse::<IpAddr>().is_err() {
            let (v6, v4) = if address.is_ipv6() {
                (address.ip().to_string(), "(none)".to_string())
            } else {
                ("(none)".to_string(), address.ip().to_string())
            };
            ctx.complain(format!("* Host {host}:{port} was resolved.\n* IPv6: {v6}\n* IPv4: {v4}"));
        }
        ctx.complain(format!("*   Trying {address}..."));
    }
    let Outcome::Answered { response, .. } = &trace.outcome else {
        match &trace.outcome {
            Outcome::Failed(failure) => {
                let took = trace.ended.since(trace.started);
                let (_, words) = crate::trace::curl::error(&failure.symptom, url.scheme, took);
                ctx.complain(format!("* {}", words.lines().next().unwrap_or("")));
            }
            Outcome::Answered { .. } => {}
        }
        ctx.complain("* closing connection #0");
        return;
    };
    let to = dialled(trace).map_or(String::new(), |a| format!(" ({}) port {port}", a.ip()));
    ctx.complain(format!("* Connected to {host}{to}"));
    let shown_host = options.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("host")).map(|(_, v)| v.to_string());
    let shown_host = shown_host
        .unwrap_or_else(|| if port == url.scheme.default_port() { host.to_string() } else { format!("{host}:{port}") });
    ctx.complain(format!(
        "> {method} {} HTTP/1.1\n> Host: {shown_host}\n> User-Agent: curl/8.17.0\n> Accept: */*",
        url.path
    ));
    for (name, value) in options.headers.iter().filter(|(n, _)| !n.eq_ignore_ascii_case("host")) {
        ctx.complain(format!("> {name}: {value}"));
    }
    ctx.complain("> ");
    ctx.complain(format!("< HTTP/1.1 {} {}", response.status, reason(response.status)));
    for (name, value) in response.headers.iter().filter(|(_, value)| !value.is_empty()) {
        ctx.complain(format!("< {name}: {value}"));
    }
    ctx.complain("< ");
    ctx.complain(format!("* Connection #0 to host {host} left intact"));
}

fn write_out(format: &str, trace: &Trace, code: i32, size: usize) -> String {
    let status = match &trace.outcome {
        Outcome::Answered { response, .. } => response.status,
        Outcome::Failed(_) => 0,
    };
    let total = trace.ended.since(trace.started).as_secs_f64();
    let remote = dialled(trace);
    let seconds = format!("{total:.6}");
    format
        .replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("%{http_code}", &format!("{status:03}"))
        .replace("%{response_code}", &format!("{status:03}"))
        .replace("%{time_total}", &seconds)
        .replace("%{time_connect}", &seconds)
        .replace("%{remote_ip}", &remote.map_or(String::new(), |r| r.ip().to_string()))
        .replace("%{remote_port}", &remote.map_or(String::new(), |r| r.port().to_string()))
        .replace("%{url_effective}", &trace.request.to.to_string())
        .replace("%{size_download}", &size.to_string())
        .replace("%{exitcode}", &code.to_string())
}
