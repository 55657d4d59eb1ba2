//! The event queue: what is due when. Deterministic: equal moments go in the order in which they were asked for.

use crate::api::object::ObjectKey;
use crate::api::time::Time;
use imbl::OrdMap;

/// A controller's place in the registry.
pub type ControllerId = u8;

/// A look that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    pub at: Time,
    pub controller: ControllerId,
    pub key: ObjectKey,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    at: Time,
    order: u64,
    standing: bool,
}

/// The queue. A key stands in it at most once a controller, at its earliest moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    due: OrdMap<(Time, u64), (ControllerId, ObjectKey)>,
    /// By controller: most of them have few keys, and are told of them again and again.
    slots: OrdMap<ControllerId, OrdMap<ObjectKey, Slot>>,
    order: u64,
    /// Entries that somebody waits for.
    waiting: usize,
}

impl Queue {
    /// Asks for a look at `key`. An earlier wish stays; a later one moves forward.
    pub fn add(&mut self, controller: ControllerId, key: ObjectKey, at: Time, standing: bool) {
        let mut standing = standing;
        if let Some(slot) = self.slot(controller, &key) {
            standing &= slot.standing;
            if slot.at <= at {
                if standing != slot.standing {
                    self.waiting += 1;
                    self.slots.entry(controller).or_default().insert(key, Slot { standing, ..slot });
                }
                return;
            }
            self.due.remove(&(slot.at, slot.order));
            self.waiting -= usize::from(!slot.standing);
        }
        self.order += 1;
        self.waiting += usize::from(!standing);
        self.due.insert((at, self.order), (controller, key.clone()));
        self.slots.entry(controller).or_default().insert(key, Slot { at, order: self.order, standing });
    }

    fn slot(&self, controller: ControllerId, key: &ObjectKey) -> Option<Slot> {
        self.slots.get(&controller)?.get(key).copied()
    }

    /// When the next look is due.
    pub fn next_at(&self) -> Option<Time> {
        self.due.get_min().map(|((at, _), _)| *at)
    }

    /// Takes the next look out.
    pub fn pop(&mut self) -> Option<Due> {
        let ((at, order), _) = self.due.get_min()?;
        let (at, order) = (*at, *order);
        let (controller, key) = self.due.remove(&(at, order))?;
        if let Some(slot) = self.slots.get_mut(&controller).and_then(|slots| slots.remove(&key)) {
            self.waiting -= usize::from(!slot.standing);
        }
        Some(Due { at, controller, key })
    }

    /// Whether nothing is left but timers that wait for nothing in particular.
    pub fn is_settled(&self) -> bool {
        self.waiting == 0
    }

    pub fn len(&self) -> usize {
        self.due.len()
    }

    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// What is due, soonest first.
    pub fn iter(&self) -> impl Iterator<Item = Due> + '_ {
        self.due.iter().map(|((at, _), (controller, key))| Due { at: *at, controller: *controller, key: key.clone() })
    }

    /// What somebody waits for, soonest first.
    pub fn waiting(&self) -> impl Iterator<Item = Due> + '_ {
        self.iter().filter(|d| self.slot(d.controller, &d.key).is_some_and(|s| !s.standing))
    }
}
