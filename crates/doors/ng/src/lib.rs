//! The door for RTPengine's clients: the NG protocol in front of the media role.
//!
//! A SIP proxy sends each session description that passes it; the door makes legs of the media role for
//! the two sides, and gives the description back with addresses, keys and formats edited, every other line
//! as it came. [`state::Door`] keeps the calls by their call-id and the parties by their tags, without a
//! socket or a clock; [`start`] puts UDP, TCP, HTTP and WebSockets in front of it.
//!
//! It moves no packet and encodes no speech: that is the media role's, to which it speaks only over the
//! bus. It knows nothing of SIP, of the switch's calls or of who may call whom.

mod config;
mod driver;
pub mod state;

pub use config::{CALLS_MAX, Config, DELETE_DELAY_S, OFFER_TIMEOUT_S, PORT, SILENCE_TIMEOUT_S};
pub use driver::{Addresses, Kept, Links, NgDoor, start};
pub use state::SNAPSHOT_AGE_MAX;
