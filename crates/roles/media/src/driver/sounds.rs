//! Makes and reads sounds, away from the media threads.

use super::Notice;
use super::prompt_files::PromptFiles;
use super::recorded_files::RecordedFiles;
use crate::state::SoundSource;
use anyhow::Context;
use offhook_audio::music;
use offhook_model::LegId;
use offhook_speech::{Pcm, Speech};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Sounds that wait to be fetched.
const WANTED_MAX: usize = 4_096;
/// Threads that fetch: a slow engine keeps no file waiting.
const FETCHERS: usize = 3;
/// How far the threads that fetch sounds stand back behind those of calls, of 19.
const NICENESS: i32 = 10;

/// A sound that a leg plays.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) leg: LegId,
    pub(crate) ticket: u64,
    pub(crate) source: SoundSource,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) leg: LegId,
    pub(crate) ticket: u64,
    pub(crate) sound: Option<Arc<Pcm>>,
}

/// The way to the threads that fetch. They end when the last clone is gone.
#[derive(Debug, Clone)]
pub(crate) struct Sounds(Arc<Door>);

/// Closes the queue when it is dropped.
#[derive(Debug)]
struct Door(Arc<Queue>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.changed.notify_all();
    }
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<Turns>,
    changed: Condvar,
}

/// Legs take turns, so that nobody's first sentence waits for all of somebody else's.
#[derive(Debug, Default)]
struct Turns {
    legs: VecDeque<LegId>,
    wanted: HashMap<LegId, VecDeque<Wanted>>,
    count: usize,
    is_closed: bool,
}

#[derive(Clone)]
struct Fetcher {
    queue: Arc<Queue>,
    speech: Arc<Speech>,
    files: Arc<PromptFiles>,
    recordings: RecordedFiles,
    notices: mpsc::Sender<Notice>,
}

impl Sounds {
    pub(crate) fn start(
        speech: Arc<Speech>,
        folder: Option<PathBuf>,
        recordings: RecordedFiles,
        notices: mpsc::Sender<Notice>,
    ) -> anyhow::Result<(Self, Vec<JoinHandle<()>>)> {
        let queue = Arc::new(Queue::default());
        let files = Arc::new(PromptFiles::new(folder));
        let fetcher = Fetcher { queue: Arc::clone(&queue), speech, files, recordings, notices };
        let mut threads = Vec::new();
        for number in 0..FETCHERS {
            let fetcher = fetcher.clone();
            let thread = std::thread::Builder::new()
                .name(format!("media-sounds-{number}"))
                .spawn(move || {
                    yield_to_calls();
                    fetcher.run();
                })
                .context("starting a thread that fetches sounds")?;
            threads.push(thread);
        }
        Ok((Self(Arc::new(Door(queue))), threads))
    }

    /// Asks for a sound; hands the wish back when too many are waiting.
    pub(crate) fn want(&self, wanted: Wanted) -> Result<(), Wanted> {
        let queue = &self.0.0;
        queue.state().push(wanted)?;
        queue.changed.notify_one();
        Ok(())
    }
}

/// Lowers this thread's own priority, which is what Linux does with `nice`: hundreds of announcements that are
/// spoken at once hold up neither audio nor signalling.
fn yield_to_calls() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "the threads that fetch sounds have the priority of calls");
    }
}

impl Queue {
    /// The queue is whole between its uses, whoever panicked in between.
    fn state(&self) -> MutexGuard<'_, Turns> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next wish; `None` when the queue is closed.
    fn next(&self) -> Option<Wanted> {
        let mut turns = self.state();
        loop {
            if turns.is_closed {
                return None;
            }
            if let Some(wanted) = turns.pop() {
                return Some(wanted);
            }
            turns = self.changed.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Turns {
    fn push(&mut self, wanted: Wanted) -> Result<(), Wanted> {
        if self.count >= WANTED_MAX {
            return Err(wanted);
        }
        self.count += 1;
        let leg = wanted.leg;
        let of_leg = self.wanted.entry(leg).or_default();
        if of_leg.is_empty() {
            self.legs.push_back(leg);
        }
        of_leg.push_back(wanted);
        Ok(())
    }

    fn pop(&mut self) -> Option<Wanted> {
        let leg = self.legs.pop_front()?;
        let of_leg = self.wanted.get_mut(&leg)?;
        let wanted = of_leg.pop_front()?;
        self.count -= 1;
        if of_leg.is_empty() {
            self.wanted.remove(&leg);
        } else {
            self.legs.push_back(leg);
        }
        Some(wanted)
    }
}

impl Fetcher {
    fn run(&self) {
        // The music is composed and converted here, so that the first media thread that plays it need not.
        for rate in music::KEPT_RATES {
            music::hold_music_at(rate);
        }
        while let Some(Wanted { leg, ticket, source }) = self.queue.next() {
            let sound = self.fetch(&source);
            let fetched = Fetched { leg, ticket, sound };
            if self.notices.blocking_send(Notice::Sound(fetched)).is_err() {
                return;
            }
        }
    }

    fn fetch(&self, source: &SoundSource) -> Option<Arc<Pcm>> {
        let result = match source {
            SoundSource::Text(text) => self.speech.synthesize(text).context("speaking"),
            SoundSource::File(name) => self.files.sound(name),
            SoundSource::Recording(name) => self.recordings.sound(name),
        };
        match result {
            Ok(sound) => Some(sound),
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "a prompt cannot be played");
                metrics::counter!("offhook_media_prompts_skipped_total", "why" => "missing")
                    .increment(1);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(leg: u64, ticket: u64) -> Wanted {
        Wanted { leg: LegId(leg), ticket, source: SoundSource::Text("Hello.".to_owned()) }
    }

    #[test]
    fn legs_take_turns() {
        let mut turns = Turns::default();
        for (leg, ticket) in [(1, 0), (1, 1), (1, 2), (2, 3), (2, 4), (3, 5)] {
            turns.push(wanted(leg, ticket)).expect("there is room");
        }
        let order: Vec<u64> = std::iter::from_fn(|| turns.pop()).map(|w| w.ticket).collect();
        assert_eq!(order, [0, 3, 5, 1, 4, 2]);
        assert!(turns.wanted.is_empty() && turns.legs.is_empty() && turns.count == 0);
    }

    #[test]
    fn too_many_wishes_are_handed_back() {
        let mut turns = Turns::default();
        for ticket in 0..WANTED_MAX as u64 {
            turns.push(wanted(ticket % 7, ticket)).expect("there is room");
        }
        assert_eq!(turns.push(wanted(1, 9)).expect_err("it is full").ticket, 9);
    }
}
