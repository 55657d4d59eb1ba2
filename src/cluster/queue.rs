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

/// A key behind the last letters of its name: these tell siblings apart, which begin alike. Slots have no order that matters.
type Marked = (u32, ObjectKey);

fn marked(key: ObjectKey) -> Marked {
    let mark = key.name.as_bytes().last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
    (mark, key)
}

/// The queue. A key stands in it at most once a controller, at its earliest moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    due: OrdMap<(Time, u64), (ControllerId, Marked)>,
    /// By controller: most of them have few keys, and are told of them again and again.
    slots: Vec<OrdMap<Marked, Slot>>,
    order: u64,
    /// Entries that somebody waits for.
    waiting: usize,
}

impl Queue {
    /// Asks for a look at `key`. An earlier wish stays; a later one moves forward.
    pub fn add(&mut self, controller: ControllerId, key: ObjectKey, at: Time, standing: bool) {
        let mut standing = standing;
        let key = marked(key);
        if let Some(slot) = self.slot(controller, &key) {
            standing &= slot.standing;
            if slot.at <= at {
                if standing != slot.standing {
                    self.waiting += 1;
                    self.slots_of(controller).insert(key, Slot { standing, ..slot });
                }
                return;
            }
            self.due.remove(&(slot.at, slot.order));
            self.waiting -= usize::from(!slot.standing);
        }
        self.order += 1;
        self.waiting += usize::from(!standing);
        self.due.insert((at, self.order), (controller, key.clone()));
        let slot = Slot { at, order: self.order, standing };
        self.slots_of(controller).insert(key, slot);
    }

    fn slots_of(&mut self, controller: ControllerId) -> &mut OrdMap<Marked, Slot> {
        let place = usize::from(controller);
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, OrdMap::new);
        }
        &mut self.slots[place]
    }

    fn slot(&self, controller: ControllerId, key: &Marked) -> Option<Slot> {
        self.slots.get(usize::from(controller))?.get(key).copied()
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
        if let Some(slot) = self.slots_of(controller).remove(&key) {
            self.waiting -= usize::from(!slot.standing);
        }
        Some(Due { at, controller, key: key.1 })
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
        self.due.iter().map(|((at, _), (controller, key))| Due { at: *at, controller: *controller, key: key.1.clone() })
    }

    /// What somebody waits for, soonest first.
    pub fn waiting(&self) -> impl Iterator<Item = Due> + '_ {
        self.iter().filter(|d| self.slot(d.controller, &marked(d.key.clone())).is_some_and(|s| !s.standing))
    }
}
