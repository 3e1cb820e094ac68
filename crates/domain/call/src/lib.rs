//! Calls, their legs and the bridge between them, as pure state.
//!
//! A [`Call`] owns its legs. What happens to them comes in through `handle_*` ([`LegInput`] from
//! signalling, `MediaEvent` from the media role, bindings from the registrar) and what is to be done
//! comes out of [`Call::poll_output`] as [`Action`]s, in order.
//! Time is an argument, in milliseconds of Unix time, so that a call is plain data: it can be serialised,
//! carried to another node and go on there.
//! Descriptions are opaque here but for video, whose section is taken from one party's and put into the
//! other's.
//! This crate knows no SIP message and no socket, draws no random number, and does not route: it is told a
//! `Decision` and carries it out.

mod action;
mod adopt;
mod attempt;
mod call;
mod call_back;
mod describe;
mod dial;
mod end;
mod leg;
mod park;
mod pick_up;
mod queue;
mod reattach;
mod renegotiate;
mod script;
mod three_way;
mod transfer;
mod video;

pub use action::{Action, Failure, LegAction, LegInput, OfferReport, Reply, Route};
pub use call::{Call, Incoming, Placement};
pub use dial::{BINDING_ATTEMPTS_MAX, RINGBACK};
pub use end::RELEASE_WAIT_MS;
pub use leg::Leg;
pub use park::PARK_MS;
pub use pick_up::PickUp;
pub use queue::Offered;
pub use reattach::{REATTACH_MS, Reattach};
