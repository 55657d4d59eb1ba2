//! Who gets which connection: lots, the schedulers of ipvs, affinity.

use super::*;

fn connect(program: &Program, memory: &mut Memory, rng: &mut Rng, source: [u8; 4], now: Time) -> SocketAddr {
    let vip = SocketAddr::new(IpAddr::from([10, 96, 0, 1]), 80);
    let mut passage = Passage::new(Packet::tcp_syn(SocketAddr::new(IpAddr::from(source), 40_000), vip));
    let local = local(1);
    let mut context =
        Context { local: &local, flows: &Conntrack::default(), memory, rng, now, misses: true, lots: None };
    assert_eq!(pass(program, false, &mut passage, &mut context, &mut Vec::new()), Verdict::Accept);
    passage.packet.dst
}

#[test]
fn lots_fall_evenly() {
    for (endpoints, mode) in [2, 3, 7, 10].into_iter().flat_map(|n| MODES.map(|mode| (n, mode))) {
        let proxies = synced(&plain(endpoints, false), settings(mode, 0));
        let program = &tables(&proxies, 1, Family::V4).program;
        let (mut memory, mut rng) = (Memory::default(), Rng::with_seed(99));
        let mut counts: BTreeMap<SocketAddr, f64> = BTreeMap::new();
        let draws = 20_000;
        for i in 0..draws {
            let to = connect(program, &mut memory, &mut rng, [10, 244, 1, 5], Time(i));
            *counts.entry(to).or_default() += 1.0;
        }
        let expected = draws as f64 / endpoints as f64;
        assert_eq!(counts.len(), endpoints);
        let chi: f64 = counts.values().map(|n| (n - expected).powi(2) / expected).sum();
        // The 99.9 % point of chi-square with nine degrees of freedom, the most there are here.
        assert!(chi < 27.9, "{mode:?}, {endpoints} endpoints: {counts:?}");
        if mode == Mode::Ipvs {
            assert!(counts.values().all(|n| (n - expected).abs() <= 1.0), "round robin takes turns: {counts:?}");
        }
    }
}

/// The virtual server's own address in [`plain`].
const VIP: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(10, 96, 0, 1)), 80);

/// Flows through the virtual server: so many open and so many ended ones to each address.
fn flows_to(loads: &[(SocketAddr, u16, u16)]) -> Conntrack {
    let mut flows = Conntrack::default();
    for (place, (to, open, ended)) in loads.iter().enumerate() {
        for n in 0..open + ended {
            let src = SocketAddr::new(IpAddr::from([10, 244, 7, place as u8]), 40_000 + n);
            let original = Tuple { src, dst: VIP, protocol: Protocol::Tcp };
            let reply = Tuple { src: *to, dst: src, protocol: Protocol::Tcp };
            let state = if n < *open { FlowState::Established } else { FlowState::TimeWait };
            flows.confirm(original, reply, state, Time(0)).expect("a new flow");
        }
    }
    flows
}

