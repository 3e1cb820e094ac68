-- Calls of the NG door, for the process after this one. The value is the door's own text, with keys in it.
CREATE TABLE call_snapshots (
    call_id  TEXT PRIMARY KEY,
    value    TEXT NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;
