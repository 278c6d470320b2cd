-- A row that breaks these cannot be read. White space is named one by one, as [:space:] depends on the database's locale. Times are
-- those that RFC 3339 can write. Rows that are there already are not looked at before they are changed.
CREATE FUNCTION is_blank(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value !~ '[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
$$;
CREATE FUNCTION is_time(value timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value >= timestamptz '0001-01-01 00:00:00+00 BC' AND value < timestamptz '10000-01-01 00:00:00+00'
$$;
ALTER TABLE movies
    ADD CONSTRAINT movies_title_can_be_read CHECK (NOT is_blank(title)) NOT VALID,
    ADD CONSTRAINT movies_times_can_be_written CHECK (is_time(created_at) AND is_time(updated_at)) NOT VALID;
