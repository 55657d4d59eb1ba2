//! The keys of `lesson.yaml`, place by place: what the reader accepts and what the author's editor offers.

pub const LESSON: &[&str] = &[
    "track",
    "place",
    "notes",
    "errata",
    "docs",
    "cluster",
    "world",
    "before",
    "steps",
    "draw",
    "par",
    "one-way",
    "solutions",
    "wrong",
];
pub const CLUSTER: &[&str] = &["nodes", "proxy", "load-balancer", "seed", "latencies"];
/// The kinds of kube-proxy. An assignment's code knows them by their places, so these stay.
pub const PROXIES: &[&str] = &["iptables", "ipvs", "nftables"];
/// The kinds of load balancers; their places stay, too.
pub const BALANCERS: &[&str] = &["none", "cloud", "metallb", "tunnel"];
pub const LATENCIES: &[&str] = &["real", "none"];
pub const STEP: &[&str] = &["id", "kind", "points", "checks", "question", "turns"];
pub const QUESTION: &[&str] = &["request", "choices", "right"];
pub const DRAW: &[&str] = &["count", "faults"];
pub const FAULT: &[&str] = &["file", "from", "to", "turn", "also"];
pub const WALK: &[&str] = &["fails", "turn", "do"];
pub const ACTION: &[&str] = &["edit", "write", "remove", "run", "answer", "wait", "power"];
pub const EDIT: &[&str] = &["file", "from", "to"];
pub const WRITE: &[&str] = &["file", "text"];
pub const POWER: &[&str] = &["up", "down"];
pub const REQUEST: &[&str] = &["from", "to", "via", "insecure"];
pub const RCODES: &[&str] = &["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"];
pub const BOUND: &[&str] = &["count", "at-least", "at-most"];
/// What a request may be expected to come to.
pub const EXPECT: &[&str] = &[
    "ok",
    "status",
    "symptom",
    "cause",
    "pod",
    "source",
    "body",
    "kernels",
    "queries",
    "addresses",
    "rcode",
    "record",
    "rule",
];
/// The kinds of checks, and the keys that may stand beside each.
pub const CHECKS: &[(&str, &[&str])] = &[
    ("all", &[]),
    ("any", &[]),
    ("not", &[]),
    ("stays", &["for", "every"]),
    ("object", &["field", "exists", "equals", "matches", "count", "at-least", "at-most"]),
    ("endpoints", &["port", "ready", "count", "at-least", "at-most"]),
    ("request", EXPECT),
    ("distribution", &["requests", "pods", "shares", "tolerance"]),
    ("rules", &["node", "count", "at-least", "at-most"]),
    ("command", BOUND),
    ("output", &["contains"]),
    ("event", &["reason"]),
    ("clean", &[]),
    ("refused", &[]),
    // An expectation of a request has the same name: as a kind of check it is looked for after those above.
    ("cause", &[]),
    ("file", &["contains"]),
];

/// The keys that may stand beside a kind of check; nothing if it is none.
pub fn beside(kind: &str) -> Option<&'static [&'static str]> {
    CHECKS.iter().find(|(name, _)| *name == kind).map(|(_, keys)| *keys)
}
