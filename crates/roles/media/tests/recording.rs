//! What is in recordings, by the tones in each channel of the files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod world;

use offhook_audio::{Codec, goertzel, level};
use offhook_bus::{
    ConferenceCommand, ConferenceId, MediaCommand, MediaEvent, MemberRole, RecordingCommand,
    RecordingEvent, RecordingFailure, RecordingFormat, RecordingLayout, RecordingSource,
    RecordingSummary,
};
use offhook_media::recorder::{Recorder, RecordingFile, Storage};
use offhook_model::LegId;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use world::{CODECS, Protection, World};

const SECOND: Duration = Duration::from_secs(1);
const ROOM: ConferenceId = ConferenceId(1);

/// A disk in memory with so many bytes of room.
#[derive(Debug, Clone)]
struct Disk {
    files: Arc<Mutex<HashMap<PathBuf, Vec<u8>>>>,
    room: Arc<Mutex<usize>>,
}

#[derive(Debug)]
struct DiskFile(Disk, PathBuf);

impl Disk {
    fn with_room(room: usize) -> Self {
        Self { files: Arc::default(), room: Arc::new(Mutex::new(room)) }
    }

    fn read(&self, path: &str) -> Vec<u8> {
        self.files.lock().unwrap().get(Path::new(path)).expect("the file is there").clone()
    }
}

impl Storage for Disk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn RecordingFile>> {
        let mut files = self.files.lock().unwrap();
        if files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        files.insert(path.to_owned(), Vec::new());
        Ok(Box::new(DiskFile(self.clone(), path.to_owned())))
    }
}

impl RecordingFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut room = self.0.room.lock().unwrap();
        let written = bytes.len().min(*room);
        *room -= written;
        let mut files = self.0.files.lock().unwrap();
        files.get_mut(&self.1).expect("it was created").extend(&bytes[..written]);
        if written < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.files.lock().unwrap();
        files.get_mut(&self.1).expect("it was created")[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// A world whose recordings are written at once.
struct Studio {
    world: World,
    recorder: Recorder<Disk>,
    disk: Disk,
    events: Vec<(RecordingSource, RecordingEvent)>,
}

impl Studio {
    fn new() -> Self {
        Self::with_room(usize::MAX)
    }

    fn with_room(room: usize) -> Self {
        let disk = Disk::with_room(room);
        let recorder = Recorder::new(disk.clone());
        Self { world: World::new(), recorder, disk, events: Vec::new() }
    }

    /// Two bridged parties that speak 440 and 740 Hz.
    fn talk(&mut self, a: Codec, b: Codec) -> (LegId, LegId) {
        let a = self.world.call(Protection::Plain, a);
        let b = self.world.call(Protection::Plain, b);
        self.world.parties[a].speak(440.0);
        self.world.parties[b].speak(740.0);
        self.world.bridge(a, b);
        (self.world.parties[a].leg, self.world.parties[b].leg)
    }

    fn order(&mut self, source: RecordingSource, command: RecordingCommand) {
        self.world.command(MediaCommand::Record { source, command });
        self.write();
    }

    fn start(
        &mut self,
        source: RecordingSource,
        path: &str,
        layout: RecordingLayout,
        format: RecordingFormat,
    ) {
        let path = PathBuf::from(path);
        self.order(source, RecordingCommand::Start { path, layout, format, tone: false });
    }

    fn advance(&mut self, duration: Duration) {
        self.world.advance(duration);
        self.write();
    }

    /// Hands over what the engine has collected.
    fn write(&mut self) {
        for piece in self.world.recorded.drain(..) {
            self.recorder.handle_recorded(&piece);
        }
        while let Some(event) = self.recorder.poll_event() {
            self.world.events.push(event);
        }
        for event in std::mem::take(&mut self.world.events) {
            match event {
                MediaEvent::Recording { source, event } => self.events.push((source, event)),
                other => self.world.events.push(other),
            }
        }
    }

    fn stop(&mut self, source: RecordingSource) -> RecordingSummary {
        self.order(source, RecordingCommand::Stop);
        match self.events.pop() {
            Some((stopped, RecordingEvent::Stopped(summary))) if stopped == source => summary,
            other => panic!("{other:?} is no end"),
        }
    }

    #[track_caller]
    fn assert_started(&mut self, source: RecordingSource, path: &str) {
        let event = RecordingEvent::Started { path: path.into(), is_encrypted: false };
        assert_eq!(std::mem::take(&mut self.events), [(source, event)]);
    }
}

/// A WAV of 16-bit PCM: its rate and its channels.
fn wav(bytes: &[u8]) -> (u32, Vec<Vec<i16>>) {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(
        (&bytes[..4], &bytes[8..16], &bytes[36..40]),
        (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..])
    );
    let (channels, rate, length) = (usize::from(bytes[22]), number(24), number(40) as usize);
    let mut pcm = vec![Vec::new(); channels];
    for (at, sample) in bytes[44..44 + length].chunks_exact(2).enumerate() {
        pcm[at % channels].push(i16::from_le_bytes([sample[0], sample[1]]));
    }
    (rate, pcm)
}

