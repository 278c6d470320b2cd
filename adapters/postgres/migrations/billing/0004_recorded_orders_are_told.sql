-- Tells the processes that listen that orders were recorded: once per statement and without content, so that one look
-- afterwards finds all of them.
CREATE FUNCTION tell_orders_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY orders_recorded;
    RETURN NULL;
END
$$;
CREATE TRIGGER orders_recorded AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION tell_orders_recorded();
