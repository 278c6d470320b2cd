-- Of each order that was contradicted: the first order with the same id and other content, which is among the dead letters, and
-- how many there were in all. The others are kept nowhere.
CREATE TABLE conflicts (
    order_id        TEXT    PRIMARY KEY CHECK (length(order_id) = 36),
    user_id         TEXT    NOT NULL,
    number_of_items INTEGER NOT NULL,
    total_minor     INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    first_seen      INTEGER NOT NULL,
    times           INTEGER NOT NULL
) STRICT;
