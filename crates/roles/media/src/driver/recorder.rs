//! The thread that writes recordings, and the way to it, on which nobody waits.

use crate::config::Config;
use crate::recorder::{Recorder, Storage, delete_older};
use crate::state::Recorded;
use anyhow::Context;
use offhook_bus::{MediaEvent, MediaEvents, RecordingEvent, RecordingSource};
use offhook_model::EXPIRED_RECORDINGS_MAX;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Pieces that wait to be written. One is up to 32 kB, or 100 ms of a media thread's recordings.
pub(crate) const PIECES_MAX: usize = 512;
/// How often silence is written where nothing comes.
const IDLE: Duration = Duration::from_secs(1);
/// What is older than this has come, when nothing waits.
const SETTLED: Duration = Duration::from_secs(2);

/// How often old recordings are looked for.
const RETENTION_INTERVAL: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Deletes what is older than recordings are kept.
#[derive(Debug)]
pub(crate) struct Retention {
    folder: PathBuf,
    age: Duration,
    due: Option<Instant>,
}

impl Retention {
    /// `None` where recordings are kept for ever.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let folder = config.recordings.clone()?;
        let age = DAY * config.recordings_keep_days;
        (config.recordings_keep_days > 0).then_some(Self { folder, age, due: None })
    }

    /// Deletes what is due, and tells what it was.
    fn delete_due(&mut self, now: Instant, events: &MediaEvents) {
        if self.due.is_some_and(|due| now < due) {
            return;
        }
        self.due = Some(now + RETENTION_INTERVAL);
        match delete_older(&self.folder, self.age, SystemTime::now()) {
            Ok(paths) => {
                for paths in paths.chunks(EXPIRED_RECORDINGS_MAX) {
                    tracing::info!(count = paths.len(), "old recordings were deleted");
                    send(events, MediaEvent::RecordingsExpired { paths: paths.to_vec() });
                }
            }
            Err(error) => tracing::debug!(%error, "there are no recordings to look at"),
        }
    }
}

/// A media thread's way to the thread that writes.
#[derive(Debug)]
pub(crate) struct RecorderLink {
    pieces: SyncSender<Box<Recorded>>,
    /// Orders that found no room; they are never lost.
    held: Option<Box<Recorded>>,
    /// The recordings that miss packets since there was room last.
    behind: HashSet<RecordingSource>,
    events: MediaEvents,
}

impl RecorderLink {
    pub(crate) fn new(pieces: SyncSender<Box<Recorded>>, events: MediaEvents) -> Self {
        Self { pieces, held: None, behind: HashSet::new(), events }
    }

    /// Hands a piece over, or drops the packets in it when too much waits already.
    pub(crate) fn hand_over(&mut self, mut piece: Box<Recorded>) {
        self.retry();
        if self.held.is_none() {
            match self.pieces.try_send(piece) {
                Ok(()) => return self.behind.clear(),
                Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) => {
                    piece = refused;
                }
            }
        }
        for (source, packets) in piece.drop_packets() {
            metrics::counter!("offhook_recording_frames_dropped_total").increment(packets);
            if self.behind.insert(source) {
                self.tell(source);
            }
        }
        match &mut self.held {
            Some(held) => held.append_orders(*piece),
            None => self.held = Some(piece),
        }
    }

    /// Whether something waits to be handed over.
    pub(crate) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Tries again to hand over what is held.
    pub(crate) fn retry(&mut self) {
        let Some(held) = self.held.take() else { return };
        if let Err(TrySendError::Full(held) | TrySendError::Disconnected(held)) =
            self.pieces.try_send(held)
        {
            self.held = Some(held);
        }
    }

    fn tell(&self, source: RecordingSource) {
        tracing::warn!(?source, "a recording falls behind");
        let event = RecordingEvent::FallingBehind;
        send(&self.events, MediaEvent::Recording { source, event });
    }
}

/// Starts the thread. It ends when all links are gone, and completes its files then.
pub(crate) fn start(
    storage: impl Storage + 'static,
    events: MediaEvents,
    retention: Option<Retention>,
) -> anyhow::Result<(SyncSender<Box<Recorded>>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(PIECES_MAX);
    let thread = std::thread::Builder::new()
        .name("media-recorder".to_owned())
        .spawn(move || run(storage, &receiver, &events, retention))
        .context("starting the thread that writes recordings")?;
    Ok((sender, thread))
}

fn run(
    storage: impl Storage,
    pieces: &Receiver<Box<Recorded>>,
    events: &MediaEvents,
    mut retention: Option<Retention>,
) {
    let mut recorder = Recorder::new(storage);
    let mut settled_at = Instant::now();
    loop {
        match pieces.recv_timeout(IDLE) {
            Ok(piece) => recorder.handle_recorded(&piece),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                recorder.finish(Instant::now());
                return tell_all(&mut recorder, events);
            }
        }
        while let Ok(piece) = pieces.try_recv() {
            recorder.handle_recorded(&piece);
        }
        let now = Instant::now();
        if now.duration_since(settled_at) >= IDLE
            && let Some(until) = now.checked_sub(SETTLED)
        {
            settled_at = now;
            recorder.handle_timeout(until);
        }
        if let Some(retention) = &mut retention {
            retention.delete_due(now, events);
        }
        tell_all(&mut recorder, events);
    }
}

