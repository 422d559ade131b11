use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use ::http_body::{Body, SizeHint};
use bytes::Bytes;
use http::HeaderMap;

use super::{Playing, Replay, pool::Pool};
use crate::http::sizes::with_read;

/// What is kept of a body while it is sent. Dropped, it is forgotten: the request has been answered.
pub struct Tape<B> {
    pub(super) reel: Arc<Reel<B>>,
}

/// The body and what was kept of it: of one tape and of those that play it.
///
/// The body is the user's code and is never polled under this lock: the task that polls it takes it [out](Reel::lend)
/// meanwhile.
pub(super) struct Reel<B>(Mutex<State<B>>);

pub(super) struct State<B> {
    /// `None` while a task polls it.
    source: Option<B>,
    kept: Kept,
    trailers: Option<HeaderMap>,
    /// The source announced its length.
    exact: bool,
    /// How many bytes the source still has to give, of those that it announced at least.
    missing: u64,
    /// The source has come to its end.
    ended: bool,
    /// Who plays it: one that was begun earlier is over.
    player: u32,
    /// Which of the kept chunks comes next.
    place: usize,
    /// Who plays it waits for the source.
    waiting: Option<Waker>,
    /// It waits because another task was polling the source.
    busy: bool,
    /// It won't be played again, as there is too much of it, or it broke off.
    lost: bool,
    /// What was kept is gone before who plays it now has had it.
    torn: bool,
    /// It won't be played again, as nobody asks for it any more.
    closed: bool,
}

/// The chunks that went by: copies, as a chunk may hold on to the whole buffer that it was read into. So what is counted is what is held.
struct Kept {
    chunks: Vec<Bytes>,
    /// What follows them. It grows as long as it is [small](Self::SMALL).
    last: Vec<u8>,
    bytes: usize,
    most: usize,
    pool: Arc<Pool>,
}

/// What comes next for a player.
pub(super) enum Next<'a, B> {
    Chunk(Bytes),
    Source(Lent<'a, B>),
    /// Another player has the source at this moment; this one is woken when it is given back.
    Busy,
    End(Option<HeaderMap>),
    /// Another player has begun since.
    Over,
    /// Some of it is gone.
    Torn,
}

impl<B: Body<Data = Bytes>> Tape<B> {
    /// A tape of this body, or the body as it was if it announces more than is kept.
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

    /// The body from its beginning, the first time or once more. Whoever played it before is over. `None` if it can't be sent
    /// again.
    pub(super) fn play(&self) -> Option<Playing<B>> {
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
        self.reel.state().lost
    }
}

impl<B: Body> Tape<B> {
    /// The size of the whole, as far as it is known.
    pub(super) fn size_hint(&self) -> SizeHint {
        let to_come = self.reel.size_to_come();
        let state = self.reel.state();
        if state.lost { SizeHint::default() } else { with_read(state.kept.bytes as u64, &to_come) }
    }

    /// Whether there is nothing in it, and nothing to come.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.reel.state();
        let is_empty = !state.lost && state.kept.bytes == 0;
        drop(state);
        is_empty && self.reel.nothing_comes()
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
    fn state(&self) -> MutexGuard<'_, State<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes next for this player. `waker`: to be woken if the source is out.
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
                // Wakers are cloned without the lock, too.
                None => {
                    drop(state);
                    own = Some(waker.clone());
                }
            }
        }
    }

    /// How many of the kept bytes are still to be played, by whom that is.
    pub(super) fn left(&self) -> u64 {
        let state = self.state();
        state.kept.left(state.place)
    }

    pub(super) fn is_played_by(&self, player: u32) -> bool {
        self.state().player == player
    }

    /// The source, to be called without the lock. `None` if another one has it.
    fn lend(&self) -> Option<Lent<'_, B>> {
        let mut state = self.state();
        let (player, source) = (state.player, state.source.take()?);
        Some(Lent { reel: self, player, source: Some(source) })
    }
}

