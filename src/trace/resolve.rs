//! The client's look-up of a name: hosts file, resolver configuration, one question after the other, each a packet that goes
//! through the rules like any other.

use super::request::Client;
use super::run::{Opened, Run, Spot, World};
use super::serve::Server;
use super::step::{Direction, Exchange, Hop, StepKind};
use super::transit::Fate;
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::api::view::Protocol;
use crate::network::dns::client::Unanswered;
use crate::network::dns::{Answer, Lookup, Outside, Question, Rcode, RecordType, ResolvConf, Server as DnsServer};
use crate::network::packet::{Packet, Segment};
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

/// How looking a name up ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resolved {
    Addresses(Vec<IpAddr>),
    /// Why not, and what was asked in vain.
    Failed {
        lookup: Lookup,
        asked: Vec<(SmolStr, Rcode)>,
        trouble: Option<DnsTrouble>,
    },
}

/// Why no answer came.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum DnsTrouble {
    /// The rules refuse, or nobody listens: the client knows at once.
    Refused(IpAddr),
    TimedOut(IpAddr),
    NoServer,
}

/// One question to one server, for the look-up tools: what came of it, and the way of its packets.
pub fn ask(
    world: &mut World<'_>,
    client: &Client,
    server: IpAddr,
    question: &Question,
) -> (Result<Answer, Unanswered>, Vec<Hop>) {
    let mut run = Run::new(world, client, true);
    run.log.exchange = Exchange::Dns(0);
    run.log.about = run.about_dns();
    let (conf, _) = run.resolv_conf();
    let answer = run.query(SocketAddr::new(server, 53), question, conf.timeout);
    let answer = answer.map_err(|trouble| match trouble {
        DnsTrouble::TimedOut(_) => Unanswered::TimedOut,
        DnsTrouble::Refused(_) | DnsTrouble::NoServer => Unanswered::Refused,
    });
    (answer, run.log.finish())
}

/// The resolver configuration that a client has.
pub fn resolv_conf(world: &mut World<'_>, client: &Client) -> ResolvConf {
    Run::new(world, client, false).resolv_conf().0
}

/// How long CoreDNS thinks, and its upstream.
const SERVER: Duration = Duration::micros(180);
const UPSTREAM: Duration = Duration::millis(12);

impl Run<'_, '_> {
    /// The resolver configuration of the client, and the field that it follows from.
    pub(super) fn resolv_conf(&self) -> (ResolvConf, Vec<FieldRef>) {
        let config = &self.world.network.config;
        let node = ResolvConf { servers: vec![config.upstream_dns], ..ResolvConf::default() };
        let Spot::Pod(pod) = &self.home else { return (node, Vec::new()) };
        let Some(sandbox) = self.world.runtime.get(pod) else { return (node, Vec::new()) };
        let conf = ResolvConf::of_pod(&sandbox.pod, &config.cluster_dns, &config.domain, &node);
        let mut because = vec![pod.field("spec.dnsPolicy")];
        if sandbox.pod.value.at(&["spec", "dnsConfig"]).is_some() {
            because.push(pod.field("spec.dnsConfig"));
        }
        (conf, because)
    }

    /// What looking up a name is about: the Service of the cluster's DNS for who asks it, else the client itself.
    fn about_dns(&self) -> Vec<FieldRef> {
        if !self.log.on {
            return Vec::new();
        }
        let service = ObjectKey::new("Service", "kube-system", "kube-dns");
        match &self.home {
            Spot::Pod(_) if self.world.store.get(&service).is_some() => vec![service.field("spec.clusterIP")],
            home => vec![self.machine_field(home)],
        }
    }

