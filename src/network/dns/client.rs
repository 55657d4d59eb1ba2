//! The look-up tools and their words: BIND 9.18's nslookup, dig and host, and BusyBox' nslookup. Each asks through a closure,
//! so that the terminal can send its questions through the cluster's rules and a test can ask a server directly.

mod bind;
mod busybox;
mod dig;

pub use bind::{host, nslookup};
pub use busybox::nslookup as busybox_nslookup;
pub use dig::dig;

use super::message::*;
use super::resolver::ResolvConf;
use std::net::IpAddr;

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    TimedOut,
    /// Nobody listens, or a rule refuses.
    Refused,
}

/// Asks a server.
pub type Ask<'a> = &'a mut dyn FnMut(IpAddr, &Question) -> Result<Answer, Unanswered>;

/// What a tool printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    pub stdout: String,
    pub stderr: String,
    pub exit_code: i32,
}

impl Printed {
    fn fails(stdout: String, exit_code: i32) -> Printed {
        Printed { stdout, exit_code, ..Printed::default() }
    }
}

/// What was asked for on a command line: options, a name, perhaps a server.
#[derive(Clone, Debug, Default, PartialEq)]
struct Wanted {
    name: String,
    kind: Option<RecordType>,
    server: Option<IpAddr>,
    /// A server that is no address.
    bad_server: Option<String>,
}

impl Wanted {
    /// Reads `[-type=T] NAME [SERVER]`.
    fn read(args: &[&str]) -> Wanted {
        let mut wanted = Wanted::default();
        for arg in args {
            let option = arg.strip_prefix('-').and_then(|o| o.split_once('='));
            match option {
                Some((name, value)) if ["type", "query", "querytype", "q"].contains(&name) => {
                    wanted.kind = RecordType::read(value);
                }
                _ if arg.starts_with('-') => {}
                _ if wanted.name.is_empty() => wanted.name = arg.to_string(),
                _ => match arg.trim_start_matches('@').parse() {
                    Ok(ip) => wanted.server = Some(ip),
                    Err(_) => wanted.bad_server = Some(arg.to_string()),
                },
            }
        }
        wanted
    }

    /// The name server to ask: the one named, else the first configured.
    fn server(&self, conf: &ResolvConf) -> IpAddr {
        let local = IpAddr::from([127, 0, 0, 1]);
        self.server.or(conf.servers.first().copied()).unwrap_or(local)
    }
}

/// The names that BIND's tools try: the search list first for names with fewer dots than `ndots`, then the name as it is; no
/// search list for others.
fn bind_candidates(conf: &ResolvConf, name: &str) -> Vec<smol_str::SmolStr> {
    let dots = name.matches('.').count();
    if name.ends_with('.') || dots >= usize::from(conf.ndots) || conf.search.is_empty() {
        return vec![fqdn(name)];
    }
    let mut names: Vec<_> = conf.search.iter().map(|domain| fqdn(&format!("{name}.{domain}"))).collect();
    names.push(fqdn(name));
    names
}
