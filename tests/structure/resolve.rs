//! Finds the file that defines the item behind a path, through re-exports and aliases.

use std::{collections::BTreeMap, path::PathBuf};

use crate::modules::{Module, Modules};

/// The files that each file imports, each with one of the paths that import it.
pub(crate) type Imports = BTreeMap<PathBuf, BTreeMap<PathBuf, String>>;

/// The target of a path.
#[derive(Clone, Copy, Debug)]
enum Target {
    Module(usize),
    /// An item that this module defines.
    Item(usize),
}

impl Target {
    fn module(self) -> usize {
        match self {
            Self::Module(module) | Self::Item(module) => module,
        }
    }
}

/// The limit of re-exports between a path and its item. Globs that import each other exceed it.
const MAX_STEPS: usize = 16;

impl Modules {
    /// The imports among the files of the crate.
    ///
    /// A re-export of a module's own child counts only if the module's code uses the name. So a
    /// `mod.rs` that only declares and re-exports its children imports none of them. An import of a
    /// re-export is an import of the file that defines the item.
    pub(crate) fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (index, module) in self.0.iter().enumerate() {
            let of_file = imports.entry(module.file.clone()).or_default();
            for (path, target) in self.targets(index) {
                let to = &self.0[target.module()];
                let is_facade = matches!(target, Target::Module(_)) && to.is_facade;
                if to.file != module.file && !is_facade {
                    of_file.entry(to.file.clone()).or_insert(path.join("::"));
                }
            }
        }
        imports
    }

    /// The targets of all paths in a module.
    fn targets(&self, index: usize) -> Vec<(Vec<String>, Target)> {
        let module = &self.0[index];
        let mut targets = Vec::new();
        for import in &module.imports {
            let Some(target) = self.resolve(index, &import.path, 0) else { continue };
            match (&import.name, target) {
                (Some(name), _) => {
                    let is_re_export = import.is_public && self.is_below(target.module(), index);
                    if !is_re_export || module.names.contains(name) {
                        targets.push((import.path.clone(), target));
                    }
                }
                (None, Target::Module(glob)) => targets.extend(module.names.iter().filter_map(|name| {
                    let path = import.path.iter().chain([name]).cloned().collect();
                    Some((path, self.find(glob, name, 0)?))
                })),
                (None, Target::Item(_)) => targets.push((import.path.clone(), target)),
            }
        }
        targets.extend(module.paths.iter().filter_map(|path| Some((path.clone(), self.resolve(index, path, 0)?))));
        targets
    }

    fn is_below(&self, module: usize, above: usize) -> bool {
        module == above || self.0[module].parent.is_some_and(|parent| self.is_below(parent, above))
    }

    /// Resolves a path in the module `from`. A path of another crate has no target.
    fn resolve(&self, from: usize, path: &[String], steps: usize) -> Option<Target> {
        if steps > MAX_STEPS {
            return None;
        }
        let (mut module, mut rest) = (from, path);
        match path.first()?.as_str() {
            "crate" => (module, rest) = (0, &path[1..]),
            "self" => rest = &path[1..],
            _ => {
                while rest.first().is_some_and(|name| name == "super") {
                    (module, rest) = (self.0[module].parent?, &rest[1..]);
                }
            }
        }
        let is_relative = rest.len() == path.len();
        for (at, name) in rest.iter().enumerate() {
            match self.find(module, name, steps) {
                Some(Target::Module(next)) => module = next,
                // The rest of the path names a variant or a method of the item.
                Some(item) => return Some(item),
                None if is_relative && at == 0 => return None,
                // A macro defines the name.
                None => return Some(Target::Item(module)),
            }
        }
        Some(Target::Module(module))
    }

    /// Finds a name in a module: a child, an item, or an import.
    fn find(&self, module: usize, name: &str, steps: usize) -> Option<Target> {
        let Module { children, items, imports, .. } = &self.0[module];
        if let Some(&child) = children.get(name) {
            return Some(Target::Module(child));
        }
        if items.contains(name) {
            return Some(Target::Item(module));
        }
        // `use name;` imports a crate.
        let named = imports.iter().find(|import| import.name.as_deref() == Some(name) && import.path != [name]);
        if let Some(import) = named {
            return self.resolve(module, &import.path, steps + 1);
        }
        let globs = imports.iter().filter(|import| import.name.is_none());
        globs.filter_map(|import| self.resolve(module, &import.path, steps + 1)).find_map(|target| match target {
            Target::Module(glob) if glob != module && steps < MAX_STEPS => self.find(glob, name, steps + 1),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::files::Table;

    /// The imports of a file in a tree, as "file path" lines.
    fn imports_of(file: &str, tree: &[(&str, &str)]) -> Vec<String> {
        let imports = Modules::read(&Table(tree)).imports();
        imports[Path::new(file)].iter().map(|(to, path)| format!("{} {path}", to.display())).collect()
    }

    #[test]
    fn an_import_of_a_re_export_is_an_import_of_the_defining_file() {
        let imports = imports_of(
            "c.rs",
            &[
                ("lib.rs", "mod a; mod c; pub use a::Alias;"),
                ("a/mod.rs", "mod b; pub use b::Item as Alias;"),
                ("a/b.rs", "pub struct Item;"),
                ("c.rs", "use crate::Alias;"),
            ],
        );
        assert_eq!(imports, ["a/b.rs crate::Alias"]);
    }

    #[test]
    fn a_path_in_the_code_is_an_import() {
        let imports = imports_of(
            "b.rs",
            &[
                ("lib.rs", "mod a; mod b; mod c;"),
                ("a.rs", "pub enum Item { One } pub fn f() {}"),
                ("c.rs", "pin_project! { pub struct Pinned {} }"),
                ("b.rs", "fn f() -> u8 { m!(crate::a::Item::One); let super::c::Pinned { .. } = x; 0 }"),
            ],
        );
        assert_eq!(imports, ["a.rs crate::a::Item::One", "c.rs super::c::Pinned"]);
    }

    #[test]
    fn a_path_through_an_imported_module_is_an_import() {
        let tree = [
            ("lib.rs", "mod a; mod c;"),
            ("a/mod.rs", "mod b; pub use b::f;"),
            ("a/b.rs", "pub fn f() {}"),
            ("c.rs", "use super::a; fn g() { a::f() }"),
        ];
        assert_eq!(imports_of("c.rs", &tree), ["a/b.rs a::f"]);
    }

    #[test]
    fn a_glob_imports_the_names_that_the_code_contains() {
        let tree = [
            ("lib.rs", "mod a; mod c;"),
            ("a/mod.rs", "mod b; mod d; pub use {b::f, d::g};"),
            ("a/b.rs", "pub fn f() {}"),
            ("a/d.rs", "pub fn g() {}"),
            ("c.rs", "use super::a::*; fn h() { f() }"),
        ];
        assert_eq!(imports_of("c.rs", &tree), ["a/b.rs super::a::f"]);
    }

    #[test]
    fn tests_loom_models_and_other_crates_do_not_count() {
        let tree = [
            ("lib.rs", "mod a; mod tracing; mod c;"),
            ("a.rs", "pub fn f() {}"),
            ("tracing.rs", "pub fn f() {}"),
            (
                "c.rs",
                "use tracing::info; use ::tracing::warn; pub(in crate::a) struct S;
                 #[cfg(test)] mod tests { use crate::a::f; }
                 #[cfg(all(test, recourse_loom))] fn model() { crate::a::f() }
                 impl S { #[cfg(test)] fn for_tests() { crate::a::f() } }",
            ),
        ];
        assert!(imports_of("c.rs", &tree).is_empty());
    }

    #[test]
    fn a_parent_imports_a_child_that_its_code_uses() {
        let tree = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; mod c; pub use {b::Used, c::Other}; fn f() -> Used { Used }"),
            ("a/b.rs", "pub struct Used;"),
            ("a/c.rs", "pub struct Other;"),
        ];
        assert_eq!(imports_of("a.rs", &tree), ["a/b.rs b::Used"]);
    }
}
