-- AUTOINCREMENT: an id is never given twice. Times are milliseconds since the Unix epoch. title_folded is the title as
-- the program folds its case; the program fills it.
CREATE TABLE movies (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    title        TEXT    NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    title_folded TEXT    NOT NULL,
    description  TEXT    NOT NULL CHECK (length(description) <= 10000),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;