/// Asserts that one second of the channel is this tone and little else.
#[track_caller]
fn assert_tone(pcm: &[i16], rate: u32, second: f64, hz: f64) {
    let start = (second * f64::from(rate)) as usize;
    let pieces = pcm[start..start + rate as usize].chunks_exact(rate as usize / 10);
    let share = pieces.map(|piece| goertzel::power_share(piece, rate, hz)).sum::<f64>() / 10.0;
    assert!(share > 0.9, "{share:.3} is at {hz} Hz");
    let level = goertzel::dbm0(&pcm[start..start + rate as usize / 10], rate, hz);
    assert!((-12.5..-8.5).contains(&level), "{level} dBm0");
}

#[track_caller]
fn assert_silence(pcm: &[i16], rate: u32, from: f64, to: f64) {
    let at = |seconds: f64| (seconds * f64::from(rate)) as usize;
    let level = level::dbm0(&pcm[at(from)..at(to)]);
    assert!(level < -60.0, "{level} dBm0 between {from} and {to} s");
}

#[test]
fn each_party_of_a_bridge_has_its_channel_in_every_codec() {
    for codec in CODECS {
        for other in CODECS {
            let mut studio = Studio::new();
            let (a, _) = studio.talk(codec, other);
            let source = RecordingSource::Leg(a);
            studio.start(source, "a/b.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
            studio.assert_started(source, "a/b.wav");
            studio.advance(SECOND * 3);
            let summary = studio.stop(source);
            assert!((2.96..=3.0).contains(&summary.seconds), "{summary:?}");
            let bytes = studio.disk.read("a/b.wav");
            assert_eq!(bytes.len() as u64, summary.bytes);
            let (rate, channels) = wav(&bytes);
            assert_eq!(rate, codec.sample_rate().min(16_000));
            assert_eq!(channels[0].len(), (summary.seconds * f64::from(rate)) as usize);
            assert_tone(&channels[0], rate, 1.0, 440.0);
            assert_tone(&channels[1], rate, 1.0, 740.0);
        }
    }
}

#[test]
fn a_mixed_recording_has_both_in_one_channel() {
    let mut studio = Studio::new();
    let (a, _) = studio.talk(Codec::Pcmu, Codec::Opus);
    let source = RecordingSource::Leg(a);
    studio.start(source, "mixed.wav", RecordingLayout::Mixed, RecordingFormat::Wav);
    studio.advance(SECOND * 3);
    studio.stop(source);
    let (rate, channels) = wav(&studio.disk.read("mixed.wav"));
    assert_eq!(channels.len(), 1);
    let second = &channels[0][8_000..8_800];
    for hz in [440.0, 740.0] {
        let level = goertzel::dbm0(second, rate, hz);
        assert!((-12.0..-8.5).contains(&level), "{hz} Hz at {level} dBm0");
    }
}

#[test]
fn a_message_has_what_is_said_alone_and_tells_when_it_is() {
    let mut studio = Studio::new();
    let (a, _) = studio.talk(Codec::Pcmu, Codec::Opus);
    let source = RecordingSource::Leg(a);
    studio.start(source, "said.wav", RecordingLayout::Said, RecordingFormat::Wav);
    studio.assert_started(source, "said.wav");
    studio.advance(SECOND * 3);
    let speaks = RecordingEvent::Speech { is_speaking: true };
    assert_eq!(std::mem::take(&mut studio.events), [(source, speaks)]);
    let summary = studio.stop(source);
    assert!((2.8..=3.0).contains(&summary.speech_seconds), "{summary:?}");
    let (rate, channels) = wav(&studio.disk.read("said.wav"));
    assert_eq!(channels.len(), 1);
    let second = &channels[0][8_000..8_800];
    assert!((-12.0..-8.5).contains(&goertzel::dbm0(second, rate, 440.0)));
    assert!(goertzel::dbm0(second, rate, 740.0) < -40.0, "what is heard is not in it");
}

#[test]
fn opus_in_ogg_has_the_same_channels() {
    let mut studio = Studio::new();
    let (a, _) = studio.talk(Codec::G722, Codec::Pcmu);
    let source = RecordingSource::Leg(a);
    studio.start(source, "a.ogg", RecordingLayout::Stereo, RecordingFormat::OggOpus);
    studio.advance(SECOND * 3);
    let summary = studio.stop(source);
    let bytes = studio.disk.read("a.ogg");
    assert_eq!(bytes.len() as u64, summary.bytes);
    assert!(bytes.len() < 30_000, "{} bytes for three seconds", bytes.len());
    let mut packets = ogg::PacketReader::new(io::Cursor::new(bytes));
    let mut decoder = opus::Decoder::new(48_000, opus::Channels::Stereo).unwrap();
    let mut channels = [Vec::new(), Vec::new()];
    while let Some(packet) = packets.read_packet().unwrap() {
        if packet.data.starts_with(b"Opus") {
            continue;
        }
        let mut pcm = [0; 2 * 960];
        decoder.decode(&packet.data, &mut pcm, false).unwrap();
        for frame in pcm.chunks_exact(2) {
            channels[0].push(frame[0]);
            channels[1].push(frame[1]);
        }
    }
    assert_tone(&channels[0], 48_000, 1.0, 440.0);
    assert_tone(&channels[1], 48_000, 1.0, 740.0);
}

#[test]
fn the_wait_in_a_queue_and_the_talk_behind_it_are_one_recording() {
    let mut studio = Studio::new();
    let a = studio.world.call(Protection::Plain, Codec::Pcmu);
    let b = studio.world.call(Protection::Plain, Codec::Opus);
    studio.world.parties[a].speak(440.0);
    let leg = studio.world.parties[a].leg;
    let source = RecordingSource::Leg(leg);
    studio.start(source, "queue.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    let prompts = vec!["tone:1100,60000".to_owned()];
    studio.world.command(MediaCommand::Play { leg, prompts, repeat: false });
    studio.advance(SECOND * 2);
    studio.world.parties[b].speak(740.0);
    studio.world.bridge(a, b);
    studio.advance(SECOND * 2);
    studio.world.command(MediaCommand::Release { leg });
    studio.write();
    let (_, event) = studio.events.pop().expect("the recording ends with its leg");
    assert!(
        matches!(&event, RecordingEvent::Stopped(s) if (3.9..=4.0).contains(&s.seconds)),
        "{event:?}"
    );
    let (rate, channels) = wav(&studio.disk.read("queue.wav"));
    assert_tone(&channels[1], rate, 0.5, 1_100.0);
    assert_tone(&channels[1], rate, 2.5, 740.0);
    assert_tone(&channels[0], rate, 0.5, 440.0);
    assert_tone(&channels[0], rate, 2.5, 440.0);
}

#[test]
fn a_call_that_moves_from_a_bridge_to_music_and_a_conference_is_one_recording() {
    let mut studio = Studio::new();
    let (a, b) = studio.talk(Codec::Pcmu, Codec::Opus);
    let third = studio.world.call(Protection::Plain, Codec::G722);
    studio.world.parties[third].speak(960.0);
    let third = studio.world.parties[third].leg;
    let source = RecordingSource::Leg(a);
    studio.start(source, "moves.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.advance(SECOND * 2);
    studio.world.command(MediaCommand::Unbridge { leg: a });
    let prompts = vec!["tone:1100,60000".to_owned()];
    studio.world.command(MediaCommand::Play { leg: a, prompts, repeat: false });
    studio.advance(SECOND * 2);
    for leg in [a, b, third] {
        let role = if leg == third { MemberRole::LISTENS } else { MemberRole::TALKS };
        let command = ConferenceCommand::Join { leg, role };
        studio.world.command(MediaCommand::Conference { conference: ROOM, command });
    }
    studio.advance(SECOND * 2);
    let leave = ConferenceCommand::Leave { leg: third };
    studio.world.command(MediaCommand::Conference { conference: ROOM, command: leave });
    studio.world.command(MediaCommand::Bridge { a, b });
    studio.advance(SECOND * 2);
    let summary = studio.stop(source);
    assert!((7.9..=8.0).contains(&summary.seconds), "{summary:?}");
    let (rate, channels) = wav(&studio.disk.read("moves.wav"));
    for (second, heard) in [(0.7, 740.0), (2.7, 1_100.0), (4.7, 740.0), (6.7, 740.0)] {
        assert_tone(&channels[0], rate, second, 440.0);
        assert_tone(&channels[1], rate, second, heard);
    }
}

#[test]
fn a_pause_is_silence_with_marks_and_hands_nothing_over() {
    let mut studio = Studio::new();
    let (a, _) = studio.talk(Codec::Pcmu, Codec::Pcmu);
    let source = RecordingSource::Leg(a);
    studio.start(source, "p.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.advance(SECOND * 2);
    studio.order(source, RecordingCommand::Pause);
    studio.order(source, RecordingCommand::Pause);
    studio.world.advance(SECOND * 2);
    assert!(studio.world.recorded.is_empty(), "something is handed over in the pause");
    studio.order(source, RecordingCommand::Resume);
    studio.advance(SECOND * 2);
    let summary = studio.stop(source);
    let marks: Vec<(f64, bool)> = summary.marks.iter().map(|m| (m.seconds, m.is_pause)).collect();
    assert_eq!(marks.len(), 2, "{marks:?}");
    assert!((1.96..=2.0).contains(&marks[0].0) && marks[0].1, "{marks:?}");
    assert!((3.96..=4.0).contains(&marks[1].0) && !marks[1].1, "{marks:?}");
    let (rate, channels) = wav(&studio.disk.read("p.wav"));
    for (channel, hz) in channels.iter().zip([440.0, 740.0]) {
        assert_tone(channel, rate, 0.5, hz);
        assert_silence(channel, rate, marks[0].0, marks[1].0);
        assert_tone(channel, rate, 4.5, hz);
    }
}

#[test]
fn silence_keeps_its_length() {
    let mut studio = Studio::new();
    let (a, b) = studio.talk(Codec::Pcmu, Codec::Pcmu);
    let source = RecordingSource::Leg(a);
    studio.start(source, "s.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.advance(SECOND * 2);
    studio.world.command(MediaCommand::Release { leg: b });
    studio.world.parties[0].speech = None;
    studio.advance(SECOND * 5);
    studio.recorder.handle_timeout(studio.world.now);
    let (_, before) = wav(&studio.disk.read("s.wav"));
    assert!(before[0].len() >= 48_000, "{} samples", before[0].len());
    studio.world.parties[0].speak(440.0);
    studio.advance(SECOND * 2);
    let summary = studio.stop(source);
    assert!((8.96..=9.0).contains(&summary.seconds), "{summary:?}");
    let (rate, channels) = wav(&studio.disk.read("s.wav"));
    assert_silence(&channels[0], rate, 2.5, 6.9);
    assert_silence(&channels[1], rate, 2.5, 8.9);
    assert_tone(&channels[0], rate, 7.5, 440.0);
}

#[test]
fn a_conference_is_recorded_as_all_hear_it() {
    let mut studio = Studio::new();
    for (codec, hz) in
        [Codec::Pcmu, Codec::Opus, Codec::G722].into_iter().zip([440.0, 740.0, 960.0])
    {
        let party = studio.world.call(Protection::Plain, codec);
        studio.world.parties[party].speak(hz);
        let (leg, role) = (studio.world.parties[party].leg, MemberRole::TALKS);
        let command = ConferenceCommand::Join { leg, role };
        studio.world.command(MediaCommand::Conference { conference: ROOM, command });
    }
    let source = RecordingSource::Conference(ROOM);
    studio.start(source, "room.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.assert_started(source, "room.wav");
    studio.advance(SECOND * 2);
    let one = RecordingSource::Leg(studio.world.parties[0].leg);
    studio.start(one, "one.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.advance(SECOND * 2);
    studio.stop(one);
    let (rate, channels) = wav(&studio.disk.read("one.wav"));
    assert_tone(&channels[0], rate, 0.5, 440.0);
    let heard = |hz| goertzel::dbm0(&channels[1][8_000..8_800], rate, hz);
    assert!(heard(440.0) < -40.0 && heard(740.0) > -12.0 && heard(960.0) > -12.0);
    for party in 0..3 {
        let leg = studio.world.parties[party].leg;
        studio.world.command(MediaCommand::Release { leg });
    }
    studio.write();
    let ended = studio.events.iter().any(|(what, event)| {
        *what == source && matches!(event, RecordingEvent::Stopped(s) if s.seconds > 3.9)
    });
    assert!(ended, "the recording ends with the last member");
    let (rate, channels) = wav(&studio.disk.read("room.wav"));
    assert_eq!((rate, channels.len()), (16_000, 1));
    for hz in [440.0, 740.0, 960.0] {
        let level = goertzel::dbm0(&channels[0][32_000..33_600], rate, hz);
        assert!((-12.0..-8.5).contains(&level), "{hz} Hz at {level} dBm0");
    }
}

#[test]
fn those_who_are_recorded_hear_a_tone_every_15_seconds() {
    let mut studio = Studio::new();
    let (a, _) = studio.talk(Codec::Pcmu, Codec::Opus);
    let source = RecordingSource::Leg(a);
    studio.advance(SECOND);
    studio.world.forget();
    let (layout, format) = (RecordingLayout::Stereo, RecordingFormat::Wav);
    let start = RecordingCommand::Start { path: "t.wav".into(), layout, format, tone: true };
    studio.order(source, start);
    studio.advance(SECOND * 16);
    for party in &studio.world.parties {
        let rate = party.codec.sample_rate();
        let pieces = party.heard.chunks_exact(rate as usize / 10);
        let tones: Vec<usize> = pieces
            .enumerate()
            .filter(|(_, piece)| goertzel::dbm0(piece, rate, 1_400.0) > -23.0)
            .map(|(at, _)| at)
            .collect();
        assert!(tones.len() >= 2, "{:?}: {tones:?}", party.codec);
        let places = tones.iter().all(|at| *at < 4 || (149..=153).contains(at));
        assert!(places && tones.iter().any(|at| *at > 100), "{:?}: {tones:?}", party.codec);
    }
    studio.stop(source);
    studio.world.forget();
    studio.advance(SECOND * 20);
    let party = &studio.world.parties[0];
    assert!(party.share(740.0) > 0.97, "no tone without a recording");
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_call() {
    let mut studio = Studio::with_room(70_000);
    let (a, _) = studio.talk(Codec::Pcmu, Codec::Pcma);
    let source = RecordingSource::Leg(a);
    studio.start(source, "full.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.assert_started(source, "full.wav");
    studio.advance(SECOND * 5);
    let (_, event) = studio.events.pop().expect("it is told");
    let RecordingEvent::Failed { why: RecordingFailure::DiskFull, summary } = event else {
        panic!("{event:?}");
    };
    assert_eq!((summary.path, summary.bytes), ("full.wav".into(), 64_044));
    let (rate, channels) = wav(&studio.disk.read("full.wav"));
    assert_eq!(channels[0].len(), 16_000, "what fitted can be played");
    assert_tone(&channels[0], rate, 1.0, 440.0);
    studio.world.forget();
    studio.advance(SECOND);
    studio.world.assert_hears(0, 740.0);
    studio.world.assert_hears(1, 440.0);
    assert!(studio.events.is_empty(), "it is told once: {:?}", studio.events);
    *studio.disk.room.lock().unwrap() = usize::MAX;
    studio.start(source, "again.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.assert_started(source, "again.wav");
}

#[test]
fn what_cannot_be_recorded_says_why() {
    let mut studio = Studio::new();
    let (a, b) = studio.talk(Codec::Pcmu, Codec::Pcmu);
    let (a, b) = (RecordingSource::Leg(a), RecordingSource::Leg(b));
    let nowhere = RecordingSource::Conference(ROOM);
    studio.start(a, "x.wav", RecordingLayout::Stereo, RecordingFormat::Wav);
    studio.assert_started(a, "x.wav");
    for (source, path, expected) in [
        (RecordingSource::Leg(LegId(99)), "y.wav", RecordingFailure::NoSuchSource),
        (nowhere, "y.wav", RecordingFailure::NoSuchSource),
        (a, "y.wav", RecordingFailure::AlreadyRecorded),
        (b, "x.wav", RecordingFailure::Exists),
        (b, "../y.wav", RecordingFailure::BadPath),
        (b, "/tmp/y.wav", RecordingFailure::BadPath),
        (b, "", RecordingFailure::BadPath),
    ] {
        studio.start(source, path, RecordingLayout::Mixed, RecordingFormat::Wav);
        let (failed, event) = studio.events.pop().expect("it is told");
        assert_eq!(failed, source);
        let is_it = matches!(&event, RecordingEvent::Failed { why, .. } if *why == expected);
        assert!(is_it, "{path}: {event:?}");
    }
    studio.advance(SECOND);
    assert!(studio.stop(a).seconds > 0.9, "the one that was there goes on");
}
