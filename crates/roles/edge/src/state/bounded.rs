//! Tables that the network fills, and so must not grow beyond a limit.

use std::collections::HashMap;
use std::hash::Hash;

/// A map of at most `limit` entries. When it is full, those that nobody has looked at for longest go, half
/// of the table at a time.
#[derive(Debug)]
pub(super) struct BoundedMap<K, V> {
    limit: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V> BoundedMap<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, young: HashMap::new(), old: HashMap::new() }
    }

    /// The entry of a key, which counts as looked at.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// The entry of a key without looking at it.
    pub(super) fn peek(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.limit / 2 {
            self.age();
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Drops what was not looked at since this was called last.
    pub(super) fn age(&mut self) {
        self.old = std::mem::take(&mut self.young);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_grows_beyond_its_limit_and_keeps_what_is_used() {
        let mut map = BoundedMap::new(8);
        map.insert("kept".to_owned(), 0);
        for number in 0..100 {
            map.insert(number.to_string(), number);
            assert!(map.get_mut(&"kept".to_owned()).is_some(), "after {number}");
            assert!(map.len() <= 8);
        }
        assert!(map.peek(&"0".to_owned()).is_none());
        assert!(map.peek(&"99".to_owned()).is_some());
    }
}
