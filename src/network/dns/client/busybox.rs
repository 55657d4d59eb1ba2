//! BusyBox 1.35's nslookup: it asks every name of the search list at once for both families, applies the list only to names
//! without dots, and fails when any of them does not exist.

use super::{Ask, Printed, Wanted};
use crate::network::dns::message::*;
use crate::network::dns::resolver::ResolvConf;
use std::fmt::Write;
use std::net::IpAddr;

/// `nslookup [-type=T] NAME [SERVER]`.
pub fn nslookup(conf: &ResolvConf, args: &[&str], ask: Ask<'_>) -> Printed {
    let wanted = Wanted::read(args);
    let mut out = String::new();
    if let Some(bad) = &wanted.bad_server {
        return Printed { stderr: format!("nslookup: bad address '{bad}'\n"), exit_code: 1, ..Printed::default() };
    }
    let server = wanted.server(conf);
    let questions: Vec<Question> = match wanted.name.parse::<IpAddr>() {
        Ok(address) if wanted.kind.is_none() => vec![Question { name: reverse_name(address), kind: RecordType::Ptr }],
        _ => {
            let searched =
                wanted.kind != Some(RecordType::Ptr) && !wanted.name.contains('.') && !conf.search.is_empty();
            let names: Vec<_> = if searched {
                conf.search.iter().map(|domain| fqdn(&format!("{}.{domain}", wanted.name))).collect()
            } else {
                vec![fqdn(&wanted.name)]
            };
            let kinds = match wanted.kind {
                Some(kind) => vec![kind],
                None => vec![RecordType::A, RecordType::Aaaa],
            };
            kinds.iter().flat_map(|kind| names.iter().map(|n| Question { name: n.clone(), kind: *kind })).collect()
        }
    };
    let answers: Vec<_> = questions.iter().map(|q| (q, ask(server, q))).collect();
    if answers.iter().all(|(_, a)| a.is_err()) {
        out.push_str(";; connection timed out; no servers could be reached\n\n");
        return Printed::fails(out, 1);
    }
    let port = if server.is_ipv6() { format!("[{server}]:53") } else { format!("{server}:53") };
    let _ = write!(out, "Server:\t\t{server}\nAddress:\t{port}\n\n");
    let mut failed = false;
    for (question, answer) in answers {
        let name = bare(&question.name);
        match answer {
            Err(_) => {
                failed = true;
                let _ = writeln!(out, "*** Can't find {name}: No answer");
            }
            Ok(answer) if answer.rcode != Rcode::NoError => {
                failed = true;
                let _ = writeln!(out, "** server can't find {name}: {}", answer.rcode);
            }
            Ok(answer) => {
                if !answer.authoritative {
                    out.push_str("Non-authoritative answer:\n");
                }
                for record in &answer.answer {
                    print(&mut out, record);
                }
            }
        }
        out.push('\n');
    }
    Printed { stdout: out, exit_code: i32::from(failed), ..Printed::default() }
}

fn print(out: &mut String, record: &DnsRecord) {
    let name = bare(&record.name);
    let data = bare(&record.data);
    let _ = match record.kind {
        RecordType::A | RecordType::Aaaa => write!(out, "Name:\t{name}\nAddress: {data}\n"),
        RecordType::Cname => writeln!(out, "{name}\tcanonical name = {data}"),
        RecordType::Ptr => writeln!(out, "{name}\tname = {data}"),
        RecordType::Txt => writeln!(out, "{name}\ttext = {data}"),
        RecordType::Srv => writeln!(out, "{name}\tservice = {data}"),
        RecordType::Ns => writeln!(out, "{name}\tnameserver = {data}"),
        RecordType::Mx => writeln!(out, "{name}\tmail exchanger = {data}"),
        RecordType::Soa => {
            let mut fields = record.data.split(' ');
            let (origin, mail) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
            let _ = write!(out, "{name}\n\torigin = {}\n\tmail addr = {}\n", bare(origin), bare(mail));
            for (label, value) in ["serial", "refresh", "retry", "expire", "minimum"].iter().zip(fields) {
                let _ = writeln!(out, "\t{label} = {value}");
            }
            Ok(())
        }
        RecordType::Transfer | RecordType::Other => Ok(()),
    };
}
