//! What nginx makes of a configuration that a volume brings: the ports of its servers, and what they answer from files or with
//! `return`.
//!
//! Upstream: nginx's `ngx_http_core_module` and `ngx_http_rewrite_module`, as far as a server of pages needs them. What passes
//! requests on (`proxy_pass` and its kin) is not simulated: such a place answers with the server's own pages.

use super::files::own_text;
use super::image::{self, App, ListenPort, Wire};
use super::sandbox::RunningContainer;
use super::volumes::{self, Volume};
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};

/// The folder whose files the image's own configuration includes.
pub const FOLDER: &str = "/etc/nginx/conf.d";
pub const MAIN: &str = "/etc/nginx/nginx.conf";

/// Files in which variables are replaced before nginx reads them.
const TEMPLATES: &str = "/etc/nginx/templates";

/// The configuration that nginx in a container starts with: `None`: the image's own; `Some(Err)`: one with which it does not
/// start.
pub fn of_container(container: &RunningContainer, volumes: &[Volume]) -> Option<Result<Site, SmolStr>> {
    let name = image::base_name(&container.image);
    let is_nginx = matches!(name, "nginx" | "nginxinc/nginx-unprivileged");
    if !is_nginx || container.mounts.is_empty() || !container.files.exists(container, volumes, "/etc/nginx") {
        return None;
    }
    // What others may write there is not known for sure.
    let written = |path: &str| volumes::is_filled(&container.mounts, volumes, path) == Some(false);
    if [MAIN, FOLDER, TEMPLATES].into_iter().any(written) {
        return None;
    }
    let listed = |folder: &str, end: &str| -> Vec<(SmolStr, SmolStr)> {
        let (inside, beside) = volumes::names(&container.mounts, volumes, folder);
        let names = inside.unwrap_or_default().into_iter().chain(beside);
        let read = |name: SmolStr| {
            let text = own_text(container, volumes, &format!("{folder}/{name}"))?;
            Some((name.strip_suffix(end)?.into(), text))
        };
        names.filter_map(read).collect()
    };
    let mut files = listed(FOLDER, ".conf");
    for (name, text) in listed(TEMPLATES, ".conf.template") {
        files.retain(|(other, _)| *other != name);
        files.push((name, replaced(container, &text)));
    }
    let whole = volumes::names(&container.mounts, volumes, FOLDER).0.is_some();
    if !whole && files.iter().all(|(name, _)| name != "default") {
        let port = if name == "nginx" { 80 } else { 8080 };
        let own = format_smolstr!(
            "server {{ listen {port}; location / {{ root /usr/share/nginx/html; index index.html index.htm; }} }}"
        );
        files.push(("default".into(), own));
    }
    files.arrange();
    let main = own_text(container, volumes, MAIN);
    Some(Site::read(main.as_deref(), &files))
}

/// `${NAME}` and `$NAME` of variables that the container has; nginx's own variables stay.
fn replaced(container: &RunningContainer, text: &str) -> SmolStr {
    let mut out = text.to_string();
    for (name, value) in container.env.own.iter().chain(container.env.services.iter()) {
        out = out.replace(&format!("${{{name}}}"), value);
    }
    out.into()
}

/// The servers of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    servers: Vec<Server>,
}

#[derive(Clone, Debug, PartialEq)]
struct Server {
    listen: Vec<ListenPort>,
    /// Ports for which it answers whoever asks for a name that no server has.
    default_on: Vec<u16>,
    names: Vec<SmolStr>,
    own: Place,
    locations: Vec<(Pattern, Place)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Pattern {
    Exact(SmolStr),
    Prefix(SmolStr),
}

/// What is said of a server or of a place in it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Place {
    root: Option<SmolStr>,
    alias: Option<SmolStr>,
    index: Vec<SmolStr>,
    try_files: Vec<SmolStr>,
    /// A status, and a text or an address.
    answer: Option<(u16, SmolStr)>,
    default_type: Option<SmolStr>,
    headers: Vec<(SmolStr, SmolStr)>,
}

/// How nginx answers a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// With this status and text.
    Text { status: u16, text: SmolStr, type_: SmolStr, location: Option<SmolStr> },
    /// With a file, of these the first that is there, or with a status.
    Files { paths: Vec<SmolStr>, otherwise: u16 },
}

/// A directive: its words, and what stands in its braces.
#[derive(Debug, PartialEq)]
struct Directive {
    words: Vec<String>,
    block: Option<Vec<Directive>>,
}

