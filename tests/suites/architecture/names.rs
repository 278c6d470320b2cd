//! The names of public types.

use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, Visibility};

/// A public type and the file that it is in.
pub(super) struct PublicType {
    pub(super) name: String,
    pub(super) file: PathBuf,
}

/// The types of a file that other crates may be able to name.
pub(super) fn public_types(file: &Path, text: &str) -> Vec<PublicType> {
    let mut reader = Reader { file: file.to_owned(), found: Vec::new() };
    reader.visit_file(&syn::parse_file(text).unwrap());
    reader.found
}

/// The words of a name: `DeadLetterId` has three.
pub(super) fn words(name: &str) -> Vec<String> {
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
    found: Vec<PublicType>,
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
        if matches!(visibility, Visibility::Public(_)) {
            self.found.push(PublicType { name: ident.to_string(), file: self.file.clone() });
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let conditional = |attribute: &Attribute| attribute.path().is_ident("cfg");
        if !item.attrs.iter().any(conditional) {
            visit::visit_item_mod(self, item);
        }
    }
}
