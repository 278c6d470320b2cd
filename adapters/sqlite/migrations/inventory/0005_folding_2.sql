-- The titles whose folded ones are of a rule before 2.
DROP INDEX movies_to_fold;
CREATE INDEX movies_to_fold ON movies (id) WHERE folding < 2;
