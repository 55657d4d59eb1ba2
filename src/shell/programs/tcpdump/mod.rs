//! tcpdump on a node or in a container: the packets of the requests that pass by while it runs, as text or into a capture file.
//!
//! Both sides of a node's kernel are seen, as on a real node with `-i any`: a packet to a ClusterIP comes in from the pod's
//! bridge and leaves translated. Left out: link-layer headers (`-e`), retransmissions, other protocols than IP.

mod filter;
mod show;

use super::Said;
use crate::api::time::{Duration, Time};
use crate::arrange::Arrange;
use crate::export::pcap;
use crate::shell::env::{Env, Place};
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::world::{Event, World};
use crate::trace::Trace;
use filter::Filter;
use ipnet::IpNet;
use show::{Packet, Show};
use std::net::IpAddr;

/// How much a capture may hold.
const MOST_BYTES: usize = 4 << 20;

pub fn start(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    match read(world, &env, &words) {
        Ok(found) => found,
        Err((err, code)) => Box::new(Said { err: format!("{err}\n"), code }),
    }
}

struct Tcpdump {
    env: Env,
    here: Here,
    device: String,
    filter: Filter,
    show: Show,
    /// `-c`.
    most: Option<usize>,
    /// `-w`.
    file: Option<String>,
    captured: Vec<(Time, Vec<u8>)>,
    bytes: usize,
    count: usize,
    /// How many requests of the computer's wire have been looked at.
    looked: Option<usize>,
}

/// What tells which side of the machine a packet is on.
struct Here {
    /// The points of a trace that are here.
    points: Vec<String>,
    own: Vec<IpAddr>,
    pods: Vec<IpNet>,
    node: bool,
}

impl Here {
    fn of(world: &World, place: &Place) -> Here {
        match place {
            Place::Container { pod, .. } => {
                let object = world.cluster.store().get(pod);
                let ips = object.map(|o| o.value.items_at(&["status", "podIPs"]).to_vec()).unwrap_or_default();
                Here {
                    points: vec![format!("pod-{}-{}", pod.namespace, pod.name)],
                    own: ips.iter().filter_map(|i| i.text("ip").parse().ok()).collect(),
                    pods: Vec::new(),
                    node: false,
                }
            }
            other => {
                let name = other.hostname();
                let node = world.cluster.settings().nodes.iter().find(|n| n.name == name);
                Here {
                    points: vec![format!("{name}-before-nat"), format!("{name}-after-nat")],
                    own: node.map(|n| n.ip).into_iter().collect(),
                    pods: node.map(|n| n.pod_cidrs.iter().filter_map(|c| c.parse().ok()).collect()).unwrap_or_default(),
                    node: true,
                }
            }
        }
    }

    /// The device and the direction of a packet at a point; `None` where it never touches a device.
    fn device(&self, point: &str, packet: &Packet) -> Option<(&'static str, &'static str)> {
        if !self.node {
            return Some(("eth0", if self.own.contains(&packet.src) { "Out" } else { "In" }));
        }
        let side = |ip: &IpAddr| if self.pods.iter().any(|n| n.contains(ip)) { "cni0" } else { "eth0" };
        let comes = point.ends_with("-before-nat");
        let (ip, way) = if comes { (&packet.src, "In") } else { (&packet.dst, "Out") };
        // What the node's own programs send does not come in, and what is for them does not go out.
        (!self.own.contains(ip) && !ip.is_loopback()).then(|| (side(ip), way))
    }
}

fn read(world: &mut World, env: &Env, words: &[String]) -> Result<Box<dyn Process>, (String, i32)> {
    const USAGE: &str = "tcpdump version 4.99.5\nlibpcap version 1.10.5 (with TPACKET_V3)\nUsage: tcpdump [-AnqStvX] [-c count] [-i interface] [-r file] [-w file] [expression]";
    let (mut device, mut file, mut from, mut most) = ("eth0".to_string(), None, None, None);
    let (mut show, mut rest) = (Show::default(), Vec::new());
    let mut at = 1;
    while at < words.len() {
        let word = &words[at];
        at += 1;
        let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty() && rest.is_empty()) else {
            rest.push(word.clone());
            continue;
        };
        if let Some(long) = letters.strip_prefix('-') {
            match long {
                "version" | "help" | "h" => return Err((USAGE.to_string(), 0)),
                "interface" | "count" => at += 1,
                _ => {}
            }
            continue;
        }
        for (i, letter) in letters.char_indices() {
            match letter {
                'n' => show.numbers = true,
                'v' => show.verbose = true,
                'A' => show.ascii = true,
                'X' | 'x' => show.hex = true,
                't' => show.no_time = true,
                'S' => show.absolute = true,
                'l' | 'q' | 'e' | 'p' | 'U' | 'K' | 'N' | 'O' => {}
                'D' => return Err(("1.eth0 [Up, Running, Connected]\n2.any (Pseudo-device that captures on all interfaces) [Up, Running]\n3.lo [Up, Running, Loopback]".to_string(), 0)),
                'i' | 'c' | 'w' | 'r' | 's' | 'C' | 'G' | 'W' | 'y' | 'B' => {
                    let joined = &letters[i + 1..];
                    let value = if joined.is_empty() {
                        at += 1;
                        words.get(at - 1).cloned()
                    } else {
                        Some(joined.to_string())
                    };
                    let Some(value) = value else {
                        return Err((format!("tcpdump: option requires an argument -- '{letter}'\n{USAGE}"), 1));
                    };
                    match letter {
                        'i' => device = value,
                        'w' => file = Some(value),
                        'r' => from = Some(value),
                        'c' => match value.parse::<usize>() {
                            Ok(count) if count > 0 => most = Some(count),
                            _ => return Err((format!("tcpdump: invalid packet count {value}"), 1)),
                        },
                        _ => {}
                    }
                    break;
                }
                other => return Err((format!("tcpdump: invalid option -- '{other}'\n{USAGE}"), 1)),
            }
        }
    }
    let filter = Filter::read(&rest.join(" ")).map_err(|why| (format!("tcpdump: {why}"), 1))?;
    let here = Here::of(world, &env.place);
    if from.is_none() && !["any", "eth0", "lo"].contains(&device.as_str()) && !(here.node && device == "cni0") {
        return Err((format!("tcpdump: {device}: No such device exists\n(No such device exists)"), 1));
    }
    show.device = device == "any";
    let mut dump = Tcpdump {
        env: env.clone(),
        here,
        device,
        filter,
        show,
        most,
        file,
        captured: Vec::new(),
        bytes: 0,
        count: 0,
        looked: None,
    };
    if let Some(path) = from {
        let text = world.read(env, &path).ok_or_else(|| (format!("tcpdump: {path}: No such file or directory"), 1))?;
        let packets = pcap::read(&bytes_of(&text)).ok_or_else(|| ("tcpdump: unknown file format".to_string(), 1))?;
        dump.show.device = false;
        let mut out = String::new();
        for (at, bytes) in packets {
            dump.take(at, &bytes, ("eth0", "In"), &mut out);
        }
        return Ok(Box::new(Printed {
            out,
            err: format!("reading from file {path}, link-type RAW (Raw IP), snapshot length 65535\n"),
        }));
    }
    Ok(Box::new(dump))
}

