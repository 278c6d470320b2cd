-- Trigrams find neither parts of one or two characters nor, beyond the letters and digits that the database's locale knows,
-- longer ones. Their characters do.
CREATE INDEX movies_title_folded_characters ON movies USING gin (string_to_array(title_folded, NULL));
