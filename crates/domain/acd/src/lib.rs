//! The ACD: which agent is offered which caller, and when.
//!
//! [`Acd`] holds the queues, agents and waiting callers of one node. It takes in what happens (callers join
//! and leave, agents sign in, devices ring, answer, refuse or are lost), and puts out [`Output`]s: offers to
//! carry out, offers to withdraw, callers to send on, announcements, and [`QueueEvent`]s to write down.
//!
//! It rings nobody, plays nothing, knows no SIP and no database, and reads no clock: `now_ms` is Unix
//! time in milliseconds, given with each input. A clock that is set back is borne: time within the ACD never
//! goes back, and no deadline is lost. Its state is plain data that can be carried to another process.
//!
//! What holds after every input: an agent has at most one live offer; nobody is reserved without one; no
//! caller waits beside an agent who could take it; a caller who has left is offered to nobody; each caller has
//! exactly one outcome. `tests/simulation` checks this against a simple model.

mod acd;
mod agent;
mod agents;
mod audit;
mod callbacks;
mod callers;
mod clock;
mod configure;
mod counts;
mod dispatch;
mod entry;
mod event;
mod ids;
mod input;
mod offers;
mod output;
mod queue;
mod record;
mod restart;
mod rng;
mod saved;
mod timeouts;
mod timers;
mod view;
mod views;

pub use acd::Acd;
pub use counts::{AgentCounts, DayCounts, QueueCounts};
pub use event::{OfferEnd, QueueEvent};
pub use ids::{CallKey, EntryId};
pub use input::{
    Join, Left, NotCalledBack, NotOffered, NotWaiting, NotWrappingUp, OfferFailure, UnknownAgent,
};
pub use offhook_model::OfferId;
pub use output::{Output, Overflow, WithdrawReason};
pub use view::{AgentView, CallView, QueueView, Violation, WaitingView};

use ids::{AgentIx, QueueIx};
