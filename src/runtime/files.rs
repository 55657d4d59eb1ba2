//! A container's file system: what the image and the kubelet put there, and what has been written since.

use super::sandbox::{PodSandbox, RunningContainer};
use crate::arrange::Arrange;
use imbl::OrdMap;
use smol_str::SmolStr;

/// What has changed since the container started: content, or `None` for a removed file.
#[derive(Clone, Debug, Default)]
pub struct Files {
    changes: OrdMap<SmolStr, Option<SmolStr>>,
}

/// Directories that every image has.
const DIRECTORIES: &[&str] =
    &["/", "/bin", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var"];

impl Files {
    /// What was written to `path` since the start; `Some(None)`: it was removed.
    pub fn written(&self, path: &str) -> Option<Option<&SmolStr>> {
        self.changes.get(path).map(Option::as_ref)
    }

    pub fn write(&mut self, path: &str, content: impl Into<SmolStr>) {
        self.changes.insert(path.into(), Some(content.into()));
    }

    /// Makes the file if it is missing.
    pub fn touch(&mut self, path: &str) {
        if !matches!(self.changes.get(path), Some(Some(_))) {
            self.write(path, "");
        }
    }

    pub fn remove(&mut self, path: &str) {
        self.changes.insert(path.into(), None);
    }

    /// Whether `path` is a file or a directory that holds something.
    pub fn exists(&self, container: &RunningContainer, path: &str) -> bool {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        match self.written(path) {
            Some(change) => change.is_some(),
            None => {
                DIRECTORIES.contains(&path)
                    || page(container, path).is_some()
                    || matches!(path, "/etc/hosts" | "/etc/resolv.conf" | "/etc/hostname" | "/dev/null")
                    || self
                        .changes
                        .iter()
                        .any(|(p, c)| c.is_some() && p.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
            }
        }
    }

    /// The names in a directory, sorted.
    pub fn list(&self, path: &str) -> Vec<SmolStr> {
        let prefix = if path.ends_with('/') { path.to_string() } else { format!("{path}/") };
        let under = |p: &str| p.strip_prefix(&prefix).and_then(|rest| rest.split('/').next()).map(SmolStr::from);
        let known = DIRECTORIES.iter().copied().chain(["/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/dev/null"]);
        let mut names: Vec<SmolStr> = known
            .filter(|p| !matches!(self.written(p), Some(None)))
            .filter_map(&under)
            .chain(self.changes.iter().filter(|(_, c)| c.is_some()).filter_map(|(p, _)| under(p)))
            .filter(|n| !n.is_empty())
            .collect();
        names.arrange();
        names.dedup();
        names
    }
}

/// A file of the image.
fn page(container: &RunningContainer, path: &str) -> Option<&'static str> {
    match (super::image::base_name(&container.image), path) {
        ("nginx" | "nginxinc/nginx-unprivileged", "/usr/share/nginx/html/index.html") => Some(NGINX_PAGE),
        ("httpd", "/usr/local/apache2/htdocs/index.html") => Some("<html><body><h1>It works!</h1></body></html>\n"),
        ("caddy", "/usr/share/caddy/index.html") => Some("<html><body>Caddy works!</body></html>\n"),
        ("kiamol/ch02-hello-kiamol", "/usr/share/nginx/html/index.html") => {
            Some("<html><body><h1>Hello from Chapter 2!</h1></body></html>\n")
        }
        _ => None,
    }
}

const NGINX_PAGE: &str = "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n<style>\nhtml { color-scheme: light dark; }\nbody { width: 35em; margin: 0 auto;\nfont-family: Tahoma, Verdana, Arial, sans-serif; }\n</style>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n<p>If you see this page, the nginx web server is successfully installed and\nworking. Further configuration is required.</p>\n\n<p>For online documentation and support please refer to\n<a href=\"http://nginx.org/\">nginx.org</a>.<br/>\nCommercial support is available at\n<a href=\"http://nginx.com/\">nginx.com</a>.</p>\n\n<p><em>Thank you for using nginx.</em></p>\n</body>\n</html>\n";

/// Where a web server's pages lie.
pub(super) fn web_root(image: &str) -> &'static str {
    match super::image::base_name(image) {
        "httpd" => "/usr/local/apache2/htdocs",
        "caddy" => "/usr/share/caddy",
        _ => "/usr/share/nginx/html",
    }
}

impl PodSandbox {
    /// The content of a file as a process in the container reads it; `None` when there is none. The kubelet's own files
    /// (`/etc/hosts`, `/etc/resolv.conf`, `/etc/hostname`) need what the kubelet knows: see [`super::env::resolv_conf`].
    pub fn read_file(&self, container: &RunningContainer, path: &str, resolv_conf: &str) -> Option<SmolStr> {
        match container.files.written(path) {
            Some(change) => change.cloned(),
            None => match path {
                "/etc/hosts" => Some(super::env::hosts_file(self)),
                "/etc/resolv.conf" => Some(resolv_conf.into()),
                "/etc/hostname" => Some(format!("{}\n", self.hostname).into()),
                "/dev/null" => Some(SmolStr::default()),
                _ => page(container, path).map(SmolStr::from),
            },
        }
    }
}
