//! What is done to the file system.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use super::{
    StoreError,
    envelope::{self, Parts, Unusable},
    place::Place,
};
use crate::{sanitize, warning::warn};

/// Keeps everybody else out while it lives. The system lets go of it when the process ends, however it does.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Not by closing the file alone: a child that another thread is just making has it open until it runs its own program.
    fn drop(&mut self) {
        let _ = fs4::FileExt::unlock(&self.0);
    }
}

pub(super) fn lock(place: &Place) -> Result<Lock, StoreError> {
    let path = place.lock();
    fs::create_dir_all(place.folder()).map_err(StoreError::io("make the folder", place.folder()))?;
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(StoreError::io("open the lock", &path))?;
    match fs4::FileExt::try_lock(&file) {
        Ok(()) => Ok(Lock(file)),
        Err(fs4::TryLockError::WouldBlock) => Err(StoreError::Held { path }),
        Err(fs4::TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
    }
}

/// What was saved last; nothing if there is no file, or none that can be used, which is set aside then.
pub(super) fn load(place: &Place) -> Result<Parts, StoreError> {
    let data = place.data();
    // Of a process that was killed while it wrote.
    remove(&place.temporary()).map_err(StoreError::io("remove", place.temporary()))?;
    let bytes = match fs::read(&data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Parts::new()),
        read => read.map_err(StoreError::io("read", &data))?,
    };
    let (reason, why) = match envelope::decode(&bytes) {
        Ok(parts) => return Ok(parts),
        Err(Unusable::Damaged(why)) => ("damaged", format!("is damaged ({why})")),
        Err(Unusable::Future(version)) => ("future", format!("is of version {version}, which is later than ours")),
    };
    let aside = place.aside(reason);
    let moved = fs::rename(&data, &aside).and_then(|()| sync(place.folder()));
    moved.map_err(StoreError::io("set aside", &data))?;
    let (data, aside) = (sanitize::path(&data), sanitize::path(&aside));
    warn(format_args!("the store {data} {why}; it is set aside as {aside}, and we begin with nothing"));
    Ok(Parts::new())
}

/// Keeps a copy of a file of which not all can be used.
pub(super) fn copy_aside(place: &Place, why: &str) {
    let (data, aside) = (place.data(), place.aside("damaged"));
    let copied = fs::copy(&data, &aside);
    let (data, aside) = (sanitize::path(&data), sanitize::path(&aside));
    match copied {
        Ok(_) => warn(format_args!("in the store {data}, {why}; there is a copy as {aside}")),
        Err(error) => warn(format_args!("in the store {data}, {why}; it can't be copied to {aside}: {error}")),
    }
}

/// The whole file or nothing: a new one, flushed, put in the place of the old one; and that flushed.
pub(super) fn replace(place: &Place, bytes: &[u8]) -> Result<(), StoreError> {
    let (temporary, data) = (place.temporary(), place.data());
    remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
    if let Err(error) = write(&temporary, bytes) {
        // Its room is wanted by others.
        let _ = remove(&temporary);
        return Err(StoreError::io("write", temporary)(error));
    }
    fs::rename(&temporary, &data).map_err(StoreError::io("replace", &data))?;
    sync(place.folder()).map_err(StoreError::io("flush the folder", place.folder()))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
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