impl Site {
    /// Reads configuration files. `main`: the text of `nginx.conf`, if it is not the image's; `included`: those of the folder.
    /// The error is nginx's word for what keeps it from starting.
    pub fn read(main: Option<&str>, included: &[(SmolStr, SmolStr)]) -> Result<Site, SmolStr> {
        let mut servers = Vec::new();
        let mut takes_folder = true;
        if let Some(text) = main {
            takes_folder = false;
            let all = directives(MAIN, text)?;
            for directive in all.iter().filter(|d| d.words[0] == "http").flat_map(|d| d.block.iter().flatten()) {
                match directive.words[0].as_str() {
                    "server" => servers.extend(Server::read(directive)),
                    "include" => takes_folder |= directive.words.get(1).is_some_and(|w| w.starts_with(FOLDER)),
                    _ => {}
                }
            }
        }
        for (name, text) in included.iter().filter(|_| takes_folder) {
            let file = format!("{FOLDER}/{name}.conf");
            servers.extend(directives(&file, text)?.iter().filter(|d| d.words[0] == "server").filter_map(Server::read));
        }
        Ok(Site { servers })
    }

    /// The ports that it listens on.
    pub fn ports(&self) -> Vec<ListenPort> {
        let mut ports: Vec<ListenPort> = Vec::new();
        for listen in self.servers.iter().flat_map(|s| &s.listen) {
            if ports.iter().all(|p| p.port != listen.port) {
                ports.push(*listen);
            }
        }
        ports
    }

    /// Answers a request for a path (without its query) of a host at a port.
    pub fn answer(&self, port: u16, host: &str, path: &str) -> Option<(Verdict, &[(SmolStr, SmolStr)])> {
        let host = host.rsplit_once(':').filter(|(h, _)| !h.ends_with(':')).map_or(host, |(h, _)| h);
        let of_port: Vec<&Server> = self.servers.iter().filter(|s| s.listen.iter().any(|l| l.port == port)).collect();
        let server = of_port
            .iter()
            .find(|s| s.names.iter().any(|n| n == host || n.strip_prefix("*.").is_some_and(|n| host.ends_with(n))))
            .or_else(|| of_port.iter().find(|s| s.default_on.contains(&port)))
            .or(of_port.first())?;
        let fits = |(pattern, _): &&(Pattern, Place)| match pattern {
            Pattern::Exact(exact) => exact == path,
            Pattern::Prefix(prefix) => path.starts_with(prefix.as_str()),
        };
        let weight = |(pattern, _): &&(Pattern, Place)| match pattern {
            Pattern::Exact(_) => usize::MAX,
            Pattern::Prefix(prefix) => prefix.len(),
        };
        let found = server.locations.iter().filter(fits).max_by_key(weight);
        let place = found.map_or(&server.own, |(_, place)| place);
        let headers = if place.headers.is_empty() { &server.own.headers } else { &place.headers };
        if let Some((status, text)) = server.own.answer.as_ref().or(place.answer.as_ref()) {
            let text = text.replace("$uri", path).replace("$request_uri", path).replace("$host", host);
            let type_ = place.default_type.as_ref().or(server.own.default_type.as_ref());
            let moves = (300..400).contains(status) && !text.is_empty();
            let verdict = Verdict::Text {
                status: *status,
                text: if moves { SmolStr::default() } else { text.as_str().into() },
                type_: type_.cloned().unwrap_or_else(|| "application/octet-stream".into()),
                location: moves.then(|| text.into()),
            };
            return Some((verdict, headers));
        }
        let root = place.root.as_ref().or(server.own.root.as_ref()).map_or("/etc/nginx/html", SmolStr::as_str);
        let index = if place.index.is_empty() { &server.own.index } else { &place.index };
        let file = |path: &str| match (&place.alias, found.map(|(pattern, _)| pattern)) {
            (Some(alias), Some(Pattern::Prefix(prefix) | Pattern::Exact(prefix))) => {
                format_smolstr!("{alias}{}", path.strip_prefix(prefix.as_str()).unwrap_or(""))
            }
            _ => format_smolstr!("{}{path}", root.trim_end_matches('/')),
        };
        let with_index = |path: &str| -> Vec<SmolStr> {
            if !path.ends_with('/') {
                return vec![file(path)];
            }
            let names: &[SmolStr] = if index.is_empty() { &[SmolStr::new_static("index.html")] } else { index };
            names.iter().map(|name| format_smolstr!("{}{name}", file(path))).collect()
        };
        let tries = if place.try_files.is_empty() { &server.own.try_files } else { &place.try_files };
        if tries.is_empty() {
            return Some((Verdict::Files { paths: with_index(path), otherwise: 404 }, headers));
        }
        let code = tries.last().and_then(|last| last.strip_prefix('=')?.parse().ok());
        let paths = tries.iter().filter(|t| !t.starts_with('=')).flat_map(|t| with_index(&t.replace("$uri", path)));
        Some((Verdict::Files { paths: paths.collect(), otherwise: code.unwrap_or(404) }, headers))
    }
}

