//! The store's access to the file system.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use super::{
    StoreError,
    envelope::{self, SavedParts, Unusable},
    paths::Paths,
};
use crate::{
    background_log::warn,
    private_file::{self, Access, Acquired, FileLock},
    sanitize,
};

/// Locks the store. No other process can open it until the lock is dropped.
pub(super) fn lock(paths: &Paths) -> Result<FileLock, StoreError> {
    let path = paths.lock();
    let made = private_file::create_folders(paths.folder());
    made.map_err(StoreError::io("make the folder", paths.folder()))?;
    match FileLock::try_acquire(&path).map_err(StoreError::io("open the lock", &path))? {
        Acquired::Locked(lock) => Ok(lock),
        Acquired::Taken => Err(StoreError::Held { path }),
        Acquired::Unsupported(error) => Err(StoreError::io("lock", path)(error)),
    }
}

/// Reads the saved parts, and the access of the file. A file that can't be used is renamed. Then,
/// and if there is no file, the parts are empty.
pub(super) fn load(paths: &Paths) -> Result<(SavedParts, Option<Access>), StoreError> {
    let data = paths.data();
    // A leftover of a process that was killed while it wrote.
    remove(&paths.temporary()).map_err(StoreError::io("remove", paths.temporary()))?;
    let read = read(&data).map_err(StoreError::io("read", &data))?;
    let Some((bytes, access)) = read else { return Ok((SavedParts::new(), None)) };
    let (reason, why) = match envelope::decode(&bytes) {
        Ok(parts) => return Ok((parts, Some(access))),
        Err(Unusable::Damaged(why)) => ("damaged", format!("is damaged ({why})")),
        Err(Unusable::Future(version)) => ("future", format!("has version {version}, which this program can't read")),
    };
    let renamed = paths.set_aside(reason);
    // The rename replaces whatever has that name, including a link.
    let moved = fs::rename(&data, &renamed).and_then(|()| sync(paths.folder()));
    moved.map_err(StoreError::io("rename", &data))?;
    let (data, renamed) = (sanitize::path(&data), sanitize::path(&renamed));
    warn(format_args!("the store {data} {why}; it was renamed to {renamed}, and the store starts empty"));
    Ok((SavedParts::new(), Some(access)))
}

/// Returns the content, mode and owner of a file; `None` if there is none. Anything but a regular
/// file is an error.
fn read(path: &Path) -> io::Result<Option<(Vec<u8>, Access)>> {
    private_file::look_for_file(path)?;
    let mut options = OpenOptions::new();
    let Some(mut file) = private_file::open(path, options.read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((bytes, Access::of(&file.metadata()?))))
}

/// Copies a file of which some parts can't be used.
pub(super) fn copy_aside(paths: &Paths, why: &str) {
    let (data, renamed) = (paths.data(), paths.set_aside("damaged"));
    let copied = copy(&data, &renamed);
    let (data, renamed) = (sanitize::path(&data), sanitize::path(&renamed));
    match copied {
        Ok(_) => warn(format_args!("in the store {data}, {why}; the file was copied to {renamed}")),
        Err(error) => warn(format_args!("in the store {data}, {why}; the file can't be copied to {renamed}: {error}")),
    }
}

/// Copies to a new file, because the path may contain a link.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (bytes, access) = read(from)?.ok_or(io::ErrorKind::NotFound)?;
    remove(to)?;
    write(to, &bytes, Some(access))
}

/// Replaces the file atomically: writes a new file, flushes it, renames it over the old one, and
/// flushes the folder. The new file has the old one's access; `access` is that of the last file,
/// which may be gone.
pub(super) fn replace(paths: &Paths, bytes: &[u8], access: &mut Option<Access>) -> Result<(), StoreError> {
    let (temporary, data) = (paths.temporary(), paths.data());
    let before = private_file::look_for_file(&data).map_err(StoreError::io("replace", &data))?;
    *access = before.as_ref().map(Access::of).or(*access);
    remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
    if let Err(error) = write(&temporary, bytes, *access) {
        // Free the space. The error of the write is the one to return.
        let _ = remove(&temporary);
        return Err(StoreError::io("write", temporary)(error));
    }
    fs::rename(&temporary, &data).map_err(StoreError::io("replace", &data))?;
    sync(paths.folder()).map_err(StoreError::io("flush the folder", paths.folder()))
}

fn write(path: &Path, bytes: &[u8], access: Option<Access>) -> io::Result<()> {
    let mut file = private_file::create_new(path)?;
    if let Some(access) = access {
        access.give_to(&file)?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Flushes the folder, so that the rename is durable.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems can't open folders. Renames are as durable as the system makes them.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
