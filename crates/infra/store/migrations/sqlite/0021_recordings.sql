CREATE TABLE recordings (
    id             TEXT PRIMARY KEY,
    call_id        TEXT,    -- of call_logs, once the call has ended; NULL for a conference
    leg            TEXT,
    conference     TEXT,    -- the number
    caller         TEXT,
    dialled        TEXT,
    path           TEXT NOT NULL, -- relative to the folder of recordings
    started_at     INTEGER NOT NULL,
    state          TEXT NOT NULL
                   CHECK (state IN ('recording', 'complete', 'failed', 'interrupted', 'deleted')),
    failure        TEXT,
    seconds        REAL NOT NULL,
    bytes          INTEGER NOT NULL, -- before encryption
    marks          TEXT NOT NULL,    -- JSON
    frames_dropped INTEGER NOT NULL,
    encrypted      INTEGER NOT NULL
) STRICT;
CREATE INDEX recordings_by_start ON recordings (started_at, id);
CREATE INDEX recordings_by_call ON recordings (call_id);
CREATE INDEX recordings_by_path ON recordings (path);

ALTER TABLE call_logs ADD COLUMN recordings TEXT NOT NULL DEFAULT ''; -- ids, separated by spaces

ALTER TABLE extensions ADD COLUMN record TEXT NOT NULL DEFAULT 'none'
    CHECK (record IN ('none', 'inbound', 'outbound', 'all'));
ALTER TABLE services ADD COLUMN record INTEGER NOT NULL DEFAULT 0;
