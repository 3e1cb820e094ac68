CREATE TABLE webhooks (
    id         TEXT PRIMARY KEY,
    url        TEXT NOT NULL,
    types      TEXT NOT NULL, -- JSON; empty for all
    secret     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What has not been delivered yet, in order.
CREATE TABLE webhook_deliveries (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook    TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id   TEXT NOT NULL,
    body       TEXT NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    last_error TEXT,
    UNIQUE (webhook, event_id)
) STRICT;
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (webhook, position);
