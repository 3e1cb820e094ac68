-- What happened in queues and to agents, in the order in which it was written down. Read by exports.
CREATE TABLE queue_events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    call_id  TEXT,
    entry    INTEGER,
    queue    TEXT,
    agent    TEXT,
    step     TEXT NOT NULL, -- the word
    details  TEXT NOT NULL  -- JSON
) STRICT;
CREATE INDEX queue_events_by_time ON queue_events (at, position);

-- A caller's stays in queues. They are there before the call's row, which is written when it has ended.
CREATE TABLE call_queue_steps (
    call_id         TEXT NOT NULL,
    entry           INTEGER NOT NULL, -- the stay, within the process
    position        INTEGER NOT NULL, -- of the stay among the call's, from 0
    queue           TEXT NOT NULL,
    number          TEXT,
    joined_at       INTEGER NOT NULL,
    joined_position INTEGER,
    offers          INTEGER NOT NULL DEFAULT 0,
    is_callback     INTEGER NOT NULL DEFAULT 0,
    outcome         TEXT CHECK (outcome IN
                    ('answered', 'abandoned', 'overflowed', 'transferred_out', 'interrupted')),
    reason          TEXT,    -- of the overflow; short, of an abandoned one
    agent           TEXT,
    within_sl       INTEGER, -- of an answered one
    waited_ms       INTEGER,
    rang_ms         INTEGER,
    talk_ms         INTEGER,
    hold_ms         INTEGER,
    PRIMARY KEY (call_id, entry)
) STRICT;
CREATE INDEX call_queue_steps_by_agent ON call_queue_steps (agent, joined_at);

ALTER TABLE call_logs ADD COLUMN queue TEXT; -- of the last stay in one
ALTER TABLE call_logs ADD COLUMN agent TEXT;
ALTER TABLE call_logs ADD COLUMN wait_seconds REAL;
ALTER TABLE call_logs ADD COLUMN notes TEXT;
ALTER TABLE call_logs ADD COLUMN disposition TEXT;

-- What agents write of calls, while these go on too.
CREATE TABLE call_notes (
    call_id     TEXT PRIMARY KEY,
    notes       TEXT,
    disposition TEXT,
    username    TEXT NOT NULL,
    changed_at  INTEGER NOT NULL
) STRICT;

-- The counts of a day, as they stood last.
CREATE TABLE day_counts (
    day    INTEGER NOT NULL, -- its first moment
    kind   TEXT NOT NULL CHECK (kind IN ('agent', 'queue')),
    id     TEXT NOT NULL,
    counts TEXT NOT NULL, -- JSON
    PRIMARY KEY (day, kind, id)
) STRICT;
