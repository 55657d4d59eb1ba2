//! DNS messages in wire format, without name compression.

use crate::network::dns::message::bare;
use crate::network::dns::{DnsRecord, Rcode, RecordType};
use std::net::IpAddr;

/// A question, or (with `answer`) the answer to it.
pub fn message(id: u16, name: &str, kind: RecordType, answer: Option<(Rcode, Vec<DnsRecord>)>) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    let code = answer.as_ref().map_or(0, |(rcode, _)| match rcode {
        Rcode::NoError => 0,
        Rcode::ServFail => 2,
        Rcode::NxDomain => 3,
        Rcode::Refused => 5,
    });
    // Recursion desired; an answer from the cluster's zone is authoritative.
    let flags: u16 = if answer.is_some() { 0x8500 | code } else { 0x0100 };
    let mut body = Vec::new();
    let mut count = 0_u16;
    for record in answer.iter().flat_map(|(_, records)| records) {
        if let Some(data) = data(record) {
            put_name(&mut body, &record.name);
            body.extend(number(record.kind).to_be_bytes());
            body.extend(1_u16.to_be_bytes());
            body.extend(record.ttl.to_be_bytes());
            body.extend((data.len() as u16).to_be_bytes());
            body.extend(data);
            count += 1;
        }
    }
    for word in [flags, 1, count, 0, 0] {
        out.extend(word.to_be_bytes());
    }
    put_name(&mut out, name);
    out.extend(number(kind).to_be_bytes());
    out.extend(1_u16.to_be_bytes());
    out.extend(body);
    out
}

fn number(kind: RecordType) -> u16 {
    match kind {
        RecordType::A => 1,
        RecordType::Ns => 2,
        RecordType::Cname => 5,
        RecordType::Soa => 6,
        RecordType::Ptr => 12,
        RecordType::Mx => 15,
        RecordType::Txt => 16,
        RecordType::Aaaa => 28,
        RecordType::Srv => 33,
        RecordType::Transfer => 252,
        RecordType::Other => 255,
    }
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    for label in bare(name).split('.').filter(|l| !l.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(63)];
        out.push(label.len() as u8);
        out.extend(label);
    }
    out.push(0);
}

/// The data of a record; `None` for types that are not written out.
fn data(record: &DnsRecord) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match record.kind {
        RecordType::A | RecordType::Aaaa => match record.address()? {
            IpAddr::V4(ip) => out.extend(ip.octets()),
            IpAddr::V6(ip) => out.extend(ip.octets()),
        },
        RecordType::Cname | RecordType::Ptr | RecordType::Ns => put_name(&mut out, &record.data),
        RecordType::Srv => {
            let mut fields = record.data.split(' ');
            for _ in 0..3 {
                out.extend(fields.next()?.parse::<u16>().ok()?.to_be_bytes());
            }
            put_name(&mut out, fields.next()?);
        }
        RecordType::Txt => {
            let text = record.data.trim_matches('"').as_bytes();
            let text = &text[..text.len().min(255)];
            out.push(text.len() as u8);
            out.extend(text);
        }
        RecordType::Soa => {
            let fields: Vec<&str> = record.data.split(' ').collect();
            put_name(&mut out, fields.first()?);
            put_name(&mut out, fields.get(1)?);
            for i in 2..7 {
                out.extend(fields.get(i)?.parse::<u32>().ok()?.to_be_bytes());
            }
        }
        RecordType::Mx | RecordType::Transfer | RecordType::Other => return None,
    }
    Some(out)
}
