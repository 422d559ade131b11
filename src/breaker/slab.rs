//! The memory of circuits: never freed, but used again.
//!
//! A call that is under way must reach its circuit when it ends, also when every handle is gone by then. A reference
//! count a call would do that, and cost more than all the rest of the breaker together. So a call holds a plain `&'static`
//! reference, and the generation that admitted it: memory that has a new tenant has another generation, and endings of the
//! old one change nothing. [`free`] bounds how many cores the process keeps.
//!
//! A core keeps the window that it was made with. A circuit whose settings ask for another one, because it got the core of another
//! circuit or because they were exchanged, stores that window in [`Windows::replacement`] and frees it with the next exchange.
//! Reading it there costs a call some 5 ns (`ArcSwap`).
//!
//! Generations come round after 2^31. Which of two is later can be said as long as fewer than 2^30 lie between them: what an earlier
//! tenant has left is looked through when a core begins to work for another, so this is about 2^30 transitions of one circuit, or a call
//! that is on its way during as many.

mod free;
#[cfg(all(test, not(recourse_loom)))]
mod tests;

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption, ArcSwapWeak, Guard};
use once_cell::race::OnceBox;

use super::{
    cell::{self, Cell, Going},
    config::{Dropped, Settings},
    open_for::Opening,
    rule::{Phase, Word},
    state::Mode,
    window::{Counts, Shape, Window},
};
use crate::{
    Name, random,
    time::{Clock, Instant, SetBack, micros_since_base},
};

/// What a call holds on to.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cell: Cell,
    /// What of the tenant's settings a call must know, in bits; from bit 8 on which window is in use, and from bit 32 on with how many failures a
    /// good call may open the circuit.
    flags: AtomicU64,
    tenant: ArcSwapWeak<Tenant>,
    /// Empty for a core that was made without a window, until a circuit needs one.
    windows: OnceBox<Windows>,
}

#[derive(Debug)]
struct Windows {
    /// The window that the core was made with. It lives as long as the core.
    first: Option<Window>,
    /// A window of another shape, for a circuit that needs one. A circuit has at most one.
    replacement: ArcSwapOption<Window>,
}

/// Which window of its core a circuit uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InUse {
    /// No rule asks for one.
    None,
    First,
    Replacement,
}

/// A window that a call reads or writes. It isn't freed meanwhile.
#[derive(Debug)]
pub(crate) enum WindowRef {
    First(&'static Window),
    Replacement(Guard<Option<Arc<Window>>>),
}

/// The circuit that a core works for. Ends when its last handle is dropped; then the core is free.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) core: &'static Core,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) totals: Totals,
    /// Set for one circuit of many with the same settings.
    pub(crate) own_name: Option<Box<Name>>,
    /// When its time began, in microseconds since the process's base.
    epoch: i64,
    set_back: SetBack,
    /// The generation that it began with: permits of an earlier one are another tenant's.
    since: u32,
    /// Uses of randomness, each with a generator of its own; after four billion they begin again.
    turns: AtomicU32,
}

/// Counts that never go down.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) admitted: Total,
    pub(crate) successes: Total,
    pub(crate) failures: Total,
    pub(crate) neutral: Total,
    pub(crate) dropped: Total,
    pub(crate) rejected: Total,
    pub(crate) transitions: Total,
}

/// What a call must know before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(u64);

impl Tenant {
    /// Takes a free core, or makes one. Locks the list of free cores; circuits are made and dropped outside of any call.
    pub(crate) fn new(settings: Arc<Settings>, own_name: Option<Name>) -> Arc<Self> {
        let shape = settings.shape;
        let core = free::take_or_make(shape);
        let epoch = micros_since_base(settings.clock.now());
        let since = core.cell.begin();
        if let Some(first) = core.first() {
            first.begin(since, epoch);
        }
        let in_use = core.in_use_for(shape);
        if in_use == InUse::Replacement {
            core.replace_window(Some(Window::begun(shape, since, epoch)));
        }
        core.flags.store(Flags::of(&settings, in_use).0, Ordering::Release);
        let tenant = Arc::new(Self {
            core,
            settings: ArcSwap::new(settings),
            totals: Totals::default(),
            own_name: own_name.map(Box::new),
            epoch,
            set_back: SetBack::new(),
            since,
            turns: AtomicU32::new(0),
        });
        core.tenant.store(Arc::downgrade(&tenant));
        tenant
    }

