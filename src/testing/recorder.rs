//! The observer that records events.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::recorded_event::RecordedEvent;
use crate::observe::{Event, Observer};

/// An observer that stores copies of events, for assertions.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{RetryConfig, RetryLayer, retry::{Backoff, Jitter}, testing::EventRecorder};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let recorder = EventRecorder::new();
/// let backoff = Backoff::exponential(Duration::from_secs(1)).jitter(Jitter::None);
/// let config = RetryConfig::default().idempotent().backoff(backoff).observe(recorder.clone());
///
/// let result = RetryLayer::new(config).run(|_| async { Err::<(), _>(String::from("down")) }).await;
/// assert!(result.is_err());
/// assert_eq!(recorder.lines(), [
///     r#"RetryScheduled attempt=1 delay=1s failure=transient error="down""#,
///     r#"RetryScheduled attempt=2 delay=2s failure=transient error="down""#,
///     r#"RetryScheduled attempt=3 delay=4s failure=transient error="down""#,
///     r#"RetryStopped attempt=4 cause=attempts_exhausted failure=transient error="down""#,
/// ]);
/// # }
/// ```
///
/// It stores 10,000 events, and [counts](Self::lost) the others.
///
/// # Clone
///
/// Clones share the events. So one recorder can observe several layers, and its events are in the
/// order in which they were emitted.
#[derive(Clone, Default)]
pub struct EventRecorder {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    recorded: Notify,
}

#[derive(Default)]
struct Log {
    events: Vec<RecordedEvent>,
    lost: u64,
}

impl EventRecorder {
    const MAX_EVENTS: usize = 10_000;

    /// Makes a recorder without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events so far.
    pub fn events(&self) -> Vec<RecordedEvent> {
        self.log().events.clone()
    }

    /// The events so far as text, without the names of the layers and circuits.
    pub fn lines(&self) -> Vec<String> {
        self.events().iter().map(ToString::to_string).collect()
    }

    /// The events so far as text, each with the name of its layer or circuit, such as `stock:
    /// CallRejected retry_in=2s`. Use it if several layers emit the same kinds of events.
    pub fn named_lines(&self) -> Vec<String> {
        self.events().iter().map(|recorded| format!("{}: {recorded}", recorded.event().name())).collect()
    }

    /// The [labels](Event::label) of the events so far, such as `RetryScheduled`. They have no
    /// delays, so they are the same with jitter.
    pub fn labels(&self) -> Vec<&'static str> {
        self.log().events.iter().map(|recorded| recorded.event().label()).collect()
    }

    /// The events of the layers and circuits with this name, as text.
    pub fn lines_of(&self, name: &str) -> Vec<String> {
        self.events().iter().filter(|event| event.event().name().as_str() == name).map(ToString::to_string).collect()
    }

    /// The number of events with this [label](Event::label), such as `CallRejected`.
    pub fn count(&self, label: &str) -> usize {
        self.log().events.iter().filter(|event| event.event().label() == label).count()
    }

    /// Removes the events, and returns them as text.
    pub fn take(&self) -> Vec<String> {
        let events = std::mem::take(&mut self.log().events);
        events.iter().map(ToString::to_string).collect()
    }

    /// How many events were not stored, because the recorder was full.
    pub fn lost(&self) -> u64 {
        self.log().lost
    }

    /// Waits until an event with this [label](Event::label) is stored, and returns the first one.
    /// It returns at once if there is one already. There is no time limit: wrap it in
    /// `tokio::time::timeout`.
    ///
    /// # Cancel safety
    ///
    /// It removes no event, so it can be dropped at any time.
    pub async fn wait_for(&self, label: &str) -> RecordedEvent {
        loop {
            // Registered before the check. Otherwise an event in between would be missed.
            let recorded = self.shared.recorded.notified();
            let mut recorded = std::pin::pin!(recorded);
            recorded.as_mut().enable();
            let found = self.log().events.iter().find(|event| event.event().label() == label).cloned();
            match found {
                Some(event) => return event,
                None => recorded.await,
            }
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for EventRecorder {
    fn on_event(&self, event: &Event<'_>) {
        let event = RecordedEvent::new(event);
        {
            let mut log = self.log();
            if log.events.len() < Self::MAX_EVENTS {
                log.events.push(event);
            } else {
                log.lost += 1;
            }
        }
        self.shared.recorded.notify_waiters();
    }
}

impl fmt::Debug for EventRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}
