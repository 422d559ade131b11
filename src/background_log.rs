//! What goes wrong on a thread of our own has no caller to be returned to: it is said once.

use std::fmt;

use crate::sanitize;

pub(crate) fn warn(what: fmt::Arguments<'_>) {
    // It may contain paths and errors.
    let what = sanitize::line(what);
    #[cfg(feature = "tracing")]
    {
        // A subscriber that panics must not end the thread for which others wait.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tracing::warn!("{what}")));
    }
    #[cfg(not(feature = "tracing"))]
    {
        use std::io::Write;
        // `eprintln!` would panic if nobody can be told.
        let _ = writeln!(std::io::stderr(), "tower-recourse: {what}");
    }
}
