-- Moments are integers: milliseconds of Unix time, UTC. They sort and compare as they are, an index on them
-- serves ranges, and PostgreSQL keeps them as BIGINT without a change to any query.
-- Durations are seconds.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE extensions (
    number         TEXT PRIMARY KEY,
    display_name   TEXT NOT NULL,
    sip_password   TEXT,
    ha1_md5        BLOB CHECK (length(ha1_md5) = 16),
    ha1_sha256     BLOB CHECK (length(ha1_sha256) = 32),
    ring_timeout_s INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    CHECK (sip_password IS NOT NULL OR (ha1_md5 IS NOT NULL AND ha1_sha256 IS NOT NULL))
) STRICT;

CREATE TABLE services (
    number     TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    parameters TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE users (
    username      TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL, -- argon2id, PHC string
    role          TEXT NOT NULL CHECK (role IN ('admin', 'supervisor', 'agent')),
    extension     TEXT REFERENCES extensions (number) ON DELETE SET NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    username   TEXT NOT NULL REFERENCES users (username) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (username, created_at);

CREATE TABLE agents (
    id         TEXT PRIMARY KEY,
    username   TEXT NOT NULL UNIQUE REFERENCES users (username) ON DELETE CASCADE,
    extension  TEXT NOT NULL REFERENCES extensions (number) ON DELETE CASCADE,
    status     TEXT NOT NULL DEFAULT 'offline' CHECK (status IN ('online', 'busy', 'away', 'offline')),
    reason     TEXT,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE call_logs (
    id                TEXT PRIMARY KEY,
    caller            TEXT NOT NULL,
    caller_name       TEXT,
    dialled           TEXT NOT NULL,
    answered_by       TEXT,
    started_at        INTEGER NOT NULL,
    answered_at       INTEGER,
    ended_at          INTEGER NOT NULL,
    ring_seconds      REAL NOT NULL,
    talk_seconds      REAL NOT NULL,
    hangup_cause      INTEGER NOT NULL, -- Q.850
    hangup_cause_name TEXT NOT NULL,
    sip_status        INTEGER,
    hung_up_by        TEXT NOT NULL CHECK (hung_up_by IN ('caller', 'callee', 'system')),
    caller_codec      TEXT,
    callee_codec      TEXT,
    packets_lost      INTEGER, -- sum over the legs
    loss_percent      REAL,    -- of the worse direction
    jitter_ms         REAL,    -- of the worse direction
    mos               REAL     -- of the worse direction
) STRICT;
CREATE INDEX call_logs_by_start ON call_logs (started_at, id);
CREATE INDEX call_logs_by_caller ON call_logs (caller, started_at);
CREATE INDEX call_logs_by_dialled ON call_logs (dialled, started_at);

CREATE TABLE call_legs (
    call_id             TEXT NOT NULL REFERENCES call_logs (id) ON DELETE CASCADE,
    position            INTEGER NOT NULL,
    leg                 TEXT NOT NULL,
    direction           TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    number              TEXT NOT NULL,
    sip_call_id         TEXT NOT NULL,
    sip_status          INTEGER,
    codec               TEXT,
    security            TEXT,
    packets_received    INTEGER, -- NULL when the leg had no media
    packets_sent        INTEGER,
    packets_lost        INTEGER,
    packets_refused     INTEGER,
    jitter_ms           REAL,
    remote_loss_percent REAL,
    round_trip_ms       REAL,
    mos                 REAL,
    PRIMARY KEY (call_id, position)
) STRICT;

CREATE TABLE active_calls (
    id          TEXT PRIMARY KEY,
    caller      TEXT NOT NULL,
    dialled     TEXT NOT NULL,
    answered_by TEXT,
    state       TEXT NOT NULL CHECK (state IN ('ringing', 'answered')),
    started_at  INTEGER NOT NULL,
    answered_at INTEGER
) STRICT;
