use crate::InvalidConfig;

/// The settings of an audit log.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`max_file_size`](Self::max_file_size) | 10 MiB | about 50,000 lines; every editor opens it |
/// | [`max_backups`](Self::max_backups) | 5 old files | 60 MiB in total |
/// | [`max_queue`](Self::max_queue) | 1 MiB | a few thousand lines while the disk is slow; if the process is killed, no more than these are lost |
/// | [`include_every_call`](Self::include_every_call) | off | during an outage, each call would write a line |
#[derive(Debug, Clone)]
pub struct AuditConfig {
    /// The size in bytes at which a file is full; `None` without rotation.
    pub(super) size: Option<u64>,
    pub(super) keep: u32,
    pub(super) queue: usize,
    pub(super) include_every_call: bool,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { size: Some(10 << 20), keep: 5, queue: 1 << 20, include_every_call: false }
    }
}

impl AuditConfig {
    /// Sets the size in bytes above which a file is rotated: `audit.jsonl` becomes `audit.jsonl.1`,
    /// that becomes `audit.jsonl.2`, and so on, and a new file is created. A line is never split
    /// between two files.
    ///
    /// # Errors
    ///
    /// If `bytes` is below 4096.
    pub fn max_file_size(self, bytes: u64) -> Result<Self, InvalidConfig> {
        if bytes < 4096 {
            return Err(InvalidConfig::new("max_file_size", bytes, "at least 4096 bytes"));
        }
        Ok(Self { size: Some(bytes), ..self })
    }

    /// Disables rotation: one file grows without limit, or another program rotates it. The file is
    /// opened again for each batch of lines.
    pub fn never_rotate(self) -> Self {
        Self { size: None, ..self }
    }

    /// Sets how many rotated files are kept besides the current one; the oldest is removed. With 0,
    /// a full file is removed.
    ///
    /// # Errors
    ///
    /// If `files` is over 999.
    pub fn max_backups(self, files: u32) -> Result<Self, InvalidConfig> {
        if files > 999 {
            return Err(InvalidConfig::new("max_backups", files, "at most 999 files"));
        }
        Ok(Self { keep: files, ..self })
    }

    /// Sets how many bytes of lines may wait to be written. A line that doesn't fit is lost, and a
    /// later line reports how many were lost.
    ///
    /// # Errors
    ///
    /// If `bytes` is below 64 KiB, which is more than the longest line.
    pub fn max_queue(self, bytes: usize) -> Result<Self, InvalidConfig> {
        if bytes < 64 << 10 {
            return Err(InvalidConfig::new("max_queue", bytes, "at least 65536 bytes"));
        }
        Ok(Self { queue: bytes, ..self })
    }

    /// Also writes the events that are emitted for each call: a circuit counted a failure or
    /// rejected a call, a retry waits out a rejection, a request finished, a fallback's backup
    /// answered. The default lines tell each failure that a layer acted on.
    pub fn include_every_call(self) -> Self {
        Self { include_every_call: true, ..self }
    }
}
