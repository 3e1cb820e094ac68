use crate::SmtpConfig;
use anyhow::Context;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::{Message, SmtpTransport, Transport};
use offhook_sealed::{KeyRing, Recording};
use offhook_store::{MailDue, MailOutcome, Store, VoicemailRow};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How often a message is tried to be sent.
pub const MAIL_TRIES_MAX: u32 = 8;
/// The pause after the first try; each is four times as long as the one before.
const RETRY_PAUSE_MS: u64 = 60_000;
/// The longest pause.
const RETRY_PAUSE_MS_MAX: u64 = 4 * 3_600_000;
/// Messages that are sent at a time, one after the other.
const MAILS_AT_ONCE_MAX: u32 = 20;
/// How long the mail server may take for each of its answers.
const SMTP_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a recording that is attached at most; of a longer one the mail only tells.
const ATTACHMENT_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// Sends messages by e-mail, with what was recorded.
#[derive(Debug)]
pub struct Mailer {
    store: Store,
    transport: SmtpTransport,
    from: Mailbox,
    recordings: PathBuf,
    keys: KeyRing,
}

/// How a mail failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// It makes no sense to try again.
    #[error("{0:#}")]
    ForGood(anyhow::Error),
    #[error("{0:#}")]
    ForNow(anyhow::Error),
}

impl Mailer {
    /// A mailer, unless no mail server is configured.
    ///
    /// # Errors
    /// When the URL or the sender cannot be read; the URL is not in the error.
    pub fn new(
        config: &SmtpConfig,
        store: Store,
        recordings: PathBuf,
        keys: KeyRing,
    ) -> anyhow::Result<Option<Self>> {
        if config.url.0.is_empty() {
            return Ok(None);
        }
        let Ok(transport) = SmtpTransport::from_url(&config.url.0) else {
            anyhow::bail!(
                "voicemail.smtp.url is smtps://user:password@host:465, or \
                 smtp://user:password@host:587?tls=required"
            );
        };
        let from = config.from.parse().context(
            "voicemail.smtp.from is an address such as `Offhook <voicemail@example.com>`",
        )?;
        let transport = transport.timeout(Some(SMTP_TIMEOUT)).build();
        Ok(Some(Self { store, transport, from, recordings, keys }))
    }

    /// Sends the messages that are due at this moment, milliseconds of Unix time; how many were sent.
    pub async fn send_due(&self, now_ms: u64) -> usize {
        let due = match self.store.mails_due(now_ms, MAILS_AT_ONCE_MAX).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "messages to be mailed cannot be read");
                return 0;
            }
        };
        let mut sent = 0;
        for mail in due {
            let outcome = match self.send(&mail).await {
                Ok(()) => MailOutcome::Sent,
                Err(failure) => after(&mail.message, &failure, now_ms),
            };
            sent += usize::from(outcome == MailOutcome::Sent);
            if let Err(error) = self.store.note_mail(&mail.message.id, outcome).await {
                tracing::warn!(%error, "what became of a mail cannot be written down");
            }
        }
        metrics::counter!("offhook_voicemail_mails_total", "outcome" => "sent")
            .increment(sent as u64);
        sent
    }

    async fn send(&self, mail: &MailDue) -> Result<(), Failure> {
        let to: Mailbox = mail
            .email
            .parse()
            .with_context(|| format!("the address of mailbox {}", mail.message.mailbox))
            .map_err(Failure::ForGood)?;
        let sound = self.sound(&mail.message.path).await.map_err(Failure::ForNow)?;
        let message = self.compose(&mail.message, to, sound).map_err(Failure::ForGood)?;
        let transport = self.transport.clone();
        let sent = tokio::task::spawn_blocking(move || transport.send(&message)).await;
        match sent.map_err(|error| Failure::ForNow(error.into()))? {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Failure::ForGood(error.into())),
            Err(error) => Err(Failure::ForNow(error.into())),
        }
    }

    fn compose(
        &self,
        message: &VoicemailRow,
        to: Mailbox,
        sound: Option<Vec<u8>>,
    ) -> anyhow::Result<Message> {
        let text = SinglePart::plain(text_of(message));
        let mut parts = MultiPart::mixed().singlepart(text);
        if let Some(sound) = sound {
            let kind = ContentType::parse("audio/wav").context("a content type")?;
            parts = parts.singlepart(Attachment::new("message.wav".to_owned()).body(sound, kind));
        }
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(format!("Voicemail from {}", caller_of(message)))
            .multipart(parts)
            .context("composing a mail")
    }

    /// What was recorded, decrypted; `None` when it is too long to be attached.
    async fn sound(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let (path, keys) = (self.recordings.join(path), self.keys.clone());
        tokio::task::spawn_blocking(move || read(&path, &keys)).await?
    }
}

fn read(path: &Path, keys: &KeyRing) -> anyhow::Result<Option<Vec<u8>>> {
    let file = File::open(path).context("opening the recording of a message")?;
    let mut recording = Recording::open(file, keys)?;
    if recording.length() > ATTACHMENT_BYTES_MAX {
        return Ok(None);
    }
    Ok(Some(recording.read_all()?))
}

/// What follows from a failure.
fn after(message: &VoicemailRow, failure: &Failure, now_ms: u64) -> MailOutcome {
    let tries = u32::try_from(message.mail_tries).unwrap_or(u32::MAX);
    let is_last = tries.saturating_add(1) >= MAIL_TRIES_MAX;
    tracing::warn!(message = message.id, error = %failure, tries, "a message cannot be mailed");
    match failure {
        Failure::ForNow(_) if !is_last => {
            let pause_ms = RETRY_PAUSE_MS.saturating_mul(4_u64.saturating_pow(tries));
            MailOutcome::Again(now_ms + pause_ms.min(RETRY_PAUSE_MS_MAX))
        }
        Failure::ForNow(_) | Failure::ForGood(_) => {
            metrics::counter!("offhook_voicemail_mails_total", "outcome" => "failed").increment(1);
            MailOutcome::Failed
        }
    }
}

fn caller_of(message: &VoicemailRow) -> String {
    match &message.name {
        Some(name) => format!("{name} ({})", message.number),
        None => message.number.clone(),
    }
}

fn text_of(message: &VoicemailRow) -> String {
    let at = i128::from(message.received_at_ms) * 1_000_000;
    let at =
        OffsetDateTime::from_unix_timestamp_nanos(at).ok().and_then(|at| at.format(&Rfc3339).ok());
    format!(
        "{} left a message of {:.0} seconds for {} at {}.\r\n",
        caller_of(message),
        message.duration_s,
        message.mailbox,
        at.unwrap_or_default(),
    )
}
