//! Sorting and gathering that the program holds once. The standard library's sort and its `collect` into an ordered map are
//! compiled anew, some four kilobytes each time, for every type they meet; in the browser's program that came to a twelfth of
//! the whole. Here one compiled sort arranges positions, and each caller brings no more than its comparison.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Stable sorting of slices, as the standard methods of nearly the same names do it.
pub trait Arrange<T> {
    /// Smallest first.
    fn arrange(&mut self)
    where
        T: Ord;

    /// In the order of `compare`, which must be a total one.
    fn arrange_by(&mut self, compare: impl Fn(&T, &T) -> Ordering);

    /// By what `key` makes of each element, once for each.
    fn arrange_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);
}

impl<T> Arrange<T> for [T] {
    fn arrange(&mut self)
    where
        T: Ord,
    {
        self.arrange_by(T::cmp);
    }

    fn arrange_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        if self.len() > 1 {
            let mut order = positions(self.len(), &|a, b| compare(&self[a], &self[b]));
            put(&mut order, &mut |a, b| self.swap(a, b));
        }
    }

    fn arrange_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K) {
        if self.len() > 1 {
            let keys: Vec<K> = self.iter().map(key).collect();
            let mut order = positions(self.len(), &|a, b| keys[a].cmp(&keys[b]));
            put(&mut order, &mut |a, b| self.swap(a, b));
        }
    }
}

/// Which element comes at each place.
fn positions(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| compare(a, b));
    order
}

/// Brings the elements to their places, each cycle of the permutation in turn.
fn put(order: &mut [usize], swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        while order[at] != start {
            let from = order[at];
            swap(at, from);
            order[at] = at;
            at = from;
        }
        order[at] = at;
    }
}

/// A map of the pairs; of two with one key the later counts, as with `collect`.
pub fn map_of<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        map.insert(key, value);
    }
    map
}

/// The set of the items.
pub fn set_of<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    for item in items {
        set.insert(item);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arranges_as_the_standard_sort_does() {
        let mut random = fastrand::Rng::with_seed(7);
        for length in 0..200 {
            let items: Vec<(u8, usize)> = (0..length).map(|i| (random.u8(0..20), i)).collect();
            let mut sorted = items.clone();
            sorted.sort_by_key(|(rank, _)| *rank);
            let mut by_key = items.clone();
            by_key.arrange_by_key(|(rank, _)| *rank);
            let mut by = items.clone();
            by.arrange_by(|a, b| a.0.cmp(&b.0));
            assert_eq!((&by_key, &by), (&sorted, &sorted), "equal elements keep their order");
            let mut whole = items;
            random.shuffle(&mut whole);
            whole.arrange();
            assert!(whole.is_sorted());
        }
    }

    #[test]
    fn gathers_as_collect_does() {
        let pairs = [(2, 'a'), (1, 'b'), (2, 'c')];
        assert_eq!(map_of(pairs), pairs.into_iter().collect());
        assert_eq!(set_of([3, 1, 3]), [1, 3].into_iter().collect());
    }
}
