//! Where a shell stands and what it knows: place, variables, folder.

use super::parse::Command;
use crate::api::object::ObjectKey;
use crate::runtime::image::{self, Toolbox};
use crate::trace::Client;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::rc::Rc;

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

/// What `set -e` and its kin turn on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `-e`: the first command that fails ends the shell.
    pub errexit: bool,
    /// `-x`: commands are shown before they run.
    pub xtrace: bool,
    /// `-u`: a variable that is not set is an error.
    pub nounset: bool,
    /// A pipeline fails when any of its commands does.
    pub pipefail: bool,
}

/// What a name stood for before a function made it its own.
#[derive(Clone, Debug)]
pub struct Shadowed {
    name: String,
    variable: Option<(String, bool)>,
    array: Option<BTreeMap<i64, String>>,
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
    pub arrays: BTreeMap<String, BTreeMap<i64, String>>,
    pub functions: BTreeMap<String, Rc<Command>>,
    pub aliases: BTreeMap<String, String>,
    pub options: Options,
    /// What the function that runs has declared `local`.
    pub shadowed: Vec<Shadowed>,
    /// What `<(…)` gave, by the file that stands for it.
    pub pipes: Vec<(String, String)>,
    /// How many functions and sourced files it is in.
    pub function_depth: usize,
    /// What runs when the shell ends.
    pub at_exit: Option<String>,
    /// `$!`.
    pub last_background: Option<u32>,
}

impl Env {
    pub fn new(place: Place) -> Env {
        let home = place.home().to_string();
        let mut env = Env {
            place,
            variables: BTreeMap::new(),
            folder: home.clone(),
            status: 0,
            arguments: Vec::new(),
            arrays: BTreeMap::new(),
            functions: BTreeMap::new(),
            aliases: BTreeMap::new(),
            options: Options::default(),
            shadowed: Vec::new(),
            pipes: Vec::new(),
            function_depth: 0,
            at_exit: None,
            last_background: None,
        };
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

    /// `${NAME[index]}`; without an index the variable, or an array's first element.
    pub fn element(&self, name: &str, index: Option<i64>) -> Option<String> {
        match (self.arrays.get(name), index) {
            (Some(array), index) => {
                let index = index.unwrap_or(0);
                let last = array.keys().next_back().copied().unwrap_or(-1);
                array.get(&if index < 0 { last + 1 + index } else { index }).cloned()
            }
            (None, None | Some(0 | -1)) => self.get(name).map(str::to_string),
            (None, Some(_)) => None,
        }
    }

    pub fn set_element(&mut self, name: &str, index: Option<i64>, value: &str) {
        match index {
            None if !self.arrays.contains_key(name) => self.set(name, value),
            _ => {
                let array = self.arrays.entry(name.to_string()).or_default();
                array.insert(index.unwrap_or(0), value.to_string());
            }
        }
    }

    /// All elements of an array; a variable is one.
    pub fn elements(&self, name: &str) -> Vec<String> {
        match self.arrays.get(name) {
            Some(array) => array.values().cloned().collect(),
            None => self.get(name).map(str::to_string).into_iter().collect(),
        }
    }

    pub fn unset(&mut self, name: &str) {
        self.variables.remove(name);
        self.arrays.remove(name);
    }

    /// Makes a name the own one of the function that runs.
    pub fn shadow(&mut self, name: &str) {
        let (variable, array) = (self.variables.remove(name), self.arrays.remove(name));
        self.shadowed.push(Shadowed { name: name.to_string(), variable, array });
    }

    /// The function is left: what it had of its own goes.
    pub fn unshadow(&mut self) {
        while let Some(Shadowed { name, variable, array }) = self.shadowed.pop() {
            self.unset(&name);
            self.variables.extend(variable.map(|v| (name.clone(), v)));
            self.arrays.extend(array.map(|a| (name, a)));
        }
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
