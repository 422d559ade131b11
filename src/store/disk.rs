//! What is done to the file system.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use super::{
    StoreError,
    envelope::{self, Parts, Unusable},
    paths::Paths,
};
use crate::{
    background_log::warn,
    private_file::{self, Access, Acquired, FileLock},
    sanitize,
};

/// Locks the store. No other process can open it until the lock is dropped.
pub(super) fn lock(place: &Paths) -> Result<FileLock, StoreError> {
    let path = place.lock();
    let made = private_file::create_folders(place.folder());
    made.map_err(StoreError::io("make the folder", place.folder()))?;
    match FileLock::try_acquire(&path).map_err(StoreError::io("open the lock", &path))? {
        Acquired::Locked(lock) => Ok(lock),
        Acquired::Taken => Err(StoreError::Held { path }),
        Acquired::Unsupported(error) => Err(StoreError::io("lock", path)(error)),
    }
}

/// Reads the saved parts and the access of the file. An unusable file is set aside; then, or if
/// there is none, the parts are empty.
pub(super) fn load(place: &Paths) -> Result<(Parts, Option<Access>), StoreError> {
    let data = place.data();
    // Of a process that was killed while it wrote.
    remove(&place.temporary()).map_err(StoreError::io("remove", place.temporary()))?;
    let read = read(&data).map_err(StoreError::io("read", &data))?;
    let Some((bytes, access)) = read else { return Ok((Parts::new(), None)) };
    let (reason, why) = match envelope::decode(&bytes) {
        Ok(parts) => return Ok((parts, Some(access))),
        Err(Unusable::Damaged(why)) => ("damaged", format!("is damaged ({why})")),
        Err(Unusable::Future(version)) => ("future", format!("is of version {version}, which is later than ours")),
    };
    let aside = place.aside(reason);
    // Replaces what is there, a link too.
    let moved = fs::rename(&data, &aside).and_then(|()| sync(place.folder()));
    moved.map_err(StoreError::io("set aside", &data))?;
    let (data, aside) = (sanitize::path(&data), sanitize::path(&aside));
    warn(format_args!("the store {data} {why}; it is set aside as {aside}, and we begin with nothing"));
    Ok((Parts::new(), Some(access)))
}

/// A file, and who may use it; `None` if there is none. A link is refused.
fn read(path: &Path) -> io::Result<Option<(Vec<u8>, Access)>> {
    private_file::look_for_file(path)?;
    let mut options = OpenOptions::new();
    let Some(mut file) = private_file::open(path, options.read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((bytes, Access::of(&file.metadata()?))))
}

/// Keeps a copy of a file of which not all can be used.
pub(super) fn copy_aside(place: &Paths, why: &str) {
    let (data, aside) = (place.data(), place.aside("damaged"));
    let copied = copy(&data, &aside);
    let (data, aside) = (sanitize::path(&data), sanitize::path(&aside));
    match copied {
        Ok(_) => warn(format_args!("in the store {data}, {why}; there is a copy as {aside}")),
        Err(error) => warn(format_args!("in the store {data}, {why}; it can't be copied to {aside}: {error}")),
    }
}

/// To a new file, as whatever is there may be a link.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (bytes, access) = read(from)?.ok_or(io::ErrorKind::NotFound)?;
    remove(to)?;
    write(to, &bytes, Some(access))
}

/// The whole file or nothing: a new one, flushed, put in the place of the old one, with
/// its mode; and that flushed. `access` is that of the last file, which may be gone.
pub(super) fn replace(place: &Paths, bytes: &[u8], access: &mut Option<Access>) -> Result<(), StoreError> {
    let (temporary, data) = (place.temporary(), place.data());
    let before = private_file::look_for_file(&data).map_err(StoreError::io("replace", &data))?;
    *access = before.as_ref().map(Access::of).or(*access);
    remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
    if let Err(error) = write(&temporary, bytes, *access) {
        // Its room is wanted by others.
        let _ = remove(&temporary);
        return Err(StoreError::io("write", temporary)(error));
    }
    fs::rename(&temporary, &data).map_err(StoreError::io("replace", &data))?;
    sync(place.folder()).map_err(StoreError::io("flush the folder", place.folder()))
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

/// Makes durable which files a folder has.
#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere folders can't be opened, and renaming is as durable as the system makes it.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
