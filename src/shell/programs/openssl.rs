//! `openssl genrsa`, `req -new -x509` and `x509 -noout`: what a self-signed certificate for an Ingress needs. Keys and
//! signatures are drawn from the cluster's seed and seal nothing; the certificate itself can be read as any other.

use super::{Ctx, Said};
use crate::api::time::{Duration, Time};
use crate::shell::env::Env;
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::world::World;
use data_encoding::BASE64;

/// Attributes of a name: how `-subj` calls them, their object identifier, what is asked for, what stands there otherwise.
const ATTRIBUTES: [(&str, &[u8], &str, &str); 7] = [
    ("C", &[0x55, 4, 6], "Country Name (2 letter code) [AU]:", "AU"),
    ("ST", &[0x55, 4, 8], "State or Province Name (full name) [Some-State]:", "Some-State"),
    ("L", &[0x55, 4, 7], "Locality Name (eg, city) []:", ""),
    ("O", &[0x55, 4, 10], "Organization Name (eg, company) [Internet Widgits Pty Ltd]:", "Internet Widgits Pty Ltd"),
    ("OU", &[0x55, 4, 11], "Organizational Unit Name (eg, section) []:", ""),
    ("CN", &[0x55, 4, 3], "Common Name (e.g. server FQDN or YOUR name) []:", ""),
    ("emailAddress", &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1], "Email Address []:", ""),
];

const QUESTIONS: &str = "You are about to be asked to enter information that will be incorporated\n\
    into your certificate request.\n\
    What you are about to enter is what is called a Distinguished Name or a DN.\n\
    There are quite a few fields but you can leave some blank\n\
    For some fields there will be a default value,\n\
    If you enter '.', the field will be left blank.\n\
    -----\n";

/// sha256WithRSAEncryption, rsaEncryption, subjectAltName.
const SIGNATURE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const ALTERNATIVE: &[u8] = &[0x55, 0x1d, 0x11];

