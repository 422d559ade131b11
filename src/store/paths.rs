//! The paths of a store's files: they are in one folder, and start with the store's name.

use std::path::{Path, PathBuf};

use crate::InvalidConfig;

#[derive(Debug)]
pub(super) struct Paths {
    folder: PathBuf,
    name: String,
}

impl Paths {
    /// Rejects every name that isn't a plain file name on all systems, because the name may come
    /// from outside.
    pub(super) fn new(folder: &Path, name: &str) -> Result<Self, InvalidConfig> {
        const ALLOWED: &str =
            "1 to 100 of A-Z, a-z, 0-9, `-`, `_` and `.`, not starting with a dot, and not a device name";
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name = (1..=100).contains(&name.len()) && name.bytes().all(is_allowed) && !name.starts_with('.');
        if !is_name || is_device(name) {
            let shown: String = name.chars().take(100).collect();
            return Err(InvalidConfig::new("store", shown, ALLOWED));
        }
        Ok(Self { folder: folder.to_owned(), name: name.to_owned() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn data(&self) -> PathBuf {
        self.file("json")
    }

    /// The file that is being written.
    pub(super) fn temporary(&self) -> PathBuf {
        self.file("json.tmp")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.file("lock")
    }

    /// The first unused path for a file that can't be used for this reason. Number 99 may be in
    /// use.
    pub(super) fn set_aside(&self, reason: &str) -> PathBuf {
        let path = |number: u32| self.file(&format!("json.{reason}-{number}"));
        path((1..99).find(|&number| path(number).symlink_metadata().is_err()).unwrap_or(99))
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }
}

/// Windows treats these names as devices in every folder, whatever follows the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_port = |port: &str| stem.strip_prefix(port).is_some_and(|number| number.len() == 1 && number != "0");
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || is_port("com") || is_port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_are_invalid() {
        let long = "x".repeat(101);
        let names = [
            "",
            ".",
            "..",
            "../up",
            "a/b",
            "/etc/passwd",
            "a\\b",
            "..\\up",
            "c:up",
            "C:\\up",
            ".hidden",
            "nul",
            "a\0b",
            "a b",
            "a\nb",
            "ä",
            "\u{202e}a",
            "com1",
            "Aux.txt",
            "~",
            "a*",
            "a:b",
            &long,
        ];
        for name in names {
            let error = Paths::new(Path::new("folder"), name).unwrap_err();
            assert_eq!((error.field(), error.value().len() < 200), ("store", true), "{name:?}");
        }
        assert!(
            Paths::new(Path::new("folder"), "/up")
                .unwrap_err()
                .to_string()
                .starts_with("`store` is \"/up\", but must be 1 to")
        );
    }

    #[test]
    fn plain_file_names_are_valid() {
        let long = "x".repeat(100);
        for name in ["b-17", "Batch_2026.11.22", "a..b", "com", "com10", "null", "0", &long] {
            let paths = Paths::new(Path::new("folder"), name).unwrap();
            assert_eq!(paths.data(), Path::new("folder").join(format!("{name}.json")));
        }
    }
}
