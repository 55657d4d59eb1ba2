//! The native command of Giljabi, for scripts, teachers and tests. It only reads files, calls the library and prints.
//!
//! Exit codes: 0 all is well, 1 the answer is no (a refusal, a failed request), 2 the command line or a file cannot be read.

mod arguments;
mod check;
mod dns;
mod doctor;
mod files;
mod grade;
mod lesson;
mod rules;
mod sh;
mod trace;

use arguments::{Arguments, Usage};
use giljabi::locale::Lang;
use std::process::ExitCode;

const HELP: &str = "\
giljabi: see a Kubernetes Service work

Usage:
  giljabi check -f FILE…                         what the API server says of the files (exit 1: it refuses something)
  giljabi trace -f FILE… --from pod/NAME --to URL  the way of a request, hop by hop (exit 1: it fails)
                [--count N] [--seed S] [--mode iptables|ipvs|nftables] [--out FOLDER]
                [--ipvs-scheduler rr|wrr|lc|wlc|sed|nq|dh|sh|mh|lblc|lblcr|fo|ovf] (so do rules and sh)
                [--format text|json|mermaid|svg|pcap] (--from also node/NAME, computer, outside[/IP])
  giljabi rules -f FILE… --node NAME             the kube-proxy rules of a node, as iptables-restore reads them
                [--mode iptables|ipvs|nftables]
  giljabi dns -f FILE… --from pod/NAME NAME [TYPE]  every question of a look-up, and its answer
  giljabi doctor -f FILE…                        who gets through to every Service, Ingress and HTTPRoute, and if not why:
                                                 of kubectl get … -o yaml, helm template, kubectl kustomize, folders
                [--format text|json|sarif|junit] [--fail-on error|warning|never] (exit 1: it found such)
  giljabi sh -f FILE…                            runs the lines of standard input in the terminal and prints the transcript
                [--mode iptables|ipvs|nftables] [--seed S]; a line ^C interrupts, `2$ LINE` goes to a second terminal
";

const EVERYWHERE: &str = "
Everywhere:
  -f FILE…      manifests, folders of them, or - for standard input
  --lang ko|en  the language of explanations (default: the environment's)
  -h, --help    this text
";

/// A reader that has seen enough (`giljabi trace … | head`) ends the command without a word: what `print!` makes of the closed
/// pipe is a panic.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        if text.is_some_and(|text| text.starts_with("failed printing to stdout")) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    end_with_the_reader();
    let (command, arguments) = match arguments::read(std::env::args_os().skip(1)) {
        Ok(Some(read)) => read,
        Ok(None) => {
            print!("{HELP}{}{}{EVERYWHERE}", lesson::HELP, grade::HELP);
            return ExitCode::SUCCESS;
        }
        Err(problem) => return refuse(&problem),
    };
    let lang = language(&arguments);
    let outcome = match command.as_str() {
        "check" => check::run(&arguments, lang),
        "trace" => trace::run(&arguments, lang),
        "doctor" => doctor::run(&arguments, lang),
        "dns" => dns::run(&arguments),
        "rules" => rules::run(&arguments),
        "lesson" => lesson::run(&arguments, lang),
        "grade" => grade::run(&arguments, lang),
        "sh" => sh::run(&arguments, lang),
        other => Err(Usage(format!("there is no command {other:?}"))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => refuse(&problem),
    }
}

fn refuse(problem: &Usage) -> ExitCode {
    eprintln!("giljabi: {}\nTry 'giljabi --help'.", problem.0);
    ExitCode::from(2)
}

/// `--lang`, else what the environment speaks; English when it does not say.
fn language(arguments: &Arguments) -> Lang {
    let asked = arguments.lang.clone().or_else(|| {
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
    });
    Lang::from_tag(asked.as_deref().unwrap_or("en"))
}
