//! nslookup, dig, host, getent: the words are those of `network::dns::client`; the questions go through the rules.

use super::Ctx;
use crate::network::dns::client::{
    Printed, Unanswered, busybox_nslookup, dig as bind_dig, host as bind_host, nslookup as bind_nslookup,
};
use crate::network::dns::resolver::look_up;
use crate::network::dns::{Answer, Lookup, Question, RecordType, ResolvConf};
use std::net::IpAddr;

type Tool = fn(&ResolvConf, &[&str], &mut dyn FnMut(IpAddr, &Question) -> Result<Answer, Unanswered>) -> Printed;

/// How names are looked up here.
pub fn resolver(ctx: &Ctx) -> ResolvConf {
    match ctx.world.read(ctx.env, "/etc/resolv.conf") {
        Some(text) => ResolvConf::parse(&text),
        None => ResolvConf { servers: vec![ctx.world.cluster.settings().upstream_dns], ..ResolvConf::default() },
    }
}

fn run(ctx: &mut Ctx, tool: Tool) -> i32 {
    let conf = resolver(ctx);
    let client = ctx.env.place.client();
    let args: Vec<&str> = ctx.words[1..].iter().map(String::as_str).collect();
    let mut world = ctx.world.cluster.world();
    let printed =
        tool(&conf, &args, &mut |server, question| crate::trace::ask(&mut world, &client, server, question).0);
    ctx.out.push_str(&printed.stdout);
    ctx.err.push_str(&printed.stderr);
    printed.exit_code
}

pub fn nslookup(ctx: &mut Ctx) -> i32 {
    if ctx.args().iter().all(|a| a.starts_with('-')) {
        ctx.complain("nslookup without a name asks one question after the other, which is not simulated here: nslookup NAME [SERVER]");
        return 1;
    }
    if ctx.env.place.is_busybox() { run(ctx, busybox_nslookup) } else { run(ctx, bind_nslookup) }
}

pub fn dig(ctx: &mut Ctx) -> i32 {
    run(ctx, bind_dig)
}

pub fn host(ctx: &mut Ctx) -> i32 {
    if ctx.args().is_empty() {
        ctx.complain("Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time]\n            [-R number] [-m flag] [-p port] hostname [server]");
        return 1;
    }
    run(ctx, bind_host)
}

/// The addresses of a name as the C library finds them: `/etc/hosts` first.
pub fn addresses(ctx: &mut Ctx, name: &str, kind: RecordType) -> Vec<IpAddr> {
    let hosts = ctx.world.read(ctx.env, "/etc/hosts").unwrap_or_default();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let ip = words.next().and_then(|w| w.parse::<IpAddr>().ok());
        if let Some(ip) = ip
            && (kind == RecordType::Aaaa) == ip.is_ipv6()
            && words.any(|w| w == name)
        {
            return vec![ip];
        }
    }
    let conf = resolver(ctx);
    let client = ctx.env.place.client();
    let mut world = ctx.world.cluster.world();
    let found = look_up(&conf, name, kind, |question| {
        conf.servers.iter().find_map(|server| crate::trace::ask(&mut world, &client, *server, question).0.ok())
    });
    match found {
        Lookup::Found(addresses) => addresses,
        _ => Vec::new(),
    }
}

pub fn getent(ctx: &mut Ctx) -> i32 {
    let args = ctx.args().to_vec();
    let [database, name] = &args[..] else {
        ctx.complain("Usage: getent [OPTION...] database [key ...]");
        return 1;
    };
    if !matches!(database.as_str(), "hosts" | "ahosts" | "ahostsv4") {
        ctx.complain(format!("Unknown database: {database}"));
        return 1;
    }
    let mut found = addresses(ctx, name, RecordType::Aaaa);
    if found.is_empty() || database != "hosts" {
        found.extend(addresses(ctx, name, RecordType::A));
    }
    if found.is_empty() {
        return 2;
    }
    for ip in found {
        if database == "hosts" {
            ctx.say(format!("{:<15} {name}", ip.to_string()));
        } else {
            for kind in ["STREAM", "DGRAM", "RAW"] {
                let shown = if kind == "STREAM" { format!(" {name}") } else { String::new() };
                ctx.say(format!("{:<15} {kind}{shown}", ip.to_string()));
            }
        }
    }
    0
}
