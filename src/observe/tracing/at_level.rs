//! Emits an event with a level that is known only at run time.

/// As `tracing::event!`, which needs a constant level, because each of its callsites has one level.
/// The fields are evaluated only if the subscriber wants the event.
macro_rules! at_level {
    ($level:expr, target: $target:literal, $($fields:tt)*) => {
        match $level {
            tracing::Level::ERROR => tracing::event!(target: $target, tracing::Level::ERROR, $($fields)*),
            tracing::Level::WARN => tracing::event!(target: $target, tracing::Level::WARN, $($fields)*),
            tracing::Level::INFO => tracing::event!(target: $target, tracing::Level::INFO, $($fields)*),
            tracing::Level::DEBUG => tracing::event!(target: $target, tracing::Level::DEBUG, $($fields)*),
            tracing::Level::TRACE => tracing::event!(target: $target, tracing::Level::TRACE, $($fields)*),
        }
    };
}

pub(super) use at_level;
