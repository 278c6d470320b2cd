-- What systems on the way added to a message's trace context.
ALTER TABLE order_queue ADD COLUMN tracestate TEXT;
ALTER TABLE dead_letters ADD COLUMN tracestate TEXT;
