-- What the program refuses: a row that breaks it cannot be read. Rows that are there already are not looked at.
ALTER TABLE orders ADD CONSTRAINT orders_user_not_blank CHECK (btrim(user_id) <> '') NOT VALID;
