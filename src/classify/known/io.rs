use std::io::{Error, ErrorKind};

use crate::{Sent, Verdict, classify::walk::Walk};

/// One that wraps another error says more inside.
pub(super) fn judge(io: &Error, walk: &mut Walk) -> Verdict {
    io.get_ref().and_then(|inside| walk.judge(inside)).unwrap_or_else(|| by_kind(io.kind()))
}

fn by_kind(kind: ErrorKind) -> Verdict {
    use ErrorKind::*;
    match kind {
        ConnectionRefused | AddrInUse | AddrNotAvailable => Verdict::transient().sent(Sent::No),
        TimedOut => Verdict::timed_out(),
        NotFound | PermissionDenied | AlreadyExists | InvalidInput | InvalidData | Unsupported | OutOfMemory => {
            Verdict::permanent()
        }
        _ => Verdict::transient(),
    }
}
