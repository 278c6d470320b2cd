//! Texts that are almost right, for the tests that try whatever comes.

use arbtest::arbitrary::{Result, Unstructured};

/// Characters that mean something to one of the parsers.
const SPECIAL: &[char] = &[
    '_',
    '.',
    '=',
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ' ',
    '\n',
    '\r',
    '\t',
    '\0',
    '-',
    '/',
    '+',
    '#',
    '0',
    '9',
    'a',
    'A',
    'é',
    '\u{200b}',
    '\u{1f3ac}',
];

/// One of the texts after some changes, or after none, or something else altogether.
pub(crate) fn mutated(random: &mut Unstructured<'_>, texts: &[String]) -> Result<String> {
    if random.ratio(1, 16)? {
        return random.arbitrary();
    }
    let mut text: Vec<char> = random.choose(texts)?.chars().collect();
    for _ in 0..random.int_in_range(0..=4)? {
        let (from, to) = (random.int_in_range(0..=text.len())?, random.int_in_range(0..=text.len())?);
        let (from, to) = (from.min(to), from.max(to));
        match random.int_in_range(0..=6)? {
            0 => text.truncate(from),
            1 => drop(text.drain(from..to)),
            2 => text.insert(from, *random.choose(SPECIAL)?),
            3 if from < text.len() => text[from] = *random.choose(SPECIAL)?,
            4 if from < text.len() => text[from] = random.arbitrary()?,
            5 => drop(text.splice(from..from, random.choose(texts)?.chars().take(200).collect::<Vec<_>>())),
            _ => text[from..to].reverse(),
        }
    }
    Ok(text.into_iter().collect())
}
