//! A process that is killed leaves recordings that can be played.

mod role;

use offhook_audio::goertzel;
use offhook_bus::{
    MediaCommand, RecordingCommand, RecordingFormat, RecordingLayout, RecordingSource,
};
use offhook_media::Config;
use offhook_sealed::{Key, KeyRing, Recording};
use role::{PATIENCE, config, role_with_keys, talk};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Tells the process that is killed where to record.
const FOLDER: &str = "OFFHOOK_TEST_RECORDINGS";
/// Tells it to encrypt what it records.
const ENCRYPTS: &str = "OFFHOOK_TEST_ENCRYPTS";

/// The keys of the process that is killed.
fn keys(encrypts: bool) -> KeyRing {
    let key = || Key::parse(b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    KeyRing::new(encrypts.then(|| key().expect("64 digits")).into_iter().collect())
}

/// Records a call in both formats until it is killed.
#[tokio::test]
#[ignore = "it is the process that is killed"]
async fn the_process_that_is_killed() {
    let folder = std::env::var_os(FOLDER).map(PathBuf::from).expect("a folder");
    let keys = keys(std::env::var_os(ENCRYPTS).is_some());
    let mut role = role_with_keys(&Config { recordings: Some(folder), ..config() }, keys);
    let mut a = role.call(1).await.expect("a leg");
    let mut b = role.call(2).await.expect("a leg");
    role.send(MediaCommand::Bridge { a: a.leg, b: b.leg });
    let recordings =
        [(a.leg, "call.wav", RecordingFormat::Wav), (b.leg, "call.ogg", RecordingFormat::OggOpus)];
    for (leg, path, format) in recordings {
        let (layout, path) = (RecordingLayout::Stereo, path.into());
        let command = RecordingCommand::Start { path, layout, format, tone: false };
        role.send(MediaCommand::Record { source: RecordingSource::Leg(leg), command });
    }
    a.speak(440.0);
    b.speak(1_004.0);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        talk(&mut [(&mut a, 1_004.0), (&mut b, 440.0)]);
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// The share of 100 ms pieces of a channel that are this tone.
fn share(pcm: &[i16], rate: usize, hz: f64) -> f64 {
    let pieces = pcm.chunks_exact(rate / 10);
    let count = pieces.len() as f64;
    let is_tone = |piece: &&[i16]| goertzel::power_share(piece, rate as u32, hz) > 0.9;
    pieces.filter(is_tone).count() as f64 / count
}

#[track_caller]
fn assert_channels(interleaved: &[i16], rate: usize, tones: [f64; 2]) {
    for (channel, hz) in tones.into_iter().enumerate() {
        let pcm: Vec<i16> = interleaved.iter().skip(channel).step_by(2).copied().collect();
        let share = share(&pcm, rate, hz);
        assert!(pcm.len() >= rate && share > 0.7, "{share:.2} of {} at {hz} Hz", pcm.len());
    }
}

fn opus(bytes: Vec<u8>) -> Vec<i16> {
    let mut packets = ogg::PacketReader::new(std::io::Cursor::new(bytes));
    let mut decoder = opus::Decoder::new(48_000, opus::Channels::Stereo).expect("a decoder");
    let mut pcm = Vec::new();
    while let Ok(Some(packet)) = packets.read_packet() {
        let mut frame = [0; 2 * 960];
        if decoder.decode(&packet.data, &mut frame, false).is_ok_and(|samples| samples == 960) {
            pcm.extend(frame);
        }
    }
    pcm
}

/// Lets a process record until there is enough of both files, kills it, and looks at what they are.
fn kill_one_that_records(encrypts: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args(["--exact", "the_process_that_is_killed", "--ignored"]).env(FOLDER, folder.path());
    if encrypts {
        child.env(ENCRYPTS, "yes");
    }
    let mut child = child.stdout(Stdio::null()).spawn().expect("the child starts");
    let end = if encrypts { ".enc" } else { "" };
    let [wav, ogg] = ["wav", "ogg"].map(|kind| folder.path().join(format!("call.{kind}{end}")));
    let begun = Instant::now();
    // Three seconds of stereo at 8 kHz, and as much of Opus.
    while length(&wav) < 96_000 || length(&ogg) < 20_000 {
        assert!(begun.elapsed() < PATIENCE, "nothing is recorded");
        std::thread::yield_now();
    }
    child.kill().expect("it is killed");
    child.wait().expect("it is dead");
    let bytes = read(&wav, encrypts);
    let said = u32::from_le_bytes(bytes[40..44].try_into().expect("four bytes")) as usize;
    assert!(said > 90_000 && bytes.len() >= 44 + said, "{said} of {} bytes", bytes.len());
    let samples = bytes[44..44 + said].chunks_exact(2);
    let pcm: Vec<i16> = samples.map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect();
    assert_channels(&pcm, 8_000, [440.0, 1_004.0]);
    assert_channels(&opus(read(&ogg, encrypts)), 48_000, [1_004.0, 440.0]);
}

/// What can be played of a file.
fn read(path: &Path, encrypts: bool) -> Vec<u8> {
    let file = File::open(path).expect("the file is there");
    let mut recording = Recording::open(file, &keys(true)).expect("it opens");
    assert_eq!((recording.is_sealed(), recording.is_complete()), (encrypts, !encrypts));
    let mut bytes = vec![0; usize::try_from(recording.length()).expect("it is short")];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += recording.read_at(filled as u64, &mut bytes[filled..]).expect("it is whole");
    }
    bytes
}

#[test]
fn what_was_recorded_until_a_second_before_the_kill_can_be_played() {
    kill_one_that_records(false);
}

#[test]
fn what_was_encrypted_until_a_second_before_the_kill_can_be_played() {
    kill_one_that_records(true);
}
