-- A row that breaks these cannot be read. Characters are named one by one, as classes such as
-- [:space:] depend on the database's locale: white space, and what nobody sees. Times are those that RFC 3339 can write.
-- Rows that are there already are not looked at before they are changed.
CREATE FUNCTION is_blank(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value !~ '[^\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
$$;
CREATE FUNCTION is_time(value timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT value >= timestamptz '0001-01-01 00:00:00+00 BC' AND value < timestamptz '10000-01-01 00:00:00+00'
$$;
ALTER TABLE orders
    ADD CONSTRAINT orders_user_can_be_read CHECK (NOT is_blank(user_id)) NOT VALID,
    ADD CONSTRAINT orders_times_can_be_written CHECK (is_time(created_at) AND is_time(recorded_at)) NOT VALID;
