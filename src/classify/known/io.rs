use std::io::{Error, ErrorKind};

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
        NotFound | PermissionDenied | AlreadyExists | InvalidInput | InvalidData | Unsupported | OutOfMemory
        | StorageFull => Verdict::permanent(),
        _ => Verdict::transient(),
    })
}
