//! nslookup and host of BIND 9.18.

use super::{Ask, Printed, Unanswered, Wanted, bind_candidates};
use crate::network::dns::message::*;
use crate::network::dns::resolver::ResolvConf;
use smol_str::SmolStr;
use std::fmt::Write;
use std::net::IpAddr;

/// `nslookup [-type=T] NAME [SERVER]`.
pub fn nslookup(conf: &ResolvConf, args: &[&str], ask: Ask<'_>) -> Printed {
    let wanted = Wanted::read(args);
    let mut out = String::new();
    if let Some(bad) = &wanted.bad_server {
        let _ = writeln!(out, "nslookup: couldn't get address for '{bad}': not found");
        return Printed::fails(out, 1);
    }
    let server = wanted.server(conf);
    let address: Option<IpAddr> = wanted.name.parse().ok();
    let (kind, names) = match address {
        Some(address) => (RecordType::Ptr, vec![reverse_name(address)]),
        None => (wanted.kind.unwrap_or(RecordType::A), bind_candidates(conf, &wanted.name)),
    };
    // Without a type it asks for A, and then for AAAA of what it found.
    let both = address.is_none() && wanted.kind.is_none();
    let Some((name, answer)) = walk(&mut out, server, &names, kind, ask) else { return Printed::fails(out, 1) };
    if kind != RecordType::Ptr || wanted.kind.is_some() {
        let _ = write!(out, "Server:\t\t{server}\nAddress:\t{server}#53\n\n");
    }
    if answer.rcode != Rcode::NoError {
        let _ = write!(out, "** server can't find {}: {}\n\n", bare(&name), answer.rcode);
        return Printed::fails(out, 1);
    }
    if !answer.authoritative && (kind != RecordType::Ptr || wanted.kind.is_some()) {
        out.push_str("Non-authoritative answer:\n");
    }
    section(&mut out, &answer.answer);
    let empty = answer.answer.is_empty();
    if both {
        let last = answer.answer.iter().filter(|r| r.kind == RecordType::Cname).fold(name, |_, r| r.data.clone());
        match walk(&mut out, server, std::slice::from_ref(&last), RecordType::Aaaa, ask) {
            Some((_, more)) if more.rcode == Rcode::NoError => {
                section(&mut out, &more.answer);
                if empty && more.answer.is_empty() {
                    let _ = writeln!(out, "*** Can't find {}: No answer", bare(&last));
                }
            }
            Some((_, more)) => {
                let _ = write!(out, "** server can't find {}: {}\n\n", bare(&last), more.rcode);
                return Printed::fails(out, 1);
            }
            None => return Printed::fails(out, 1),
        }
    } else if empty {
        let _ = writeln!(out, "*** Can't find {}: No answer", wanted.name);
    }
    if !answer.authoritative && !matches!(kind, RecordType::A | RecordType::Aaaa) && !both {
        out.push_str("\nAuthoritative answers can be found from:\n");
        section(&mut out, &answer.authority);
        section(&mut out, &answer.additional);
    }
    out.push('\n');
    Printed { stdout: out, ..Printed::default() }
}

/// Tries names until one exists; notes what BIND says about each answer. `None`: nobody answered.
fn walk(
    out: &mut String,
    server: IpAddr,
    names: &[SmolStr],
    kind: RecordType,
    ask: Ask<'_>,
) -> Option<(SmolStr, Answer)> {
    for (i, name) in names.iter().enumerate() {
        let answer = match ask(server, &Question { name: name.clone(), kind }) {
            Ok(answer) => answer,
            Err(why) => {
                let words = if why == Unanswered::TimedOut { "timed out" } else { "connection refused" };
                for _ in 0..3 {
                    let _ = writeln!(out, ";; communications error to {server}#53: {words}");
                }
                out.push_str(";; no servers could be reached\n\n\n");
                return None;
            }
        };
        if answer.rcode == Rcode::ServFail {
            let _ = writeln!(out, ";; Got SERVFAIL reply from {server}");
        }
        if !answer.recursion {
            let _ = writeln!(out, ";; Got recursion not available from {server}");
        }
        if answer.rcode != Rcode::NxDomain || i + 1 == names.len() {
            return Some((name.clone(), answer));
        }
    }
    None
}

fn section(out: &mut String, records: &[DnsRecord]) {
    for record in records {
        let name = bare(&record.name);
        let word = match record.kind {
            RecordType::A | RecordType::Aaaa => {
                let _ = write!(out, "Name:\t{name}\nAddress: {}\n", record.data);
                continue;
            }
            RecordType::Soa => {
                soa(out, name, &record.data);
                continue;
            }
            RecordType::Cname => "canonical name",
            RecordType::Ptr => "name",
            RecordType::Txt => "text",
            RecordType::Srv => "service",
            RecordType::Ns => "nameserver",
            RecordType::Mx => "mail exchanger",
            RecordType::Transfer | RecordType::Other => "rdata",
        };
        let _ = writeln!(out, "{name}\t{word} = {}", record.data);
    }
}

