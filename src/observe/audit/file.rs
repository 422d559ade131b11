//! The audit file and its rotation.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    AuditConfig,
    lock::{AuditLock, Held},
    writer::Sink,
};
use crate::{
    private_file::{self, Access},
    sanitize,
};

/// The file is opened again for each batch, because this process or another program may have moved
/// it. Processes that write to the same file hold a lock while they write, so that they don't
/// rotate it at the same time or cut off each other's lines.
pub(super) struct LogFile {
    path: PathBuf,
    /// The size in bytes at which the file is full; `None` without rotation.
    size: Option<u64>,
    keep: u32,
    lock: AuditLock,
    /// The mode, owner and group of the previous file. A new file gets the same.
    access: Option<Access>,
}

/// The file, opened for one batch.
struct Opened {
    file: File,
    len: u64,
    /// A regular file, not a pipe or a device. It has a length, and can be rotated and truncated.
    is_regular: bool,
    /// This process holds the lock, so no other process writes to the file.
    is_locked: bool,
}

impl LogFile {
    /// Creates the file if it doesn't exist, so that an unusable path is reported at once.
    pub(super) fn new(path: &Path, config: &AuditConfig) -> io::Result<Self> {
        // Links are resolved only here, so that the path keeps its meaning if the process changes
        // its working directory.
        let path = resolve(path)?;
        let mut file = Self { lock: AuditLock::of(&path), path, size: config.size, keep: config.keep, access: None };
        file.open(None)?;
        Ok(file)
    }

    /// Appends as many complete lines as fit into the current file. Returns the number of bytes
    /// that are done, and the error that stopped the append.
    fn append_some(&mut self, lines: &[u8], lock: Option<&Held>) -> (usize, io::Result<()>) {
        let mut opened = match self.open(lock) {
            Ok(opened) => opened,
            Err(error) => return (0, Err(error)),
        };
        let room = match self.size {
            Some(size) if opened.is_regular => size.saturating_sub(opened.len),
            _ => u64::MAX,
        };
        let mut rotated = Ok(());
        if opened.len > 0 && first_line(lines) > room {
            rotated = self.rotate(&opened);
            if rotated.is_ok() {
                return (0, Ok(()));
            }
            // The file can't be rotated: exceeding the size limit is better than losing lines.
        }
        let (done, written) = opened.append(&lines[..whole_lines(lines, room)]);
        (done, written.and(rotated))
    }

    fn open(&mut self, lock: Option<&Held>) -> io::Result<Opened> {
        let file = self.open_file()?;
        let metadata = file.metadata()?;
        let (is_regular, len) = (metadata.is_file(), metadata.len());
        if is_regular {
            self.access = Some(Access::of(&metadata));
        }
        Ok(Opened { file, len: if is_regular { len } else { 0 }, is_regular, is_locked: lock.is_some() })
    }

    fn open_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true);
        let opened = private_file::open(&self.path, options.clone().read(true));
        let opened = opened.or_else(|error| match error.kind() {
            // The file may be write-only.
            io::ErrorKind::PermissionDenied => private_file::open(&self.path, &options),
            _ => Err(error),
        });
        if let Some(file) = opened? {
            return Ok(file);
        }
        match private_file::create_new(&self.path) {
            Ok(file) => {
                if let Some(access) = self.access {
                    access.give_to(&file)?;
                }
                Ok(file)
            }
            // Another process has created the file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                private_file::open_or_create(&self.path, &options)
            }
            failed => failed,
        }
    }

    /// Whether other processes may write to the file at the same time. Pipes and devices have no
    /// lock.
    fn is_shared(&self) -> bool {
        private_file::look(&self.path).is_ok_and(|looked| looked.is_none_or(|metadata| metadata.is_file()))
    }

    /// Renames `audit.jsonl.1` to `audit.jsonl.2`, and so on, and the file itself to
    /// `audit.jsonl.1`.
    fn rotate(&self, full: &Opened) -> io::Result<()> {
        if !full.is_locked {
            let why = "the file is full, and can't be rotated without its lock, which isn't available";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
        }
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            match fs::rename(self.old(number), self.old(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, self.old(1))
    }

    fn old(&self, number: u32) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Sink for LogFile {
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let lock = if self.is_shared() { self.lock.acquire() } else { None };
        let mut done = 0;
        while done < lines.len() {
            let (some, result) = self.append_some(&lines[done..], lock.as_ref());
            done += some;
            if result.is_err() {
                return (done, result);
            }
        }
        (done, Ok(()))
    }

    fn name(&self) -> String {
        sanitize::path(&self.path).to_string()
    }
}

impl Opened {
    /// Appends lines in one write. If the last line was written in part, that part is removed.
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        if self.ends_within_a_line() {
            if let (_, Err(error)) = write(&mut self.file, b"\n") {
                return (0, Err(error));
            }
            self.len += 1;
        }
        let (written, result) = write(&mut self.file, lines);
        let whole = lines[..written].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if whole < written && self.is_regular && self.is_locked {
            let is_ours = self.file.metadata().is_ok_and(|now| now.len() == self.len + written as u64);
            // If truncating fails too, the next batch starts with a line feed.
            let _ = is_ours.then(|| self.file.set_len(self.len + whole as u64));
        }
        (whole, result)
    }

    /// Whether the file ends within a line, for example because the process that wrote it was
    /// killed. A file that can't be read counts as complete.
    fn ends_within_a_line(&mut self) -> bool {
        let mut last = [b'\n'];
        let _ = self.len > 0 && self.file.seek(SeekFrom::End(-1)).is_ok() && self.file.read_exact(&mut last).is_ok();
        last != [b'\n']
    }
}

/// The path with all links resolved. The file itself needn't exist.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // Follows at most 40 links, as Linux does.
    for _ in 0..40 {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            resolved => return resolved,
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => {
                let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
                return Ok(fs::canonicalize(folder)?.join(name));
            }
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Returns the number of bytes that were written, and the error that stopped the write.
fn write(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}

fn first_line(lines: &[u8]) -> u64 {
    lines.iter().position(|&byte| byte == b'\n').map_or(lines.len(), |at| at + 1) as u64
}

/// The length of the complete lines that fit into `room`; at least one line.
fn whole_lines(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    match lines[..room].iter().rposition(|&byte| byte == b'\n') {
        Some(at) => at + 1,
        None => first_line(lines) as usize,
    }
}
