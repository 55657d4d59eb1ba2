//! Capture files that somebody hands to tcpdump, in the terminal of the learner's own computer.

use super::cluster;
use giljabi::api::time::Time;
use giljabi::cluster::{Cluster, Settings};
use giljabi::export::{pcap, trace_captures};
use giljabi::shell::Computer;
use giljabi::shell::terminal::Terminal;
use std::sync::OnceLock;

pub const PIECES: &[&str] = &[
    "E\0\0\u{14}",
    "`\0\0\0",
    "\u{6}",
    "\u{11}",
    "\u{1}",
    ":",
    "\0\0\0\0",
    "\u{ff}\u{ff}\u{ff}\u{ff}",
    "\0\u{35}",
    "HTTP/1.1 200 OK\r\n\r\n",
    "GET / HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n",
    "\u{16}\u{3}\u{3}",
    "\u{c0}\u{c}",
    "\u{3}www\0\0\u{1}\0\u{1}",
];

/// The ways to have a file shown.
const LINES: &[&str] =
    &["tcpdump -r /f -nX", "tcpdump -r /f -Av", "tcpdump -r /f -n udp port 53", "tcpdump -r /f -w /g tcp"];

/// Between two packets, where the file's own words around them are put down by us: few changes of a whole file leave them right.
const BETWEEN: char = '\u{1e}';

/// Captures of requests, a character for each byte: as files, and packet by packet.
pub fn seeds() -> Vec<Vec<u8>> {
    let traces =
        cluster::request_seeds().into_iter().filter_map(|text| cluster::answered(&String::from_utf8_lossy(&text)));
    let captures = traces.flat_map(|trace| trace_captures(&trace)).map(|c| c.bytes);
    let text = |bytes: &[u8]| bytes.iter().map(|b| char::from(*b)).collect::<String>();
    let mut all = Vec::new();
    for (i, bytes) in captures.enumerate() {
        let how = char::from(b'0' + (i % LINES.len()) as u8);
        let packets: Vec<String> = pcap::read(&bytes).unwrap_or_default().iter().map(|(_, p)| text(p)).collect();
        all.push(format!("{how}{BETWEEN}{}", packets.join(&BETWEEN.to_string())).into_bytes());
        if i < LINES.len() {
            all.push(format!("{how}{}", text(&bytes)).into_bytes());
        }
    }
    all
}

/// The first character says how the rest is shown. What is read is as long when it is written again.
pub fn show(text: &str) {
    static BOOTED: OnceLock<Cluster> = OnceLock::new();
    let mut chars = text.chars();
    let line = LINES[chars.next().map_or(0, |c| c as usize) % LINES.len()];
    let raw = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u32 as u8).collect() };
    let bytes = match chars.as_str().strip_prefix(BETWEEN) {
        Some(packets) => pcap::file(&packets.split(BETWEEN).map(|p| (Time(0), raw(p))).collect::<Vec<_>>()),
        None => raw(chars.as_str()),
    };
    let Some(seen) = pcap::read(&bytes) else { return };
    assert_eq!(pcap::file(&seen).len(), bytes.len());
    let mut cluster = BOOTED.get_or_init(|| Cluster::new(Settings::default())).clone();
    let (mut terminal, mut computer) = (Terminal::new(), Computer::default());
    computer.files.insert("/f".into(), bytes.into_iter().map(char::from).collect());
    terminal.enter(line);
    for _ in 0..20 {
        if terminal.is_running() {
            terminal.step(&mut cluster, &mut computer, &[]);
        }
    }
    assert!(!terminal.is_running(), "a file has an end");
}
