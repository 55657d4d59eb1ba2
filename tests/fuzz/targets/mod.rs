//! What is attacked.

mod capture;
mod cluster;
mod doctor;
mod lesson;
mod manifest;
mod shell;

/// A way in.
pub struct Target {
    pub name: &'static str,
    /// Does with the text what the product does with it.
    pub run: fn(&str),
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something there.
    pub pieces: &'static [&'static str],
    /// How many inputs the short run has: two minutes of one core for all targets together.
    pub short: u64,
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "parse",
        run: manifest::parse_alone,
        seeds: manifest::seeds,
        pieces: manifest::PIECES,
        short: 300_000,
    },
    Target {
        name: "apply",
        run: manifest::parse_then_apply,
        seeds: manifest::seeds,
        pieces: manifest::PIECES,
        short: 60_000,
    },
    Target { name: "cluster", run: cluster::files, seeds: cluster::seeds, pieces: manifest::PIECES, short: 3_000 },
    Target {
        name: "request",
        run: cluster::request,
        seeds: cluster::request_seeds,
        pieces: cluster::PIECES,
        short: 50_000,
    },
    Target { name: "shell", run: shell::lines, seeds: shell::seeds, pieces: shell::PIECES, short: 40_000 },
    Target { name: "lesson", run: lesson::any, seeds: lesson::seeds, pieces: lesson::PIECES, short: 120_000 },
    Target { name: "link", run: doctor::link, seeds: doctor::link_seeds, pieces: doctor::PIECES, short: 150_000 },
    Target { name: "pcap", run: capture::show, seeds: capture::seeds, pieces: capture::PIECES, short: 100_000 },
    Target { name: "doctor", run: doctor::files, seeds: doctor::seeds, pieces: manifest::PIECES, short: 1_500 },
];
