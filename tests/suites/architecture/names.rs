//! The names of types and of what they may be, and the examples of ports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Visibility};

use super::{root, sources};

/// The words that ARCHITECTURE.md has better ones for, or that say nothing.
fn words_without_meaning() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = text.split_once("| not | but |").unwrap();
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")?.split_once(" |"));
    let words: BTreeSet<_> = rows.flat_map(|(words, _)| words.split(", ")).map(str::to_owned).collect();
    assert!(words.len() > 15, "{words:?}");
    words
}

/// A reader who knows the glossary knows every type, and there is one of each name.
#[test]
fn types_have_names_of_the_glossary() {
    let refused = words_without_meaning();
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        for Type { name, file, public } in types(&path, &text) {
            let words = words(&name);
            let dead = words.iter().any(|word| word == "Dead");
            let refused = |word: &String| match word.strip_suffix('s').unwrap_or(word) {
                "Letter" => !dead,
                // To place an order is another word.
                "Place" => words.last() == Some(word),
                _ => refused.contains(word),
            };
            if words.iter().any(refused) {
                wrong.push(format!("{name} in {}", file.display()));
            }
            if !public {
                continue;
            }
            if let Some(other) = seen.insert(name.clone(), file.clone()) {
                wrong.push(format!("{name} in {} and in {}", file.display(), other.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What is written in `core` and `ports` stays true when a technology is exchanged for another one.
#[test]
fn the_cores_and_the_ports_name_no_technology() {
    const TECHNOLOGIES: &[&str] = &[
        "amqp",
        "header",
        "http",
        "idempotency-key",
        "json",
        "lapin",
        "postgres",
        "postgresql",
        "rabbitmq",
        "rocket",
        "sql",
        "sqlite",
        "sqlx",
        "toml",
    ];
    let pure = |path: &Path| path.starts_with(root().join("core")) || path.starts_with(root().join("ports"));
    let mut named = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| pure(path)) {
        for (number, line) in text.lines().enumerate() {
            let words = line.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
            for word in
                words.map(str::to_ascii_lowercase).filter(|word| TECHNOLOGIES.contains(&word.as_str()))
            {
                named.push(format!("{word} in {}, line {}", path.display(), number + 1));
            }
        }
    }
    assert_eq!(named, Vec::<String>::new());
}

/// Who implements or calls a port sees how it is used.
#[test]
fn every_port_has_an_example() {
    let mut ports = 0;
    let mut without = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with(root().join("ports/src"))) {
        for item in syn::parse_file(&text).unwrap().items {
            let syn::Item::Trait(port) = item else { continue };
            ports += 1;
            let documented = port.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
            let code = |attribute: &syn::Attribute| quote_of(attribute).contains("```");
            if !documented.into_iter().any(code) {
                without.push(format!("{} in {}", port.ident, path.display()));
            }
        }
    }
    assert!(ports > 12, "{ports}");
    assert_eq!(without, Vec::<String>::new());
}

fn quote_of(attribute: &syn::Attribute) -> String {
    match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }),
            ..
        }) => text.value(),
        _ => String::new(),
    }
}

/// A type, or a variant of one, and the file that it is in.
struct Type {
    name: String,
    file: PathBuf,
    /// Other crates may be able to name it. No variant is.
    public: bool,
}

/// Says whether a file has tests only.
fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part == "tests")
        || file.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"))
}

/// The types of a file, and their variants.
fn types(file: &Path, text: &str) -> Vec<Type> {
    let mut reader = Reader { file: file.to_owned(), found: Vec::new() };
    reader.visit_file(&syn::parse_file(text).unwrap());
    reader.found
}

/// The words of a name: `DeadLetterId` has three.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for character in name.chars() {
        match words.last_mut() {
            Some(word) if !character.is_uppercase() => word.push(character),
            _ => words.push(character.to_string()),
        }
    }
    words
}

struct Reader {
    file: PathBuf,
    found: Vec<Type>,
}

impl Reader {
    fn add(&mut self, name: &syn::Ident, public: bool) {
        self.found.push(Type { name: name.to_string(), file: self.file.clone(), public });
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let (ident, visibility) = match item {
            Item::Struct(item) => (&item.ident, &item.vis),
            Item::Enum(item) => (&item.ident, &item.vis),
            Item::Trait(item) => (&item.ident, &item.vis),
            Item::Type(item) => (&item.ident, &item.vis),
            _ => return visit::visit_item(self, item),
        };
        self.add(ident, matches!(visibility, Visibility::Public(_)));
        if let Item::Enum(item) = item {
            for variant in &item.variants {
                self.add(&variant.ident, false);
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let conditional = |attribute: &Attribute| attribute.path().is_ident("cfg");
        if !item.attrs.iter().any(conditional) {
            visit::visit_item_mod(self, item);
        }
    }
}
