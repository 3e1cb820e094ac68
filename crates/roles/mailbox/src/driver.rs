//! Tasks around the store: one that takes the switch's wishes, one that sends mail.

use crate::attempts::Attempts;
use crate::counter::Counter;
use crate::{Config, Mailer};
use offhook_bus::{Inbox, Outbox, Shared};
use offhook_model::{LegId, MailboxAnswer, MailboxRequest, Opened};
use offhook_sealed::KeyRing;
use offhook_store::Store;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Mailboxes that are being opened at a time; others wait.
const OPENED_AT_ONCE_MAX: usize = 8;
/// How often messages to be mailed are looked for.
pub const MAIL_PERIOD: Duration = Duration::from_secs(5);

/// What the role is connected to.
#[derive(Debug)]
pub struct Links {
    /// From the switch.
    pub requests: Inbox<MailboxRequest>,
    /// To the switch.
    pub answers: Outbox<MailboxAnswer>,
    /// The messages.
    pub store: Store,
    /// Where the directory is put in force.
    pub shared: Shared,
    /// The folder of the recordings.
    pub recordings: PathBuf,
    /// The keys of encrypted recordings.
    pub keys: KeyRing,
}

/// The role that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Starts the role.
///
/// # Errors
/// When the configuration of the mail server cannot be used.
pub fn start(config: &Config, links: Links) -> anyhow::Result<Running> {
    let (store, recordings) = (links.store.clone(), links.recordings.clone());
    let mailer = Mailer::new(&config.smtp, store, recordings, links.keys.clone())?;
    let counter = Counter::new(links.store.clone(), links.answers.clone());
    let mut tasks = vec![tokio::spawn(serve(links)), tokio::spawn(counter.run())];
    if let Some(mailer) = mailer {
        tasks.push(tokio::spawn(send_mail(mailer)));
    }
    Ok(Running { tasks })
}

async fn send_mail(mailer: Mailer) {
    let mut period = tokio::time::interval(MAIL_PERIOD);
    period.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        period.tick().await;
        mailer.send_due(unix_ms()).await;
    }
}

/// What all who open a mailbox share.
struct Door {
    store: Store,
    answers: Outbox<MailboxAnswer>,
    attempts: Mutex<Attempts>,
}

async fn serve(mut links: Links) {
    let door = Arc::new(Door {
        store: links.store.clone(),
        answers: links.answers.clone(),
        attempts: Mutex::default(),
    });
    let room = Arc::new(Semaphore::new(OPENED_AT_ONCE_MAX));
    while let Some(request) = links.requests.recv().await {
        match request {
            MailboxRequest::DeleteFile(path) => delete(&links.recordings, &path).await,
            MailboxRequest::DoNotDisturb { extension, is_on } => {
                set_do_not_disturb(&links, &extension, is_on).await;
            }
            MailboxRequest::Open { leg, mailbox, pin } => {
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let door = Arc::clone(&door);
                tokio::spawn(async move {
                    door.answer(leg, &mailbox, pin.as_deref()).await;
                    drop(permit);
                });
            }
        }
    }
}

impl Door {
    async fn answer(&self, leg: LegId, mailbox: &str, pin: Option<&str>) {
        let opened = self.open(mailbox, pin).await;
        if self.answers.send(MailboxAnswer::Opened { leg, opened }).is_err() {
            metrics::counter!("offhook_bus_dropped_total", "queue" => "mailbox").increment(1);
        }
    }

    async fn open(&self, mailbox: &str, pin: Option<&str>) -> Opened {
        if pin.is_some() && !self.attempts().take(mailbox, Instant::now()) {
            tracing::warn!(mailbox, "a mailbox is locked after wrong PINs");
            return Opened::Locked;
        }
        match self.store.open_mailbox(mailbox, pin).await {
            Ok(opened) => {
                if matches!(opened, Opened::Messages(_)) {
                    self.attempts().forget(mailbox);
                }
                opened
            }
            Err(error) => {
                tracing::warn!(%error, "a mailbox cannot be opened");
                Opened::Unavailable
            }
        }
    }

    /// The counts are whole between their uses, whoever panicked in between.
    fn attempts(&self) -> std::sync::MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn set_do_not_disturb(Links { store, shared, .. }: &Links, extension: &str, is_on: bool) {
    let written = async {
        store.set_do_not_disturb(extension, is_on).await?;
        shared.reload_directory(store.directory()).await
    };
    if let Err(error) = written.await {
        tracing::error!(%error, extension, "do not disturb is not written down");
    }
}

async fn delete(folder: &Path, path: &Path) {
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return tracing::error!(?path, "a file outside the folder of the recordings stays");
    }
    match tokio::fs::remove_file(folder.join(path)).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(%error, ?path, "the file of a message cannot be deleted");
        }
        Ok(()) | Err(_) => {}
    }
}

/// Milliseconds of Unix time; 0 before 1970.
fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
