//! Transactions of RFC 3261 section 17 with the corrections of RFC 6026.
//!
//! Four state machines, one per file, know only bytes, status codes and time. The
//! [`TransactionLayer`] finds the machine a message belongs to and runs the timers of all.

pub mod invite_client;
pub mod invite_server;
pub mod non_invite_client;
pub mod non_invite_server;

mod hop;
mod layer;
mod matching;
mod outbox;
mod schedule;
mod timer;
mod transport;

pub use layer::{Counters, Event, LayerOutput, SendError, TRANSACTION_COUNT_MAX, TransactionLayer};
pub use outbox::Output;
pub use timer::{
    T1, T2, T4, TIMER_B, TIMER_C, TIMER_D, TIMER_F, TIMER_H, TIMER_J, TIMER_L, TIMER_M, TimerName,
};
pub use transport::{TransactionKey, Transmit, Transport};

pub(crate) use schedule::Schedule;
pub(crate) use timer::TimerTable;
