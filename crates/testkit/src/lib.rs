//! What tests of Offhook share: time that moves when told to, a network with seeded faults, SIP
//! peers that follow a script, and tones that are made and measured.
//!
//! Nothing here opens a socket, reads the clock while a test runs or draws from a random source, so
//! that a failing test fails again with the same seed. Nothing here is part of the product: crates
//! depend on it for their tests only.
//!
//! Central types: [`ScriptedPeer`] speaks raw SIP text to anything that is an [`Engine`];
//! [`Pair`] is two user agents with a [`SimNet`] between them; [`CountingAllocator`] counts what a
//! thread allocates.

mod allocations;
mod clock;
mod engine;
mod pair;
mod phone;
mod rng;
mod script;
mod scripted_peer;
mod sim_net;
mod tone;

pub use allocations::{CountingAllocator, allocations};
pub use clock::VirtualClock;
pub use engine::Engine;
pub use pair::Pair;
pub use phone::Phone;
pub use rng::Rng;
pub use script::{new_request, request_within};
pub use scripted_peer::ScriptedPeer;
pub use sim_net::{IN_FLIGHT_COUNT_MAX, SimNet};
pub use tone::{FULL_SCALE_DBM0, SILENCE_DBM0, ToneMeasurement, level_dbm0, measure, tone};
