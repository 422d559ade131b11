use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind},
    path::Path,
};

use super::system;

/// Creates a file with mode 0600. Fails if anything is at its path, including a dangling link.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    system::for_owner_only(&mut options);
    let file = options.open(path)?;
    system::set_mode(&file, 0o600);
    Ok(file)
}

/// Creates a folder with mode 0700, and its missing parents.
pub(crate) fn create_folders(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    system::folder_for_owner_only(&mut builder);
    builder.create(path)
}

/// The metadata of what is at a path; `None` if nothing is. Fails for a symbolic link.
pub(crate) fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Ok(metadata) if metadata.file_type().is_symlink() => {
            Err(io::Error::new(ErrorKind::InvalidInput, "the path is a symbolic link, and links aren't followed"))
        }
        looked => looked.map(Some),
    }
}

/// [`look`] that also fails for anything but a regular file.
pub(crate) fn look_for_file(path: &Path) -> io::Result<Option<Metadata>> {
    match look(path)? {
        Some(metadata) if !metadata.is_file() => {
            Err(io::Error::new(ErrorKind::InvalidInput, "the path isn't a regular file"))
        }
        looked => Ok(looked),
    }
}

/// Opens what is at a path; `None` if nothing is. Fails for a symbolic link.
pub(crate) fn open(path: &Path, options: &OpenOptions) -> io::Result<Option<File>> {
    // Repeated if another program replaces the file between the check and the open.
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
    Err(io::Error::other("the file was replaced three times while it was opened"))
}

/// [`open`], or [`create_new`] if nothing is at the path. The options mustn't create a file.
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
    Err(io::Error::other("the file was removed three times while it was opened"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::{super::Access, *};

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_private_until_it_gets_another_mode() {
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
    fn a_file_keeps_its_group_if_the_system_allows_it() {
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
    fn a_link_is_never_followed() {
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
