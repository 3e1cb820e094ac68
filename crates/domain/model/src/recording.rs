use crate::{CallRef, ConferenceId, LegId, RecordingId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What is recorded. There is one recording of a source at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingSource {
    /// A leg: what its party says, and what its party hears, whoever or whatever that is.
    Leg(LegId),
    /// What is said to everyone in a conference.
    Conference(ConferenceId),
}

/// Files of one [`MediaEvent::RecordingsExpired`](crate::MediaEvent::RecordingsExpired) at most; more of
/// them are told by several.
pub const EXPIRED_RECORDINGS_MAX: usize = 1_000;

/// How what is said and what is heard lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingLayout {
    /// Two channels: left what the party says, right what it hears.
    Stereo,
    /// One channel with both. A conference is always recorded so.
    Mixed,
    /// One channel with what the party says, as a message has it. [`RecordingEvent::Speech`] tells when it
    /// speaks.
    Said,
}

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingFormat {
    /// 16-bit PCM at 8 or 16 kHz.
    Wav,
    /// Opus in Ogg (RFC 7845).
    OggOpus,
}

/// What the switch asks of the recording of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingCommand {
    /// Begins. Answered by [`RecordingEvent::Started`] or [`RecordingEvent::Failed`].
    Start {
        /// The file, relative to the folder of the recordings; folders are made as needed.
        path: PathBuf,
        /// Its channels.
        layout: RecordingLayout,
        /// Its kind.
        format: RecordingFormat,
        /// Whether those who are recorded hear a short tone in the beginning and every 15 seconds.
        tone: bool,
    },
    /// From here on the file is silent, and nothing of what is said leaves the media thread.
    Pause,
    /// From here on the file has sound again.
    Resume,
    /// Ends it; it also ends with its source. Answered by [`RecordingEvent::Stopped`], unless it has failed
    /// before or never was.
    Stop,
}

/// What is known of a recording when it ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordingSummary {
    /// The file, relative to the folder of the recordings.
    pub path: PathBuf,
    /// How long the file is, in bytes.
    pub bytes: u64,
    /// How long it plays, in seconds.
    pub seconds: f64,
    /// How long the party spoke, in seconds, of a recording of [`RecordingLayout::Said`].
    #[serde(default)]
    pub speech_seconds: f64,
    /// Where it was paused and went on, in the order of the file.
    pub marks: Vec<RecordingMark>,
    /// Packets of speech that never reached the file since it could not be written fast enough.
    pub frames_dropped: u64,
    /// Whether the file is encrypted.
    pub is_encrypted: bool,
}

/// A place in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecordingMark {
    /// Seconds from the beginning of the file.
    pub seconds: f64,
    /// Whether silence begins here; otherwise it ends.
    pub is_pause: bool,
}

/// Why a recording failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingFailure {
    /// The source is not there.
    NoSuchSource,
    /// The source is being recorded already; that recording goes on.
    AlreadyRecorded,
    /// The path leaves the folder of the recordings, or no folder is configured.
    BadPath,
    /// The file exists already.
    Exists,
    /// No space is left on the device.
    DiskFull,
    /// The file cannot be made or written; the text says why.
    Unwritable(String),
    /// There are as many recordings as there may be.
    Exhausted,
}

impl fmt::Display for RecordingFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchSource => f.write_str("there is nothing to record"),
            Self::AlreadyRecorded => f.write_str("the call is being recorded already"),
            Self::BadPath => f.write_str("no folder for recordings is configured"),
            Self::Exists => f.write_str("the file of the recording exists already"),
            Self::DiskFull => f.write_str("no space is left for recordings"),
            Self::Unwritable(why) => write!(f, "the recording cannot be written: {why}"),
            Self::Exhausted => f.write_str("there are as many recordings as there may be"),
        }
    }
}

/// How a recording is made, where the one who orders it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingForm {
    /// The kind of file.
    pub format: Option<RecordingFormat>,
    /// Its channels.
    pub layout: Option<RecordingLayout>,
    /// Whether those who are recorded hear a tone.
    pub tone: Option<bool>,
}

