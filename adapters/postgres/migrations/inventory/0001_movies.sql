-- An identity never gives an id twice, not even after DELETE FROM movies. title_folded is the title as the program folds
-- its case (one rule for every store, whatever the database's locale); the program fills it.
CREATE TABLE movies (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title        text        NOT NULL CHECK (char_length(title) BETWEEN 1 AND 255),
    title_folded text        NOT NULL,
    description  text        NOT NULL CHECK (char_length(description) <= 10000),
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
) WITH (fillfactor = 90);
