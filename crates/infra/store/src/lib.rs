//! The SQL store: settings, extensions, users, services, menus and call records on SQLite.
//!
//! All SQL of Offhook is here, behind typed methods of [`Store`]; the migrations are embedded and run when
//! the store is opened.
//! What calls need while they run is read once into a [`Directory`](offhook_model::Directory), so no call
//! ever waits for the database; what remains of a call is written by the [`RecordWriter`], which waits for a
//! database that is locked, full or gone, and [`mirror_active_calls`] keeps a table of the live ones.
//! This crate decides nothing about calls, holds no JSON of the API, and prints no secret.
//!
//! Moments are milliseconds of Unix time, durations are seconds, as `migrations/` says.

mod active;
mod agents;
mod centre_settings;
mod day_counts;
mod error;
mod extensions;
mod history;
mod menus;
mod notes;
mod passwords;
mod queue_log;
mod queue_records;
mod queues;
mod ratings;
mod recordings;
mod records;
mod seed;
mod seed_menus;
mod services;
mod sessions;
mod settings;
mod snapshots;
mod store;
mod users;
mod voicemails;
mod webhooks;
mod writer;

pub use active::{ACTIVE_CALLS_PERIOD, mirror_active_calls};
pub use agents::AGENTS_MAX;
pub use centre_settings::NotReadyReason;
pub use day_counts::{DAY_COUNTS_PERIOD, mirror_day_counts};
pub use error::StoreError;
pub use extensions::{EXTENSIONS_MAX, RING_TIMEOUT_S_DEFAULT};
pub use history::{
    CallDetail, CallRow, DayFigures, HISTORY_LIMIT_MAX, HistoryCursor, HistoryFilter, HistoryPage,
    Person,
};
pub use notes::CallNotes;
pub use passwords::{PASSWORD_BYTES_MAX, random_password};
pub use queue_log::{QUEUE_LOG_PERIOD, queue_log_text, write_queue_log};
pub use queue_records::{QUEUE_RECORDS_PAGE_MAX, QueueRecordRow, QueueStay};
pub use queues::QUEUES_MAX;
pub use ratings::CallRating;
pub use recordings::{RecordingFilter, RecordingRow};
pub use seed::Administrator;
pub use services::ServiceRow;
pub use sessions::{SESSIONS_PER_USER_MAX, Session};
pub use settings::SecretName;
pub use store::{BUSY_TIMEOUT, Store};
pub use users::{NewUser, Role, USERS_MAX, User, UserChange};
pub use voicemails::{
    MailDue, MailOutcome, MailboxChange, MailboxRow, MessageCount, VOICEMAILS_OF_MAILBOX_MAX,
    VoicemailFilter, VoicemailRow,
};
pub use webhooks::{Delivery, WEBHOOK_DELIVERIES_MAX, WEBHOOKS_MAX, Webhook, WebhookState};
pub use writer::{FLUSH_TIME_MAX, Flushed, RECORD_BATCH_MAX, RecordWriter};
