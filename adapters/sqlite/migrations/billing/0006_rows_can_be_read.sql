-- A row that breaks these cannot be read: white space and characters that nobody sees alone, the NUL
-- character, times that RFC 3339 cannot write. Rows that are there already are not looked at before they are changed.
CREATE TRIGGER orders_can_be_read_insert BEFORE INSERT ON orders BEGIN
    SELECT RAISE(ABORT, 'the user has no character that can be seen') WHERE new.user_id NOT GLOB
        '*[^' || char(9) || '-' || char(13) || ' ' || char(0x85, 0xa0, 0x1680, 0x2000) || '-' || char(0x200f, 0x2028) || '-' ||
        char(0x202f, 0x205f) || '-' || char(0x206f, 0x3000, 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b) || '-' ||
        char(0x180f, 0x2800, 0x3164, 0xfe00) || '-' || char(0xfe0f, 0xfeff, 0xffa0, 0xfff0) || '-' || char(0xfff8, 0x1bca0) || '-' ||
        char(0x1bca3, 0x1d173) || '-' || char(0x1d17a, 0xe0000) || '-' || char(0xe0fff) || ']*';
    SELECT RAISE(ABORT, 'a text has a NUL character') WHERE instr(new.user_id, char(0));
    SELECT RAISE(ABORT, 'a time is not in the years 0000 to 9999') WHERE
        new.created_at NOT BETWEEN -62167219200000 AND 253402300799999 OR
        new.recorded_at NOT BETWEEN -62167219200000 AND 253402300799999;
END;
CREATE TRIGGER orders_can_be_read_update BEFORE UPDATE OF user_id, created_at, recorded_at ON orders BEGIN
    SELECT RAISE(ABORT, 'the user has no character that can be seen') WHERE new.user_id NOT GLOB
        '*[^' || char(9) || '-' || char(13) || ' ' || char(0x85, 0xa0, 0x1680, 0x2000) || '-' || char(0x200f, 0x2028) || '-' ||
        char(0x202f, 0x205f) || '-' || char(0x206f, 0x3000, 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b) || '-' ||
        char(0x180f, 0x2800, 0x3164, 0xfe00) || '-' || char(0xfe0f, 0xfeff, 0xffa0, 0xfff0) || '-' || char(0xfff8, 0x1bca0) || '-' ||
        char(0x1bca3, 0x1d173) || '-' || char(0x1d17a, 0xe0000) || '-' || char(0xe0fff) || ']*';
    SELECT RAISE(ABORT, 'a text has a NUL character') WHERE instr(new.user_id, char(0));
    SELECT RAISE(ABORT, 'a time is not in the years 0000 to 9999') WHERE
        new.created_at NOT BETWEEN -62167219200000 AND 253402300799999 OR
        new.recorded_at NOT BETWEEN -62167219200000 AND 253402300799999;
END;
