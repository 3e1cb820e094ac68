//! Typed views of header values, read when they are asked for, borrowing from
//! the message.

mod access;
mod auth;
mod contact;
mod cseq;
mod event;
mod list;
mod name_addr;
mod params;
mod reason;
mod refer;
mod reliability;
mod session_expires;
mod tokens;
mod via;

use thiserror::Error;

use crate::message::{Defect, HeaderName};

pub use auth::{AuthParams, AuthValue, auth_values};
pub use contact::{Contact, ContactValue};
pub use cseq::{CSeq, SEQUENCE_MAX};
pub use event::{Event, SubscriptionState};
pub use list::list_items;
pub use name_addr::NameAddr;
pub use params::{Params, quote, unquote};
pub use reason::Reason;
pub use refer::Replaces;
pub use reliability::RAck;
pub use session_expires::{Refresher, SessionExpires};
pub use tokens::MediaType;
pub use via::{MAGIC_COOKIE, Transport, Via};

pub(crate) use list::item_end;
pub(crate) use via::received_text;

/// Why a header gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum HeaderError {
    /// The message does not have it.
    #[error("Missing {0}")]
    Missing(HeaderName),
    /// Its value breaks the grammar or its range.
    #[error("Malformed {0}")]
    Malformed(HeaderName),
}

impl From<HeaderError> for Defect {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Missing(name) => Self::Missing(name),
            HeaderError::Malformed(name) => Self::Malformed(name),
        }
    }
}
