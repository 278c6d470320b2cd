-- What the program refuses: a row that breaks it cannot be read. Rows that are there already are not looked at.
ALTER TABLE movies ADD CONSTRAINT movies_title_not_blank CHECK (btrim(title) <> '') NOT VALID;