fn tell_all<S: Storage>(recorder: &mut Recorder<S>, events: &MediaEvents) {
    while let Some(event) = recorder.poll_event() {
        send(events, event);
    }
    let count = u32::try_from(recorder.recording_count()).unwrap_or(u32::MAX);
    metrics::gauge!("offhook_recordings").set(f64::from(count));
}

fn send(events: &MediaEvents, event: MediaEvent) {
    if let Err(full) = events.send(event) {
        tracing::warn!(event = ?full.0, "the switch does not listen");
        metrics::counter!("offhook_media_events_lost_total").increment(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::RecordingFile;
    use crate::state::recorded::{Beginning, Track, What};
    use metrics_exporter_prometheus::PrometheusBuilder;
    use offhook_bus::{MEDIA_QUEUE_MAX, RecordingFormat, RecordingLayout, RecordingSummary, queue};
    use offhook_model::LegId;
    use offhook_rtp::RtpHeader;
    use std::io;
    use std::path::Path;
    use std::sync::{Arc, Mutex, MutexGuard};

    const SOURCE: RecordingSource = RecordingSource::Leg(LegId(1));

    /// A disk that writes nothing while somebody holds its lock.
    #[derive(Debug, Clone, Default)]
    struct SlowDisk(Arc<Mutex<()>>);

    impl Storage for SlowDisk {
        fn create(&mut self, _: &Path) -> io::Result<Box<dyn RecordingFile>> {
            Ok(Box::new(self.clone()))
        }
    }

    impl RecordingFile for SlowDisk {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            drop(self.0.lock());
            Ok(())
        }

        fn rewrite_start(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    fn order(what: What, at: Instant) -> Box<Recorded> {
        let mut piece = Recorded::default();
        piece.push(SOURCE, what, at);
        Box::new(piece)
    }

    fn begin(at: Instant) -> Box<Recorded> {
        let (layout, format) = (RecordingLayout::Stereo, RecordingFormat::Wav);
        let path = "a.wav".into();
        let beginning = Beginning { path, layout, format, rate: 8_000, track_count: 2 };
        order(What::Begin(Box::new(beginning)), at)
    }

    /// Five packets of speech.
    fn speech(number: u16, at: Instant) -> Box<Recorded> {
        let mut piece = Recorded::default();
        for number in number..number + 5 {
            let header = RtpHeader {
                sequence_number: number,
                timestamp: u32::from(number) * 160,
                ..RtpHeader::default()
            };
            let codec = Some(offhook_audio::Codec::Pcmu);
            piece.push_packet(SOURCE, Track::Said, codec, &header, &[0; 160], at);
        }
        Box::new(piece)
    }

    /// Hands over as much as finds room and more, while the disk stands still.
    fn overflow(link: &mut RecorderLink, stop: MutexGuard<'_, ()>, begun: Instant) {
        link.hand_over(begin(begun));
        for number in 0..2 * PIECES_MAX as u16 {
            let at = begun + Duration::from_millis(100 * u64::from(number));
            link.hand_over(speech(5 * number, at));
        }
        let end = begun + Duration::from_millis(200 * PIECES_MAX as u64);
        link.hand_over(order(What::End, end));
        assert!(link.is_holding(), "the order to end waits");
        drop(stop);
    }

    #[tokio::test]
    async fn a_slow_disk_costs_packets_and_keeps_nobody_waiting() {
        let (outbox, mut events) = queue(MEDIA_QUEUE_MAX);
        let disk = SlowDisk::default();
        let (pieces, thread) = start(disk.clone(), outbox.clone().into(), None).expect("a thread");
        let mut link = RecorderLink::new(pieces, outbox.into());
        let stop = disk.0.lock().expect("nobody panicked");
        let begun = Instant::now();
        let metrics = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&metrics, || overflow(&mut link, stop, begun));
        assert!(begun.elapsed() < Duration::from_secs(5), "handing over waited for the disk");
        while link.is_holding() {
            link.retry();
            std::thread::yield_now();
        }
        drop(link);
        thread.join().expect("the thread ends");
        let mut told = Vec::new();
        while let Some(event) = events.recv().await {
            told.push(event);
        }
        let behind = MediaEvent::Recording { source: SOURCE, event: RecordingEvent::FallingBehind };
        let count = told.iter().filter(|event| **event == behind).count();
        assert_eq!(count, 1, "it is told once: {told:?}");
        let is_end = |event: &MediaEvent| match event {
            MediaEvent::Recording { event: RecordingEvent::Stopped(summary), .. } => {
                Some(summary.clone())
            }
            _ => None,
        };
        let summary: RecordingSummary = told.iter().find_map(is_end).expect("it ends");
        assert_eq!(summary.seconds, 0.2 * PIECES_MAX as f64, "silence takes the place");
        let counted =
            format!("offhook_recording_frames_dropped_total {}\n", summary.frames_dropped);
        let rendered = metrics.handle().render();
        assert!(rendered.contains(&counted), "{rendered}");
        let most = 5 * PIECES_MAX as u64;
        assert!((most - 50..=most + 10).contains(&summary.frames_dropped), "{summary:?}");
    }
}
