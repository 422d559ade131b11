use std::{sync::Mutex, task::Waker};

use ::http::HeaderMap;

use super::recording::{Recording, lock};

/// The source of a recording, taken out so that a task can call it without holding the lock.
///
/// Dropping this value returns the source. If the source panics, no further reader can start. The
/// newest reader polls the source again, and yields what that poll returns.
pub(super) struct TakenSource<'a, B> {
    recording: &'a Mutex<Recording<B>>,
    reader: u32,
    source: Option<B>,
}

/// What a poll of the source returned.
pub(super) enum SourceOutcome<'a> {
    /// Pending. The waker wakes the reader that polled.
    Pending(Waker),
    Data(&'a [u8]),
    Trailers(HeaderMap),
    End,
    Failed,
    Panicked,
    /// The source wasn't polled, or yielded a frame of another kind.
    Nothing,
}

impl<'a, B> TakenSource<'a, B> {
    pub(super) fn new(recording: &'a Mutex<Recording<B>>, reader: u32, source: B) -> Self {
        Self { recording, reader, source: Some(source) }
    }

    pub(super) fn get_mut(&mut self) -> &mut B {
        self.source.as_mut().expect("the source is returned once")
    }

    /// Reads a property of the source, puts the source back, and returns the property.
    pub(super) fn inspect<T>(mut self, read: impl FnOnce(&B) -> T) -> T {
        let property = read(self.get_mut());
        self.put_back(SourceOutcome::Nothing);
        property
    }

    /// Returns the source and records what it yielded. Returns whether the reader is still the
    /// newest.
    pub(super) fn give_back(mut self, outcome: SourceOutcome<'_>) -> bool {
        self.put_back(outcome)
    }

    fn put_back(&mut self, outcome: SourceOutcome<'_>) -> bool {
        let Some(source) = self.source.take() else { return false };
        let mut recording = lock(self.recording);
        let is_newest = recording.reader == self.reader;
        // A newer reader may have found the source taken. Wake it, so that it tries again.
        let waits = std::mem::take(&mut recording.waits_for_return);
        let woken = if waits { recording.waiting.take() } else { None };
        // A source that has ended isn't polled again. Drop it now to free what it holds, such as
        // the buffers of its connection.
        let has_ended = matches!(outcome, SourceOutcome::Trailers(_) | SourceOutcome::End | SourceOutcome::Failed);
        let dropped_source = if has_ended { Some(source) } else { recording.source.replace(source) };
        let dropped_waker = match outcome {
            SourceOutcome::Pending(waker) => match &recording.waiting {
                None if is_newest => recording.waiting.replace(waker),
                Some(same) if is_newest && !same.will_wake(&waker) => recording.waiting.replace(waker),
                _ => Some(waker),
            },
            SourceOutcome::Data(chunk) => {
                recording.record(chunk, is_newest);
                None
            }
            SourceOutcome::Trailers(trailers) => {
                recording.trailers = Some(trailers);
                recording.end(is_newest);
                None
            }
            SourceOutcome::End => {
                recording.end(is_newest);
                None
            }
            SourceOutcome::Failed | SourceOutcome::Panicked => {
                recording.give_up(is_newest);
                None
            }
            SourceOutcome::Nothing => None,
        };
        drop(recording);
        // Sources and wakers are user code. Drop and wake them without holding the lock.
        drop((dropped_source, dropped_waker));
        if let Some(woken) = woken {
            woken.wake();
        }
        is_newest
    }
}

impl<B> Drop for TakenSource<'_, B> {
    fn drop(&mut self) {
        self.put_back(SourceOutcome::Panicked);
    }
}
