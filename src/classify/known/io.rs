use std::{
    fmt::{self, Write},
    io::{Error, ErrorKind},
};

use crate::{Sent, Verdict, classify::walk::Walk};

/// One that wraps another error says more inside.
pub(super) fn judge(io: &Error, walk: &mut Walk) -> Option<Verdict> {
    io.get_ref().and_then(|inside| walk.judge(inside)).or_else(|| by_kind(io.kind()))
}

fn by_kind(kind: ErrorKind) -> Option<Verdict> {
    use ErrorKind::*;
    Some(match kind {
        // What is made by hand, and has no kind: nothing is known of it.
        Other => return None,
        ConnectionRefused | AddrInUse | AddrNotAvailable => Verdict::transient().sent(Sent::No),
        TimedOut => Verdict::timed_out(),
        // The caller's request can't work: a further attempt fails the same way.
        NotFound | PermissionDenied | AlreadyExists | InvalidInput | InvalidData | Unsupported | ArgumentListTooLong
        // The file or the file system doesn't allow the operation.
        | NotADirectory | IsADirectory | DirectoryNotEmpty | ReadOnlyFilesystem | NotSeekable | FileTooLarge
        | CrossesDevices | TooManyLinks
        // Resources that don't come back while a caller waits.
        | OutOfMemory | StorageFull | QuotaExceeded => Verdict::permanent(),
        _ if is_invalid_filename(kind) => Verdict::permanent(),
        _ => Verdict::transient(),
    })
}

/// `ErrorKind::InvalidFilename` can be named since Rust 1.87, and is returned by earlier versions too.
/// The variant's name is compared instead.
fn is_invalid_filename(kind: ErrorKind) -> bool {
    let mut rest = Rest("InvalidFilename");
    write!(rest, "{kind:?}").is_ok() && rest.0.is_empty()
}

/// The part of a text that has not been written yet. Writing anything else fails.
struct Rest(&'static str);

impl fmt::Write for Rest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_kind_invalid_filename_has_that_name() {
        assert!(
            [ErrorKind::NotFound, ErrorKind::InvalidInput, ErrorKind::InvalidData, ErrorKind::Other]
                .into_iter()
                .all(|kind| !is_invalid_filename(kind))
        );
    }

    /// The kind that the standard library gives to a path component of 300 bytes.
    #[cfg(unix)]
    #[test]
    fn a_file_name_that_is_too_long_is_permanent() {
        let error = std::fs::metadata("x".repeat(300)).unwrap_err();
        assert!(is_invalid_filename(error.kind()), "{error:?}");
        assert_eq!(by_kind(error.kind()), Some(Verdict::permanent()));
    }
}
