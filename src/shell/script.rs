//! A script typed into terminals, and the transcript of what they show: for tests, for teachers, for `giljabi sh`.
//!
//! One line is typed after the other; between two lines the cluster comes to rest. A line `^C` interrupts what runs. `2$ LINE`
//! is typed into a second terminal while the first one goes on with what it does.

use super::terminal::{State, Terminal};
use super::world::{Computer, Event};
use crate::api::time::{Duration, Time};
use crate::cluster::Cluster;

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub transcript: String,
    /// The last line's exit code.
    pub status: i32,
}

/// How long a line may take before Ctrl-C is pressed, in simulated time.
const PATIENCE: Duration = Duration::secs(900);
/// How long a line that another terminal's line follows, or a `^C`, is watched.
const GLANCE: Duration = Duration::secs(3);
/// How many steps a line may take.
const MOST_STEPS: usize = 400_000;

/// Runs a script.
pub fn run(cluster: &mut Cluster, tabs: &[(String, String)], script: &str) -> Ended {
    let mut computer = Computer::default();
    let mut terminals = vec![Terminal::new()];
    let mut transcript = String::new();
    let lines: Vec<(usize, &str)> = script.lines().map(place_of).collect();
    let mut last = 0;
    for (i, (at, line)) in lines.iter().enumerate() {
        while terminals.len() <= *at {
            terminals.push(Terminal::new());
        }
        last = *at;
        let number = if *at > 0 { (at + 1).to_string() } else { String::new() };
        if *line == "^C" {
            transcript.push_str(&format!("{number}^C\n"));
            let events = terminals[*at].interrupt(cluster, &mut computer, tabs);
            show(&mut transcript, &events);
            cluster.run_until_settled();
            continue;
        }
        transcript.push_str(&format!("{number}{}{line}\n", terminals[*at].prompt()));
        let events = terminals[*at].enter(line);
        show(&mut transcript, &events);
        let hurried = lines.get(i + 1).is_some_and(|(next, line)| next != at || *line == "^C");
        let patience = if hurried { GLANCE } else { PATIENCE };
        let began = cluster.now();
        let mut steps = 0;
        while terminals[*at].is_running() {
            let (state, events) = terminals[*at].step(cluster, &mut computer, tabs);
            show(&mut transcript, &events);
            // Nobody sits at the editor: it is closed as it was opened.
            for event in events {
                if let Event::Edit { file, .. } = event {
                    computer.saved.insert(file, None);
                }
            }
            steps += 1;
            let late = cluster.now().since(began) >= patience || steps > MOST_STEPS;
            match state {
                State::Prompt if !terminals[*at].is_running() => break,
                State::Reading => terminals[*at].end_of_input().iter().for_each(drop),
                State::Waiting(_) if late && hurried => break,
                _ if late && !hurried => {
                    transcript.push_str("^C\n");
                    let events = terminals[*at].interrupt(cluster, &mut computer, tabs);
                    show(&mut transcript, &events);
                }
                State::Waiting(until) => {
                    for (_, terminal) in terminals.iter_mut().enumerate().filter(|(o, _)| o != at) {
                        let (_, events) = terminal.step(cluster, &mut computer, tabs);
                        show(&mut transcript, &events);
                    }
                    pass(cluster, until);
                }
                _ => {}
            }
        }
        if !hurried {
            cluster.run_until_settled();
        }
        // What goes on in other terminals may have something to say about it.
        let now = cluster.now();
        let goes_on = |(other, terminal): &(usize, &mut Terminal)| other != at || terminal.background(now).is_some();
        for (_, terminal) in terminals.iter_mut().enumerate().filter(goes_on) {
            pass(cluster, cluster.now() + Duration::secs(1));
            let (_, events) = terminal.step(cluster, &mut computer, tabs);
            show(&mut transcript, &events);
        }
    }
    Ended { transcript, status: terminals[last].status() }
}

/// Lets time go by up to a moment.
fn pass(cluster: &mut Cluster, until: Time) {
    let time = until.since(cluster.now());
    cluster.run_for(time.max(Duration::micros(1)));
}

/// Which terminal a line is for: `2$ LINE` is for the second one; a leading `$ ` is passed over.
fn place_of(line: &str) -> (usize, &str) {
    let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    if let Some(rest) = line[digits..]
        .strip_prefix("$ ")
        .or((digits > 0).then(|| line[digits..].strip_prefix("^C").map(|_| "^C")).flatten())
    {
        let number = line[..digits].parse::<usize>().unwrap_or(1).clamp(1, 8);
        return (number - 1, rest);
    }
    (0, line)
}

fn show(transcript: &mut String, events: &[Event]) {
    for event in events {
        match event {
            Event::Out(text) | Event::Err(text) => {
                transcript.push_str(&text.replace('\r', ""));
            }
            Event::Edit { title, .. } => transcript.push_str(&format!("(the editor opens {title})\n")),
            Event::Clear | Event::Trace(_) | Event::Saved { .. } | Event::Exit => {}
        }
    }
    // A prompt begins a line of its own.
    if !transcript.is_empty() && !transcript.ends_with('\n') {
        transcript.push('\n');
    }
}
