//! What need not be there as soon as the rest is.
//!
//! A page begins with a cluster that was made when its site was built, and draws it before most of the program has come. Of that
//! cluster it reads little until something changes: addresses and rules, but few objects, no event, and nothing that only
//! controllers remember. What it does not read need not travel: the same settings, seed and actions make the same cluster again,
//! its twin, once somebody asks. [`Later`] is what is there, or the place in the twin where it says the same.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Something that came about in the same way as its twin, which is made at the first call and stays for ever.
pub trait Twin<T: 'static> {
    fn get() -> &'static T;
}

/// A part of what `W` is the twin of: the same part of the twin is its twin.
pub struct Part<W>(std::marker::PhantomData<W>);

/// Something of its owner's, or where it stands in the twin of its owner.
pub enum Later<T: 'static> {
    Here(T),
    Away(Away<T>),
}

/// A place in a twin.
pub struct Away<T: 'static> {
    find: fn(usize) -> &'static T,
    /// Which of all that `find` finds.
    place: usize,
}

impl<T> Away<T> {
    fn get(&self) -> &'static T {
        (self.find)(self.place)
    }
}

impl<T> Later<T> {
    /// What `find` finds at a place in a twin.
    pub fn away(find: fn(usize) -> &'static T, place: usize) -> Later<T> {
        Later::Away(Away { find, place })
    }
}

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Later::Here(here) => here,
            Later::Away(away) => away.get(),
        }
    }
}

impl<T: Clone> DerefMut for Later<T> {
    fn deref_mut(&mut self) -> &mut T {
        if let Later::Away(away) = self {
            *self = Later::Here(away.get().clone());
        }
        match self {
            Later::Here(here) => here,
            Later::Away(_) => unreachable!("it has just been brought here"),
        }
    }
}

impl<T: Clone> Later<Arc<T>> {
    /// To change it, a copy of its own if somebody else has it, too.
    pub fn make_mut(&mut self) -> &mut T {
        Arc::make_mut(self)
    }
}

/// Only of what is shared: a copy of anything else is one of `T`, not of where it is.
impl<T> Clone for Later<Arc<T>> {
    fn clone(&self) -> Self {
        match self {
            Later::Here(here) => Later::Here(here.clone()),
            Later::Away(Away { find, place }) => Later::away(*find, *place),
        }
    }
}

impl<T> From<T> for Later<T> {
    fn from(here: T) -> Later<T> {
        Later::Here(here)
    }
}

impl<T: Default> Default for Later<T> {
    fn default() -> Later<T> {
        Later::Here(T::default())
    }
}

impl<T: PartialEq> PartialEq for Later<T> {
    fn eq(&self, other: &Later<T>) -> bool {
        **self == **other
    }
}

impl<T: fmt::Debug> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
