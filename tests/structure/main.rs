//! The rules of the repository that no compiler checks. `CONTRIBUTING.md` describes them.

mod cycles;
mod files;
mod modules;
mod names;
mod pages;
mod resolve;
mod rooms;
mod shape;
mod snippets;
mod table;
mod width;

use std::path::{Path, PathBuf};

use files::{Folder, below, repository, root};
use modules::Modules;

/// Fails with the list of faults.
#[track_caller]
fn assert_none(faults: impl IntoIterator<Item = String>) {
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The folders with the sources of the packages that users depend on.
const SOURCES: [&str; 2] = ["src", "crates/tower-recourse-defer/src"];

/// The source files, loom models and test modules excluded.
fn sources() -> impl Iterator<Item = (PathBuf, String)> {
    let is_wanted = |name: &str| !matches!(name, "loom" | "loom.rs" | "tests" | "tests.rs");
    SOURCES.iter().flat_map(move |folder| below(folder, is_wanted)).filter(|(file, _)| is_rust(file))
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn markdown() -> Vec<(PathBuf, String)> {
    let is_markdown = |file: &Path| file.extension().is_some_and(|extension| extension == "md");
    repository().into_iter().filter(|(file, _)| is_markdown(file)).collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn no_modules_import_one_another() {
    for folder in SOURCES {
        let modules = Modules::read(&Folder(root().join(folder)));
        assert_none(cycles::cycles(&modules.imports()));
    }
}

#[test]
fn each_room_imports_only_what_its_row_allows() {
    let modules = Modules::read(&Folder(root().join("src")));
    assert_none(rooms::faults(table::ROOMS, &modules.imports()));
}

#[test]
fn the_architecture_shows_the_table_of_rooms() {
    let table = rooms::table(table::ROOMS);
    assert!(read("ARCHITECTURE.md").contains(&table), "ARCHITECTURE.md must contain this table:\n\n{table}");
}

#[test]
fn a_mod_rs_contains_only_docs_and_re_exports() {
    assert_none(sources().flat_map(|(file, text)| shape::code_in_mod_rs(&file, &text)));
}

#[test]
fn no_source_file_is_longer_than_300_lines() {
    assert_none(sources().flat_map(|(file, text)| shape::too_long(&file, &text)));
}

#[test]
fn no_name_of_a_test_is_longer_than_60_characters() {
    let rust = repository().into_iter().filter(|(file, _)| is_rust(file));
    assert_none(rust.flat_map(|(file, text)| names::long_names(&file, &text)));
}

#[test]
fn no_comment_is_wider_than_100_columns() {
    assert_none(repository().iter().flat_map(|(file, text)| width::wide_lines(file, text)));
}

#[test]
fn each_page_is_linked() {
    for folder in ["src/cookbook", "src/integrations"] {
        let files = below(folder, |_| true).into_iter().map(|(file, _)| file);
        let pages = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
        let pages: Vec<String> = pages.filter_map(|file| Some(file.file_name()?.to_str()?.to_owned())).collect();
        assert!(!pages.is_empty(), "{folder} has no pages");
        let mod_rs = read(&format!("{folder}/mod.rs"));
        assert_none(pages::lost_pages(Path::new(folder), &pages, &mod_rs, &read("README.md")));
    }
}

/// The programs of these pages depend on other crates, so the crate's own tests leave them out.
#[test]
fn each_page_for_users_of_another_crate_is_tested() {
    let folder = "src/coming_from";
    let (mod_rs, package) = (read(&format!("{folder}/mod.rs")), read("tests/coming_from/src/lib.rs"));
    let names = below(folder, |name| name.ends_with(".md"));
    let names: Vec<String> =
        names.into_iter().filter_map(|(file, _)| Some(file.file_stem()?.to_str()?.to_owned())).collect();
    assert!(!names.is_empty(), "{folder} has no pages");
    let tested = package.rsplit("pages!").next().unwrap_or_default();
    assert_none(names.iter().filter_map(|name| {
        let is_included = mod_rs.contains(&format!("#[doc = include_str!(\"{name}.md\")]\npub mod {name} {{}}"));
        let is_tested = tested.split_whitespace().any(|page| page == name);
        (!is_included || !is_tested).then(|| format!("{folder}/{name}.md isn't both included and tested"))
    }));
}

#[test]
fn each_documented_grpc_breaker_answers_with_a_status() {
    let documents = sources().chain(markdown());
    assert_none(documents.flat_map(|(file, text)| snippets::breakers_without_a_status(&file, &text)));
}

#[test]
fn each_link_to_a_file_has_a_target() {
    let exists = |path: &Path| root().join(path).exists();
    assert_none(markdown().iter().flat_map(|(file, text)| pages::broken_links(file, text, exists)));
}

#[test]
fn each_file_that_a_document_names_exists() {
    let existing: Vec<PathBuf> = repository().into_iter().map(|(file, _)| file).collect();
    let documents = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "benches/README.md"];
    assert_none(documents.iter().flat_map(|file| pages::missing_files(Path::new(file), &read(file), &existing)));
}
