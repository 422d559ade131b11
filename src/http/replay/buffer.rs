use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use ::http_body::{Body, SizeHint};
use bytes::Bytes;
use http::HeaderMap;

use super::{Replay, ReplayBody, memory_limit::Pool};
use crate::http::size_hint::with_read;

/// Records a body while it is sent. Dropping the buffer, when the request has been answered, stops
/// the recording.
pub struct ReplayBuffer<B> {
    pub(super) reel: Arc<Reel<B>>,
}

/// State that a buffer shares with the bodies that read from it.
///
/// The source is user code and is never polled under this lock: the task that polls it [takes it
/// out](Reel::lend) meanwhile.
pub(super) struct Reel<B>(Mutex<State<B>>);

pub(super) struct State<B> {
    /// `None` while a task polls it.
    source: Option<B>,
    kept: Kept,
    trailers: Option<HeaderMap>,
    /// Whether the source announced an exact length.
    exact: bool,
    /// How many bytes of the announced lower bound the source hasn't yielded yet.
    missing: u64,
    /// Whether the source has ended.
    ended: bool,
    /// Number of the newest reader. Older readers are superseded.
    player: u32,
    /// Index of the next recorded chunk for the newest reader.
    place: usize,
    /// The waker of the newest reader, if it waits for the source.
    waiting: Option<Waker>,
    /// The newest reader waits because another task has the source.
    busy: bool,
    /// No further reader can start: the body is too large, or it failed.
    lost: bool,
    /// Recorded chunks were dropped before the newest reader got them.
    torn: bool,
    /// The buffer was dropped, so no further reader will start.
    closed: bool,
}

/// The recorded chunks. They are copies, because a chunk of the source may keep a larger buffer
/// alive. So the count equals the memory that is held.
struct Kept {
    chunks: Vec<Bytes>,
    /// The chunk after these, which still grows. It is sealed when it reaches
    /// [`SMALL`](Self::SMALL) bytes.
    last: Vec<u8>,
    bytes: usize,
    most: usize,
    pool: Arc<Pool>,
}

/// What a reader has to do next.
pub(super) enum Next<'a, B> {
    Chunk(Bytes),
    Source(Lent<'a, B>),
    /// Another reader has the source now. This reader is woken when the source is returned.
    Busy,
    End(Option<HeaderMap>),
    /// A newer reader has started.
    Over,
    /// Recorded chunks are missing.
    Torn,
}

impl<B: Body<Data = Bytes>> ReplayBuffer<B> {
    /// Starts a recording. Returns the body unchanged if it announces more than the limit.
    pub(super) fn record(source: B, replay: &Replay) -> Result<Self, B> {
        if source.size_hint().lower() > replay.max_body as u64 {
            return Err(source);
        }
        let kept = Kept {
            chunks: Vec::new(),
            last: Vec::new(),
            bytes: 0,
            most: replay.max_body,
            pool: Arc::clone(&replay.pool),
        };
        let state = State {
            exact: source.size_hint().exact().is_some(),
            missing: source.size_hint().lower(),
            source: Some(source),
            kept,
            trailers: None,
            ended: false,
            player: 0,
            place: 0,
            waiting: None,
            busy: false,
            lost: false,
            torn: false,
            closed: false,
        };
        Ok(Self { reel: Arc::new(Reel(Mutex::new(state))) })
    }

    /// Starts a reader at the beginning of the body, which supersedes the reader before it. Returns
    /// `None` if the body can't be resent.
    pub(super) fn play(&self) -> Option<ReplayBody<B>> {
        let mut state = self.reel.state();
        if state.lost {
            return None;
        }
        state.kept.seal();
        state.player += 1;
        state.place = 0;
        let (player, over) = (state.player, state.waiting.take());
        state.busy = false;
        drop(state);
        // A body source wakes only the task that polled it last. Wake the superseded reader here,
        // so that it ends; otherwise it would keep its connection open until the peer closes it.
        if let Some(over) = over {
            over.wake();
        }
        Some(ReplayBody::new(Arc::clone(&self.reel), player))
    }
}

impl<B> ReplayBuffer<B> {
    /// Whether no further reader can start.
    pub(super) fn is_lost(&self) -> bool {
        self.reel.state().lost
    }
}

