-- A mailbox is an extension's or a queue's; one without a row has no PIN, greeting or address.
CREATE TABLE mailboxes (
    mailbox  TEXT PRIMARY KEY,
    pin_hash TEXT,    -- argon2id, PHC string
    greeting TEXT,    -- a prompt URI
    email    TEXT,
    notify   INTEGER NOT NULL DEFAULT 0 -- whether messages are sent to the address
) STRICT;

CREATE TABLE voicemails (
    id          TEXT PRIMARY KEY,
    mailbox     TEXT NOT NULL,
    call_id     TEXT NOT NULL, -- of call_logs, once the call has ended
    number      TEXT NOT NULL,
    name        TEXT,
    received_at INTEGER NOT NULL,
    duration_s  REAL NOT NULL,
    path        TEXT NOT NULL, -- relative to the folder of recordings
    heard       INTEGER NOT NULL DEFAULT 0,
    mail        TEXT NOT NULL CHECK (mail IN ('none', 'pending', 'sent', 'failed')),
    mail_tries  INTEGER NOT NULL DEFAULT 0,
    mail_due_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX voicemails_by_mailbox ON voicemails (mailbox, received_at, id);
CREATE INDEX voicemails_by_path ON voicemails (path);
CREATE INDEX voicemails_to_mail ON voicemails (mail_due_at) WHERE mail = 'pending';
