//! A container's file system: what the image and the kubelet put there, and what has been written since.

use super::sandbox::{PodSandbox, RunningContainer};
use super::token;
use super::volumes::{self, Entry, Volume};
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
    pub fn exists(&self, container: &RunningContainer, volumes: &[Volume], path: &str) -> bool {
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        if let Some(mounted) = volumes::entry(&container.mounts, volumes, path) {
            return mounted.is_some();
        }
        match self.written(path) {
            Some(change) => change.is_some(),
            None if container.mounts.iter().any(|mount| mount.is_below(path)) => true,
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
    fn list(&self, path: &str) -> Vec<SmolStr> {
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

/// The text of a file, but for those that the kubelet writes for the pod as a whole.
pub(super) fn own_text(container: &RunningContainer, volumes: &[Volume], path: &str) -> Option<SmolStr> {
    match volumes::entry(&container.mounts, volumes, path) {
        Some(Some(Entry::File { text, .. })) => Some(text),
        Some(_) => None,
        None => match container.files.written(path) {
            Some(change) => change.cloned(),
            None => page(container, path).map(SmolStr::from),
        },
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
        if let Some(mounted) = self.mounted_at(container, path) {
            return match mounted? {
                Entry::File { text, .. } => Some(text),
                Entry::Folder { .. } => None,
            };
        }
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

    /// What a volume has at a path of a container: `None`: no volume is mounted there; `Some(None)`: nothing.
    pub fn mounted_at(&self, container: &RunningContainer, path: &str) -> Option<Option<Entry>> {
        volumes::entry(&container.mounts, &self.volumes, path).or_else(|| {
            let (mounts, volumes) = token::mounted(self, container, path)?;
            volumes::entry(&mounts, &volumes, path)
        })
    }

    /// The names in a directory of a container, sorted; `None` when it is none.
    pub fn list_folder(&self, container: &RunningContainer, path: &str) -> Option<Vec<SmolStr>> {
        match self.mounted_at(container, path) {
            Some(None | Some(Entry::File { .. })) => return None,
            Some(Some(Entry::Folder { .. })) | None => {}
        }
        let (inside, mut names) = volumes::names(&container.mounts, &self.volumes, path);
        let of_token =
            token::mounted(self, container, path).map(|(mounts, volumes)| volumes::names(&mounts, &volumes, path));
        let (of_token, beside) = of_token.unwrap_or_default();
        names.extend(beside);
        match inside.or(of_token) {
            Some(inside) => names.extend(inside),
            None => {
                names.extend(container.files.list(path));
                if names.is_empty() && !container.files.exists(container, &self.volumes, path) {
                    return None;
                }
            }
        }
        names.arrange();
        names.dedup();
        Some(names)
    }

    /// A process in a container writes a file, or takes it away (`None`). The error is the system's words; the good answer
    /// says whether other containers may see it, too.
    pub fn write_file(&mut self, container: &str, path: &str, text: Option<&str>) -> Result<bool, &'static str> {
        let PodSandbox { init_containers, containers, volumes, .. } = self;
        let found = match container {
            "" => containers.first_mut(),
            name => init_containers.iter_mut().chain(containers).find(|c| c.name == name),
        };
        found.map_or(Ok(false), |container| container.write_file(volumes.make_mut(), path, text))
    }
}

impl RunningContainer {
    /// [`PodSandbox::write_file`] for who has the container and the pod's volumes.
    pub fn write_file(&mut self, volumes: &mut [Volume], path: &str, text: Option<&str>) -> Result<bool, &'static str> {
        if let Some(written) = volumes::write(&self.mounts, volumes, path, text) {
            return written.map(|()| true);
        }
        let fixed = self.spec.get("securityContext").is_some_and(|s| s.flag("readOnlyRootFilesystem"));
        if fixed && !path.starts_with("/dev/") {
            return Err(volumes::READ_ONLY);
        }
        match text {
            Some(text) => self.files.write(path, text),
            None => self.files.remove(path),
        }
        Ok(false)
    }
}
