//! Non-Unix systems: files have no mode, and this module doesn't compare a file with the file at
//! its path, so `is_at` is always true.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions},
    io,
    path::Path,
};

pub(super) fn for_owner_only(_: &mut OpenOptions) {}

pub(super) fn folder_for_owner_only(_: &mut DirBuilder) {}

pub(super) fn set_mode(_: &File, _: u32) {}

pub(super) fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access;

impl Access {
    pub(super) fn of(_: &Metadata) -> Self {
        Self
    }

    pub(super) fn give_to(self, _: &File) -> io::Result<()> {
        Ok(())
    }
}