impl Server {
    fn read(directive: &Directive) -> Option<Server> {
        let block = directive.block.as_ref()?;
        let mut server = Server {
            listen: Vec::new(),
            default_on: Vec::new(),
            names: Vec::new(),
            own: Place::read(block),
            locations: Vec::new(),
        };
        for directive in block {
            let words = &directive.words[1..];
            match (directive.words[0].as_str(), words) {
                ("listen", [address, options @ ..]) => {
                    let port = address.rsplit(':').next().unwrap_or(address);
                    let port = match port.parse() {
                        Ok(port) => port,
                        Err(_) if address.starts_with("unix:") => continue,
                        Err(_) => 80,
                    };
                    let wire = if options.iter().any(|o| o == "ssl") { Wire::Https } else { Wire::Http };
                    server.listen.push(ListenPort { port, wire, app: App::Page });
                    if options.iter().any(|o| o == "default_server" || o == "default") {
                        server.default_on.push(port);
                    }
                }
                ("server_name", names) => server.names.extend(names.iter().map(SmolStr::from)),
                ("location", words) => {
                    let pattern = match words {
                        [sign, path] if sign == "=" => Pattern::Exact(path.into()),
                        [sign, path] if sign == "^~" => Pattern::Prefix(path.into()),
                        [path] => Pattern::Prefix(path.into()),
                        // Regular expressions are not followed.
                        _ => continue,
                    };
                    server.locations.push((pattern, Place::read(directive.block.as_deref().unwrap_or(&[]))));
                }
                _ => {}
            }
        }
        if server.listen.is_empty() {
            server.listen.push(ListenPort { port: 80, wire: Wire::Http, app: App::Page });
        }
        Some(server)
    }
}

impl Place {
    fn read(block: &[Directive]) -> Place {
        let mut place = Place::default();
        for directive in block {
            let words: Vec<SmolStr> = directive.words[1..].iter().map(SmolStr::from).collect();
            match (directive.words[0].as_str(), &words[..]) {
                ("root", [root]) => place.root = Some(root.clone()),
                ("alias", [alias]) => place.alias = Some(alias.clone()),
                ("index", names) => place.index = names.to_vec(),
                ("try_files", files) => place.try_files = files.to_vec(),
                ("default_type", [type_]) => place.default_type = Some(type_.clone()),
                ("add_header", [name, value, ..]) => place.headers.push((name.clone(), value.clone())),
                ("return", [status, rest @ ..]) => {
                    let text = rest.first().cloned().unwrap_or_default();
                    place.answer = match status.parse() {
                        Ok(status) => Some((status, text)),
                        // An address alone moves for the time being.
                        Err(_) => Some((302, status.clone())),
                    };
                }
                _ => {}
            }
        }
        place
    }
}

