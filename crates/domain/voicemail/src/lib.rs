//! Voicemail: a caller leaves a message, its owner hears it by telephone.
//!
//! [`Deposit`] is one caller's way from the greeting to a message that is kept or dropped, [`Retrieval`] is
//! one owner's way through the messages of a mailbox. Keys, ended prompts, what the recorder tells and time go
//! in, [`DepositOutput`]s and [`RetrievalOutput`]s come out.
//!
//! It records and plays nothing, knows no SIP and no database, and never sees a PIN but to hand it on.

mod deposit;
mod retrieval;
mod words;

pub use deposit::{Deposit, DepositOutput, RETAKES_MAX, Rules, Taken};
pub use retrieval::{Retrieval, RetrievalOutput, WRONG_PINS_MAX};
pub use words::{default_greeting, spoken};

/// How long a prompt may take; then it counts as heard, in milliseconds.
const PROMPT_MS_MAX: u64 = 300_000;
