//! Logs faults of background threads, which have no caller to return an error to.

use std::fmt;

use crate::sanitize;

pub(crate) fn warn(message: fmt::Arguments<'_>) {
    // The text may contain paths and errors.
    let message = sanitize::line(message);
    #[cfg(feature = "tracing")]
    {
        // A subscriber that panics must not end the thread: callers wait for it.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tracing::warn!("{message}")));
    }
    #[cfg(not(feature = "tracing"))]
    {
        use std::io::Write;
        // `eprintln!` would panic if standard error is closed.
        let _ = writeln!(std::io::stderr(), "tower-recourse: {message}");
    }
}
