//! The media role: legs, players, echoes and bridges on threads of their own.
//!
//! The switch tells it by [`offhook_bus::MediaCommand`]s what each party of a call shall hear, and learns by
//! [`offhook_bus::MediaEvent`]s what became of it. [`start`] opens the threads; [`state::Engine`] is what
//! they run, without a socket or a clock: descriptions, transports, prompts, bridges with and without
//! transcoding, conferences, DTMF and reports. [`self_check`] sends a tone through all of it.
//!
//! It knows nothing of calls: who is bridged with whom, and what follows from trouble, is the switch's
//! decision. Recordings are written by [`recorder`], on a thread of its own. It carries no video.

mod config;
mod driver;
pub mod fork;
mod ports;
pub mod recorder;
mod self_check;
pub mod state;
mod voice;

pub use config::{
    Config, FORKS_MAX, ForkConfig, LEGS_MAX, LOAD_MAX_PERCENT, PORT_MAX, PORT_MIN, PacketIoChoice,
    SILENT_AFTER_S,
};
pub use driver::{Media, start, start_as};
pub use offhook_rtc::Identity;
pub use self_check::self_check;
