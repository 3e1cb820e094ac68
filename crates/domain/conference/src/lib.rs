//! Conferences: who may come in, who is heard, and who decides that.
//!
//! [`Conference`] takes in callers, keys and wishes, and puts out commands for the media role, which mixes.
//! It asks for a PIN, keeps callers waiting until a moderator is there, mutes, locks, puts out and announces.
//! [`Supervision`] puts a supervisor on a call of two: listening, whispering to one side, or barging in.
//!
//! It mixes nothing, knows no SIP and reads no clock: a caller who is asked for something and says nothing is
//! noticed by the end of the prompt that asked. Its state is plain data.

mod caller;
mod conference;
mod supervision;

pub use conference::{Conference, MemberView, NotThere, Output};
pub use supervision::{Supervision, SupervisionMode};
