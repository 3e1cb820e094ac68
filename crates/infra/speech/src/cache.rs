//! What was spoken lately, in memory.

use crate::Pcm;
use std::collections::HashMap;
use std::sync::Arc;

/// The most samples that are kept: 32 MB, about 17 minutes of speech.
const MAX_SAMPLES: usize = 16 * 1024 * 1024;

/// The most texts that are kept.
const MAX_TEXTS: usize = 4096;

/// Speech by its text. When it is full, what was not asked for longest goes.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    spoken: HashMap<String, Entry>,
    samples: usize,
    /// Counts the calls; an entry's is that of its last use.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    pcm: Arc<Pcm>,
    last_use: u64,
}

impl Cache {
    pub(crate) fn get(&mut self, text: &str) -> Option<Arc<Pcm>> {
        self.uses += 1;
        let entry = self.spoken.get_mut(text)?;
        entry.last_use = self.uses;
        Some(Arc::clone(&entry.pcm))
    }

    pub(crate) fn insert(&mut self, text: String, pcm: Arc<Pcm>) {
        if pcm.samples.len() > MAX_SAMPLES {
            return;
        }
        self.uses += 1;
        self.samples += pcm.samples.len();
        let entry = Entry { pcm, last_use: self.uses };
        if let Some(replaced) = self.spoken.insert(text, entry) {
            self.samples -= replaced.pcm.samples.len();
        }
        while self.samples > MAX_SAMPLES || self.spoken.len() > MAX_TEXTS {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.spoken.iter().min_by_key(|(_, entry)| entry.last_use);
        let oldest = oldest.map(|(text, _)| text.clone()).expect("a full cache has an entry");
        if let Some(entry) = self.spoken.remove(&oldest) {
            self.samples -= entry.pcm.samples.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(samples: usize) -> Arc<Pcm> {
        Arc::new(Pcm { samples: vec![0; samples], rate: 16_000 })
    }

    #[test]
    fn the_longest_unused_goes_first() {
        let mut cache = Cache::default();
        cache.insert("one".into(), speech(MAX_SAMPLES / 2));
        cache.insert("two".into(), speech(MAX_SAMPLES / 2));
        assert!(cache.get("one").is_some());
        cache.insert("three".into(), speech(1));
        assert!(cache.get("one").is_some());
        assert!(cache.get("two").is_none());
        assert!(cache.get("three").is_some());
        assert_eq!(cache.samples, MAX_SAMPLES / 2 + 1);
    }

    #[test]
    fn the_number_of_texts_is_limited() {
        let mut cache = Cache::default();
        for n in 0..MAX_TEXTS + 10 {
            cache.insert(n.to_string(), speech(1));
        }
        assert_eq!(cache.spoken.len(), MAX_TEXTS);
        assert_eq!(cache.samples, MAX_TEXTS);
    }

    #[test]
    fn saying_it_again_replaces_it() {
        let mut cache = Cache::default();
        cache.insert("one".into(), speech(5));
        cache.insert("one".into(), speech(3));
        assert_eq!(cache.samples, 3);
    }
}
