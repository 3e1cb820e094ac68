//! What a REGISTER does to the bindings of an address-of-record (RFC 3261 section 10.3, RFC 5626).
//!
//! [`register`] is one function of plain data: the bindings there are, the [`Registration`] that is asked
//! for, the time and the [`Limits`]; it gives the bindings there will be, or a [`Rejection`] and no change
//! at all. It reads no SIP text, knows no passwords, keeps nothing and tells nobody.

mod binding;
mod registration;
mod rejection;

pub use binding::register;
pub use registration::{ContactWish, Contacts, Limits, Registration};
pub use rejection::Rejection;