type Name = Vec<(&'static str, String)>;

pub fn start(_: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let run = match words.get(1).map(String::as_str) {
        Some("genrsa") => genrsa,
        Some("x509") => x509,
        Some("version") => |ctx: &mut Ctx| {
            ctx.say("OpenSSL 3.5.4 30 Sep 2025 (Library: OpenSSL 3.5.4 30 Sep 2025)");
            0
        },
        Some("req") => {
            return match Request::read(&words[2..]) {
                Ok(request) => Box::new(Req { env, request, answers: Vec::new(), asked: false }),
                Err(err) => Box::new(Said { err, code: 1 }),
            };
        }
        Some("s_client") => {
            let err = "openssl s_client is not simulated here; curl -v shows the handshake and the certificate\n";
            return Box::new(Said { err: err.to_string(), code: 1 });
        }
        _ => |ctx: &mut Ctx| {
            ctx.complain("openssl is simulated here as genrsa, req -new -x509 and x509 -noout, which make and show the files of a TLS secret");
            1
        },
    };
    super::at_once(env, words, run)
}

fn value(words: &[String], flag: &str) -> Option<String> {
    words.iter().position(|w| w == flag).and_then(|i| words.get(i + 1)).cloned()
}

/// Bytes in PEM's armour.
fn pem(label: &str, bytes: &[u8]) -> String {
    let text = BASE64.encode(bytes);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap_or("")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn drawn(world: &mut World, count: usize) -> Vec<u8> {
    let random = world.cluster.random();
    (0..count).map(|_| random.below(256) as u8).collect()
}

fn private_key(world: &mut World, bits: usize) -> String {
    pem("PRIVATE KEY", &drawn(world, bits * 9 / 16))
}

/// Writes a file or prints it.
fn put(world: &mut World, env: &Env, io: &mut Io, who: &str, path: Option<&str>, text: &str) -> i32 {
    let Some(path) = path else {
        io.out.push_str(text);
        return 0;
    };
    match world.write(env, path, text) {
        Ok(()) => 0,
        Err(why) => {
            io.err.push_str(&format!("{who}: Can't open \"{path}\" for writing, {why}\n"));
            1
        }
    }
}

fn genrsa(ctx: &mut Ctx) -> i32 {
    let words = ctx.args()[1..].to_vec();
    if let Some(odd) =
        words.iter().find(|w| w.starts_with('-') && !["-out", "-traditional", "-verbose"].contains(&w.as_str()))
    {
        ctx.complain(format!(
            "genrsa: Unknown option or cipher: {}\ngenrsa: Use -help for summary.",
            odd.trim_start_matches('-')
        ));
        return 1;
    }
    let bits = words.iter().filter_map(|w| w.parse::<usize>().ok()).next_back().unwrap_or(2_048);
    if bits < 512 {
        ctx.complain("genrsa: Error generating RSA key\nkey size too small");
        return 1;
    }
    let text = private_key(ctx.world, bits.min(8_192));
    let mut io = Io::default();
    let code = put(ctx.world, ctx.env, &mut io, "genrsa", value(&words, "-out").as_deref(), &text);
    ctx.out.push_str(&io.out);
    ctx.err.push_str(&io.err);
    code
}

/// What `openssl req` was asked for.
struct Request {
    key: Option<String>,
    new_key: Option<usize>,
    key_out: Option<String>,
    out: Option<String>,
    days: u64,
    subject: Option<Name>,
    alternative: Vec<String>,
}

impl Request {
    fn read(words: &[String]) -> Result<Request, String> {
        let mut request = Request {
            key: None,
            new_key: None,
            key_out: None,
            out: None,
            days: 30,
            subject: None,
            alternative: Vec::new(),
        };
        let mut signed = false;
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let mut next = || {
                let missing = || format!("req: Option {word} needs a value\nreq: Use -help for summary.\n");
                rest.next().cloned().ok_or_else(missing)
            };
            match word.as_str() {
                "-new" | "-nodes" | "-noenc" | "-sha256" | "-sha384" | "-sha512" | "-batch" | "-utf8" => {}
                "-x509" => signed = true,
                "-key" => request.key = Some(next()?),
                "-keyout" => request.key_out = Some(next()?),
                "-out" => request.out = Some(next()?),
                "-newkey" => request.new_key = Some(next()?.trim_start_matches("rsa:").parse().unwrap_or(2_048)),
                "-days" => {
                    let text = next()?;
                    let odd = || {
                        format!("req: Non-positive number \"{text}\" for option -days\nreq: Use -help for summary.\n")
                    };
                    request.days = text.parse().ok().filter(|d| *d > 0).ok_or_else(odd)?;
                }
                "-subj" => request.subject = Some(subject(&next()?)?),
                "-addext" => {
                    let text = next()?;
                    let names =
                        text.strip_prefix("subjectAltName=").or(text.strip_prefix("subjectAltName = ")).unwrap_or("");
                    request
                        .alternative
                        .extend(names.split(',').filter_map(|n| n.trim().strip_prefix("DNS:")).map(str::to_string));
                }
                // What is no option may be a digest; it ends at the equals sign.
                odd if odd.starts_with('-') => {
                    let name = odd.trim_start_matches('-').split('=').next().unwrap_or("");
                    return Err(format!(
                        "req: Unknown option or message digest: {name}\nreq: Use -help for summary.\n"
                    ));
                }
                other => return Err(format!("Extra option: \"{other}\"\nreq: Use -help for summary.\n")),
            }
        }
        if !signed {
            return Err("openssl req makes self-signed certificates here: add -x509; signing requests have nobody to sign them\n".to_string());
        }
        Ok(request)
    }
}

/// `/C=KR/CN=example.com`.
fn subject(text: &str) -> Result<Name, String> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!(
            "req: subject name is expected to be in the format /type0=value0/type1=value1/type2=... where characters may be escaped by \\. This name is not in that format: '{text}'\n"
        ));
    };
    let mut name = Vec::new();
    for part in rest.split('/').filter(|p| !p.is_empty()) {
        let Some((key, value)) = part.split_once('=') else {
            return Err(format!("req: Missing '=' after RDN type string '{part}' in subject name string\n"));
        };
        match ATTRIBUTES.iter().find(|(short, ..)| *short == key) {
            Some((short, ..)) => name.push((*short, value.to_string())),
            None => return Err(format!("req: Skipping unknown subject name attribute \"{key}\"\n")),
        }
    }
    Ok(name)
}

/// `openssl req -x509`: asks for the name if it was not given.
struct Req {
    env: Env,
    request: Request,
    answers: Vec<String>,
    asked: bool,
}

