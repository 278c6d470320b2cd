-- seq is the order of recording. Amounts are whole minor units (cents).
CREATE TABLE orders (
    order_id        uuid        PRIMARY KEY,
    seq             bigint      GENERATED ALWAYS AS IDENTITY,
    user_id         text        NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 64),
    number_of_items integer     NOT NULL CHECK (number_of_items BETWEEN 1 AND 1000000),
    total_minor     bigint      NOT NULL CHECK (total_minor BETWEEN 0 AND 999999999999),
    created_at      timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL
);
