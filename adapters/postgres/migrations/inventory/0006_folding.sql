-- folding is the number of the rule that title_folded was made by; the program makes the titles of an earlier rule anew,
-- in batches. 0 is the rule of the versions before this column, which may still serve beside this one and do not name it.
ALTER TABLE movies ADD COLUMN folding smallint NOT NULL DEFAULT 0;
CREATE INDEX movies_to_fold ON movies (id) WHERE folding < 1;

-- Who changes a title says by 100 + rule that the folded one is of that rule; a version that says nothing has used its own.
CREATE FUNCTION movies_folding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.folding := CASE WHEN NEW.folding >= 100 THEN NEW.folding - 100 ELSE 0 END;
    RETURN NEW;
END $$;
CREATE TRIGGER movies_folding BEFORE UPDATE OF title ON movies FOR EACH ROW EXECUTE FUNCTION movies_folding();
