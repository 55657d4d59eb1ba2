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
use crate::arrange::Arrange;
use crate::network::dns::client::Unanswered;
use crate::network::dns::{Answer, Lookup, Outside, Question, Rcode, RecordType, ResolvConf, Server as DnsServer};
use crate::network::kube_proxy::DetectLocal;
use crate::network::packet::{Packet, Segment};
use crate::runtime::image::{self, Libc};
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
    let answers = run.query(SocketAddr::new(server, 53), std::slice::from_ref(question), conf.timeout);
    let answer =
        answers.and_then(|mut answers| answers.pop().ok_or(DnsTrouble::NoServer)).map_err(|trouble| match trouble {
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
        if sandbox.pod.view().pod().is_some_and(|p| p.dns_config().is_some()) {
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
            Spot::Pod(_) if self.world.store.has(&service) => vec![service.field("spec.clusterIP")],
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
                let aliases = sandbox.pod.view().pod()?.host_aliases();
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

    /// Looks up the addresses of a name of both families, as a program that calls `getaddrinfo` does.
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
        if self.home == Spot::Learner {
            self.log.spoil();
        }
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
        self.look_up(&conf, name)
    }

    /// The C library that the client's program is built on.
    fn libc(&self) -> Libc {
        let Spot::Pod(pod) = &self.home else { return Libc::Glibc };
        let container = self.world.runtime.get(pod).and_then(|s| s.container(&self.container));
        container.map_or(Libc::Glibc, |c| image::libc(&c.image))
    }

    /// Walks the search list: A and AAAA of every name, until one has an address.
    fn look_up(&mut self, conf: &ResolvConf, name: &str) -> Resolved {
        let mut asked = Vec::new();
        let (mut no_data, mut failed) = (false, false);
        let give_up = |lookup, asked, trouble| Resolved::Failed { lookup, asked, trouble };
        if conf.servers.is_empty() {
            return give_up(Lookup::TryAgain, asked, Some(DnsTrouble::NoServer));
        }
        let libc = self.libc();
        let candidates = match libc {
            Libc::Glibc => conf.candidates(name),
            Libc::Musl => conf.musl_candidates(name),
        };
        for candidate in candidates {
            let questions = [RecordType::A, RecordType::Aaaa].map(|kind| Question { name: candidate.clone(), kind });
            let answers = match self.ask(conf, &questions) {
                Ok(answers) => answers,
                Err(trouble) => return give_up(Lookup::TryAgain, asked, Some(trouble)),
            };
            let addresses = self.sorted_addresses(&answers);
            if !addresses.is_empty() {
                self.keep(name, &answers, &addresses);
                return Resolved::Addresses(addresses);
            }
            // The answers agree but for a server in trouble: a name exists for all types or for none.
            let with = |rcode| answers.iter().any(|a| a.rcode == rcode);
            let broken = with(Rcode::ServFail) || with(Rcode::Refused);
            asked.push((candidate, answers.last().map(|a| a.rcode).unwrap_or_default()));
            match libc {
                Libc::Musl if broken => return give_up(Lookup::TryAgain, asked, None),
                Libc::Musl if !with(Rcode::NxDomain) => return give_up(Lookup::NoData, asked, None),
                _ if broken => failed = true,
                _ => no_data |= with(Rcode::NoError),
            }
        }
        let lookup = match (no_data, failed) {
            (true, _) => Lookup::NoData,
            (false, true) => Lookup::TryAgain,
            (false, false) => Lookup::NotFound,
        };
        give_up(lookup, asked, None)
    }

    /// The addresses of both answers in the order in which a program tries them: IPv6 first where the client has such an
    /// address itself (RFC 6724), else IPv4. CoreDNS' `loadbalance` turns the list at every answer.
    fn sorted_addresses(&mut self, answers: &[Answer]) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = Vec::new();
        for answer in answers {
            let from = addresses.len();
            addresses.extend(answer.addresses());
            let list = &addresses[from..];
            if !list.is_empty() {
                let turn = self.below(list.len() as u64) as usize;
                addresses[from..].rotate_left(turn);
            }
        }
        let has_v6 = |ip: &IpAddr| ip.is_ipv6() && self.source_address(&self.home, *ip).is_some();
        if addresses.iter().any(has_v6) {
            addresses.arrange_by_key(IpAddr::is_ipv4);
        }
        addresses
    }

    fn keep(&mut self, name: &str, answers: &[Answer], addresses: &[IpAddr]) {
        if self.home != Spot::Learner {
            return;
        }
        let ttl = answers.iter().flat_map(|a| &a.answer).map(|r| r.ttl).min().unwrap_or(0);
        let until: Time = self.now() + Duration::secs(u64::from(ttl));
        let client = self.client_name();
        self.world.network.dns_cache.put(&client, name, RecordType::A, addresses.to_vec(), until);
    }

    /// Asks the servers in turn, as often as the configuration says.
    fn ask(&mut self, conf: &ResolvConf, questions: &[Question]) -> Result<Vec<Answer>, DnsTrouble> {
        let mut trouble = DnsTrouble::NoServer;
        for _ in 0..conf.attempts.max(1) {
            for server in &conf.servers {
                match self.query(SocketAddr::new(*server, 53), questions, conf.timeout) {
                    Ok(answers) => return Ok(answers),
                    Err(other) => trouble = other,
                }
            }
        }
        Err(trouble)
    }

    /// Questions to one server from one socket. Their datagrams belong to one flow, so they all go the way of the first, and
    /// the way is told once.
    /// Whether an address is one of the cluster's own: a node's, a pod's, a service's.
    fn is_clusters(&self, ip: IpAddr) -> bool {
        let proxy = &self.world.network.config.proxy;
        let pods = match &proxy.detect_local {
            DetectLocal::Cluster(nets) => nets.iter().any(|net| net.contains(&ip)),
            _ => false,
        };
        pods || proxy.service_cidrs.iter().any(|net| net.contains(&ip))
            || self.world.network.routes.node_at(&ip).is_some()
    }

    fn query(&mut self, server: SocketAddr, questions: &[Question], timeout: u32) -> Result<Vec<Answer>, DnsTrouble> {
        let home = self.home.clone();
        if matches!(home, Spot::Learner | Spot::Outside(_)) && !self.is_clusters(server.ip()) {
            return Ok(self.ask_outside(&home, server, questions));
        }
        let refused = DnsTrouble::Refused(server.ip());
        let Some(src) = self.source(&home, server.ip()) else { return Err(refused) };
        let packet = Packet { src, dst: server, protocol: Protocol::Udp, segment: Segment::Datagram, mark: 0, ttl: 64 };
        self.log.direction = Direction::Request;
        self.enter(&home, Some(packet));
        for question in questions {
            self.log.step(|| {
                let because = self.world.store.get(&ObjectKey::new("Service", "kube-system", "kube-dns"));
                let because = because.map(|o| o.key.field("spec.clusterIP")).into_iter().collect();
                (StepKind::DnsQuery { name: question.name.clone(), kind: question.kind, server }, because)
            });
        }
        let notes = self.notes.clone();
        self.log.translated.clear();
        let opened = self.open(&home, packet);
        // What the rules did with DNS is not what they do with the request.
        self.notes = notes;
        let result = match opened {
            Opened::At { spot, packet, socket } if super::serve::is_dns(&socket) => {
                self.log.spend(SERVER);
                let answers = questions.iter().map(|q| self.serve_dns(&spot, &socket.server, q)).collect();
                match self.back(&spot, &packet, Segment::Datagram) {
                    Some(_) => Ok(answers),
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
    fn ask_outside(&mut self, home: &Spot, server: SocketAddr, questions: &[Question]) -> Vec<Answer> {
        self.log.direction = Direction::Request;
        self.stay(home, None);
        for Question { name, kind } in questions {
            self.log.step(|| (StepKind::DnsQuery { name: name.clone(), kind: *kind, server }, Vec::new()));
        }
        self.log.spend(UPSTREAM);
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            let answer = Outside::built_in().answer(question);
            self.log.step(|| (answer_step(question, &answer), Vec::new()));
            answers.push(answer);
        }
        answers
    }

    fn serve_dns(&mut self, spot: &Spot, server: &Server, question: &Question) -> Answer {
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
        self.log.step(|| (answer_step(question, &answer), answer.because.clone()));
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

/// The step of an answer.
fn answer_step(question: &Question, answer: &Answer) -> StepKind {
    StepKind::DnsAnswer {
        name: question.name.clone(),
        kind: question.kind,
        rcode: answer.rcode,
        records: answer.answer.clone(),
    }
}