impl<B: Body> ReplayBuffer<B> {
    /// The size hint of the whole body.
    pub(super) fn size_hint(&self) -> SizeHint {
        let to_come = self.reel.size_to_come();
        let state = self.reel.state();
        if state.lost { SizeHint::default() } else { with_read(state.kept.bytes as u64, &to_come) }
    }

    /// Whether the body is known to be empty.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.reel.state();
        let is_empty = !state.lost && state.kept.bytes == 0;
        drop(state);
        is_empty && self.reel.nothing_comes()
    }
}

impl<B> Drop for ReplayBuffer<B> {
    fn drop(&mut self) {
        let mut state = self.reel.state();
        state.closed = true;
        state.forget_if_closed();
    }
}

impl<B> Reel<B> {
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the reader has to do next. If another task has the source, `waker` is woken
    /// when the source is returned.
    pub(super) fn next(&self, player: u32, waker: &Waker) -> Next<'_, B> {
        let mut own = None;
        loop {
            let mut state = self.state();
            if state.player != player {
                return Next::Over;
            }
            if state.torn {
                return Next::Torn;
            }
            if let Some(chunk) = state.kept.chunk(state.place) {
                state.place += 1;
                return Next::Chunk(chunk);
            }
            state.forget_if_closed();
            if state.ended {
                return Next::End(state.trailers.clone());
            }
            if let Some(source) = state.source.take() {
                return Next::Source(Lent { reel: self, player, source: Some(source) });
            }
            match own.take() {
                Some(own) => {
                    let former = state.waiting.replace(own);
                    state.busy = true;
                    drop(state);
                    drop(former);
                    return Next::Busy;
                }
                // `clone` is user code, so it runs without the lock. Then look again.
                None => {
                    drop(state);
                    own = Some(waker.clone());
                }
            }
        }
    }

    /// How many recorded bytes the newest reader hasn't read yet.
    pub(super) fn left(&self) -> u64 {
        let state = self.state();
        state.kept.left(state.place)
    }

    pub(super) fn is_played_by(&self, player: u32) -> bool {
        self.state().player == player
    }

    /// Takes the source out, to call it without the lock. `None` if another task has it.
    fn lend(&self) -> Option<Lent<'_, B>> {
        let mut state = self.state();
        let (player, source) = (state.player, state.source.take()?);
        Some(Lent { reel: self, player, source: Some(source) })
    }
}

impl<B: Body> Reel<B> {
    /// The size hint of what follows the recorded chunks.
    pub(super) fn size_to_come(&self) -> SizeHint {
        let state = self.state();
        match state.trailers {
            _ if !state.ended => {}
            // HTTP/1 sends no trailers after a body with an exact length. The source announced
            // none, so the reader doesn't announce one either.
            Some(_) if !state.exact => return SizeHint::default(),
            _ => return SizeHint::with_exact(0),
        }
        drop(state);
        self.lend().map_or_else(SizeHint::default, |lent| lent.look(Body::size_hint))
    }

    /// Whether nothing follows the recorded chunks.
    pub(super) fn nothing_comes(&self) -> bool {
        let state = self.state();
        if state.ended {
            return state.trailers.is_none();
        }
        drop(state);
        self.lend().is_some_and(|lent| lent.look(Body::is_end_stream))
    }
}

/// The source while a task calls it. Dropping this returns the source. If the source panics, no
/// further reader can start; the newest reader polls it again and handles the outcome itself.
pub(super) struct Lent<'a, B> {
    reel: &'a Reel<B>,
    player: u32,
    source: Option<B>,
}

/// What a call of the source returned.
pub(super) enum Came<'a> {
    /// Pending. The waker wakes the reader that polled.
    Nothing(Waker),
    Data(&'a [u8]),
    Trailers(HeaderMap),
    End,
    Failed,
    Panicked,
    /// The source wasn't polled.
    Unpolled,
}

