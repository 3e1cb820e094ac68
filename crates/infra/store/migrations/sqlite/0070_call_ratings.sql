-- What callers think of their calls, each once.
CREATE TABLE call_ratings (
    call_id  TEXT PRIMARY KEY, -- of call_logs, once the call has ended
    stars    INTEGER NOT NULL CHECK (stars BETWEEN 1 AND 5),
    comment  TEXT,
    rated_at INTEGER NOT NULL
) STRICT;
