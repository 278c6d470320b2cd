//! Which file of a crate imports which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{ItemMod, ItemUse, Macro, UseTree, Visibility};

/// A module's path in its crate: `["front", "socket"]`; the crate itself is empty.
type Module = Vec<String>;

/// The files of a crate, as modules.
pub(super) struct Crate(BTreeMap<Module, SourceFile>);

/// What one file imports, and what it hands on under another path.
#[derive(Default)]
struct SourceFile {
    path: PathBuf,
    /// The paths that it uses, whole: crate, module, item.
    imports: BTreeSet<Module>,
    /// What it re-exports: the name here, and the whole path.
    exports: BTreeMap<String, Module>,
}

impl Crate {
    /// Reads the files below a folder `src`, without tests.
    pub(super) fn read(src: &Path) -> Self {
        let mut files = BTreeMap::new();
        collect(src, &Vec::new(), &mut files);
        Self(files)
    }

    /// The files that import each other in a circle, as far as there is one.
    pub(super) fn circle(&self) -> Option<Vec<PathBuf>> {
        let mut done = BTreeSet::new();
        self.0.keys().find_map(|module| self.visit(module, &mut Vec::new(), &mut done))
    }

    fn visit(
        &self,
        module: &Module,
        way: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<PathBuf>> {
        if let Some(start) = way.iter().position(|passed| passed == module) {
            return Some(way[start..].iter().map(|module| self.0[module].path.clone()).collect());
        }
        if done.contains(module) {
            return None;
        }
        way.push(module.clone());
        let imported: BTreeSet<_> =
            self.0[module].imports.iter().filter_map(|path| self.file_of(path)).collect();
        let circle =
            imported.iter().filter(|other| *other != module).find_map(|other| self.visit(other, way, done));
        way.pop();
        done.insert(module.clone());
        circle
    }

    /// The file in which an item is, through re-exports.
    fn file_of(&self, path: &Module) -> Option<Module> {
        let longest = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
        let module = path[..longest].to_vec();
        match path.get(longest).and_then(|name| self.0[&module].exports.get(name)) {
            Some(elsewhere) if elsewhere != path => self.file_of(elsewhere),
            _ => Some(module),
        }
    }
}

fn collect(folder: &Path, module: &Module, files: &mut BTreeMap<Module, SourceFile>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            collect(&path, &[module.as_slice(), &[stem]].concat(), files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&stem) {
            let here = match stem.as_str() {
                "lib" | "main" | "mod" => module.clone(),
                _ => [module.as_slice(), &[stem]].concat(),
            };
            files.insert(here.clone(), SourceFile::read(path, &here));
        }
    }
}

fn is_test(stem: &str) -> bool {
    stem == "tests" || stem.ends_with("_tests")
}

impl SourceFile {
    fn read(path: PathBuf, here: &Module) -> Self {
        let syntax = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let file = Self { path, ..Self::default() };
        let mut reader = Reader { here: here.clone(), file, names: BTreeSet::new() };
        reader.visit_file(&syntax);
        let Reader { mut file, names, .. } = reader;
        // What it hands on and uses itself is imported, too.
        let used = file.exports.iter().filter(|(name, _)| names.contains(*name));
        file.imports.extend(used.map(|(_, path)| path.clone()));
        file
    }
}

struct Reader {
    here: Module,
    file: SourceFile,
    /// With which words its paths begin.
    names: BTreeSet<String>,
}

impl Reader {
    /// The whole path, if it begins in this crate.
    fn whole(&self, path: &[String], in_use: bool) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let parent = self.here.split_last().map_or(&[][..], |(_, parent)| parent);
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([self.here.as_slice(), rest].concat()),
            "super" if rest.first().is_some_and(|next| next == "super") => {
                let above = parent.split_last().map_or(&[][..], |(_, above)| above);
                Some([above, &rest[1..]].concat())
            }
            "super" => Some([parent, rest].concat()),
            // `use child::Item` in the file that has the module.
            _ if in_use => Some([self.here.as_slice(), path].concat()),
            _ => None,
        }
    }

    fn leaves(&mut self, tree: &UseTree, path: &mut Vec<String>, exported: bool) {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.leaves(&part.tree, path, exported);
                path.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.leaves(tree, path, exported)),
            UseTree::Name(name) => {
                self.leaf(path, &name.ident.to_string(), &name.ident.to_string(), exported);
            }
            UseTree::Rename(as_) => {
                self.leaf(path, &as_.ident.to_string(), &as_.rename.to_string(), exported);
            }
            UseTree::Glob(_) => self.leaf(path, "*", "*", exported),
        }
    }

    fn leaf(&mut self, path: &[String], name: &str, alias: &str, exported: bool) {
        let mut path = path.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let Some(whole) = self.whole(&path, true) else { return };
        if exported {
            self.file.exports.insert(alias.to_owned(), whole);
        } else {
            self.file.imports.insert(whole);
        }
    }
}

impl Reader {
    fn use_path(&mut self, segments: &[String]) {
        self.names.extend(segments.first().cloned());
        if let Some(whole) = self.whole(segments, false).filter(|_| segments.len() > 1) {
            self.file.imports.insert(whole);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let exported = !matches!(item.vis, Visibility::Inherited);
        self.leaves(&item.tree, &mut Vec::new(), exported);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let tests = item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg"));
        if !tests {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.use_path(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        // What a macro makes of its words we do not know: what has the form of a path counts as one.
        for path in &paths_in(&invocation.tokens.to_string()) {
            self.use_path(path);
        }
        visit::visit_macro(self, invocation);
    }
}

/// The paths in a text of Rust, single names included; strings are passed over.
fn paths_in(text: &str) -> Vec<Module> {
    let code: String = text.replace("\\\"", "").split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let code = code.replace(" ::", "::").replace(":: ", "::");
    let words = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    words
        .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
        .map(|word| word.split("::").map(str::to_owned).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The circle of a crate of these files, by their names.
    fn circle(files: &[(&str, &str)]) -> Option<usize> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Crate::read(folder.path()).circle().map(|files| files.len())
    }

    #[test]
    fn a_circle_is_found_in_uses_paths_macros_and_through_what_is_handed_on() {
        let other = ("b.rs", "use crate::a::A; pub struct B;");
        assert_eq!(
            circle(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B; pub struct A;"), other]),
            Some(2)
        );
        assert_eq!(circle(&[("a.rs", "pub fn f() { crate::b::f() }"), other]), Some(2));
        assert_eq!(circle(&[("a.rs", r#"pub fn f() { println!("{:?}", crate::b::B) }"#), other]), Some(2));
        assert_eq!(circle(&[("a.rs", r#"pub fn f() { println!("crate::b::B") }"#), other]), None);
        // A folder's own file hands its parts on, and they use what it has: that alone is no circle.
        let part = ("a/part.rs", "use super::Whole; pub struct Part(Whole);");
        let whole = "mod part; pub use part::Part; pub struct Whole;";
        assert_eq!(circle(&[("a/mod.rs", whole), part]), None);
        let uses = format!("{whole} pub fn f() -> Part {{ todo!() }}");
        assert_eq!(circle(&[("a/mod.rs", &uses), part]), Some(2));
    }
}
