-- The messages that wait to be processed, first come first served. first_seen is there for those that were dead
-- letters before.
CREATE TABLE order_queue (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id  TEXT,
    request_id  TEXT,
    traceparent TEXT,
    body        BLOB NOT NULL,
    first_seen  INTEGER
) STRICT;
