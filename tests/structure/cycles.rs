//! Finds cycles of imports among files, and among the entries of a folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::resolve::Imports;

/// Describes each cycle of files, and each cycle among the entries of a folder.
///
/// Folders can form a cycle although their files don't: `a/x.rs` imports `b/x.rs`, and `b/y.rs`
/// imports `a/y.rs`. The entries of `src` itself are left out: the table of rooms orders them.
pub(crate) fn cycles(imports: &Imports) -> Vec<String> {
    let files = described(imports, "files");
    let folders: BTreeSet<&Path> = imports.keys().filter_map(|file| file.parent()).flat_map(Path::ancestors).collect();
    let folders = folders.into_iter().filter(|folder| !folder.as_os_str().is_empty());
    let entries = folders
        .flat_map(|folder| described(&among_entries(imports, folder), &format!("entries of {}", folder.display())));
    files.into_iter().chain(entries).collect()
}

/// The imports among the entries of `folder`. A file `x.rs` and the folder `x` are one entry.
fn among_entries(imports: &Imports, folder: &Path) -> Imports {
    let entry = |file: &Path| {
        let first = file.strip_prefix(folder).ok()?.components().next()?;
        Some(folder.join(first).with_extension(""))
    };
    let mut among = Imports::new();
    for (from, to) in imports {
        let Some(from_entry) = entry(from) else { continue };
        let of_entry = among.entry(from_entry.clone()).or_default();
        for (to, path) in to {
            if let Some(to) = entry(to).filter(|to| *to != from_entry) {
                of_entry.entry(to).or_insert(format!("{path} in {}", from.display()));
            }
        }
    }
    among
}

fn described(imports: &Imports, what: &str) -> Vec<String> {
    let describe = |group: BTreeSet<PathBuf>| {
        let mut text = format!("{what} import one another:");
        for file in &group {
            for (to, path) in imports[file].iter().filter(|(to, _)| group.contains(*to)) {
                text += &format!("\n    {} -> {} ({path})", file.display(), to.display());
            }
        }
        text
    };
    groups(imports).into_iter().map(describe).collect()
}

/// The groups of two or more nodes in which each node reaches every other.
fn groups(imports: &Imports) -> BTreeSet<BTreeSet<PathBuf>> {
    let reached: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> =
        imports.keys().map(|from| (from, reached(imports, from))).collect();
    let group_of = |node: &PathBuf| {
        let reaches_back = |other: &&PathBuf| reached.get(other).is_some_and(|back| back.contains(node));
        reached[node].iter().copied().filter(reaches_back).cloned().collect::<BTreeSet<_>>()
    };
    imports.keys().map(group_of).filter(|group| group.len() > 1).collect()
}

fn reached<'a>(imports: &'a Imports, from: &'a PathBuf) -> BTreeSet<&'a PathBuf> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(node) = next.pop() {
        next.extend(imports.get(node).into_iter().flat_map(BTreeMap::keys).filter(|to| reached.insert(*to)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::Table, modules::Modules};

    fn cycles_of(tree: &[(&str, &str)]) -> Vec<String> {
        cycles(&Modules::read(&Table(tree)).imports())
    }

    #[test]
    fn a_cycle_of_three_files_is_found() {
        let found = cycles_of(&[
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use super::c; pub struct B; fn f() { c::f() }"),
            ("c.rs", "pub fn f() { crate::a::A; }"),
            ("d.rs", "use crate::a::A;"),
        ]);
        let cycle = "files import one another:\n    a.rs -> b.rs (crate::b::B)\n    b.rs -> c.rs (super::c)\n    \
                     c.rs -> a.rs (crate::a::A)";
        assert_eq!(found, [cycle]);
    }

    #[test]
    fn a_parent_and_its_child_can_be_a_cycle() {
        let found = cycles_of(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; pub struct A; fn f() { b::g() }"),
            ("a/b.rs", "use super::A; pub fn g() {}"),
        ]);
        assert_eq!(found, ["files import one another:\n    a/b.rs -> a.rs (super::A)\n    a.rs -> a/b.rs (b::g)"]);
    }

    #[test]
    fn a_cycle_of_folders_is_found() {
        let found = cycles_of(&[
            ("lib.rs", "mod r;"),
            ("r/mod.rs", "mod a; mod b;"),
            ("r/a/mod.rs", "pub(super) mod x; pub(super) mod y;"),
            ("r/a/x.rs", "use crate::r::b::x::X;"),
            ("r/a/y.rs", "pub struct Y;"),
            ("r/b/mod.rs", "pub(super) mod x; pub(super) mod y;"),
            ("r/b/x.rs", "pub struct X;"),
            ("r/b/y.rs", "use super::super::a::y::Y;"),
        ]);
        let cycle = "entries of r import one another:\n    r/a -> r/b (crate::r::b::x::X in r/a/x.rs)\n    \
                     r/b -> r/a (super::super::a::y::Y in r/b/y.rs)";
        assert_eq!(found, [cycle]);
    }

    #[test]
    fn a_tree_without_a_cycle_passes() {
        let tree = [
            ("lib.rs", "mod a; pub use a::{A, B};"),
            ("a/mod.rs", "mod b; mod c; pub use {b::A, c::B};"),
            ("a/b.rs", "pub struct A;"),
            ("a/c.rs", "use super::A; pub struct B(A);"),
        ];
        assert!(cycles_of(&tree).is_empty());
    }
}
