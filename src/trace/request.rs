//! What is asked, and by whom.

use crate::api::view::Protocol;
use smol_str::{SmolStr, format_smolstr};
use std::fmt;
use std::net::IpAddr;

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// A container of a pod (`container` empty: the first).
    Pod { namespace: SmolStr, name: SmolStr, container: SmolStr },
    /// A process on a node, in the host's network.
    Node { name: SmolStr },
    /// The learner's own computer, outside the cluster, with its `/etc/hosts`.
    Learner,
    /// Somebody on the internet.
    Outside { ip: IpAddr },
}

impl fmt::Display for Client {
    /// `pod/client`, `pod/client (shop)`, `node/node-1`, `computer`, `outside/198.51.100.7`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Client::Pod { namespace, name, .. } if namespace == "default" => write!(f, "pod/{name}"),
            Client::Pod { namespace, name, .. } => write!(f, "pod/{name} ({namespace})"),
            Client::Node { name } => write!(f, "node/{name}"),
            Client::Learner => f.write_str("computer"),
            Client::Outside { ip } => write!(f, "outside/{ip}"),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    #[default]
    Http,
    Https,
    /// gRPC over plain HTTP/2.
    Grpc,
    /// A bare TCP connection (`nc`, `telnet`).
    Tcp,
    /// One UDP datagram and its answer.
    Udp,
    /// ICMP echo.
    Ping,
}

impl Scheme {
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Grpc => "grpc",
            Scheme::Tcp => "tcp",
            Scheme::Udp => "udp",
            Scheme::Ping => "ping",
        }
    }

    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Https => 443,
            Scheme::Ping => 0,
            _ => 80,
        }
    }

    pub fn protocol(self) -> Protocol {
        if self == Scheme::Udp { Protocol::Udp } else { Protocol::Tcp }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Url {
    pub scheme: Scheme,
    /// A name or an address, without brackets.
    pub host: SmolStr,
    pub port: u16,
    /// Begins with `/`; with the query.
    pub path: SmolStr,
}

impl Url {
    /// Reads `kimho`, `kimho:406`, `http://kimho/a?b`, `[::1]:80`. `None`: not a URL that a request can be sent to.
    pub fn parse(text: &str) -> Option<Url> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (
                match scheme.to_ascii_lowercase().as_str() {
                    "http" => Scheme::Http,
                    "https" => Scheme::Https,
                    "grpc" => Scheme::Grpc,
                    "tcp" => Scheme::Tcp,
                    "udp" => Scheme::Udp,
                    "ping" | "icmp" => Scheme::Ping,
                    _ => return None,
                },
                rest,
            ),
            None => (Scheme::Http, text),
        };
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(at);
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, after) = inner.split_once(']')?;
                (host, after.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return None;
        }
        let port = match port {
            None | Some("") => scheme.default_port(),
            Some(digits) => digits.parse().ok()?,
        };
        let tail = tail.split('#').next().unwrap_or("");
        let path = if tail.starts_with('/') { tail.into() } else { format_smolstr!("/{tail}") };
        Some(Url { scheme, host: host.into(), port, path })
    }
}

impl fmt::Display for Url {
    /// The port stands only where it is not the scheme's own; a bare `/` is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        if self.path != "/" { f.write_str(&self.path) } else { Ok(()) }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub from: Client,
    pub to: Url,
    /// `GET` unless said otherwise.
    pub method: SmolStr,
    /// Extra headers, as given. `Host` replaces the URL's.
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// Give up on connecting after this many seconds (`curl --connect-timeout`; without it the kernel's patience: about
    /// 130 seconds of SYN retries).
    pub connect_timeout_secs: Option<u32>,
    /// Give up on the whole request after this many seconds (`curl --max-time`).
    pub max_time_secs: Option<u32>,
    /// Keep the connection open afterwards, and use one that is still open (a browser, a client library). gRPC always does.
    pub keep_alive: bool,
    /// Do not check the server's certificate (`curl -k`).
    pub insecure: bool,
    /// Use this address instead of asking for one (`curl --resolve`).
    pub resolve: Option<IpAddr>,
}

impl Request {
    pub fn get(from: Client, to: Url) -> Request {
        Request {
            from,
            to,
            method: "GET".into(),
            headers: Vec::new(),
            connect_timeout_secs: None,
            max_time_secs: None,
            keep_alive: false,
            insecure: false,
            resolve: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_people_type_them() {
        for (typed, printed) in [
            ("kimho", "http://kimho"),
            ("kimho:406", "http://kimho:406"),
            ("http://kimho:80/", "http://kimho"),
            ("https://kubia.example.com/ho?x=1", "https://kubia.example.com/ho?x=1"),
            ("[fd00::1]:8080/a", "http://[fd00::1]:8080/a"),
        ] {
            assert_eq!(Url::parse(typed).map(|u| u.to_string()).as_deref(), Some(printed));
        }
        for bad in ["", "http://", "kimho:port", "kimho:99999", "ftp://x", "a b"] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }
}
