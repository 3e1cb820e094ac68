use crate::passwords;
use crate::store::{from_sql, to_sql};
use crate::{Store, StoreError};
use offhook_model::{
    CallRef, Greetings, MESSAGES_HEARD_MAX, Message, Opened, VoicemailId, VoicemailRecord,
};
use sqlx::{FromRow, QueryBuilder, Sqlite, Transaction};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Messages of one mailbox; what is left beyond is not kept.
pub const VOICEMAILS_OF_MAILBOX_MAX: u32 = 10_000;

/// One row of `voicemails`.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct VoicemailRow {
    /// The message's [`VoicemailId`].
    pub id: String,
    /// Whose it is: an extension, or a queue's name.
    pub mailbox: String,
    /// The call.
    pub call_id: String,
    /// Who called.
    pub number: String,
    /// The name that the caller gave.
    pub name: Option<String>,
    /// When it was left, milliseconds of Unix time.
    #[sqlx(rename = "received_at")]
    pub received_at_ms: i64,
    /// How long it plays, in seconds.
    pub duration_s: f64,
    /// The file, relative to the folder of the recordings.
    pub path: String,
    /// Whether somebody has listened to it.
    pub heard: bool,
    /// How often it was tried to mail it.
    pub mail_tries: i64,
}

/// Which messages are asked for; what is `None` does not narrow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VoicemailFilter {
    /// Messages of one of these mailboxes.
    pub mailboxes: Option<Vec<String>>,
    /// Messages that somebody has listened to, or nobody.
    pub heard: Option<bool>,
    /// Messages behind this one, in the order of [`Store::voicemails`].
    pub cursor: Option<VoicemailId>,
}

/// What is known of a mailbox, but for its PIN.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct MailboxRow {
    /// The mailbox: an extension, or a queue's name.
    pub mailbox: String,
    /// Whether it has a PIN.
    pub has_pin: bool,
    /// A prompt URI.
    pub greeting: Option<String>,
    /// Where messages are sent.
    pub email: Option<String>,
    /// Whether they are sent.
    pub notify: bool,
}

/// What is to be changed of a mailbox; what is `None` stays, and an inner `None` is taken away.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct MailboxChange {
    /// The PIN.
    pub pin: Option<Option<String>>,
    /// A prompt URI.
    pub greeting: Option<Option<String>>,
    /// Where messages are sent.
    pub email: Option<Option<String>>,
    /// Whether they are sent.
    pub notify: Option<bool>,
}

impl std::fmt::Debug for MailboxChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailboxChange(..)")
    }
}

/// A message that is to be mailed.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub struct MailDue {
    /// The message.
    #[sqlx(flatten)]
    pub message: VoicemailRow,
    /// Where to.
    pub email: String,
}

/// What became of a message that was to be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail server has taken it.
    Sent,
    /// It is to be tried again at this moment, milliseconds of Unix time.
    Again(u64),
    /// It is not tried again.
    Failed,
}

/// Messages in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCount {
    /// Those that nobody has heard.
    pub new: u32,
    /// The others.
    pub old: u32,
}

