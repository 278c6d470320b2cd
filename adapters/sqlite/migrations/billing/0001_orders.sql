-- seq is the order of recording. Amounts are whole minor units (cents), times milliseconds since the Unix epoch.
CREATE TABLE orders (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id        TEXT    NOT NULL UNIQUE CHECK (length(order_id) = 36),
    user_id         TEXT    NOT NULL CHECK (length(user_id) BETWEEN 1 AND 64),
    number_of_items INTEGER NOT NULL CHECK (number_of_items BETWEEN 1 AND 1000000),
    total_minor     INTEGER NOT NULL CHECK (total_minor BETWEEN 0 AND 999999999999),
    created_at      INTEGER NOT NULL,
    recorded_at     INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX orders_of_a_user ON orders (user_id, seq);
