//! A file that lines are appended to, and that makes room by itself.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{AuditConfig, writer::Sink};
use crate::sanitize;

/// Opened anew for each batch: it may have been moved away, by us or by others. While it is open it is locked, so that processes
/// which write to the same file neither rotate it at once nor cut off each other's lines.
pub(super) struct LogFile {
    path: PathBuf,
    /// When it is full.
    size: Option<u64>,
    keep: u32,
}

/// The file of one moment.
struct Opened {
    file: File,
    len: u64,
    /// A regular file, not a pipe or a device: it has a length, can be rotated, and cut.
    is_regular: bool,
}

impl Drop for Opened {
    /// Not by closing the file alone: a child that another thread is just making has it open until it runs its own program.
    fn drop(&mut self) {
        let _ = fs4::FileExt::unlock(&self.file);
    }
}

impl LogFile {
    /// Makes the file if there is none, so that what is wrong with the path shows at once.
    pub(super) fn new(path: &Path, config: &AuditConfig) -> io::Result<Self> {
        open(path)?;
        // What is meant now is meant later too, wherever the process goes.
        let path = fs::canonicalize(path)?;
        Ok(Self { path, size: config.size, keep: config.keep })
    }

    /// Appends as many whole lines as belong into the file that there is. Done bytes, and what went wrong.
    fn append_some(&self, lines: &[u8]) -> (usize, io::Result<()>) {
        let mut opened = match self.open() {
            Ok(opened) => opened,
            Err(error) => return (0, Err(error)),
        };
        let room = match self.size {
            Some(size) if opened.is_regular => size.saturating_sub(opened.len),
            _ => u64::MAX,
        };
        let mut rotated = Ok(());
        if opened.len > 0 && first_line(lines) > room {
            rotated = self.rotate();
            if rotated.is_ok() {
                return (0, Ok(()));
            }
            // Rather a file that is too long than lines that are lost.
        }
        let (done, written) = opened.append(&lines[..whole_lines(lines, room)]);
        (done, written.and(rotated))
    }

    fn open(&self) -> io::Result<Opened> {
        loop {
            let file = open(&self.path)?;
            let metadata = file.metadata()?;
            let is_regular = metadata.is_file();
            if is_regular {
                lock(&file)?;
            }
            let mut opened = Opened { file, len: 0, is_regular };
            if !is_regular {
                return Ok(opened);
            }
            // Whoever had the lock before may have moved it away.
            if is_at(&opened.file, &self.path)? {
                opened.len = opened.file.metadata()?.len();
                return Ok(opened);
            }
        }
    }

    /// `audit.jsonl.1` becomes `audit.jsonl.2`, and so on; the file itself becomes the first.
    fn rotate(&self) -> io::Result<()> {
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
        let mut done = 0;
        while done < lines.len() {
            let (some, result) = self.append_some(&lines[done..]);
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
        if whole < written && self.is_regular {
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

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    options.clone().read(true).open(path).or_else(|error| match error.kind() {
        // May be that it can only be written to.
        io::ErrorKind::PermissionDenied => options.open(path),
        _ => Err(error),
    })
}

/// Waits for other processes, which hold it for a batch; but not for one that was stopped in the middle.
fn lock(file: &File) -> io::Result<()> {
    for _ in 0..100 {
        match fs4::FileExt::try_lock(file) {
            Err(fs4::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            // A file system without locks: nobody has one.
            Ok(()) | Err(fs4::TryLockError::Error(_)) => return Ok(()),
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "another process has held the file's lock for a second"))
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
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
