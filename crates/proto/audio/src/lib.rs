//! Signal processing of a telephone call, without I/O.
//!
//! Everything here takes 16-bit linear mono PCM and buffers that the caller owns; after
//! construction nothing allocates per frame, so that it may run on a media thread.
//! [`Encoder`] and [`Decoder`] turn PCM frames into RTP payloads and back for each [`Codec`], with
//! concealment of lost frames; [`Resampler`] joins codecs of different rates.
//! [`Mixer`] sums speakers so that nobody hears itself, [`Activity`] tells who speaks.
//! [`ToneGenerator`], [`goertzel`], [`dtmf`] and [`level`] make and measure signals, [`wav`] reads
//! and writes recordings, [`ogg_opus`] makes smaller ones, [`sound_file`] reads compressed ones, and
//! [`music`] composes what a caller hears on hold.
//!
//! It deliberately knows nothing of RTP headers, timestamps or jitter (`offhook-rtp`), nothing of
//! SDP, reads no clock and opens no file.

pub mod activity;
pub mod codec;
pub mod dtmf;
#[doc(hidden)]
pub mod fuzz;
pub mod g711;
mod g722;
pub mod goertzel;
pub mod level;
pub mod mixer;
pub mod music;
pub mod ogg_opus;
mod opus_codec;
pub mod plc;
pub mod resampler;
mod silence;
pub mod sound_file;
pub mod tone;
pub mod wav;

pub use activity::Activity;
pub use codec::{Codec, CodecError, Decoder, Encoder, L16Rate};
pub use dtmf::{DtmfDetector, DtmfEvent};
pub use mixer::{Fade, Mixer, Reach};
pub use resampler::{Resampler, ResamplerError};
pub use silence::silent_payload;
pub use tone::{Tone, ToneGenerator, TonePrompt, TonePromptError};
