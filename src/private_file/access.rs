use std::{
    fs::{File, Metadata},
    io,
};

use super::system;

/// A file's mode, owner and group. Empty on systems other than Unix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access(system::Access);

impl Access {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self(system::Access::of(metadata))
    }

    /// Sets the access of a file that was [created](super::create_new). If its owner or group can't
    /// be set, the mode is narrowed so that no user gains access.
    pub(crate) fn give_to(self, file: &File) -> io::Result<()> {
        self.0.give_to(file)
    }
}
