use crate::Invalid;

/// How an audit is kept.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`rotate_at`](Self::rotate_at) | 10 MiB | some 50,000 lines; opens in any editor |
/// | [`keep`](Self::keep) | 5 old files | 60 MiB in all, which no disk minds |
/// | [`queue`](Self::queue) | 1 MiB | a few thousand lines while the disk is slow; and all that is lost if the process is killed |
/// | [`every_call`](Self::every_call) | off | an outage would write a line a call |
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// When a file is full.
    pub(super) size: Option<u64>,
    pub(super) keep: u32,
    pub(super) queue: usize,
    pub(super) every_call: bool,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { size: Some(10 << 20), keep: 5, queue: 1 << 20, every_call: false }
    }
}

impl AuditConfig {
    /// The size in bytes beyond which a file doesn't grow: `audit.jsonl` becomes `audit.jsonl.1`, that `audit.jsonl.2`, and so on,
    /// and a new one is begun. A line is never cut in two for it.
    ///
    /// # Errors
    ///
    /// If `bytes` is below 4096.
    pub fn rotate_at(self, bytes: u64) -> Result<Self, Invalid> {
        if bytes < 4096 {
            return Err(Invalid::new("rotate_at", bytes, "at least 4096 bytes"));
        }
        Ok(Self { size: Some(bytes), ..self })
    }

    /// One file that grows for ever, or that somebody else rotates: it is opened anew for each batch of lines.
    pub fn never_rotate(self) -> Self {
        Self { size: None, ..self }
    }

    /// How many old files are kept besides the one that is written; the oldest is removed. With 0, what is full is removed.
    ///
    /// # Errors
    ///
    /// If `files` is over 999.
    pub fn keep(self, files: u32) -> Result<Self, Invalid> {
        if files > 999 {
            return Err(Invalid::new("keep", files, "at most 999 files"));
        }
        Ok(Self { keep: files, ..self })
    }

    /// How many bytes of lines may wait to be written. A line that finds no room is lost, and a line says later how many were.
    ///
    /// # Errors
    ///
    /// If `bytes` is below 64 KiB, which is more than the longest line.
    pub fn queue(self, bytes: usize) -> Result<Self, Invalid> {
        if bytes < 64 << 10 {
            return Err(Invalid::new("queue", bytes, "at least 65536 bytes"));
        }
        Ok(Self { queue: bytes, ..self })
    }

    /// Writes of every call that a circuit counted as failed or rejected, too.
    pub fn every_call(self) -> Self {
        Self { every_call: true, ..self }
    }
}