    /// Goes on with other settings. The clock stays: times are counted by it.
    pub(crate) fn exchange(&self, mut settings: Arc<Settings>) {
        // One at a time, whichever circuit it is: otherwise the settings of one exchange could meet the window of another.
        static EXCHANGING: Mutex<()> = Mutex::new(());
        Arc::make_mut(&mut settings).clock = self.settings.load().clock.clone();
        let (shape, core) = (settings.shape, self.core);
        let in_use = core.in_use_for(shape);
        let window = || Window::begun(shape, core.cell.load().generation, self.began_at());
        let replacement = (in_use == InUse::Replacement).then(window);
        let flags = Flags::of(&settings, in_use);
        // The former settings are dropped after the lock: their observers and rules are the user's, and may exchange settings themselves.
        let _former = {
            let _one_at_a_time = EXCHANGING.lock().unwrap_or_else(PoisonError::into_inner);
            let former = self.settings.swap(Arc::clone(&settings));
            let counts_anew = shape != former.shape;
            if counts_anew && in_use == InUse::Replacement {
                core.replace_window(replacement);
            }
            core.flags.store(flags.0, Ordering::Release);
            if settings.times_rows() && !former.times_rows() {
                core.cell.begin_row(self.now(&settings));
            }
            if counts_anew {
                core.cell.renew();
            } else if settings.rules != former.rules || settings.slow_after != former.slow_after {
                core.cell.change(Word::untold);
            }
            if in_use != InUse::Replacement {
                core.replace_window(None);
            }
            former
        };
    }

    /// Microseconds since the circuit was made.
    pub(crate) fn now(&self, settings: &Settings) -> u64 {
        self.by(&settings.clock)
    }

    /// The same, for those who don't have the settings: mostly they needn't be looked for.
    pub(crate) fn now_alone(&self) -> u64 {
        if self.core.flags().is_by_tokio() { self.by(&Clock::default()) } else { self.now(&self.settings.load()) }
    }

    /// The same, at an instant that `clock` was read at not long ago.
    #[cfg(feature = "keyed")]
    pub(crate) fn at(&self, instant: Instant, clock: &Clock) -> u64 {
        let read_already = std::cell::Cell::new(Some(instant));
        self.micros_by(|| read_already.take().unwrap_or_else(|| clock.now()))
    }

    fn by(&self, clock: &Clock) -> u64 {
        self.micros_by(|| clock.now())
    }

    #[inline]
    fn micros_by(&self, now: impl Fn() -> Instant) -> u64 {
        let read = || micros_since_base(now()).saturating_sub(self.epoch);
        self.set_back.correct::<1_000_000>(read, || self.core.begin_at(self.began_at()))
    }

    /// When its time began, in microseconds since the process's base: earlier, if its clock was set back since.
    fn began_at(&self) -> i64 {
        self.epoch.saturating_sub(self.set_back.seconds().saturating_mul(1_000_000))
    }

