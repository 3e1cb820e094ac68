-- A number that welcomes its callers and sends them on: any target, where it was an extension.
UPDATE services SET
    kind = 'go_to',
    parameters = json_object(
        'welcome', json_extract(parameters, '$.welcome'),
        'target', json_object('kind', 'extension', 'to', json_extract(parameters, '$.target')),
        'otherwise', json_object('kind', 'play', 'to', json_extract(parameters, '$.apology')))
WHERE kind = 'direct_call';

-- What makes a queue is read and written as a whole; rows are found by name.
CREATE TABLE queues (
    id         TEXT PRIMARY KEY,
    settings   TEXT NOT NULL, -- JSON, as the API has it, without the tiers
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agents_new (
    id                TEXT PRIMARY KEY,
    username          TEXT NOT NULL UNIQUE REFERENCES users (username) ON DELETE CASCADE,
    extension         TEXT NOT NULL REFERENCES extensions (number) ON DELETE CASCADE,
    status            TEXT NOT NULL DEFAULT 'offline' CHECK (status IN ('online', 'busy', 'away', 'offline')),
    reason            TEXT,
    changed_at        INTEGER NOT NULL,
    skills            TEXT NOT NULL DEFAULT '{}', -- JSON: proficiency by skill, 1 to 10
    max_misses        INTEGER NOT NULL DEFAULT 3,
    auto_answer       INTEGER NOT NULL DEFAULT 0,
    takes_second_call INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO agents_new (id, username, extension, status, reason, changed_at)
    SELECT id, username, extension, status, reason, changed_at FROM agents;
DROP TABLE agents;
ALTER TABLE agents_new RENAME TO agents;

CREATE TABLE queue_tiers (
    queue    TEXT NOT NULL REFERENCES queues (id) ON DELETE CASCADE,
    agent    TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    level    INTEGER NOT NULL DEFAULT 1,
    position INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (queue, agent)
) STRICT;

CREATE TABLE ivr_menus (
    id         TEXT PRIMARY KEY,
    settings   TEXT NOT NULL, -- JSON, as the API has it, without the options
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ivr_menu_options (
    menu     TEXT NOT NULL REFERENCES ivr_menus (id) ON DELETE CASCADE,
    keys     TEXT NOT NULL,
    action   TEXT NOT NULL, -- JSON
    PRIMARY KEY (menu, keys)
) STRICT;
