use std::{
    fmt::{self, Write},
    io::{Error, ErrorKind},
};

use super::finding::Finding;
use crate::{Delivery, Health, Verdict};

/// The error that an `io::Error` wraps decides. The kind decides only if there is no such error, or
/// its type isn't known.
pub(super) fn examine(io: &Error) -> Option<Finding<'_>> {
    let verdict = of_kind(io.kind());
    match io.get_ref() {
        Some(inside) => Some(Finding::inside(inside, verdict)),
        None => verdict.map(Finding::Verdict),
    }
}

fn of_kind(kind: ErrorKind) -> Option<Verdict> {
    use ErrorKind::*;
    Some(match kind {
        // `io::Error::other`: the kind has no meaning.
        Other => return None,
        ConnectionRefused | AddrInUse | AddrNotAvailable => Verdict::transient().delivery(Delivery::NotSent),
        TimedOut => Verdict::timed_out(),
        // The request can't succeed: another attempt fails in the same way.
        NotFound | PermissionDenied | AlreadyExists | InvalidInput | Unsupported | ArgumentListTooLong
        // The file doesn't allow the operation.
        | NotADirectory | IsADirectory | DirectoryNotEmpty | NotSeekable | FileTooLarge | CrossesDevices
        | TooManyLinks => Verdict::permanent(),
        // The peer sent something invalid (an expired certificate is one), or a resource is used up
        // and doesn't recover while a caller waits. Other requests fail, too.
        InvalidData | ReadOnlyFilesystem | OutOfMemory | StorageFull | QuotaExceeded => {
            Verdict::permanent().health(Health::Unhealthy)
        }
        _ if is_invalid_filename(kind) => Verdict::permanent(),
        _ => Verdict::transient(),
    })
}

/// `ErrorKind::InvalidFilename` can be named since Rust 1.87, but earlier versions return it too.
/// So this compares the variant's name.
fn is_invalid_filename(kind: ErrorKind) -> bool {
    let mut rest = Rest("InvalidFilename");
    write!(rest, "{kind:?}").is_ok() && rest.0.is_empty()
}

/// The part of the expected text that hasn't been written yet. Writing anything else fails.
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

    /// The standard library returns this kind for a path component of 300 bytes.
    #[cfg(unix)]
    #[test]
    fn a_file_name_that_is_too_long_is_a_permanent_failure() {
        let error = std::fs::metadata("x".repeat(300)).unwrap_err();
        assert!(is_invalid_filename(error.kind()), "{error:?}");
        assert_eq!(of_kind(error.kind()), Some(Verdict::permanent()));
    }
}