    /// With what the cell goes by, for the opening of a circuit whose failure asked for a delay.
    pub(crate) fn going<T>(
        &self,
        settings: &Settings,
        asked: Option<Duration>,
        with: impl FnOnce(Going<'_>) -> T,
    ) -> T {
        with(Going {
            rules: &settings.rules,
            probing: &settings.probing,
            lease: micros(settings.lease),
            ramp: micros(settings.ramp),
            silence: settings.silence(),
            now: &|| self.now(settings),
            times_rows: settings.times_rows(),
            asked_for: settings.open_for.asked_time(asked).map(micros),
            open_for: &|word, counts, failing_for| micros(self.open_time(settings, word, (counts, failing_for), asked)),
        })
    }

    /// Whether something that happens with this probability happens now.
    pub(crate) fn chance(&self, settings: &Settings, probability: f64) -> bool {
        // Relaxed: only that no two get the same turn matters.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        random::unit(&mut random::generator(self.seed(settings), turn.into())) < probability
    }

    /// For how long this word opens the circuit.
    fn open_time(
        &self,
        settings: &Settings,
        word: Word,
        (counts, failing_for): (Counts, u64),
        asked: Option<Duration>,
    ) -> Duration {
        let failing = (counts.calls > 0).then(|| f64::from(counts.failures) / f64::from(counts.calls));
        // Memory that was used before doesn't begin with generation 0.
        let age = word.generation.wrapping_sub(self.since) & cell::GENERATION_MASK;
        // The intervals of probes that trickle are of one generation.
        let interval = match word.phase {
            Phase::HalfOpen { admitted, .. } => admitted,
            Phase::Closed { .. } | Phase::Open => 0,
        };
        let turn = u64::from(interval) << 32 | u64::from(age);
        let mut generator = random::generator(!self.seed(settings), turn);
        let failing_for = Duration::from_micros(failing_for);
        let opening = Opening { in_a_row: word.streak.into(), failing, failing_for, asked };
        settings.open_for.time(opening, &mut generator)
    }
}

impl Tenant {
    /// Every circuit's own, unless one was set. Made of where it lives and since when, which no two circuits have in common, so
    /// that it needs no room.
    fn seed(&self, settings: &Settings) -> u64 {
        settings.seed.unwrap_or_else(|| random::seed_of((std::ptr::from_ref(self.core).addr(), self.since)))
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.core.tenant.store(Weak::new());
        self.core.cell.change(|word| word.in_mode(Mode::Auto));
        self.core.replace_window(None);
        free::put(self.core);
    }
}

impl Core {
    fn new(shape: Shape) -> Self {
        let windows = OnceBox::new();
        if shape != Shape::default() {
            windows.get_or_init(|| Windows::new(Some(Window::new(shape))));
        }
        Self { cell: Cell::new(), flags: AtomicU64::new(0), tenant: ArcSwapWeak::from(Weak::new()), windows }
    }

    #[inline]
    fn first(&self) -> Option<&Window> {
        self.windows.get()?.first.as_ref()
    }

    fn replace_window(&self, window: Option<Arc<Window>>) {
        match window {
            Some(window) => self.windows.get_or_init(|| Windows::new(None)).replacement.store(Some(window)),
            None => self.windows.get().into_iter().for_each(|windows| windows.replacement.store(None)),
        }
    }

    /// The tenant's clock was set back: its time began earlier.
    fn begin_at(&'static self, epoch: i64) {
        if let Some(window) = self.window() {
            window.begin_at(epoch);
        }
    }

    /// The shape that it was made for.
    fn shape(&self) -> Shape {
        self.first().map_or(Shape::default(), Window::shape)
    }

    // Acquire: who sees which window is in use sees that window.
    #[inline]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.flags.load(Ordering::Acquire))
    }

    /// The window in use. `None`: no rule asks for one.
    #[inline]
    pub(crate) fn window(&'static self) -> Option<WindowRef> {
        match self.flags().in_use() {
            InUse::None => None,
            InUse::First => self.first().map(WindowRef::First),
            InUse::Replacement => {
                let replacement = self.windows.get()?.replacement.load();
                // Empty only for a call that has outlived its circuit.
                replacement.is_some().then_some(WindowRef::Replacement(replacement))
            }
        }
    }

    /// The window in use, if it is the one that the core was made with.
    #[inline]
    pub(crate) fn first_window(&self) -> Option<&Window> {
        if self.flags().in_use() == InUse::First { self.first() } else { None }
    }

    fn in_use_for(&self, shape: Shape) -> InUse {
        match shape {
            shape if shape == Shape::default() => InUse::None,
            shape if shape == self.shape() => InUse::First,
            _ => InUse::Replacement,
        }
    }

