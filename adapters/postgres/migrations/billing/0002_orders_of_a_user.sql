CREATE UNIQUE INDEX orders_of_a_user ON orders (user_id, seq);
