//! Files that only their owner may read, unless the owner has given them another mode: created with
//! mode 0600, replaced with the mode that was set, opened by their own name and never through a
//! symbolic link.

pub(crate) use lock::{Acquired, FileLock};

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind},
    path::Path,
};

/// Creates a file. Fails if there is anything at its path, a dangling link included.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    system::for_owner_only(&mut options);
    let file = options.open(path)?;
    system::set_mode(&file, 0o600);
    Ok(file)
}

/// Creates a folder and those that it is in, if they are missing.
pub(crate) fn create_folders(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    system::folder_for_owner_only(&mut builder);
    builder.create(path)
}

/// What is at a path: nothing, a file, or something else that is no link.
pub(crate) fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Ok(metadata) if metadata.file_type().is_symlink() => {
            Err(io::Error::new(ErrorKind::InvalidInput, "it is a symbolic link, which isn't followed"))
        }
        looked => looked.map(Some),
    }
}

/// [`look`], for paths at which only a regular file is allowed.
pub(crate) fn look_for_file(path: &Path) -> io::Result<Option<Metadata>> {
    match look(path)? {
        Some(metadata) if !metadata.is_file() => Err(io::Error::new(ErrorKind::InvalidInput, "it isn't a file")),
        looked => Ok(looked),
    }
}

/// Opens what is at a path, unless it is a link; `None` if there is nothing.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    // Again if another program replaces the file meanwhile.
    for _ in 0..3 {
        if look(path)?.is_none() {
            return Ok(None);
        }
        match options.open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Ok(file) if !system::is_at(&file, path)? => {}
            opened => return opened.map(Some),
        }
    }
    Err(io::Error::other("it is replaced again and again"))
}

/// [`open`], or [`create_new`] if there is nothing. The options mustn't create.
pub(crate) fn open_or_create(path: &Path, options: &OpenOptions) -> io::Result<File> {
    for _ in 0..3 {
        if let Some(file) = open(path, options)? {
            return Ok(file);
        }
        match create_new(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => return created,
        }
    }
    Err(io::Error::other("it is removed again and again"))
}

/// Who may use a file: its mode, and who it belongs to. Nothing on systems other than Unix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access(system::Access);

impl Access {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self(system::Access::of(metadata))
    }

    /// Gives a file that was [created](create_new) the same access. Where its owner or group can't
    /// be set, the mode is narrowed so that no user gains access.
    pub(crate) fn give_to(self, file: &File) -> io::Result<()> {
        self.0.give_to(file)
    }
}

/// Whether this very file is at a path, not through a link.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    system::is_at(file, path)
}

#[path = "private_file/lock.rs"]
mod lock;
#[cfg(unix)]
#[path = "private_file/unix.rs"]
mod system;
/// Without modes, and without a way to compare files.
#[cfg(not(unix))]
#[path = "private_file/elsewhere.rs"]
mod system;

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_for_its_owner_only_and_is_given_another_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = create_new(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        for wanted in [0o640, 0o444, 0o600] {
            fs::write(folder.path().join("before"), "").unwrap();
            fs::set_permissions(folder.path().join("before"), fs::Permissions::from_mode(wanted)).unwrap();
            let before = look_for_file(&folder.path().join("before")).unwrap().unwrap();
            Access::of(&before).give_to(&file).unwrap();
            assert_eq!(mode(&path), wanted);
            fs::remove_file(folder.path().join("before")).unwrap();
        }
    }

    #[test]
    fn a_file_keeps_its_group_where_that_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let [before, after] = ["before", "after"].map(|name| folder.path().join(name));
        fs::write(&before, "").unwrap();
        fs::set_permissions(&before, fs::Permissions::from_mode(0o640)).unwrap();
        let is_allowed = chown(&before, None, Some(12_345)).is_ok();
        let access = Access::of(&fs::metadata(&before).unwrap());
        access.give_to(&create_new(&after).unwrap()).unwrap();
        assert_eq!(Access::of(&fs::metadata(&after).unwrap()), access, "allowed: {is_allowed}");
    }

    #[test]
    fn a_link_is_neither_opened_nor_created_through() {
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        symlink(&target, &link).unwrap();
        let mut options = OpenOptions::new();
        options.append(true);
        assert_eq!(create_new(&link).unwrap_err().kind(), ErrorKind::AlreadyExists);
        open_or_create(&link, &options).unwrap_err();
        assert!(!target.exists(), "a dangling link");
        fs::write(&target, "kept").unwrap();
        open_or_create(&link, &options).unwrap_err();
        look_for_file(&link).unwrap_err();
        assert_eq!(fs::read(&target).unwrap(), b"kept");
    }
}
