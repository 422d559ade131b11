//! The rooms of the crate: groups of modules, and the groups that each one may import.

use std::path::Path;

use crate::resolve::Imports;

/// A group of modules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room<'a> {
    pub(crate) name: &'a str,
    /// The paths of the modules below `src`, without `.rs`. A file belongs to the room with the
    /// longest path that contains the file.
    pub(crate) modules: &'a [&'a str],
    pub(crate) imports: MayImport<'a>,
}

/// The rooms that a room may import. It may also import itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MayImport<'a> {
    Nothing,
    These(&'a [&'a str]),
    AllAbove,
    AllAboveExcept(&'a [&'a str]),
}

impl Room<'_> {
    fn may_import(&self, above: &[Room], other: &str) -> bool {
        let is_above = above.iter().any(|room| room.name == other);
        self.name == other
            || match self.imports {
                MayImport::Nothing => false,
                MayImport::These(rooms) => is_above && rooms.contains(&other),
                MayImport::AllAbove => is_above,
                MayImport::AllAboveExcept(rooms) => is_above && !rooms.contains(&other),
            }
    }

    fn markdown(&self) -> String {
        let modules: Vec<String> = self.modules.iter().map(|module| format!("`{module}`")).collect();
        let imports = match self.imports {
            MayImport::Nothing => "nothing".to_owned(),
            MayImport::These(rooms) => rooms.join(", "),
            MayImport::AllAbove => "all above".to_owned(),
            MayImport::AllAboveExcept(rooms) => format!("all above except {}", rooms.join(", ")),
        };
        format!("| {} | {} | {imports} |\n", self.name, modules.join(" "))
    }
}

/// The table as `ARCHITECTURE.md` shows it.
pub(crate) fn table(rooms: &[Room]) -> String {
    let rows: String = rooms.iter().map(Room::markdown).collect();
    format!("| room | modules | may import |\n|---|---|---|\n{rows}")
}

/// Describes each import that the table doesn't allow, each file without a room, and each path of
/// a room without a file.
pub(crate) fn faults(rooms: &[Room], imports: &Imports) -> Vec<String> {
    let mut faults = Vec::new();
    for module in rooms.iter().flat_map(|room| room.modules) {
        if !imports.keys().any(|file| is_in(file, module)) {
            faults.push(format!("the table has `{module}`, which doesn't exist"));
        }
    }
    for (from, targets) in imports.iter().filter(|(from, _)| *from != Path::new("lib.rs")) {
        let Some(at) = room_of(rooms, from) else {
            faults.push(format!("{} is in no room", from.display()));
            continue;
        };
        for (to, path) in targets {
            let Some(other) = room_of(rooms, to).map(|other| rooms[other].name) else { continue };
            if !rooms[at].may_import(&rooms[..at], other) {
                let (name, from, to) = (rooms[at].name, from.display(), to.display());
                faults.push(format!("{name} must not import {other}: {from} -> {to} ({path})"));
            }
        }
    }
    faults
}

/// The index of the room that a file belongs to.
fn room_of(rooms: &[Room], file: &Path) -> Option<usize> {
    let length =
        |room: &Room| room.modules.iter().filter(|module| is_in(file, module)).map(|module| module.len()).max();
    let best = rooms.iter().enumerate().filter_map(|(index, room)| Some((length(room)?, index))).max()?;
    Some(best.1)
}

/// Whether `file` is the module or below it.
fn is_in(file: &Path, module: &str) -> bool {
    file.with_extension("").starts_with(module)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{files::Table, modules::Modules};

    const ROOMS: [Room; 4] = [
        Room { name: "nouns", modules: &["noun", "layer/error"], imports: MayImport::Nothing },
        Room { name: "retry", modules: &["retry"], imports: MayImport::AllAbove },
        Room { name: "layer", modules: &["layer"], imports: MayImport::AllAboveExcept(&["retry"]) },
        Room { name: "edge", modules: &["edge"], imports: MayImport::These(&["layer"]) },
    ];

    fn faults_of(retry: &str, layer: &str, edge: &str) -> Vec<String> {
        let tree = [
            ("lib.rs", "mod edge; mod layer; mod noun; mod retry; pub use edge::Edge;"),
            ("noun.rs", "pub struct Noun;"),
            ("retry.rs", &format!("pub struct Retry; {retry}")),
            ("layer/mod.rs", "mod error; mod inner; pub use {error::Error, inner::Layer};"),
            ("layer/error.rs", "pub struct Error;"),
            ("layer/inner.rs", &format!("use super::Error; pub struct Layer; {layer}")),
            ("edge.rs", &format!("pub struct Edge; {edge}")),
        ];
        faults(&ROOMS, &Modules::read(&Table(&tree)).imports())
    }

    #[test]
    fn the_imports_that_the_table_allows_pass() {
        let found =
            faults_of("use crate::{layer::Error, noun::Noun};", "use crate::noun::Noun;", "use crate::layer::Layer;");
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_layer_that_imports_a_layer_is_a_fault() {
        let found = faults_of("", "fn f() { crate::retry::Retry; }", "");
        assert_eq!(found, ["layer must not import retry: layer/inner.rs -> retry.rs (crate::retry::Retry)"]);
    }

    #[test]
    fn a_layer_that_imports_an_edge_is_a_fault() {
        let found = faults_of("use crate::Edge;", "", "");
        assert_eq!(found, ["retry must not import edge: retry.rs -> edge.rs (crate::Edge)"]);
    }

    #[test]
    fn a_room_that_the_row_does_not_name_is_a_fault() {
        let found = faults_of("", "", "use crate::noun::Noun;");
        assert_eq!(found, ["edge must not import nouns: edge.rs -> noun.rs (crate::noun::Noun)"]);
    }

    #[test]
    fn a_file_without_a_row_and_a_row_without_a_file_are_faults() {
        let modules = Modules::read(&Table(&[("lib.rs", "mod lost;"), ("lost.rs", "")]));
        let found = faults(&ROOMS[1..2], &modules.imports());
        assert_eq!(found, ["the table has `retry`, which doesn't exist", "lost.rs is in no room"]);
    }

    #[test]
    fn the_table_is_markdown() {
        let expected = "| room | modules | may import |\n|---|---|---|\n| nouns | `noun` `layer/error` | nothing |\n\
                        | retry | `retry` | all above |\n";
        assert_eq!(table(&ROOMS[..2]), expected);
    }
}
