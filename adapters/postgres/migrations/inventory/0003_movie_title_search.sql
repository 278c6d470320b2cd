CREATE INDEX movies_title_folded_trigrams ON movies USING gin (title_folded gin_trgm_ops);
