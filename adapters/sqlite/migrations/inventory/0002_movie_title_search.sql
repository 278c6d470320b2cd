-- The trigrams of the folded titles, kept up to date by the triggers. The titles are folded already, so the index
-- takes them as they are.
CREATE VIRTUAL TABLE movie_titles USING fts5 (
    title_folded, content = 'movies', content_rowid = 'id', tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER movie_titles_insert AFTER INSERT ON movies BEGIN
    INSERT INTO movie_titles (rowid, title_folded) VALUES (new.id, new.title_folded);
END;

CREATE TRIGGER movie_titles_delete AFTER DELETE ON movies BEGIN
    INSERT INTO movie_titles (movie_titles, rowid, title_folded) VALUES ('delete', old.id, old.title_folded);
END;

CREATE TRIGGER movie_titles_update AFTER UPDATE OF title_folded ON movies WHEN old.title_folded <> new.title_folded BEGIN
    INSERT INTO movie_titles (movie_titles, rowid, title_folded) VALUES ('delete', old.id, old.title_folded);
    INSERT INTO movie_titles (rowid, title_folded) VALUES (new.id, new.title_folded);
END;
