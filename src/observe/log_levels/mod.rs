//! The level of each line of the log.

mod levels;
mod log_event;
mod stop_cause;

pub(super) use levels::Levels;
pub use log_event::LogEvent;
pub use stop_cause::StopCause;
