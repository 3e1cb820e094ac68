//! From packets to frames of PCM on one time line.

use crate::state::fork::{Forked, Forking};
use crate::state::recorded::Track;
use crate::voice::{FRAME_SAMPLES_MAX, Frame, Voice};
use offhook_model::{ForkChannels, ForkRate};
use offhook_rtp::RtpPacket;
use std::time::{Duration, Instant};

/// The time of one frame.
pub(super) const FRAME: Duration = Duration::from_millis(20);
/// Milliseconds of one frame.
pub(super) const FRAME_MS: u64 = 20;
/// Frames that are made at once; a session that is further behind goes on at the present.
const CATCH_UP_MAX: u64 = 500;

/// Makes a frame every 20 ms from when the fork begins, of silence where nothing is said; none while it is
/// paused.
#[derive(Debug)]
pub(super) struct Frames {
    rate: ForkRate,
    channels: ForkChannels,
    said: Voice,
    heard: Voice,
    /// The instant of the next frame; absent before the beginning and while paused.
    next: Option<Instant>,
}

impl Frames {
    pub(super) fn new(rate: ForkRate, channels: ForkChannels) -> Self {
        Self { rate, channels, said: Voice::default(), heard: Voice::default(), next: None }
    }

    /// Takes what the engine handed over, after the frames before it were made.
    pub(super) fn handle_forked(&mut self, forked: &Forked) {
        match &forked.what {
            Forking::Begun | Forking::Resumed => self.next = Some(forked.at),
            Forking::Paused => {
                self.next = None;
                // What waits to be heard was said before; after the pause it must not come.
                (self.said, self.heard) = (Voice::default(), Voice::default());
            }
            Forking::Packet { track, codec, bytes } => {
                let Ok(packet) = RtpPacket::parse(bytes) else { return };
                let voice = match track {
                    Track::Said => &mut self.said,
                    Track::Heard => &mut self.heard,
                };
                voice.handle_packet(*codec, &packet, forked.at);
            }
            Forking::Refused(_)
            | Forking::Key { .. }
            | Forking::Played(_)
            | Forking::Overflow { .. }
            | Forking::Ended(_) => {}
        }
    }

    /// The next frame that has ended by then, as 16-bit little-endian samples.
    pub(super) fn poll_frame(&mut self, until: Instant) -> Option<Vec<u8>> {
        let mut at = self.next?;
        let behind = until.saturating_duration_since(at).as_millis() / FRAME.as_millis();
        if behind > CATCH_UP_MAX.into() {
            at = until.checked_sub(FRAME).unwrap_or(until);
        }
        if at + FRAME > until {
            return None;
        }
        self.next = Some(at + FRAME);
        Some(self.frame(at))
    }

    /// When the next frame has ended.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next.map(|next| next + FRAME)
    }

    fn frame(&mut self, at: Instant) -> Vec<u8> {
        let rate = self.rate.hz();
        let samples = usize::try_from(u64::from(rate) * FRAME_MS / 1_000).expect("20 ms fit");
        let (mut said, mut heard): (Frame, Frame) =
            ([0; FRAME_SAMPLES_MAX], [0; FRAME_SAMPLES_MAX]);
        self.said.fill(&mut said, rate, at);
        self.heard.fill(&mut heard, rate, at);
        let pairs = said.iter().zip(&heard).take(samples);
        match self.channels {
            ForkChannels::Said => said[..samples].iter().flat_map(|s| s.to_le_bytes()).collect(),
            ForkChannels::Mixed => {
                pairs.flat_map(|(one, other)| one.saturating_add(*other).to_le_bytes()).collect()
            }
            ForkChannels::Stereo => {
                pairs.flat_map(|(left, right)| [*left, *right]).flat_map(i16::to_le_bytes).collect()
            }
        }
    }
}