/// Where a recording stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// It is being made.
    Recording,
    /// It has ended and is whole.
    Complete,
    /// It ended before its time, or never began.
    Failed,
    /// The process ended while it was made; what was written can be played.
    Interrupted,
    /// Its file was deleted.
    Deleted,
}

impl RecordingState {
    const ALL: [Self; 5] =
        [Self::Recording, Self::Complete, Self::Failed, Self::Interrupted, Self::Deleted];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A recording as it is kept: one row of `recordings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingRecord {
    /// Its name.
    pub id: RecordingId,
    /// The call; `None` for a recording of a conference.
    pub call: Option<CallRef>,
    /// The leg that is recorded.
    pub leg: Option<LegId>,
    /// The number of the conference that is recorded.
    pub conference: Option<String>,
    /// Who called.
    pub caller: Option<String>,
    /// The number as dialled.
    pub dialled: Option<String>,
    /// When it began, milliseconds of Unix time.
    pub started_at_ms: u64,
    /// Where it stands.
    pub state: RecordingState,
    /// Why it failed.
    pub failure: Option<String>,
    /// The file, and what it has become.
    pub summary: RecordingSummary,
}

/// What a recording tells the switch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RecordingEvent {
    /// The file is there and being written. An encrypted one has another name than was asked for.
    Started {
        /// The file, relative to the folder of the recordings.
        path: PathBuf,
        /// Whether the file is encrypted.
        is_encrypted: bool,
    },
    /// The file cannot keep up: what is said from here on is missing from it. Told once until it can again.
    FallingBehind,
    /// The party has begun to speak, or has fallen silent. Told of [`RecordingLayout::Said`] only.
    Speech {
        /// Whether it speaks.
        is_speaking: bool,
    },
    /// It has ended and the file is complete.
    Stopped(RecordingSummary),
    /// It has ended before its time. What was written until then can be played.
    Failed {
        /// Why.
        why: RecordingFailure,
        /// What there is of it.
        summary: RecordingSummary,
    },
}

const MS_PER_DAY: u64 = 86_400_000;

/// Where a recording lies in the folder of the recordings: `YYYY/MM/DD/<id>.wav`, by the day in UTC on which
/// its call came in, `started_at_ms` milliseconds after 1970.
#[must_use]
pub fn recording_path(id: &RecordingId, format: RecordingFormat, started_at_ms: u64) -> PathBuf {
    let extension = match format {
        RecordingFormat::Wav => "wav",
        RecordingFormat::OggOpus => "ogg",
    };
    dated_path(id.as_str(), extension, started_at_ms)
}

/// The path of a file of this name, in a folder for its day in UTC.
pub(crate) fn dated_path(name: &str, extension: &str, at_ms: u64) -> PathBuf {
    let (year, month, day) = date(at_ms / MS_PER_DAY);
    PathBuf::from(format!("{year:04}/{month:02}/{day:02}/{name}.{extension}"))
}

/// The Gregorian date of a day after 1970. Years are counted from March, so that a leap day is the last
/// of its year, in periods of 400 years from 1 March 2000 back.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (period, of_period) = (days / 146_097, days % 146_097);
    let year = (of_period - of_period / 1_460 + of_period / 36_524 - of_period / 146_096) / 365;
    let of_year = of_period - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (period * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_state_is_read_back() {
        for state in RecordingState::ALL {
            assert_eq!(RecordingState::parse(state.as_str()), Some(state));
        }
        assert_eq!(RecordingState::parse("lost"), None);
    }

    #[test]
    fn a_recording_lies_under_the_day_of_its_call() {
        let id = RecordingId::new(&CallRef::from_bits(7), 2);
        for (seconds, folder) in [
            (0, "1970/01/01"),
            (951_782_399, "2000/02/28"),
            (951_782_400, "2000/02/29"),
            (951_868_800, "2000/03/01"),
            (1_795_391_999, "2026/11/22"),
            (1_798_761_599, "2026/12/31"),
            (4_107_542_400, "2100/03/01"),
        ] {
            let path = recording_path(&id, RecordingFormat::OggOpus, seconds * 1_000);
            assert_eq!(path, PathBuf::from(format!("{folder}/{id}.ogg")));
        }
    }
}