impl Process for Req {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if let Some(path) =
            self.request.key.as_ref().filter(|p| self.request.new_key.is_none() && !world.is_file(&self.env, p))
        {
            io.err.push_str(&format!(
                "Could not open file or uri for loading private key from {path}: No such file or directory\n"
            ));
            return Poll::Done(1);
        }
        while self.request.subject.is_none() && self.answers.len() < ATTRIBUTES.len() {
            if !self.asked {
                io.err.push_str(if self.answers.is_empty() { QUESTIONS } else { "" });
                io.err.push_str(ATTRIBUTES[self.answers.len()].2);
                self.asked = true;
            }
            let Some((line, rest)) = io.input.split_once('\n') else {
                if io.input_ended {
                    io.err.push_str("\nError making certificate request\n");
                    return Poll::Done(1);
                }
                return Poll::Input;
            };
            let (line, rest) = (line.trim().to_string(), rest.to_string());
            let place = &ATTRIBUTES[self.answers.len()];
            if place.0 == "C" && line.chars().count() != 2 && !line.is_empty() && line != "." {
                let why = if line.chars().count() > 2 {
                    "too long (maximum size is 2 bytes)"
                } else {
                    "too short (minimum size is 2 bytes)"
                };
                io.err.push_str(&format!("string is {why}\n"));
                self.asked = false;
                io.input = rest;
                continue;
            }
            self.answers.push(match line.as_str() {
                "" => place.3.to_string(),
                "." => String::new(),
                _ => line,
            });
            io.input = rest;
            self.asked = false;
        }
        let answered = ATTRIBUTES.iter().zip(&self.answers).map(|((short, ..), text)| (*short, text.clone()));
        let name: Name =
            self.request.subject.clone().unwrap_or_else(|| answered.filter(|(_, t)| !t.is_empty()).collect());
        if let Some(bits) = self.request.new_key {
            let path = self.request.key_out.clone().unwrap_or_else(|| "privkey.pem".to_string());
            let key = private_key(world, bits.clamp(512, 8_192));
            if put(world, &self.env, io, "req", Some(&path), &key) != 0 {
                return Poll::Done(1);
            }
        }
        let (from, until) = (world.cluster.now(), world.cluster.now() + Duration::secs(self.request.days * 86_400));
        let bytes = certificate(world, &name, &self.request.alternative, from, until);
        let text = pem("CERTIFICATE", &bytes);
        Poll::Done(put(world, &self.env, io, "req", self.request.out.as_deref(), &text))
    }
}

