-- A search reads all that was added and is not in the index proper yet: up to 4 MB by default, which takes twenty times as
-- long as the rest of it, until the next vacuum. At 64 kB it does not matter; additions cost about a tenth more.
ALTER INDEX movies_title_folded_trigrams SET (gin_pending_list_limit = 64);
ALTER INDEX movies_title_folded_characters SET (gin_pending_list_limit = 64);
SELECT gin_clean_pending_list('movies_title_folded_trigrams'), gin_clean_pending_list('movies_title_folded_characters');
