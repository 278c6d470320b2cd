-- The messages that cannot be processed and wait for an operator.
CREATE TABLE dead_letters (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE CHECK (length(id) = 36),
    reason      TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    first_seen  INTEGER NOT NULL,
    message_id  TEXT,
    request_id  TEXT,
    traceparent TEXT,
    body        BLOB    NOT NULL
) STRICT;
