use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::Path,
};

pub(super) fn for_owner_only(options: &mut OpenOptions) {
    options.mode(0o600);
}

pub(super) fn folder_for_owner_only(builder: &mut DirBuilder) {
    builder.mode(0o700);
}

/// Sets the exact mode, including bits that the umask has removed. A file system without modes
/// returns an error, which is ignored.
pub(super) fn set_mode(file: &File, mode: u32) {
    if file.metadata().is_ok_and(|metadata| metadata.mode() & 0o777 != mode) {
        let _ = file.set_permissions(Permissions::from_mode(mode));
    }
}

/// Whether `file` is the file at `path` itself, and not the target of a link at `path`.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    mode: u32,
    user: u32,
    group: u32,
}

impl Access {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { mode: metadata.mode() & 0o777, user: metadata.uid(), group: metadata.gid() }
    }

    pub(super) fn give_to(self, file: &File) -> io::Result<()> {
        let Self { mut mode, user, group } = self;
        let now = file.metadata()?;
        if now.uid() != user {
            // Only root may change the owner.
            let _ = fchown(file, Some(user), None);
        }
        if now.gid() != group && fchown(file, None, Some(group)).is_err() {
            // The group that the file keeps gets no more rights than all other users.
            mode &= 0o707 | ((mode & 0o007) << 3);
        }
        set_mode(file, mode);
        Ok(())
    }
}
