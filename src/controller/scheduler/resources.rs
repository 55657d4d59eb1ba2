//! What a pod asks of a node's resources, and what of it the node lacks.
//!
//! Upstream: `component-helpers/resource` and the plugin `noderesources/fit.go`. Left out: huge pages' page sizes, devices that
//! a resource claim stands for.

use crate::api::object::Object;
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use smol_str::{SmolStr, format_smolstr};

/// Amounts of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// Thousandths of a CPU.
    cpu: i64,
    /// Bytes.
    memory: i64,
    /// Ephemeral storage and what plugins bring (`nvidia.com/gpu`), by name.
    others: Vec<(SmolStr, i64)>,
}

impl Requests {
    /// What a pod asks for: its containers together, or more while its init containers run; what it says for itself as a whole
    /// counts instead.
    pub fn of(pod: &Value) -> Requests {
        let Some(spec) = pod.get("spec") else { return Requests::default() };
        let mut all = Requests::default();
        for container in spec.items("containers") {
            all.add(&Requests::read(container), 1);
        }
        let (mut sidecars, mut most) = (Requests::default(), Requests::default());
        for container in spec.items("initContainers") {
            let own = Requests::read(container);
            if container.text("restartPolicy") == "Always" {
                all.add(&own, 1);
                sidecars.add(&own, 1);
                most.raise(&sidecars);
            } else {
                let mut meanwhile = sidecars.clone();
                meanwhile.add(&own, 1);
                most.raise(&meanwhile);
            }
        }
        all.raise(&most);
        if spec.get("resources").is_some() {
            for (name, amount) in Requests::read(spec).entries() {
                *all.place(&name) = amount;
            }
        }
        if let Some(overhead) = spec.get("overhead") {
            all.add(&Requests::from_map(overhead), 1);
        }
        all
    }

    /// The requests of a container, or of a pod as a whole.
    fn read(value: &Value) -> Requests {
        value.at(&["resources", "requests"]).map(Requests::from_map).unwrap_or_default()
    }

    fn from_map(map: &Value) -> Requests {
        let mut requests = Requests::default();
        for (name, amount) in map.as_map().into_iter().flat_map(|m| m.iter()) {
            *requests.place(name) = amount_of(name, amount);
        }
        requests
    }

    pub fn is_nothing(&self) -> bool {
        self.cpu == 0 && self.memory == 0 && self.others.iter().all(|(_, amount)| *amount == 0)
    }

    /// Adds other amounts, or takes them away (`sign` -1).
    pub fn add(&mut self, other: &Requests, sign: i64) {
        self.cpu += sign * other.cpu;
        self.memory += sign * other.memory;
        for (name, amount) in &other.others {
            *self.place(name) += sign * amount;
        }
    }

    fn raise(&mut self, other: &Requests) {
        for (name, amount) in other.entries() {
            let own = self.place(&name);
            *own = (*own).max(amount);
        }
    }

    fn place(&mut self, name: &str) -> &mut i64 {
        match name {
            "cpu" => &mut self.cpu,
            "memory" => &mut self.memory,
            _ => {
                let at = self.others.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                    self.others.push((name.into(), 0));
                    self.others.len() - 1
                });
                &mut self.others[at].1
            }
        }
    }

    fn get(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.cpu,
            "memory" => self.memory,
            _ => self.others.iter().find(|(known, _)| known == name).map_or(0, |(_, amount)| *amount),
        }
    }

    fn entries(&self) -> impl Iterator<Item = (SmolStr, i64)> {
        let two = [(SmolStr::new_static("cpu"), self.cpu), (SmolStr::new_static("memory"), self.memory)];
        two.into_iter().chain(self.others.clone())
    }

    /// What the node has too little of beside what is `taken` there already, and whether it never had enough.
    pub fn lacking(&self, node: &Object, taken: Option<&Requests>) -> (Vec<SmolStr>, bool) {
        let (mut reasons, mut never) = (Vec::new(), false);
        let Some(allocatable) = node.value.at(&["status", "allocatable"]) else { return (reasons, never) };
        for (name, wanted) in self.entries().filter(|(_, wanted)| *wanted > 0) {
            let has = match allocatable.get(&name) {
                Some(amount) => amount_of(&name, amount),
                // Of a node that says little nothing is known; plugins' resources it would name.
                None if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") => continue,
                None => 0,
            };
            if wanted > has - taken.map_or(0, |t| t.get(&name)) {
                never |= wanted > has;
                reasons.push(format_smolstr!("Insufficient {name}"));
            }
        }
        (reasons, never)
    }
}

fn amount_of(name: &str, amount: &Value) -> i64 {
    let amount = Quantity::from_value(amount);
    if name == "cpu" { amount.millis() } else { amount.units() }
}
