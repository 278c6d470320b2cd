-- A row that breaks these cannot be read: white space alone, the NUL character, times that RFC 3339 cannot write.
-- Rows that are there already are not looked at before they are changed.
CREATE TRIGGER movies_can_be_read_insert BEFORE INSERT ON movies BEGIN
    SELECT RAISE(ABORT, 'the title is blank') WHERE new.title NOT GLOB
        '*[^' || char(9) || '-' || char(13) || ' ' || char(0x85, 0xa0, 0x1680, 0x2000) || '-' ||
        char(0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000) || ']*';
    SELECT RAISE(ABORT, 'a text has a NUL character') WHERE instr(new.title, char(0)) OR instr(new.description, char(0));
    SELECT RAISE(ABORT, 'a time is not in the years 0000 to 9999') WHERE
        new.created_at NOT BETWEEN -62167219200000 AND 253402300799999 OR
        new.updated_at NOT BETWEEN -62167219200000 AND 253402300799999;
END;
CREATE TRIGGER movies_can_be_read_update BEFORE UPDATE OF title, description, created_at, updated_at ON movies BEGIN
    SELECT RAISE(ABORT, 'the title is blank') WHERE new.title NOT GLOB
        '*[^' || char(9) || '-' || char(13) || ' ' || char(0x85, 0xa0, 0x1680, 0x2000) || '-' ||
        char(0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000) || ']*';
    SELECT RAISE(ABORT, 'a text has a NUL character') WHERE instr(new.title, char(0)) OR instr(new.description, char(0));
    SELECT RAISE(ABORT, 'a time is not in the years 0000 to 9999') WHERE
        new.created_at NOT BETWEEN -62167219200000 AND 253402300799999 OR
        new.updated_at NOT BETWEEN -62167219200000 AND 253402300799999;
END;
