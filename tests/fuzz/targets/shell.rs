//! Lines typed into the terminal.

use crate::seeds as files;
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, Settings};
use giljabi::shell::Computer;
use giljabi::shell::terminal::{State, Terminal};
use std::sync::OnceLock;

pub const PIECES: &[&str] = &[
    "kubectl ",
    "get pods -A",
    " -o json",
    " -o jsonpath='{.items[*].metadata.name}'",
    " -o go-template='{{range .items}}{{.}}{{end}}'",
    " -o custom-columns=A:.b",
    "run a --image=nginx",
    "exec -it client -- sh",
    "curl -sv http://",
    "apply -f -",
    "<<EOF\n",
    "EOF\n",
    "| ",
    "|| ",
    "&& ",
    "; ",
    "& ",
    "$(",
    ")",
    "`",
    "${x:-y}",
    "${x#*}",
    "$((1/0))",
    "for i in 1 2 3; do ",
    "; done",
    "while true; do ",
    "if [ a = b ]; then ",
    "; fi",
    "case x in ",
    "esac",
    "f() { ",
    "; }",
    "'",
    "\"",
    "\\",
    ">",
    ">>",
    "2>&1",
    "</dev/null",
    "*",
    "?",
    "~",
    "[a-",
    "grep -E '(a|b)*'",
    "sed 's/a*/b/g'",
    "awk '{print $1}'",
    "sort | uniq -c",
    "head -n -1",
    "seq 1 99999999",
    "yes",
    "cut -d: -f1",
    "tr a-z A-Z",
    "ssh node-1",
    "exit",
    "iptables-save",
    "dig +short kimho",
    "nslookup kimho",
    "patch svc kimho -p '{\"spec\":null}'",
    "scale --replicas=3 ",
    "rollout undo ",
    "wait --for=condition=Ready ",
    "set image ",
    "create ",
    "delete ",
    "label ",
    "explain pod.spec",
    "--all",
    "-w",
    "\n",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for transcript in files::under("tests/golden/shell", ".txt") {
        let text = String::from_utf8_lossy(&transcript).into_owned();
        all.extend(text.lines().filter_map(|l| l.strip_prefix("$ ")).map(|l| l.as_bytes().to_vec()));
    }
    all.push(b"for i in 1 2 3; do echo $i; done | tac".to_vec());
    all
}

/// How many steps a text has; Ctrl-C is pressed then.
const STEPS: usize = 1_500;

/// How long all lines may wait, in the cluster's time. `sleep infinity` beside a pod that crashes again and again never ends.
const LONGEST_WAIT: Duration = Duration::secs(3_600);

/// Types the lines, lets each run a while, interrupts it, completes the next one.
pub fn lines(text: &str) {
    static BOOTED: OnceLock<Cluster> = OnceLock::new();
    let mut cluster = BOOTED.get_or_init(|| Cluster::new(Settings::default())).clone();
    let (mut terminal, mut computer) = (Terminal::new(), Computer::default());
    let (mut steps, mut patience) = (0, LONGEST_WAIT);
    for line in text.lines().take(20) {
        let middle = (line.len() / 2..=line.len()).find(|i| line.is_char_boundary(*i)).unwrap_or(line.len());
        terminal.complete(&mut cluster, &mut computer, &[], line, middle);
        terminal.enter(line);
        while terminal.is_running() && steps < STEPS {
            steps += 1;
            let (state, _) = terminal.step(&mut cluster, &mut computer, &[]);
            if let State::Waiting(until) = state {
                let time = until.since(cluster.now()).max(Duration::micros(1)).min(patience);
                if time.0 == 0 {
                    break;
                }
                patience = Duration(patience.0 - time.0);
                cluster.run_for(time);
            }
        }
        if terminal.is_running() {
            terminal.interrupt(&mut cluster, &mut computer, &[]);
            assert!(!terminal.is_running(), "Ctrl-C did not end it");
        }
        terminal.prompt();
    }
    terminal.end_of_input();
}
