-- Of each order that was contradicted: the first order with the same id and other content, which is among the dead letters, and
-- how many there were in all. The others are kept nowhere.
CREATE TABLE conflicts (
    order_id        uuid        PRIMARY KEY,
    user_id         text        NOT NULL,
    number_of_items integer     NOT NULL,
    total_minor     bigint      NOT NULL,
    created_at      timestamptz NOT NULL,
    first_seen      timestamptz NOT NULL,
    times           bigint      NOT NULL
);
