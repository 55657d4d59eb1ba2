//! dig of BIND 9.18.

use super::{Ask, Printed, Unanswered};
use crate::network::dns::message::*;
use crate::network::dns::resolver::ResolvConf;
use std::fmt::Write;
use std::net::IpAddr;

/// `dig [@SERVER] NAME [TYPE] [+short] [+search] [+noall +answer]`, `dig -x ADDRESS`. Left out: EDNS options, several names.
pub fn dig(conf: &ResolvConf, args: &[&str], ask: Ask<'_>) -> Printed {
    let mut name: Option<String> = None;
    let mut kind = RecordType::A;
    let mut server = conf.servers.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let (mut short, mut search, mut sections, mut answers, mut comments) = (false, false, true, true, true);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match *arg {
            "+short" => short = true,
            "+search" => search = true,
            "+nosearch" => search = false,
            "+noall" => (sections, answers, comments) = (false, false, false),
            "+answer" => answers = true,
            "+noanswer" => answers = false,
            "+nocomments" => comments = false,
            "-x" => {
                if let Some(Ok(address)) = rest.next().map(|a| a.parse::<IpAddr>()) {
                    name = Some(reverse_name(address).into());
                    kind = RecordType::Ptr;
                }
            }
            "-t" | "-q" => match rest.next() {
                Some(word) if *arg == "-t" => kind = RecordType::read(word).unwrap_or(kind),
                Some(word) => name = Some(word.to_string()),
                None => {}
            },
            _ if arg.starts_with('@') => match arg[1..].parse() {
                Ok(ip) => server = ip,
                Err(_) => {
                    let stderr = format!("dig: couldn't get address for '{}': not found\n", &arg[1..]);
                    return Printed { stderr, exit_code: 1, ..Printed::default() };
                }
            },
            _ if arg.starts_with(['+', '-']) => {}
            "IN" | "in" => {}
            word => match RecordType::read(word) {
                Some(read) => kind = read,
                None => name = Some(word.to_string()),
            },
        }
    }
    let (name, kind) = name.map_or((".".to_string(), RecordType::Ns), |n| (n, kind));
    let names = if search { conf.candidates(&name) } else { vec![fqdn(&name)] };
    let mut out = String::new();
    if !short && (comments || sections) {
        let one = if args.iter().any(|a| a.starts_with('@')) { "; (1 server found)\n" } else { "" };
        let _ = write!(out, "\n; <<>> DiG 9.18.33 <<>> {}\n{one};; global options: +cmd\n", args.join(" "));
    }
    for (i, candidate) in names.iter().enumerate() {
        let question = Question { name: candidate.clone(), kind };
        let answer = match ask(server, &question) {
            Ok(answer) => answer,
            Err(why) => {
                let words = if why == Unanswered::TimedOut { "timed out" } else { "connection refused" };
                let tries = format!(";; communications error to {server}#53: {words}\n").repeat(3);
                let blank = if out.is_empty() { "\n" } else { "" };
                return Printed::fails(format!("{tries}{out}{blank};; no servers could be reached\n"), 9);
            }
        };
        if answer.rcode == Rcode::NxDomain && i + 1 < names.len() {
            continue;
        }
        if short {
            for record in answer.answer.iter() {
                let _ = writeln!(out, "{}", record.data);
            }
        } else {
            message(&mut out, server, &question, &answer, [comments, sections, answers]);
        }
        break;
    }
    Printed { stdout: out, ..Printed::default() }
}

fn message(out: &mut String, server: IpAddr, question: &Question, answer: &Answer, show: [bool; 3]) {
    let [comments, sections, answers] = show;
    if comments {
        let id = question.name.bytes().fold(17_u16, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
        let aa = if answer.authoritative { " aa" } else { "" };
        let ra = if answer.recursion { " ra" } else { "" };
        let mdns = if is_under(&question.name, "local.") {
            ";; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an mDNS query is leaked \
             to DNS\n"
        } else {
            ""
        };
        let _ = write!(
            out,
            ";; Got answer:\n{mdns};; ->>HEADER<<- opcode: QUERY, status: {}, id: {id}\n;; flags: qr{aa} rd{ra}; QUERY: 1, ANSWER: \
             {}, AUTHORITY: {}, ADDITIONAL: {}\n",
            answer.rcode,
            answer.answer.len(),
            answer.authority.len(),
            answer.additional.len() + 1
        );
        if !answer.recursion {
            out.push_str(";; WARNING: recursion requested but not available\n");
        }
        out.push_str("\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n");
    }
    if sections {
        out.push_str(";; QUESTION SECTION:\n");
        let mut line = format!(";{}", question.name);
        // The semicolon does not count.
        let mut column = line.len() - 1;
        indent(&mut line, &mut column, 32);
        line.push_str("IN");
        column += 2;
        indent(&mut line, &mut column, 40);
        let _ = write!(out, "{line}{}\n\n", question.kind);
    }
    let mut list = |title: &str, records: &[DnsRecord], shown: bool| {
        if records.is_empty() || !shown {
            return;
        }
        if comments {
            let _ = writeln!(out, ";; {title} SECTION:");
        }
        for record in records {
            let _ = writeln!(out, "{}", line(record));
        }
        if comments {
            out.push('\n');
        }
    };
    list("ANSWER", &answer.answer, answers);
    list("AUTHORITY", &answer.authority, sections);
    list("ADDITIONAL", &answer.additional, sections);
    if sections {
        let records = answer.answer.iter().chain(&answer.authority).chain(&answer.additional);
        let size: usize =
            12 + 11 + question.name.len() + 5 + records.map(|r| 12 + r.name.len() + r.data.len()).sum::<usize>();
        let _ = write!(
            out,
            ";; Query time: 1 msec\n;; SERVER: {server}#53({server}) (UDP)\n;; WHEN: Thu Jan 01 00:00:00 UTC 2026\n;; MSG SIZE  \
             rcvd: {size}\n\n"
        );
    }
}

/// A record in dig's columns.
fn line(record: &DnsRecord) -> String {
    let mut line = record.name.to_string();
    let mut column = line.len();
    for (text, stop) in [(record.ttl.to_string(), 24), ("IN".to_string(), 32), (record.kind.to_string(), 40)] {
        indent(&mut line, &mut column, stop);
        line.push_str(&text);
        column += text.len();
    }
    indent(&mut line, &mut column, 48);
    line + &record.data
}

/// Goes on to a column with tabs; one space when it has been passed already.
fn indent(line: &mut String, column: &mut usize, to: usize) {
    let to = to.max(*column + 1);
    let tabs = to / 8 - *column / 8;
    let from = if tabs > 0 { to / 8 * 8 } else { *column };
    line.extend(std::iter::repeat_n('\t', tabs));
    line.extend(std::iter::repeat_n(' ', to - from));
    *column = to;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_push_the_columns_aside() {
        let record =
            |name: &str| DnsRecord { name: name.into(), kind: RecordType::A, ttl: 30, data: "10.96.0.1".into() };
        assert_eq!(line(&record("example.com.")), "example.com.\t\t30\tIN\tA\t10.96.0.1");
        assert_eq!(
            line(&record("kubernetes.default.svc.cluster.local.")),
            "kubernetes.default.svc.cluster.local. 30 IN A\t10.96.0.1"
        );
    }
}
