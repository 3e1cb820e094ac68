//! The mailbox role: what voicemail needs of the database, the disk and the network.
//!
//! [`start`] is its driver: it opens mailboxes by their PINs for the switch, deletes files that are no
//! messages, and sends new messages by e-mail where that is configured. [`Attempts`] counts wrong PINs,
//! [`Mailer`] sends what is due.
//!
//! It knows no calls and no SIP; messages are recorded by the media role and written down by the store.

mod attempts;
mod config;
mod counter;
mod driver;
mod mail;

pub use attempts::{Attempts, WRONG_PINS_MAX};
pub use config::{Config, SmtpConfig, SmtpUrl};
pub use driver::{Links, MAIL_PERIOD, Running, start};
pub use mail::{MAIL_TRIES_MAX, Mailer};
