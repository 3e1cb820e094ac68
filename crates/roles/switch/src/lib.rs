//! The switch role: the calls, as a back-to-back user agent.
//!
//! SIP comes from the edge over the bus and goes back there; media is driven by commands; what a call
//! does is decided in `offhook-call` and where it goes in `offhook-routing`.
//! [`Switch`] is the role without I/O: messages, media events and time go in, [`Output`]s come out.
//! [`start`] is its driver: one task that reads the bus, hands everything to the state in order and carries
//! the outputs out. The role opens no socket but to the webhooks of menus, which it asks on threads of their
//! own, and reads no file.

mod config;
mod driver;
mod happenings;
mod identity;
mod info;
mod queue_metrics;
mod state;

pub use config::{Config, VoicemailConfig, WebhookConfig};
pub use driver::{Links, Running, STOP_WAIT, start};
pub use state::{Output, Question, Setup, Switch};