/// A value in DER: tag, length, contents.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut out = vec![tag];
    match length {
        0..=127 => out.push(length as u8),
        128..=255 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(contents);
    out
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

fn certificate(world: &mut World, name: &Name, alternative: &[String], from: Time, until: Time) -> Vec<u8> {
    let algorithm = |id: &[u8]| sequence(&[der(6, id), der(5, &[])]);
    let attribute = |(short, text): &(&str, String)| {
        let id = ATTRIBUTES.iter().find(|(s, ..)| s == short).map_or(&[][..], |(_, id, ..)| *id);
        der(0x31, &sequence(&[der(6, id), der(0x0c, text.as_bytes())]))
    };
    let names = sequence(&name.iter().map(attribute).collect::<Vec<_>>());
    let time = |at: Time| der(0x18, stamp(at).as_bytes());
    let key = sequence(&[algorithm(RSA), der(3, &drawn(world, 270))]);
    let mut parts = vec![
        der(0xa0, &der(2, &[2])),
        der(2, &drawn(world, 19)),
        algorithm(SIGNATURE),
        names.clone(),
        sequence(&[time(from), time(until)]),
        names,
        key,
    ];
    if !alternative.is_empty() {
        let list: Vec<Vec<u8>> = alternative.iter().map(|n| der(0x82, n.as_bytes())).collect();
        let extension = sequence(&[der(6, ALTERNATIVE), der(4, &sequence(&list))]);
        parts.push(der(0xa3, &sequence(&[extension])));
    }
    sequence(&[sequence(&parts), algorithm(SIGNATURE), der(3, &drawn(world, 257))])
}

/// `20260101000000Z`.
fn stamp(at: Time) -> String {
    at.text().chars().filter(char::is_ascii_alphanumeric).filter(|c| *c != 'T').collect()
}

/// `openssl x509 -in FILE -noout -subject -issuer -dates -ext subjectAltName`.
fn x509(ctx: &mut Ctx) -> i32 {
    let words = ctx.args()[1..].to_vec();
    let text = match value(&words, "-in") {
        Some(path) => match ctx.world.read(ctx.env, &path) {
            Some(text) => text,
            None => {
                ctx.complain(format!(
                    "Could not open file or uri for loading certificate from {path}: No such file or directory"
                ));
                return 1;
            }
        },
        None => ctx.input(),
    };
    let body: String = text.lines().filter(|l| !l.starts_with("-----")).map(str::trim).collect();
    let bytes = BASE64.decode(body.as_bytes()).unwrap_or_default();
    let (names, times, others) = parts(&bytes);
    if !text.contains("BEGIN CERTIFICATE") || names.is_empty() {
        let path = value(&words, "-in").unwrap_or_else(|| "<stdin>".to_string());
        ctx.complain(format!("Could not find certificate from {path}"));
        return 1;
    }
    let half = names.len() / 2;
    let shown = |list: &[(&str, String)]| list.iter().map(|(k, v)| format!("{k} = {v}")).collect::<Vec<_>>().join(", ");
    let at = |n: usize| times.get(n).cloned().unwrap_or_default();
    for word in &words {
        match word.as_str() {
            "-subject" => ctx.say(format!("subject={}", shown(&names[half..]))),
            "-issuer" => ctx.say(format!("issuer={}", shown(&names[..half]))),
            "-dates" => ctx.say(format!("notBefore={}\nnotAfter={}", at(0), at(1))),
            "-startdate" => ctx.say(format!("notBefore={}", at(0))),
            "-enddate" => ctx.say(format!("notAfter={}", at(1))),
            "subjectAltName" if others.is_empty() => ctx.complain("No extensions in certificate"),
            "subjectAltName" => {
                let list: Vec<String> = others.iter().map(|n| format!("DNS:{n}")).collect();
                ctx.say(format!("X509v3 Subject Alternative Name: \n    {}", list.join(", ")));
            }
            "-text" => ctx.say(format!(
                "Certificate:\n    Data:\n        Version: 3 (0x2)\n        Signature Algorithm: sha256WithRSAEncryption\n        Issuer: {}\n        Validity\n            Not Before: {}\n            Not After : {}\n        Subject: {}",
                shown(&names[..half]),
                at(0),
                at(1),
                shown(&names[half..])
            )),
            _ => {}
        }
    }
    if !words.iter().any(|w| w == "-noout") {
        ctx.out.push_str(&text);
    }
    0
}

/// What can be read of a certificate: the attributes of issuer and subject, its times, its alternative names.
fn parts(bytes: &[u8]) -> (Name, Vec<String>, Vec<String>) {
    let (mut names, mut times, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let string = |at: usize| {
        let length = usize::from(*bytes.get(at + 1)?);
        bytes.get(at + 2..at + 2 + length).and_then(|t| std::str::from_utf8(t).ok()).map(str::to_string)
    };
    let mut alternative = false;
    let mut at = 0;
    while at + 2 < bytes.len() {
        let known = ATTRIBUTES.iter().find(|(_, id, ..)| bytes[at..].starts_with(&der(6, id)));
        if let Some((short, id, ..)) = known {
            names.extend(string(at + 2 + id.len()).map(|text| (*short, text)));
            at += 2 + id.len();
        } else if bytes[at..].starts_with(&[0x18, 15]) && times.len() < 2 {
            times.extend(string(at).map(|text| spoken(&text)));
            at += 17;
        } else if bytes[at..].starts_with(&der(6, ALTERNATIVE)) {
            alternative = true;
            at += 5;
        } else if alternative && bytes[at] == 0x82 {
            let Some(name) = string(at).filter(|n| n.is_ascii()) else { break };
            at += 2 + name.len();
            others.push(name);
        } else {
            at += 1;
        }
    }
    (names, times, others)
}

/// `Jan  1 00:00:00 2026 GMT`.
fn spoken(stamp: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let part = |a: usize, b: usize| stamp.get(a..b).unwrap_or("");
    let number = |a: usize, b: usize| part(a, b).parse::<usize>().unwrap_or(1);
    let month = MONTHS[(number(4, 6).max(1) - 1).min(11)];
    format!("{month} {:>2} {}:{}:{} {} GMT", number(6, 8), part(8, 10), part(10, 12), part(12, 14), part(0, 4))
}
