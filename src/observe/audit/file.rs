//! A file that lines are appended to, and that makes room by itself.

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

/// Opened anew for each batch: it may have been moved away, by this process or by others. Processes
/// that write to the same file hold a lock meanwhile, so that they neither rotate it at once nor
/// cut off each other's lines.
pub(super) struct LogFile {
    path: PathBuf,
    /// When it is full.
    size: Option<u64>,
    keep: u32,
    lock: AuditLock,
    /// Of the file that was there last: the next one gets it too.
    access: Option<Access>,
}

/// The file of one moment.
struct Opened {
    file: File,
    len: u64,
    /// A regular file, not a pipe or a device: it has a length, can be rotated, and cut.
    is_regular: bool,
    /// No other process writes to it.
    is_locked: bool,
}

impl LogFile {
    /// Makes the file if there is none, so that what is wrong with the path shows at once.
    pub(super) fn new(path: &Path, config: &AuditConfig) -> io::Result<Self> {
        // Links are followed here and never again: what is meant now is meant later too, wherever
        // the process goes.
        let path = resolve(path)?;
        let mut file = Self { lock: AuditLock::of(&path), path, size: config.size, keep: config.keep, access: None };
        file.open(None)?;
        Ok(file)
    }

    /// Appends as many whole lines as belong into the file that there is. Done bytes, and what went
    /// wrong.
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
            // Rather a file that is too long than lines that are lost.
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
            // May be that it can only be written to.
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
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                private_file::open_or_create(&self.path, &options)
            }
            failed => failed,
        }
    }

    /// Whether other processes may write to the file meanwhile: not to a pipe or a device, which
    /// have no lock.
    fn is_shared(&self) -> bool {
        private_file::look(&self.path).is_ok_and(|looked| looked.is_none_or(|metadata| metadata.is_file()))
    }

    /// `audit.jsonl.1` becomes `audit.jsonl.2`, and so on; the file itself becomes the first.
    fn rotate(&self, full: &Opened) -> io::Result<()> {
        if !full.is_locked {
            let why = "the file is full, and its lock, which it takes to rotate it, can't be had";
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
    /// Appends lines in one write. What isn't written whole is taken back.
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
            // If that fails too, the next batch begins on a line of its own.
            let _ = is_ours.then(|| self.file.set_len(self.len + whole as u64));
        }
        (whole, result)
    }

    /// Somebody was killed while writing. If the file can't be read, that can't be known.
    fn ends_within_a_line(&mut self) -> bool {
        let mut last = [b'\n'];
        let _ = self.len > 0 && self.file.seek(SeekFrom::End(-1)).is_ok() && self.file.read_exact(&mut last).is_ok();
        last != [b'\n']
    }
}

/// The path without links, also if there is no file yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many links as the system follows.
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

/// How many bytes were written, and what kept the rest from it.
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

/// The length of as many whole lines as there is room for; of one in any case.
fn whole_lines(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
    match lines[..room].iter().rposition(|&byte| byte == b'\n') {
        Some(at) => at + 1,
        None => first_line(lines) as usize,
    }
}