impl Store {
    /// Messages, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn voicemails(
        &self,
        filter: &VoicemailFilter,
        limit: u32,
    ) -> Result<Vec<VoicemailRow>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM voicemails WHERE TRUE");
        if let Some(mailboxes) = &filter.mailboxes {
            query.push(" AND mailbox IN (");
            let mut names = query.separated(", ");
            for name in mailboxes {
                names.push_bind(name.clone());
            }
            query.push(")");
        }
        if let Some(heard) = filter.heard {
            query.push(" AND heard = ").push_bind(heard);
        }
        if let Some(cursor) = &filter.cursor {
            let place = "(SELECT received_at, id FROM voicemails WHERE id = ";
            query.push(" AND (received_at, id) < ").push(place);
            query.push_bind(cursor.as_str().to_owned()).push(")");
        }
        query.push(" ORDER BY received_at DESC, id DESC LIMIT ").push_bind(limit);
        Ok(query.build_query_as().fetch_all(self.pool()).await?)
    }

    /// One message.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn voicemail(&self, id: &VoicemailId) -> Result<Option<VoicemailRow>, StoreError> {
        let row = sqlx::query_as("SELECT * FROM voicemails WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await?;
        Ok(row)
    }

    /// How many messages there are in each mailbox that has some.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_messages(&self) -> Result<BTreeMap<String, MessageCount>, StoreError> {
        let rows: Vec<(String, u32, u32)> = sqlx::query_as(
            "SELECT mailbox, sum(heard = 0), sum(heard = 1) FROM voicemails GROUP BY mailbox",
        )
        .fetch_all(self.pool())
        .await?;
        let counted =
            rows.into_iter().map(|(mailbox, new, old)| (mailbox, MessageCount { new, old }));
        Ok(counted.collect())
    }

    /// Notes whether somebody has listened to a message.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such message.
    pub async fn set_voicemail_heard(
        &self,
        id: &VoicemailId,
        heard: bool,
    ) -> Result<VoicemailRow, StoreError> {
        let row = sqlx::query_as("UPDATE voicemails SET heard = ? WHERE id = ? RETURNING *")
            .bind(heard)
            .bind(id.as_str())
            .fetch_optional(self.pool())
            .await?;
        row.ok_or(StoreError::NotFound("message"))
    }

    /// Removes a message. Its file is somebody else's to delete.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such message.
    pub async fn delete_voicemail(&self, id: &VoicemailId) -> Result<(), StoreError> {
        let done = sqlx::query("DELETE FROM voicemails WHERE id = ?")
            .bind(id.as_str())
            .execute(self.pool())
            .await?;
        crate::extensions::found(done.rows_affected(), "message")
    }

    /// What is known of a mailbox; one that was never changed has nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mailbox(&self, mailbox: &str) -> Result<MailboxRow, StoreError> {
        let row: Option<MailboxRow> = sqlx::query_as(
            "SELECT mailbox, pin_hash IS NOT NULL AS has_pin, greeting, email, notify
             FROM mailboxes WHERE mailbox = ?",
        )
        .bind(mailbox)
        .fetch_optional(self.pool())
        .await?;
        Ok(row.unwrap_or_else(|| MailboxRow { mailbox: mailbox.to_owned(), ..Default::default() }))
    }

    /// Changes what is known of a mailbox.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn change_mailbox(
        &self,
        mailbox: &str,
        change: MailboxChange,
    ) -> Result<MailboxRow, StoreError> {
        let pin_hash = match &change.pin {
            Some(Some(pin)) => Some(Some(passwords::hash(pin).await?)),
            Some(None) => Some(None),
            None => None,
        };
        let mut transaction = self.pool().begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO mailboxes (mailbox) VALUES (?) ON CONFLICT (mailbox) DO NOTHING")
            .bind(mailbox)
            .execute(&mut *transaction)
            .await?;
        let columns =
            [("pin_hash", pin_hash), ("greeting", change.greeting), ("email", change.email)];
        for (column, value) in columns {
            let Some(value) = value else { continue };
            let mut query = QueryBuilder::<Sqlite>::new("UPDATE mailboxes SET ");
            query.push(column).push(" = ").push_bind(value);
            query.push(" WHERE mailbox = ").push_bind(mailbox.to_owned());
            query.build().execute(&mut *transaction).await?;
        }
        if let Some(notify) = change.notify {
            sqlx::query("UPDATE mailboxes SET notify = ? WHERE mailbox = ?")
                .bind(notify)
                .bind(mailbox)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        self.mailbox(mailbox).await
    }

    /// The greetings of all mailboxes that have one.
    pub(crate) async fn greetings(&self) -> Result<Greetings, StoreError> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT mailbox, greeting FROM mailboxes WHERE greeting IS NOT NULL AND greeting <> ''",
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// Opens a mailbox by its PIN; without one it is opened for its owner's own device, unless it has one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_mailbox(
        &self,
        mailbox: &str,
        pin: Option<&str>,
    ) -> Result<Opened, StoreError> {
        let hash: Option<Option<String>> =
            sqlx::query_scalar("SELECT pin_hash FROM mailboxes WHERE mailbox = ?")
                .bind(mailbox)
                .fetch_optional(self.pool())
                .await?;
        let hash = hash.flatten();
        match pin {
            None if hash.is_some() => return Ok(Opened::PinWanted),
            Some(pin) if !passwords::verify(pin, hash).await? => return Ok(Opened::Wrong),
            None | Some(_) => {}
        }
        Ok(Opened::Messages(self.messages_to_hear(mailbox).await?))
    }

    async fn messages_to_hear(&self, mailbox: &str) -> Result<Vec<Message>, StoreError> {
        let rows: Vec<VoicemailRow> = sqlx::query_as(
            "SELECT * FROM voicemails WHERE mailbox = ? ORDER BY heard, received_at, id LIMIT ?",
        )
        .bind(mailbox)
        .bind(to_sql(MESSAGES_HEARD_MAX as u64))
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().filter_map(message).collect())
    }

    /// Messages whose mail is due, at most `limit`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mails_due(&self, now_ms: u64, limit: u32) -> Result<Vec<MailDue>, StoreError> {
        let rows = sqlx::query_as(
            "SELECT v.*, m.email FROM voicemails v JOIN mailboxes m ON m.mailbox = v.mailbox
             WHERE v.mail = 'pending' AND v.mail_due_at <= ? AND m.email IS NOT NULL AND m.notify
             ORDER BY v.mail_due_at LIMIT ?",
        )
        .bind(to_sql(now_ms))
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }

    /// Notes what became of a message's mail.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_mail(&self, id: &str, outcome: MailOutcome) -> Result<(), StoreError> {
        let (mail, due_ms) = match outcome {
            MailOutcome::Sent => ("sent", 0),
            MailOutcome::Again(due_ms) => ("pending", due_ms),
            MailOutcome::Failed => ("failed", 0),
        };
        sqlx::query(
            "UPDATE voicemails SET mail = ?, mail_due_at = ?, mail_tries = mail_tries + 1 WHERE id = ?",
        )
        .bind(mail)
        .bind(to_sql(due_ms))
        .bind(id)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}