impl<B: Body> Reel<B> {
    /// The size of what comes after what was kept.
    pub(super) fn size_to_come(&self) -> SizeHint {
        let state = self.state();
        match state.trailers {
            _ if !state.ended => {}
            // HTTP/1 has no trailers after a body that announces its length: it doesn't announce one now that it didn't before.
            Some(_) if !state.exact => return SizeHint::default(),
            _ => return SizeHint::with_exact(0),
        }
        drop(state);
        self.lend().map_or_else(SizeHint::default, |lent| lent.look(Body::size_hint))
    }

    /// Whether nothing comes after what was kept.
    pub(super) fn nothing_comes(&self) -> bool {
        let state = self.state();
        if state.ended {
            return state.trailers.is_none();
        }
        drop(state);
        self.lend().is_some_and(|lent| lent.look(Body::is_end_stream))
    }
}

/// The source, taken out to be called, and given back by being dropped. If it panics, it isn't played again; who goes on reading it
/// finds out for itself.
pub(super) struct Lent<'a, B> {
    reel: &'a Reel<B>,
    player: u32,
    source: Option<B>,
}

/// What a source had for the player that called it.
pub(super) enum Came<'a> {
    /// Nothing yet: this wakes the player.
    Nothing(Waker),
    Data(&'a [u8]),
    Trailers(HeaderMap),
    End,
    Failed,
    Panicked,
    /// It wasn't polled.
    Unpolled,
}

impl<B> Lent<'_, B> {
    pub(super) fn get_mut(&mut self) -> &mut B {
        self.source.as_mut().expect("it is given back once")
    }

    fn look<T>(mut self, look: impl FnOnce(&B) -> T) -> T {
        let seen = look(self.get_mut());
        self.put(Came::Unpolled);
        seen
    }

    /// Gives it back, after this came of it. Whether the player is still the one that plays.
    pub(super) fn give_back(mut self, came: Came<'_>) -> bool {
        self.put(came)
    }

    fn put(&mut self, came: Came<'_>) -> bool {
        let Some(source) = self.source.take() else { return false };
        let mut state = self.reel.state();
        let plays = state.player == self.player;
        // Who found it missing meanwhile is to look again.
        let missed = if std::mem::take(&mut state.busy) { state.waiting.take() } else { None };
        // A source that has ended isn't polled again: what it holds, such as its connection's buffers, is let go.
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
        // Sources and wakers are others' code, and may own whatever they like: not under the lock.
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
    /// Keeps what the source gave a player, if it may. One that isn't the newest has taken it from the one that is, and so it is kept for
    /// that one.
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

    /// The source has come to its end. If it announced more, its sender has given up: what there is of the body is no request to be
    /// sent again. Whoever plays what was kept goes on.
    fn end(&mut self, plays: bool) {
        self.ended = true;
        match self.missing {
            0 => {}
            _ if plays => self.lose(plays),
            _ => self.lost = true,
        }
    }

    /// It can't be played again.
    fn lose(&mut self, plays: bool) {
        self.lost = true;
        self.torn |= !plays;
        self.kept.clear();
        self.place = 0;
    }

    /// What went by is of no use once all of it was played and nobody will ask for it again.
    fn forget_if_closed(&mut self) {
        if self.closed && self.place >= self.kept.chunks.len() {
            self.kept.clear();
            self.place = 0;
        }
    }

    /// The place of a player that has had everything.
    const ALL: usize = usize::MAX;
}

impl Kept {
    /// Chunks below this are put together.
    const SMALL: usize = 1024;

    fn add(&mut self, chunk: &[u8]) -> bool {
        if self.bytes + chunk.len() > self.most || !self.pool.take(chunk.len()) {
            return false;
        }
        self.bytes += chunk.len();
        if self.last.len() >= Self::SMALL || chunk.len() >= Self::SMALL {
            self.seal();
        }
        // Exactly, or more would be held than is counted.
        self.last.reserve_exact(chunk.len());
        self.last.extend_from_slice(chunk);
        true
    }

    /// Nothing is added any more to what is there.
    fn seal(&mut self) {
        if !self.last.is_empty() {
            self.chunks.push(Bytes::from(std::mem::take(&mut self.last)));
        }
    }

    /// Of those that are sealed.
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

impl<B> fmt::Debug for Tape<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.reel.state();
        f.debug_struct("Tape").field("bytes", &state.kept.bytes).field("lost", &state.lost).finish_non_exhaustive()
    }
}
