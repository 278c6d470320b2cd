//! Titles, and what people type to find them.

/// A title, a part of it as somebody may type it, and whether it is found.
pub const TYPED: &[(&str, &str, bool)] = &[
    // Letters of either case, with all that a single letter may become.
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευς", true),
    ("Οδυσσέας", "ΟΔΥΣΣΈΑΣ", true),
    ("Οδυσσέας", "οδυσσεασ", true),
    ("Straße", "STRASSE", true),
    ("STRASSE", "straße", true),
    ("STRAẞE", "strasse", true),
    ("İstanbul", "istanbul", true),
    ("İstanbul", "ISTANBUL", true),
    ("Işık", "ışık", true),
    ("Işık", "isik", true),
    ("Ⅳ", "iv", true),
    ("ТРОЙКА", "тройка", true),
    ("Éowyn", "éowyn", true),
    // One character in several forms.
    ("ﬁlm", "film", true),
    ("film", "ﬁlm", true),
    ("Ｂｌａｄｅ", "blade", true),
    ("10² ways", "102", true),
    ("Am\u{e9}lie", "Ame\u{301}lie", true),
    ("Ame\u{301}lie", "Am\u{e9}lie", true),
    ("ｶﾞ", "ガ", true),
    ("각", "\u{1100}\u{1161}\u{11a8}", true),
    // Marks of Latin, Greek and Cyrillic letters.
    ("Amélie", "amelie", true),
    ("Amelie", "amélie", true),
    ("Žižek", "zizek", true),
    ("Việt Nam", "viet nam", true),
    ("Ёлки", "елки", true),
    ("Ἀχιλλεύς", "αχιλλευς", true),
    // What is not on a keyboard, and what nobody sees.
    ("Schindler’s List", "schindler's", true),
    ("“Crocodile” Dundee", "\"croco", true),
    ("Spider‑Man — Home", "spider-man - home", true),
    ("Solar\u{ad}is\u{200b}", "solaris", true),
    ("Le\u{a0}Samouraï", "le samourai", true),
    // Marks of other scripts are parts of their letters.
    ("שָׁלוֹם", "שלום", false),
    ("مَدرَسة", "مدرسة", false),
    ("किताब", "कताब", false),
    ("ที่นี่", "ทนี", false),
    ("が", "か", false),
    ("각", "가", false),
    // Other letters.
    ("Straße", "strase", false),
    ("Cœur", "cour", false),
    ("Ødegaard", "xdegaard", false),
    ("мир", "mup", false),
];