fn soa(out: &mut String, name: &str, data: &str) {
    let mut fields = data.split(' ');
    let _ = writeln!(out, "{name}");
    for label in ["origin", "mail addr", "serial", "refresh", "retry", "expire", "minimum"] {
        let value = fields.next().unwrap_or("");
        let value = if label == "origin" || label == "mail addr" { bare(value) } else { value };
        let _ = writeln!(out, "\t{label} = {value}");
    }
}

/// `host [-t TYPE] NAME [SERVER]`.
pub fn host(conf: &ResolvConf, args: &[&str], ask: Ask<'_>) -> Printed {
    let mut plain = Vec::with_capacity(args.len());
    let mut kind = None;
    let mut rest = args.iter().copied();
    while let Some(arg) = rest.next() {
        match arg.strip_prefix("-t") {
            // The type may be a word of its own.
            Some("") => kind = rest.next(),
            Some(attached) => kind = Some(attached),
            None => plain.push(arg),
        }
    }
    let mut wanted = Wanted::read(&plain);
    wanted.kind = kind.and_then(RecordType::read);
    if let Some(kind) = kind.filter(|_| wanted.kind.is_none()) {
        return Printed { stderr: format!("host: invalid type: {kind}\n"), exit_code: 1, ..Printed::default() };
    }
    let server = wanted.server(conf);
    let mut out = String::new();
    if let Some(server) = wanted.server {
        let _ = write!(out, "Using domain server:\nName: {server}\nAddress: {server}#53\nAliases: \n\n");
    }
    let address: Option<IpAddr> = wanted.name.parse().ok();
    let kinds: Vec<RecordType> = match (wanted.kind, address) {
        // An address is looked up backwards whatever the type.
        (_, Some(_)) => vec![RecordType::Ptr],
        (Some(kind), None) => vec![kind],
        (None, None) => vec![RecordType::A, RecordType::Aaaa, RecordType::Mx],
    };
    let mut names = match address {
        Some(address) => vec![reverse_name(address)],
        None => bind_candidates(conf, &wanted.name),
    };
    let mut failed = false;
    for (turn, kind) in kinds.iter().enumerate() {
        let mut silent = String::new();
        let Some((name, answer)) = walk(&mut silent, server, &names, *kind, ask) else {
            for line in silent.lines().filter(|l| !l.is_empty() && !l.contains("recursion")) {
                let _ = writeln!(out, "{line}");
            }
            return Printed::fails(out, 1);
        };
        if answer.rcode != Rcode::NoError {
            let code = if answer.rcode == Rcode::NxDomain { 3 } else { 2 };
            let shown = match turn {
                0 if address.is_some_and(|a| a.is_ipv4()) => name.as_str(),
                0 if address.is_some() => bare(&name),
                0 => wanted.name.as_str(),
                _ => bare(&name),
            };
            let _ = writeln!(out, "Host {shown} not found: {code}({})", answer.rcode);
            if turn == 0 {
                return Printed::fails(out, 1);
            }
            failed = true;
            continue;
        }
        for record in &answer.answer {
            let name = bare(&record.name);
            let _ = match record.kind {
                RecordType::A => writeln!(out, "{name} has address {}", record.data),
                RecordType::Aaaa => writeln!(out, "{name} has IPv6 address {}", record.data),
                RecordType::Cname if turn == 0 => writeln!(out, "{name} is an alias for {}", record.data),
                RecordType::Cname => Ok(()),
                RecordType::Ptr => writeln!(out, "{name} domain name pointer {}", record.data),
                RecordType::Srv => writeln!(out, "{name} has SRV record {}", record.data),
                RecordType::Txt => writeln!(out, "{name} descriptive text {}", record.data),
                RecordType::Ns => writeln!(out, "{name} name server {}", record.data),
                RecordType::Mx => writeln!(out, "{name} mail is handled by {}", record.data),
                RecordType::Soa => writeln!(out, "{name} has SOA record {}", record.data),
                RecordType::Transfer | RecordType::Other => Ok(()),
            };
        }
        if answer.answer.is_empty() && kinds.len() == 1 {
            let _ = writeln!(out, "{} has no {kind} record", bare(&name));
        }
        // The other types are asked of the name at the end of the aliases.
        let last = answer.answer.iter().filter(|r| r.kind == RecordType::Cname).fold(name, |_, r| r.data.clone());
        names = vec![last];
    }
    let exit_code = i32::from(failed);
    Printed { stdout: out, exit_code, ..Printed::default() }
}
