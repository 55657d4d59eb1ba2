//! Where a shell stands and what it knows: place, variables, folder.

use crate::api::object::ObjectKey;
use crate::runtime::image::{self, Toolbox};
use crate::trace::Client;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// A machine that a shell runs on.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// The learner's own computer.
    Computer,
    /// A node, over ssh.
    Node { name: SmolStr },
    /// A container.
    Container { pod: ObjectKey, container: SmolStr, image: SmolStr, hostname: SmolStr },
}

impl Place {
    /// Who sends requests from here.
    pub fn client(&self) -> Client {
        match self {
            Place::Computer => Client::Learner,
            Place::Node { name } => Client::Node { name: name.clone() },
            Place::Container { pod, container, .. } => {
                Client::Pod { namespace: pod.namespace.clone(), name: pod.name.clone(), container: container.clone() }
            }
        }
    }

    pub fn hostname(&self) -> &str {
        match self {
            Place::Computer => "computer",
            Place::Node { name } => name,
            Place::Container { hostname, .. } => hostname,
        }
    }

    pub fn user(&self) -> &'static str {
        if *self == Place::Computer { "learner" } else { "root" }
    }

    pub fn home(&self) -> &'static str {
        match self {
            Place::Computer => "/home/learner",
            Place::Node { .. } => "/root",
            Place::Container { .. } => "/",
        }
    }

    /// Whether its programs are BusyBox's, whose words differ.
    pub fn is_busybox(&self) -> bool {
        match self {
            Place::Container { image: name, .. } => image::find(name).is_some_and(|i| i.toolbox == Toolbox::BusyBox),
            _ => false,
        }
    }
}

/// What a shell knows. Cloned for a subshell.
#[derive(Clone, Debug)]
pub struct Env {
    pub place: Place,
    /// All variables; exported ones go to programs. Sorted.
    pub variables: BTreeMap<String, (String, bool)>,
    pub folder: String,
    /// `$?`.
    pub status: i32,
    /// `$1` and so on.
    pub arguments: Vec<String>,
}

impl Env {
    pub fn new(place: Place) -> Env {
        let home = place.home().to_string();
        let mut env = Env { variables: BTreeMap::new(), folder: home.clone(), status: 0, arguments: Vec::new(), place };
        if !matches!(env.place, Place::Container { .. }) {
            env.export("HOME", &home);
            env.export("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
            env.export("USER", env.place.user());
            env.export("SHELL", "/bin/bash");
        }
        env
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|(value, _)| value.as_str())
    }

    pub fn set(&mut self, name: &str, value: &str) {
        let exported = self.variables.get(name).is_some_and(|(_, e)| *e);
        self.variables.insert(name.to_string(), (value.to_string(), exported));
    }

    pub fn export(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_string(), (value.to_string(), true));
    }

    /// What programs see, sorted.
    pub fn exported(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter(|(_, (_, e))| *e).map(|(k, (v, _))| (k.as_str(), v.as_str()))
    }

    /// A path made absolute and tidy.
    pub fn absolute(&self, path: &str) -> String {
        let path = match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", self.place.home()),
            _ => path.to_string(),
        };
        let joined = if path.starts_with('/') { path } else { format!("{}/{path}", self.folder) };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                other => parts.push(other),
            }
        }
        format!("/{}", parts.join("/"))
    }
}
