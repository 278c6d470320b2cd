-- folding is the number of the rule that title_folded was made by. The program makes the titles of an earlier rule anew
-- when it opens the file; 0 is the rule of the versions before this column.
ALTER TABLE movies ADD COLUMN folding INTEGER NOT NULL DEFAULT 0;
CREATE INDEX movies_to_fold ON movies (id) WHERE folding < 1;