impl<B> Lent<'_, B> {
    pub(super) fn get_mut(&mut self) -> &mut B {
        self.source.as_mut().expect("the source is returned once")
    }

    fn look<T>(mut self, look: impl FnOnce(&B) -> T) -> T {
        let seen = look(self.get_mut());
        self.put(Came::Unpolled);
        seen
    }

    /// Returns the source and records what it yielded. Returns whether the reader is still the
    /// newest.
    pub(super) fn give_back(mut self, came: Came<'_>) -> bool {
        self.put(came)
    }

    fn put(&mut self, came: Came<'_>) -> bool {
        let Some(source) = self.source.take() else { return false };
        let mut state = self.reel.state();
        let plays = state.player == self.player;
        // A newer reader found the source missing meanwhile: let it look again.
        let missed = if std::mem::take(&mut state.busy) { state.waiting.take() } else { None };
        // A source that has ended isn't polled again. Drop it now to free what it holds, such as
        // the buffers of its connection.
        let is_over = matches!(came, Came::Trailers(_) | Came::End | Came::Failed);
        let over = if is_over { Some(source) } else { state.source.replace(source) };
        let dropped = match came {
            Came::Nothing(waker) => match &state.waiting {
                None if plays => state.waiting.replace(waker),
                Some(same) if plays && !same.will_wake(&waker) => state.waiting.replace(waker),
                _ => Some(waker),
            },
            Came::Data(chunk) => {
                state.keep(chunk, plays);
                None
            }
            Came::Trailers(trailers) => {
                state.trailers = Some(trailers);
                state.end(plays);
                None
            }
            Came::End => {
                state.end(plays);
                None
            }
            Came::Failed | Came::Panicked => {
                state.lose(plays);
                None
            }
            Came::Unpolled => None,
        };
        drop(state);
        // Sources and wakers are user code, so they are dropped and woken without the lock.
        drop((over, dropped));
        if let Some(missed) = missed {
            missed.wake();
        }
        plays
    }
}

impl<B> Drop for Lent<'_, B> {
    fn drop(&mut self) {
        self.put(Came::Panicked);
    }
}

impl<B> State<B> {
    /// Records a chunk, if it may be needed. A superseded reader has taken the chunk from the
    /// newest one, so that reader needs it in any case.
    fn keep(&mut self, chunk: &[u8], plays: bool) {
        self.missing = self.missing.saturating_sub(chunk.len() as u64);
        let wanted = if plays { !self.lost && !self.closed } else { true };
        let kept = wanted && !self.lost && self.kept.add(chunk);
        if wanted && !kept {
            self.lose(plays);
        }
        if plays {
            self.place = Self::ALL;
        } else {
            self.kept.seal();
        }
    }

    /// Records the end of the source. If the source announced more, the sender of the body has
    /// given up, and an incomplete request must not be resent. The current reader continues with
    /// what was recorded.
    fn end(&mut self, plays: bool) {
        self.ended = true;
        match self.missing {
            0 => {}
            _ if plays => self.lose(plays),
            _ => self.lost = true,
        }
    }

    /// Drops the recording.
    fn lose(&mut self, plays: bool) {
        self.lost = true;
        self.torn |= !plays;
        self.kept.clear();
        self.place = 0;
    }

    /// Frees the chunks when they have all been read and no further reader will start.
    fn forget_if_closed(&mut self) {
        if self.closed && self.place >= self.kept.chunks.len() {
            self.kept.clear();
            self.place = 0;
        }
    }

    /// The index for a reader that has read all recorded chunks.
    const ALL: usize = usize::MAX;
}

impl Kept {
    /// Chunks shorter than this are joined.
    const SMALL: usize = 1024;

    fn add(&mut self, chunk: &[u8]) -> bool {
        if self.bytes + chunk.len() > self.most || !self.pool.take(chunk.len()) {
            return false;
        }
        self.bytes += chunk.len();
        if self.last.len() >= Self::SMALL || chunk.len() >= Self::SMALL {
            self.seal();
        }
        // `reserve_exact`, so that the count equals the memory that is held.
        self.last.reserve_exact(chunk.len());
        self.last.extend_from_slice(chunk);
        true
    }

    /// Finishes the growing chunk.
    fn seal(&mut self) {
        if !self.last.is_empty() {
            self.chunks.push(Bytes::from(std::mem::take(&mut self.last)));
        }
    }

    /// Only sealed chunks have an index.
    fn chunk(&self, place: usize) -> Option<Bytes> {
        self.chunks.get(place).cloned()
    }

    fn left(&self, place: usize) -> u64 {
        self.chunks.iter().skip(place).map(|chunk| chunk.len() as u64).sum()
    }

    fn clear(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
        (self.chunks, self.last) = (Vec::new(), Vec::new());
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<B> fmt::Debug for ReplayBuffer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.reel.state();
        f.debug_struct("ReplayBuffer")
            .field("bytes", &state.kept.bytes)
            .field("lost", &state.lost)
            .finish_non_exhaustive()
    }
}
