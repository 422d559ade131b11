//! The table of levels.

use std::fmt;

use tracing::Level;

use super::{LogEvent, StopCause};
use crate::observe::Event;

/// The level of each kind of line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    events: [Shown; LogEvent::ALL.len()],
    stops: [Shown; StopCause::ALL.len()],
}

/// A level in one byte, so that the table is small enough to be copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Shown {
    const fn of(level: Option<Level>) -> Self {
        match level {
            None => Self::Off,
            Some(Level::ERROR) => Self::Error,
            Some(Level::WARN) => Self::Warn,
            Some(Level::INFO) => Self::Info,
            Some(Level::DEBUG) => Self::Debug,
            Some(_) => Self::Trace,
        }
    }

    const fn level(self) -> Option<Level> {
        match self {
            Self::Off => None,
            Self::Error => Some(Level::ERROR),
            Self::Warn => Some(Level::WARN),
            Self::Info => Some(Level::INFO),
            Self::Debug => Some(Level::DEBUG),
            Self::Trace => Some(Level::TRACE),
        }
    }
}

impl Levels {
    /// The default levels. `TracingObserver` documents them, with their reasons.
    pub(in crate::observe) const fn new() -> Self {
        let mut levels = Self { events: [Shown::Off; LogEvent::ALL.len()], stops: [Shown::Off; StopCause::ALL.len()] };
        let mut at = 0;
        while at < LogEvent::ALL.len() {
            levels.events[at] = default_of(LogEvent::ALL[at]);
            at += 1;
        }
        at = 0;
        while at < StopCause::ALL.len() {
            levels.stops[at] = default_of_stop(StopCause::ALL[at]);
            at += 1;
        }
        levels
    }

    /// `None`: the line isn't written.
    pub(in crate::observe) const fn with(mut self, event: LogEvent, level: Option<Level>) -> Self {
        match event {
            LogEvent::RetryStopped => self.stops = [Shown::of(level); StopCause::ALL.len()],
            _ => self.events[event as usize] = Shown::of(level),
        }
        self
    }

    /// `None`: the line isn't written.
    pub(in crate::observe) const fn with_stop(mut self, cause: StopCause, level: Option<Level>) -> Self {
        self.stops[cause as usize] = Shown::of(level);
        self
    }

    /// The level of an event's line. `None`: it isn't written.
    pub(in crate::observe) const fn of(&self, event: &Event<'_>) -> Option<Level> {
        match event {
            Event::RetryStopped { cause, .. } => self.stops[StopCause::of(cause) as usize].level(),
            _ => self.events[LogEvent::of(event) as usize].level(),
        }
    }
}

const fn default_of(event: LogEvent) -> Shown {
    match event {
        LogEvent::CircuitOpened => Shown::Error,
        LogEvent::RetryScheduled
        | LogEvent::RequestNotReplayable
        | LogEvent::IdempotencyUnknown
        | LogEvent::CircuitForcedOpen
        | LogEvent::CircuitWouldOpen
        | LogEvent::FallbackFailed => Shown::Warn,
        LogEvent::TransparentRetry
        | LogEvent::RetrySucceeded
        | LogEvent::CircuitModeChanged
        | LogEvent::CircuitClosed
        | LogEvent::FallbackCalled => Shown::Info,
        LogEvent::RejectionWait
        | LogEvent::RequestFinished
        | LogEvent::CircuitReopened
        | LogEvent::CircuitHalfOpened
        | LogEvent::CallFailed
        | LogEvent::CallRejected
        | LogEvent::FallbackSucceeded => Shown::Debug,
        // Its levels are those of the causes.
        LogEvent::RetryStopped => Shown::Off,
    }
}

const fn default_of_stop(cause: StopCause) -> Shown {
    match cause {
        StopCause::AttemptsExhausted
        | StopCause::Budget
        | StopCause::Deadline
        | StopCause::RetryAfterTooLong
        | StopCause::TotalQuota
        | StopCause::KeyQuota => Shown::Warn,
        StopCause::OnlyAttempt
        | StopCause::Permanent
        | StopCause::Failure
        | StopCause::Rejected
        | StopCause::RetryRejected
        | StopCause::NotReplayable
        | StopCause::UnsafeToResend
        | StopCause::RetriesDisabled
        | StopCause::Custom => Shown::Debug,
    }
}

/// Shows the level of each kind, such as `RetryScheduled: WARN`.
impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = LogEvent::ALL.iter().zip(&self.events).filter(|(event, _)| **event != LogEvent::RetryStopped);
        let stops = StopCause::ALL.iter().zip(&self.stops);
        f.debug_map().entries(events).entries(stops).finish()
    }
}

/// `OFF`, `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level() {
            Some(level) => f.write_str(level.as_str()),
            None => f.write_str("OFF"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_place_in_the_table() {
        for (at, event) in LogEvent::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, at, "{event:?}");
        }
        for (at, cause) in StopCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, at, "{cause:?}");
        }
    }

    #[test]
    fn every_level_is_stored_as_it_is() {
        for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
            assert_eq!(Shown::of(Some(level)).level(), Some(level));
        }
        assert_eq!(Shown::of(None).level(), None);
    }

    /// The table in the documentation of `TracingObserver` states the levels of this file.
    #[test]
    fn the_documented_levels_are_the_default_levels() {
        let documentation = include_str!("../tracing/tracing_observer.rs");
        let levels = Levels::new();
        let row = |subject: String, level: Shown| {
            let row = documentation.lines().find(|line| line.contains(&subject));
            let row = row.unwrap_or_else(|| panic!("no row for {subject}"));
            assert!(row.contains(&format!("| {level:?} |")), "{row}: {level:?}");
        };
        for (event, level) in LogEvent::ALL.into_iter().zip(levels.events) {
            if event != LogEvent::RetryStopped {
                row(format!("/// | [`{event:?}`](LogEvent::{event:?}) |"), level);
            }
        }
        for (cause, level) in StopCause::ALL.into_iter().zip(levels.stops) {
            row(format!("/// | `RetryStopped`: [`{cause:?}`](StopCause::{cause:?}) |"), level);
        }
    }
}