#[test]
fn the_schedulers_of_ipvs_choose_as_the_kernels_do() {
    let chosen = |scheduler: Scheduler, flows: &Conntrack, clients: &[u8]| -> Vec<SocketAddr> {
        let proxies = synced(&plain(4, false), Settings { scheduler, ..settings(Mode::Ipvs, 0) });
        let program = &tables(&proxies, 1, Family::V4).program;
        let (mut memory, mut rng) = (Memory::default(), Rng::with_seed(1));
        let mut one = |client: &u8| {
            let from = SocketAddr::new(IpAddr::from([10, 244, 1, *client]), 40_000);
            let mut passage = Passage::new(Packet::tcp_syn(from, VIP));
            let (local, memory, rng) = (&local(1), &mut memory, &mut rng);
            let mut context = Context { local, flows, memory, rng, now: Time(0), misses: false, lots: None };
            assert_eq!(pass(program, false, &mut passage, &mut context, &mut Vec::new()), Verdict::Accept);
            passage.packet.dst
        };
        clients.iter().map(&mut one).collect()
    };
    let none = Conntrack::default();
    let real = chosen(Scheduler::RoundRobin, &none, &[5; 4]);
    assert_eq!(real.iter().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!(chosen(Scheduler::WeightedRoundRobin, &none, &[5; 4]), real, "all weigh the same");
    let loads = |loads: [(u16, u16); 4]| {
        let loads: Vec<_> = real.iter().zip(loads).map(|(to, (open, ended))| (*to, open, ended)).collect();
        flows_to(&loads)
    };
    // By open and ended connections of the four: which are chosen by lc, wlc, sed and nq.
    for (load, expected) in [
        ([(0, 0), (0, 0), (0, 0), (0, 0)], [0, 0, 0, 0]),
        ([(1, 0), (0, 2), (0, 1), (2, 0)], [2, 2, 1, 1]),
        ([(2, 0), (1, 300), (3, 0), (1, 299)], [0, 0, 1, 1]),
        ([(1, 0), (1, 0), (1, 0), (0, 200)], [3, 3, 3, 3]),
    ] {
        let flows = loads(load);
        let schedulers = ["lc", "wlc", "sed", "nq"].map(|name| Scheduler::read(name).expect("a scheduler"));
        for (scheduler, place) in schedulers.into_iter().zip(expected) {
            assert_eq!(chosen(scheduler, &flows, &[5]), [real[place]], "{} with {load:?}", scheduler.name());
        }
    }
    let clients: Vec<u8> = (2..60).collect();
    let distinct = |scheduler: Scheduler, clients: &[u8]| {
        chosen(scheduler, &none, clients).into_iter().collect::<BTreeSet<_>>().len()
    };
    assert_eq!(distinct(Scheduler::DestinationHash, &clients), 1, "one for the virtual server, whoever asks");
    assert_eq!(distinct(Scheduler::SourceHash, &[9; 20]), 1, "one for a client");
    assert_eq!(distinct(Scheduler::SourceHash, &clients), 4, "clients are spread");
    assert_eq!(distinct(Scheduler::Maglev, &[9; 20]), 1, "one for a socket");
    assert_eq!(distinct(Scheduler::Maglev, &clients), 4, "sockets are spread");
    assert_eq!(distinct(Scheduler::Failover, &clients), 1);
    assert_eq!(chosen(Scheduler::Overflow, &loads([(1, 0), (0, 0), (0, 0), (0, 0)]), &[5]), [real[0]]);
    assert_eq!(chosen(Scheduler::Overflow, &loads([(2, 0), (3, 0), (1, 0), (0, 0)]), &[5]), [real[2]]);
}

#[test]
fn some_schedulers_remember_and_some_choose_nobody() {
    let send = |scheduler: Scheduler, memory: &mut Memory, flows: &Conntrack, port: u16, hours: u64| {
        let proxies = synced(&plain(4, false), Settings { scheduler, ..settings(Mode::Ipvs, 0) });
        let program = &tables(&proxies, 1, Family::V4).program;
        let from = SocketAddr::new(IpAddr::from([10, 244, 1, 5]), port);
        let mut passage = Passage::new(Packet::tcp_syn(from, VIP));
        let (local, rng, now) = (&local(1), &mut Rng::with_seed(1), Time(0) + Duration::secs(3_600 * hours));
        let mut context = Context { local, flows, memory, rng, now, misses: false, lots: None };
        let verdict = pass(program, false, &mut passage, &mut context, &mut Vec::new());
        (verdict == Verdict::Accept).then_some(passage.packet.dst)
    };
    let (none, fresh) = (Conntrack::default(), &mut Memory::default());
    let real: Vec<SocketAddr> =
        (0..4).map(|_| send(Scheduler::RoundRobin, fresh, &none, 40_000, 0).expect("a turn")).collect();
    let loads = |open: [u16; 4]| {
        let loads: Vec<_> = real.iter().zip(open).map(|(to, open)| (*to, open, 0)).collect();
        flows_to(&loads)
    };
    // Open connections of the four, at which hour, and who is chosen by lblc and by lblcr.
    let (mut one, mut set) = (Memory::default(), Memory::default());
    for (open, hour, by_one, by_set) in [
        ([1, 0, 0, 0], 0, 1, 1),
        ([0, 1, 0, 0], 0, 1, 1),
        // Overloaded, but nobody is idle.
        ([1, 3, 1, 1], 0, 1, 1),
        ([1, 3, 1, 0], 0, 3, 3),
        // lblcr has two by now.
        ([1, 0, 1, 1], 0, 3, 1),
        ([1, 1, 1, 0], 0, 3, 3),
        // Not used for more than a day: forgotten.
        ([0, 0, 0, 0], 30, 0, 0),
    ] {
        let flows = loads(open);
        assert_eq!(send(Scheduler::Locality, &mut one, &flows, 40_000, hour), Some(real[by_one]), "lblc {open:?}");
        assert_eq!(
            send(Scheduler::LocalityReplicated, &mut set, &flows, 40_000, hour),
            Some(real[by_set]),
            "lblcr {open:?}"
        );
    }
    // ovf has nobody when all have more than they weigh.
    assert_eq!(send(Scheduler::Overflow, fresh, &loads([2; 4]), 40_000, 0), None);
    // mh spreads the sockets of a client, and has nobody for those that come to one that is going away.
    let gone = flows_to(&[(SocketAddr::new(IpAddr::from([10, 244, 9, 9]), 8080), 1, 0)]);
    let all: Vec<_> = (40_000..40_400).map(|port| send(Scheduler::Maglev, fresh, &none, port, 0)).collect();
    let left: Vec<_> = (40_000..40_400).map(|port| send(Scheduler::Maglev, fresh, &gone, port, 0)).collect();
    assert!(real.iter().all(|r| (60..140).contains(&all.iter().filter(|to| **to == Some(*r)).count())));
    let lost = left.iter().filter(|to| to.is_none()).count();
    assert!((40..120).contains(&lost), "about a fifth: {lost}");
    let moved = all.iter().zip(&left).filter(|(a, b)| b.is_some() && a != b).count();
    assert!(moved < 20, "hardly anybody else is moved: {moved}");
}

#[test]
fn a_real_server_that_has_gone_is_listed_while_its_connections_last() {
    let proxies = synced(&plain(2, false), settings(Mode::Ipvs, 0));
    let tables = tables(&proxies, 1, Family::V4);
    let gone = SocketAddr::new(IpAddr::from([10, 244, 9, 9]), 8080);
    let flows = flows_to(&[(gone, 2, 1)]);
    let lines = |at: Time| -> Vec<String> {
        let text = tables.virtual_servers(&flows, at).expect("ipvs mode");
        let of_gone = text.lines().filter(|line| line.contains("10.244.9.9"));
        of_gone.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(lines(Time(0)), ["-> 10.244.9.9:8080 Masq 0 2 1"]);
    assert_eq!(lines(Time(0) + Duration::secs(200)), ["-> 10.244.9.9:8080 Masq 0 2 0"]);
    assert!(lines(Time(0) + Duration::secs(90_000)).is_empty());
}

#[test]
fn affinity_keeps_a_client_until_it_has_been_away_too_long() {
    for mode in MODES {
        let proxies = synced(&plain(10, true), settings(mode, 0));
        let program = &tables(&proxies, 1, Family::V4).program;
        let (mut memory, mut rng) = (Memory::default(), Rng::with_seed(5));
        let mut at = |memory: &mut Memory, client: u8, seconds: u64| {
            connect(program, memory, &mut rng, [10, 244, 2, client], Time(0) + Duration::secs(seconds))
        };
        let first = at(&mut memory, 1, 0);
        // Every visit renews it: 99 seconds apart is never too long.
        assert!((1..20).all(|i| at(&mut memory, 1, i * 99) == first), "{mode:?}");
        let others: BTreeSet<SocketAddr> = (2..40).map(|client| at(&mut memory, client, 1_900)).collect();
        assert!(others.len() > 3, "{mode:?}: other clients are spread");
        let later: BTreeSet<SocketAddr> = (0..30).map(|i| at(&mut memory, 1, 10_000 + i * 101)).collect();
        assert!(later.len() > 3, "{mode:?}: who comes back too late is drawn again");
    }
}