fn message(row: VoicemailRow) -> Option<Message> {
    Some(Message {
        id: VoicemailId::parse(&row.id)?,
        number: row.number,
        received_at_ms: from_sql(row.received_at_ms),
        path: PathBuf::from(row.path),
        is_heard: row.heard,
    })
}

/// Writes a message down, to be mailed when its mailbox wants that. One that is there already stays as it is,
/// so that a write whose outcome is unknown can be repeated.
pub(crate) async fn insert_voicemail(
    transaction: &mut Transaction<'_, Sqlite>,
    record: &VoicemailRecord,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO voicemails (id, mailbox, call_id, number, name, received_at, duration_s, path, mail)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
             CASE WHEN EXISTS (SELECT 1 FROM mailboxes
                 WHERE mailbox = ?2 AND notify AND email IS NOT NULL) THEN 'pending' ELSE 'none' END
         WHERE (SELECT count(*) FROM voicemails WHERE mailbox = ?2) < ?9
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(record.id.as_str())
    .bind(&record.mailbox)
    .bind(CallRef::as_str(&record.call))
    .bind(&record.number)
    .bind(&record.name)
    .bind(to_sql(record.received_at_ms))
    .bind(record.duration_s)
    .bind(record.path.to_string_lossy())
    .bind(VOICEMAILS_OF_MAILBOX_MAX)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Notes that somebody has listened to a message.
pub(crate) async fn mark_heard(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &VoicemailId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE voicemails SET heard = 1 WHERE id = ?")
        .bind(id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Removes a message.
pub(crate) async fn remove(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &VoicemailId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM voicemails WHERE id = ?")
        .bind(id.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Removes the messages whose files are gone.
pub(crate) async fn expire(
    transaction: &mut Transaction<'_, Sqlite>,
    paths: &[PathBuf],
) -> Result<(), StoreError> {
    for path in paths {
        sqlx::query("DELETE FROM voicemails WHERE path = ?")
            .bind(path.to_string_lossy())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