/// A file's text as bytes: each character is one.
fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|c| c as u32 as u8).collect()
}

/// Says what was read from a file.
struct Printed {
    out: String,
    err: String,
}

impl Process for Printed {
    fn step(&mut self, _: &mut World, io: &mut Io) -> Poll {
        io.err.push_str(&self.err);
        io.out.push_str(&self.out);
        Poll::Done(0)
    }
}

impl Tcpdump {
    /// Takes a packet, if it is one that is looked for. True: that was the last one.
    fn take(&mut self, at: Time, bytes: &[u8], device: (&str, &str), out: &mut String) -> bool {
        let Some(packet) = Packet::read(bytes) else { return false };
        if !self.filter.takes(&packet) {
            return false;
        }
        self.count += 1;
        if self.file.is_none() {
            self.show.packet(out, at, &packet, bytes, device);
        } else if self.bytes + bytes.len() < MOST_BYTES {
            self.bytes += bytes.len();
            self.captured.push((at, bytes.to_vec()));
        }
        self.most.is_some_and(|most| self.count >= most)
    }

    /// Looks at a request that passed by.
    fn look(&mut self, trace: &Trace, out: &mut String) -> bool {
        let points = pcap::packets(trace);
        let mut all: Vec<(Time, &str, &[u8])> = points
            .iter()
            .filter(|(point, _)| self.here.points.contains(point))
            .flat_map(|(point, seen)| seen.iter().map(|(at, bytes)| (*at, point.as_str(), bytes.as_slice())))
            .collect();
        all.arrange_by_key(|(at, ..)| *at);
        for (at, point, bytes) in all {
            let device = Packet::read(bytes).and_then(|p| self.here.device(point, &p));
            let Some(device) = device.filter(|(name, _)| self.device == "any" || self.device == *name) else {
                continue;
            };
            if self.take(at, bytes, device, out) {
                return true;
            }
        }
        false
    }

    /// The end: the file is written, and the counts are told.
    fn end(&mut self, world: &mut World, io: &mut Io) {
        if let Some(path) = &self.file {
            let bytes = pcap::file(&self.captured);
            let text: String = bytes.iter().map(|b| char::from(*b)).collect();
            match world.write(&self.env, path, &text) {
                Ok(()) => {
                    world.events.push(Event::Saved { name: path.rsplit('/').next().unwrap_or(path).to_string(), bytes })
                }
                Err(why) => io.err.push_str(&format!("tcpdump: {path}: {why}\n")),
            }
        }
        let packets = |n: usize| if n == 1 { "1 packet".to_string() } else { format!("{n} packets") };
        let counted = packets(self.count);
        io.err.push_str(&format!("{counted} captured\n{counted} received by filter\n0 packets dropped by kernel\n"));
    }
}

impl Process for Tcpdump {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        let total = world.computer.wire.total();
        let Some(looked) = self.looked else {
            self.looked = Some(total);
            let kind = if self.device == "any" { "LINUX_SLL2 (Linux cooked v2)" } else { "EN10MB (Ethernet)" };
            let brief = "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n";
            let (first, name) = if self.show.verbose || self.file.is_some() { ("", "tcpdump: ") } else { (brief, "") };
            io.err.push_str(&format!(
                "{first}{name}listening on {}, link-type {kind}, snapshot length 262144 bytes\n",
                self.device
            ));
            return Poll::More;
        };
        self.looked = Some(total);
        for trace in world.computer.wire.since(looked) {
            let mut out = String::new();
            let last = self.look(&trace, &mut out);
            io.out.push_str(&out);
            if last {
                self.end(world, io);
                return Poll::Done(0);
            }
        }
        Poll::Wait(world.cluster.now() + Duration::millis(100))
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        // What passed by a moment ago still counts.
        if let Some(looked) = self.looked {
            for trace in world.computer.wire.since(looked) {
                let mut out = String::new();
                self.look(&trace, &mut out);
                io.out.push_str(&out);
            }
        }
        io.out.push('\n');
        self.end(world, io);
    }
}
