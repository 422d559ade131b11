use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use ::http_body::{Body, SizeHint};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::{Playing, Replay, pool::Pool};
use crate::http::sizes::with_read;

/// What is kept of a body while it is sent. Dropped, it is forgotten: the request has been answered.
pub struct Tape<B> {
    pub(super) reel: Arc<Reel<B>>,
}

/// The body and what was kept of it: of one tape and of those that play it.
pub(super) struct Reel<B>(Mutex<State<B>>);

pub(super) struct State<B> {
    pub(super) source: B,
    pub(super) kept: Kept,
    pub(super) trailers: Option<HeaderMap>,
    /// The source announced its length.
    exact: bool,
    /// The source has come to its end.
    pub(super) ended: bool,
    /// Who plays it: one that was begun earlier is over.
    pub(super) player: u32,
    /// Which of the kept chunks comes next.
    place: usize,
    /// Who plays it has to wait for the source.
    waiting: Option<Waker>,
    /// It won't be played again, as there is too much of it, or it broke off.
    lost: bool,
    /// It won't be played again, as nobody asks for it any more.
    closed: bool,
}

/// The chunks that went by.
pub(super) struct Kept {
    chunks: Vec<Bytes>,
    bytes: usize,
    most: usize,
    pool: Arc<Pool>,
}

impl<B: Body<Data = Bytes>> Tape<B> {
    /// A tape of this body, or the body as it was if it announces more than is kept.
    pub(super) fn record(source: B, replay: &Replay) -> Result<Self, B> {
        if source.size_hint().lower() > replay.max_body as u64 {
            return Err(source);
        }
        let kept = Kept { chunks: Vec::new(), bytes: 0, most: replay.max_body, pool: Arc::clone(&replay.pool) };
        let state = State {
            exact: source.size_hint().exact().is_some(),
            source,
            kept,
            trailers: None,
            ended: false,
            player: 0,
            place: 0,
            waiting: None,
            lost: false,
            closed: false,
        };
        Ok(Self { reel: Arc::new(Reel(Mutex::new(state))) })
    }

    /// The body from its beginning, the first time or once more. Whoever played it before is over. `None` if it can't be sent
    /// again.
    pub(super) fn play(&self) -> Option<Playing<B>> {
        let mut state = self.reel.state();
        if state.lost || self.reel.0.is_poisoned() {
            return None;
        }
        state.player += 1;
        state.place = 0;
        let (player, over) = (state.player, state.waiting.take());
        drop(state);
        // From here on the source wakes somebody else: nothing but this tells who waits for it that there is nothing to wait for, and
        // its connection would be kept for as long.
        if let Some(over) = over {
            over.wake();
        }
        Some(Playing::new(Arc::clone(&self.reel), player))
    }
}

impl<B> Tape<B> {
    /// Whether it can't be played again.
    pub(super) fn is_lost(&self) -> bool {
        self.reel.0.is_poisoned() || self.reel.state().lost
    }
}

impl<B: Body> Tape<B> {
    /// The size of the whole, as far as it is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        let state = self.reel.state();
        if state.lost { SizeHint::default() } else { with_read(state.kept.bytes as u64, &state.size_to_come()) }
    }

    /// Whether there is nothing in it, and nothing to come.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.reel.state();
        !state.lost && state.kept.bytes == 0 && state.nothing_comes()
    }
}

impl<B> Drop for Tape<B> {
    fn drop(&mut self) {
        let mut state = self.reel.state();
        state.closed = true;
        state.forget_if_closed();
    }
}

impl<B> Reel<B> {
    pub(super) fn state(&self) -> MutexGuard<'_, State<B>> {
        // A source that has panicked isn't played again; who goes on reading it finds out for itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> State<B> {
    /// The next chunk, if it was kept.
    pub(super) fn next_kept(&mut self) -> Option<Bytes> {
        let chunk = self.kept.chunks.get(self.place).cloned()?;
        self.place += 1;
        Some(chunk)
    }

    /// Keeps what the source gave, if it may.
    pub(super) fn keep(&mut self, chunk: &Bytes) {
        if !self.lost && !self.closed && !self.kept.add(chunk) {
            self.lose();
        }
        self.place = self.kept.chunks.len();
    }

    /// Whom to wake if there is nothing to wait for any more. Gives back the one before, to be dropped without the lock: a waker
    /// may own a task, and that the tape.
    pub(super) fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        match &self.waiting {
            Some(same) if same.will_wake(waker) => None,
            _ => self.waiting.replace(waker.clone()),
        }
    }

    /// It can't be played again.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.kept.clear();
        self.place = 0;
    }

    /// What went by is of no use once all of it was played and nobody will ask for it again.
    pub(super) fn forget_if_closed(&mut self) {
        if self.closed && self.place >= self.kept.chunks.len() {
            self.kept.clear();
            self.place = 0;
        }
    }

    /// How many of the kept bytes are still to be played.
    pub(super) fn left(&self) -> u64 {
        self.kept.chunks.iter().skip(self.place).map(|chunk| chunk.len() as u64).sum()
    }
}

impl<B: Body> State<B> {
    /// The size of what comes after what was kept.
    pub(super) fn size_to_come(&self) -> SizeHint {
        match self.trailers {
            _ if !self.ended => self.source.size_hint(),
            // HTTP/1 has no trailers after a body that announces its length: it doesn't announce one now that it didn't before.
            Some(_) if !self.exact => SizeHint::default(),
            _ => SizeHint::with_exact(0),
        }
    }

    pub(super) fn nothing_comes(&self) -> bool {
        if self.ended { self.trailers.is_none() } else { self.source.is_end_stream() }
    }
}

impl Kept {
    /// Chunks below this are copied together: a chunk of one byte may hold on to the whole buffer that it was read into.
    const SMALL: usize = 1024;

    fn add(&mut self, chunk: &Bytes) -> bool {
        if self.bytes + chunk.len() > self.most || !self.pool.take(chunk.len()) {
            return false;
        }
        self.bytes += chunk.len();
        match self.chunks.last_mut() {
            _ if chunk.is_empty() => {}
            Some(last) if last.len() < Self::SMALL && chunk.len() < Self::SMALL => {
                let mut both = BytesMut::with_capacity(last.len() + chunk.len());
                both.extend_from_slice(last);
                both.extend_from_slice(chunk);
                *last = both.freeze();
            }
            _ if chunk.len() < Self::SMALL => self.chunks.push(Bytes::copy_from_slice(chunk)),
            _ => self.chunks.push(chunk.clone()),
        }
        true
    }

    fn clear(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
        self.chunks = Vec::new();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<B> fmt::Debug for Tape<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.reel.state();
        f.debug_struct("Tape").field("bytes", &state.kept.bytes).field("lost", &state.lost).finish_non_exhaustive()
    }
}
