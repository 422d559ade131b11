//! Reads the files of the repository, or the files that a test defines.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the text of a file comes from.
pub(crate) trait Source {
    /// Returns the text of a file, or `None` if the file doesn't exist.
    fn read(&self, file: &Path) -> Option<String>;
}

/// The files of a folder.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Source for Folder {
    fn read(&self, file: &Path) -> Option<String> {
        fs::read_to_string(self.0.join(file)).ok()
    }
}

/// The files that a test defines: paths and texts.
pub(crate) struct Table<'a>(pub(crate) &'a [(&'a str, &'a str)]);

impl Source for Table<'_> {
    fn read(&self, file: &Path) -> Option<String> {
        self.0.iter().find(|(path, _)| Path::new(path) == file).map(|(_, text)| (*text).to_owned())
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text files of the repository, relative to its root, without build output.
pub(crate) fn repository() -> Vec<(PathBuf, String)> {
    below("", |name| !matches!(name, "target" | ".git"))
}

/// The text files below a folder of the repository. `is_wanted` selects files and folders by name.
pub(crate) fn below(folder: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !is_wanted(name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).expect("the path is below the root").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}