    /// Whether a good call of `generation` would change nothing in a window of calls, the first that this memory had.
    #[inline]
    pub(crate) fn is_quiet_at_once(&self, generation: u32) -> bool {
        self.first().is_some_and(|window| window.is_quiet_at_once(generation))
    }

    /// The tenant that a permit of `generation` belongs to, if it is still there.
    pub(crate) fn tenant_of(&self, generation: u32) -> Option<Arc<Tenant>> {
        let tenant = self.tenant.load().upgrade()?;
        // As old as the tenant now, or younger: it may have lived through so many that "later" says nothing any more.
        let age = |generation: u32| generation.wrapping_sub(tenant.since) & cell::GENERATION_MASK;
        let is_its_own = age(generation) <= age(self.cell.load().generation);
        is_its_own.then_some(tenant)
    }
}

impl Windows {
    fn new(first: Option<Window>) -> Box<Self> {
        Box::new(Self { first, replacement: ArcSwapOption::empty() })
    }
}

impl Window {
    /// A new window for a circuit that began with this generation, at this time.
    fn begun(shape: Shape, generation: u32, epoch: i64) -> Arc<Self> {
        let window = Self::new(shape);
        window.begin(generation, epoch);
        Arc::new(window)
    }
}

impl Deref for WindowRef {
    type Target = Window;

    #[inline]
    fn deref(&self) -> &Window {
        match self {
            Self::First(window) => window,
            Self::Replacement(window) => window.as_deref().expect("`Core::window` has checked it"),
        }
    }
}

impl Flags {
    const COUNTED: u64 = 1;
    const TIMED: u64 = 2;
    const THROTTLED: u64 = 4;
    /// Its clock is tokio's.
    const BY_TOKIO: u64 = 16;
    /// Its window is one of calls, for the failures and nothing else, and the one that the core was made with.
    const CALLS_ALONE: u64 = 32;
    const FIRST: u64 = 1 << 8;
    const REPLACEMENT: u64 = 2 << 8;
    const OPENS_SHIFT: u32 = 32;

    fn of(settings: &Settings, in_use: InUse) -> Self {
        let timed = settings.slow_after.is_some() || matches!(settings.dropped, Dropped::FailureAfter(_));
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        let bits = bit(settings.count_calls, Self::COUNTED)
            | bit(timed, Self::TIMED)
            | bit(settings.throttle.is_some(), Self::THROTTLED)
            | bit(settings.clock.is_tokio(), Self::BY_TOKIO)
            | bit(in_use == InUse::First && settings.shape.is_calls_alone(), Self::CALLS_ALONE)
            | u64::from(settings.opens_from()) << Self::OPENS_SHIFT;
        let window = match in_use {
            InUse::None => 0,
            InUse::First => Self::FIRST,
            InUse::Replacement => Self::REPLACEMENT,
        };
        Self(bits | window)
    }

    /// Nothing to do before a call, and nothing after a good one, but for the windows.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Self::COUNTED | Self::TIMED | Self::THROTTLED) == 0
    }

    /// With how many failures in the window a good call may open the circuit; 0 if the window alone can't tell.
    #[inline]
    pub(crate) fn opens_from(self) -> u32 {
        (self.0 >> Self::OPENS_SHIFT) as u32
    }

    fn is_by_tokio(self) -> bool {
        self.0 & Self::BY_TOKIO != 0
    }

    pub(crate) fn is_timed(self) -> bool {
        self.0 & Self::TIMED != 0
    }

    #[inline]
    pub(crate) fn has_calls_alone(self) -> bool {
        self.0 & Self::CALLS_ALONE != 0
    }

    #[inline]
    pub(crate) fn has_window(self) -> bool {
        self.0 & (Self::FIRST | Self::REPLACEMENT) != 0
    }

    #[inline]
    fn in_use(self) -> InUse {
        match self.0 & (Self::FIRST | Self::REPLACEMENT) {
            0 => InUse::None,
            Self::FIRST => InUse::First,
            _ => InUse::Replacement,
        }
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}

/// A count. Relaxed: it guards nothing, and is read for its own sake.
#[derive(Debug, Default)]
pub(crate) struct Total(AtomicU64);

impl Total {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