/// Reads a configuration's directives; the error is nginx's, with its place in the file.
fn directives(file: &str, text: &str) -> Result<Vec<Directive>, SmolStr> {
    let mut stack: Vec<(Vec<String>, Vec<Directive>)> = vec![(Vec::new(), Vec::new())];
    let mut words: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    let mut line = 1;
    let wrong = |what: &str, line: usize| Err(format_smolstr!("{what} in {file}:{line}"));
    const OPEN_WORD: &str = "unexpected end of file, expecting \";\" or \"}\"";
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            c if c.is_whitespace() => {}
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            ';' | '{' if words.is_empty() => return wrong(&format!("unexpected \"{c}\""), line),
            ';' => {
                let words = std::mem::take(&mut words);
                let Some((_, block)) = stack.last_mut() else { break };
                block.push(Directive { words, block: None });
            }
            '{' => stack.push((std::mem::take(&mut words), Vec::new())),
            '}' => {
                let closed = stack.pop().filter(|_| words.is_empty());
                let (Some((opened, block)), Some((_, outer))) = (closed, stack.last_mut()) else {
                    return wrong("unexpected \"}\"", line);
                };
                outer.push(Directive { words: opened, block: Some(block) });
            }
            quote @ ('"' | '\'') => {
                let mut word = String::new();
                loop {
                    let next = chars.next();
                    line += usize::from(next == Some('\n'));
                    match next {
                        None => return wrong(OPEN_WORD, line),
                        Some(c) if c == quote => break,
                        Some('\\') => match chars.next() {
                            Some('n') => word.push('\n'),
                            Some('t') => word.push('\t'),
                            Some(c) => word.push(c),
                            None => return wrong(OPEN_WORD, line),
                        },
                        Some(c) => word.push(c),
                    }
                }
                words.push(word);
            }
            c => {
                let mut word = String::from(c);
                while let Some(c) = chars.peek().copied() {
                    // A variable may stand in braces of its own.
                    let in_braces =
                        word.ends_with('$') && c == '{' || word.rfind("${").is_some_and(|at| !word[at..].contains('}'));
                    if !in_braces && (c.is_whitespace() || matches!(c, ';' | '{' | '}')) {
                        break;
                    }
                    word.push(c);
                    chars.next();
                }
                words.push(word);
            }
        }
    }
    if !words.is_empty() {
        return wrong(OPEN_WORD, line);
    }
    match stack.pop() {
        Some((_, all)) if stack.is_empty() => Ok(all),
        _ => wrong("unexpected end of file, expecting \"}\"", line),
    }
}

/// The type of a file by its name, as the image's `mime.types` has it.
pub fn type_of(path: &str) -> &'static str {
    match path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, end)| end) {
        "html" | "htm" | "shtml" => "text/html",
        "css" => "text/css",
        "xml" => "text/xml",
        "txt" => "text/plain",
        "js" => "application/javascript",
        "json" => "application/json",
        "svg" | "svgz" => "image/svg+xml",
        "png" => "image/png",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Site {
        Site::read(None, &[("default".into(), text.into())]).expect(text)
    }

    #[test]
    fn servers_listen_and_answer_as_their_configuration_says() {
        let conf = "server {\n  listen 8080 default_server; # here\n  listen [::]:8080;\n  server_name a.example;\n  root /data;\n  location = /healthz { default_type text/plain; return 200 \"fine\\n\"; }\n  location /old/ { return 301 /new; }\n  location / { try_files $uri $uri/ /index.html; }\n}\nserver { listen 9090; location / { return 503; } }\n";
        let site = site(conf);
        assert_eq!(site.ports().iter().map(|p| p.port).collect::<Vec<_>>(), [8080, 9090]);
        let answer = |port, path| site.answer(port, "a.example:8080", path).map(|(verdict, _)| verdict);
        let text = |status, text: &str, type_: &str, location: Option<&str>| {
            Some(Verdict::Text {
                status,
                text: text.into(),
                type_: type_.into(),
                location: location.map(SmolStr::from),
            })
        };
        assert_eq!(answer(8080, "/healthz"), text(200, "fine\n", "text/plain", None));
        assert_eq!(answer(8080, "/old/x"), text(301, "", "application/octet-stream", Some("/new")));
        assert_eq!(answer(9090, "/"), text(503, "", "application/octet-stream", None));
        let paths = ["/data/a", "/data/a/index.html", "/data/index.html"].map(SmolStr::from).to_vec();
        assert_eq!(answer(8080, "/a"), Some(Verdict::Files { paths, otherwise: 404 }));
        assert_eq!(answer(7, "/"), None);
    }

    #[test]
    fn what_is_open_at_the_end_keeps_nginx_from_starting() {
        let read = |text: &str| Site::read(None, &[("a".into(), text.into())]);
        let place = "in /etc/nginx/conf.d/a.conf";
        for (text, error, line) in [
            ("server {\n listen 80;\n", "unexpected end of file, expecting \"}\"", 3),
            ("server {\n listen 80", "unexpected end of file, expecting \";\" or \"}\"", 2),
            ("server { listen 80 }", "unexpected \"}\"", 1),
            ("server { } }", "unexpected \"}\"", 1),
            ("server { ; }", "unexpected \";\"", 1),
        ] {
            assert_eq!(read(text), Err(format_smolstr!("{error} {place}:{line}")), "{text}");
        }
        assert!(read("# nothing\n").is_ok_and(|site| site.ports().is_empty()));
        let main = "http { include /etc/nginx/conf.d/*.conf; server { listen 81; } }";
        let both = Site::read(Some(main), &[("a".into(), "server { listen 82; }".into())]).expect(main);
        assert_eq!(both.ports().iter().map(|p| p.port).collect::<Vec<_>>(), [81, 82]);
    }
}
