//! IVR menus: a caller hears a prompt, presses keys, and is sent on.
//!
//! [`Session`] is one caller's way through the menus of a [`Directory`](offhook_model::Directory), as it was
//! when the caller came in: keys, ended prompts and time go in, [`Output`]s come out.
//! [`check`] says what is wrong with menus before anybody hears them: targets that are not there, circles
//! that no key leaves, keys that no telephone has.
//!
//! It plays nothing, asks no webhook and knows no SIP. Time zones are those that were compiled in, and the
//! time is an argument, so that opening hours need no clock either.

mod check;
mod hours;
mod session;
mod targets;
mod words;

pub use check::{MENUS_MAX, OPTIONS_MAX, Problem, check, users_of};
pub use hours::is_open;
pub use session::{ANSWER_WAIT_MS, Output, Session};
