//! What the statements need of the tables: columns, what fills them, and unique indexes.

/// An expression that gives what is wrong with the tables, or NULL. It takes rows of table, column, type, whether the column gets
/// a value by itself, and whether it is unique. Any type of text is `text`.
///
/// It is a part of the question for the rights, so that it costs no round trip.
macro_rules! shape {
    ($needed:literal) => {
        concat!(
            "(WITH needed (relation, name, type, fills, key) AS (VALUES ",
            $needed,
            "), tables AS (
                SELECT DISTINCT relation, to_regclass(relation)::oid AS id FROM needed
            ), there AS (
                SELECT needed.*, attnum, atttypid, attrelid, attidentity <> '' OR atthasdef AS filled
                FROM needed JOIN tables USING (relation)
                LEFT JOIN pg_attribute ON attrelid = id AND attname = name AND attnum > 0 AND NOT attisdropped
            ), faults (fault) AS (
                SELECT relation || ' has no column ' || name FROM there WHERE attnum IS NULL
                UNION ALL
                SELECT relation || '.' || name || ' is of the type ' || format_type(atttypid, NULL) || ' and not ' || type
                FROM there JOIN pg_type ON pg_type.oid = atttypid
                WHERE atttypid <> type::regtype AND NOT (type = 'text' AND typcategory = 'S')
                UNION ALL
                SELECT relation || '.' || name || ' is no identity, and nothing else fills it'
                FROM there WHERE fills AND NOT filled
                UNION ALL
                SELECT relation || '.' || name || ' is filled by a sequence that does not belong to it'
                FROM there WHERE fills AND key AND filled AND pg_get_serial_sequence(relation, name) IS NULL
                UNION ALL
                SELECT relation || ' has no unique index of ' || name || ' alone'
                FROM there WHERE key AND attnum IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique AND indisvalid AND indimmediate
                        AND indpred IS NULL AND indnkeyatts = 1 AND indkey[0] = attnum)
                UNION ALL
                SELECT relation || '.' || attname || ' is NOT NULL and nothing fills it'
                FROM tables JOIN pg_attribute ON attrelid = id
                WHERE attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''
                    AND attname NOT IN (SELECT name FROM needed WHERE needed.relation = tables.relation)
                UNION ALL
                SELECT 'orders is UNLOGGED, and empty after a crash'
                FROM tables JOIN pg_class ON oid = id WHERE relation = 'orders' AND relpersistence = 'u'
            ) SELECT string_agg(fault, ', ' ORDER BY fault) FROM faults)"
        )
    };
}

pub(crate) use shape;