    /// What the client's hosts file says about a name.
    fn hosts_file(&self, name: &str) -> Option<(IpAddr, Vec<FieldRef>)> {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        if name.eq_ignore_ascii_case("localhost") {
            return Some((localhost, Vec::new()));
        }
        match &self.home {
            Spot::Pod(pod) => {
                let sandbox = self.world.runtime.get(pod)?;
                if sandbox.hostname == name || (!sandbox.fqdn.is_empty() && sandbox.fqdn == name) {
                    return Some((sandbox.ip()?, vec![pod.field("metadata.name")]));
                }
                let aliases = sandbox.pod.value.items_at(&["spec", "hostAliases"]);
                aliases.iter().enumerate().find_map(|(i, alias)| {
                    let named = alias.items_at(&["hostnames"]).iter().filter_map(Value::as_str).any(|n| n == name);
                    let path = format_smolstr!("spec.hostAliases[{i}]");
                    named.then(|| Some((alias.str_at(&["ip"]).parse().ok()?, vec![pod.field(path.as_str())])))?
                })
            }
            Spot::Learner => {
                let hosts = &self.world.network.computer.hosts;
                hosts.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(ip, _)| (*ip, Vec::new()))
            }
            Spot::Node(_) | Spot::Outside(_) => None,
        }
    }

    /// Looks up the IPv4 addresses of a name, as a program that calls `getaddrinfo` does; its IPv6 addresses when there are
    /// no others.
    pub(super) fn resolve(&mut self, name: &str) -> Resolved {
        self.log.exchange = Exchange::Dns(0);
        self.log.about = self.about_dns();
        self.stay(&self.home.clone(), None);
        if let Some((address, because)) = self.hosts_file(name) {
            self.log.step(|| (StepKind::HostsFile { name: name.into(), address }, because));
            return Resolved::Addresses(vec![address]);
        }
        let client = self.client_name();
        let now = self.now();
        // Desktops have a caching stub resolver; programs in pods have none.
        if self.home == Spot::Learner
            && let Some((addresses, until)) = self.world.network.dns_cache.get(&client, name, RecordType::A, now)
        {
            let addresses = addresses.to_vec();
            let seconds_left = until.since(now).as_secs() as u32;
            let found = addresses.clone();
            self.log.step(|| (StepKind::DnsCached { name: name.into(), addresses, seconds_left }, Vec::new()));
            return Resolved::Addresses(found);
        }
        let (conf, because) = self.resolv_conf();
        self.log.step(|| {
            let server = conf.servers.first().copied();
            let (search, ndots) = (conf.search.clone(), conf.ndots);
            (StepKind::ResolverRead { name: name.into(), server, search, ndots }, because)
        });
        match self.look_up(&conf, name, RecordType::A) {
            Resolved::Failed { lookup: Lookup::NoData, .. } => self.look_up(&conf, name, RecordType::Aaaa),
            resolved => resolved,
        }
    }

    /// Walks the search list.
    fn look_up(&mut self, conf: &ResolvConf, name: &str, kind: RecordType) -> Resolved {
        let mut asked = Vec::new();
        let (mut no_data, mut failed) = (false, false);
        let give_up = |lookup, asked, trouble| Resolved::Failed { lookup, asked, trouble };
        if conf.servers.is_empty() {
            return give_up(Lookup::TryAgain, asked, Some(DnsTrouble::NoServer));
        }
        for candidate in conf.candidates(name) {
            let question = Question { name: candidate, kind };
            let answer = match self.ask(conf, &question) {
                Ok(answer) => answer,
                Err(trouble) => return give_up(Lookup::TryAgain, asked, Some(trouble)),
            };
            asked.push((question.name.clone(), answer.rcode));
            let mut addresses: Vec<IpAddr> = answer.addresses().collect();
            match answer.rcode {
                Rcode::NoError if !addresses.is_empty() => {
                    // CoreDNS' `loadbalance` turns the list at every answer.
                    let turn = self.world.random.below(addresses.len() as u64) as usize;
                    addresses.rotate_left(turn);
                    self.keep(name, kind, &answer, &addresses);
                    return Resolved::Addresses(addresses);
                }
                Rcode::NoError => no_data = true,
                Rcode::NxDomain => {}
                Rcode::ServFail | Rcode::Refused => failed = true,
            }
        }
        let lookup = match (no_data, failed) {
            (true, _) => Lookup::NoData,
            (false, true) => Lookup::TryAgain,
            (false, false) => Lookup::NotFound,
        };
        give_up(lookup, asked, None)
    }

    fn keep(&mut self, name: &str, kind: RecordType, answer: &Answer, addresses: &[IpAddr]) {
        if self.home != Spot::Learner {
            return;
        }
        let ttl = answer.answer.iter().map(|r| r.ttl).min().unwrap_or(0);
        let until: Time = self.now() + Duration::secs(u64::from(ttl));
        let client = self.client_name();
        self.world.network.dns_cache.put(&client, name, kind, addresses.to_vec(), until);
    }

    /// Asks the servers in turn, as often as the configuration says.
    pub(super) fn ask(&mut self, conf: &ResolvConf, question: &Question) -> Result<Answer, DnsTrouble> {
        let mut trouble = DnsTrouble::NoServer;
        for _ in 0..conf.attempts.max(1) {
            for server in &conf.servers {
                match self.query(SocketAddr::new(*server, 53), question, conf.timeout) {
                    Ok(answer) => return Ok(answer),
                    Err(other) => trouble = other,
                }
            }
        }
        Err(trouble)
    }

    /// One question to one server.
    fn query(&mut self, server: SocketAddr, question: &Question, timeout: u32) -> Result<Answer, DnsTrouble> {
        let home = self.home.clone();
        if matches!(home, Spot::Learner | Spot::Outside(_)) {
            return Ok(self.ask_outside(&home, server, question));
        }
        let refused = DnsTrouble::Refused(server.ip());
        let Some(src) = self.source(&home, server.ip()) else { return Err(refused) };
        let packet = Packet { src, dst: server, protocol: Protocol::Udp, segment: Segment::Datagram, mark: 0, ttl: 64 };
        self.log.direction = Direction::Request;
        self.enter(&home, Some(packet));
        self.log.step(|| {
            let because = self.world.store.get(&ObjectKey::new("Service", "kube-system", "kube-dns"));
            let because = because.map(|o| o.key.field("spec.clusterIP")).into_iter().collect();
            (StepKind::DnsQuery { name: question.name.clone(), kind: question.kind, server }, because)
        });
        let notes = self.notes.clone();
        self.log.translated.clear();
        let opened = self.open(&home, packet);
        // What the rules did with DNS is not what they do with the request.
        self.notes = notes;
        let result = match opened {
            Opened::At { spot, packet, socket } if super::serve::is_dns(&socket) => {
                let answer = self.serve_dns(&spot, &socket.server, question);
                match self.back(&spot, &packet, Segment::Datagram) {
                    Some(_) => Ok(answer),
                    None => Err(DnsTrouble::TimedOut(server.ip())),
                }
            }
            Opened::At { .. } => Err(DnsTrouble::TimedOut(server.ip())),
            Opened::Refused { spot, packet } => {
                self.back(&spot, &packet, Segment::PortUnreachable);
                Err(refused)
            }
            Opened::Ended(Fate::Rejected { .. }) => {
                let with = packet.reply(Segment::PortUnreachable);
                self.told_by_icmp(&home, with);
                Err(refused)
            }
            Opened::Ended(_) => Err(DnsTrouble::TimedOut(server.ip())),
        };
        if let Err(DnsTrouble::TimedOut(_)) = result {
            self.time_out(&home, Duration::secs(u64::from(timeout)), Vec::new());
        }
        if let Exchange::Dns(n) = self.log.exchange {
            self.log.exchange = Exchange::Dns(n.saturating_add(1));
        }
        result
    }

    /// A resolver that lies outside what is modelled: it answers without packets.
    fn ask_outside(&mut self, home: &Spot, server: SocketAddr, question: &Question) -> Answer {
        self.log.direction = Direction::Request;
        self.stay(home, None);
        let (name, kind) = (question.name.clone(), question.kind);
        self.log.step(|| (StepKind::DnsQuery { name: name.clone(), kind, server }, Vec::new()));
        self.log.spend(UPSTREAM);
        let answer = Outside::built_in().answer(question);
        self.log.step(|| {
            (StepKind::DnsAnswer { name, kind, rcode: answer.rcode, records: answer.answer.clone() }, Vec::new())
        });
        answer
    }

    fn serve_dns(&mut self, spot: &Spot, server: &Server, question: &Question) -> Answer {
        self.log.spend(SERVER);
        let own: Vec<IpAddr> = match spot {
            Spot::Pod(pod) => self.world.runtime.get(pod).map(|s| s.ips.clone()).unwrap_or_default(),
            _ => Vec::new(),
        };
        let answer = match server {
            Server::Resolver => Outside::built_in().answer(question),
            _ => DnsServer {
                store: self.world.store,
                corefile: &self.world.network.corefile,
                outside: Outside::built_in(),
                own: &own,
            }
            .answer(question),
        };
        if *server != Server::Resolver {
            for next in &answer.forwarded {
                let to = SocketAddr::new(self.world.network.config.upstream_dns, 53);
                self.log.step(|| {
                    let corefile = ObjectKey::new("ConfigMap", "kube-system", "coredns").field("data[Corefile]");
                    (StepKind::DnsForwarded { name: next.name.clone(), to }, vec![corefile])
                });
                self.log.spend(UPSTREAM);
            }
        }
        self.log.step(|| {
            let kind = StepKind::DnsAnswer {
                name: question.name.clone(),
                kind: question.kind,
                rcode: answer.rcode,
                records: answer.answer.clone(),
            };
            (kind, answer.because.clone())
        });
        answer
    }

    /// How caches call the client.
    pub(super) fn client_name(&self) -> SmolStr {
        match &self.home {
            Spot::Pod(pod) => format_smolstr!("{}/{}", pod.namespace, pod.name),
            Spot::Node(node) => node.clone(),
            Spot::Learner => "computer".into(),
            Spot::Outside(ip) => format_smolstr!("{ip}"),
        }
    }
}
