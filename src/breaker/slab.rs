//! The memory of circuits: never freed, but used again.
//!
//! A call that is under way must reach its circuit when it ends, also when every handle is gone by then. A reference
//! count a call would do that, and cost more than all the rest of the breaker together. So a call holds a plain `&'static`
//! reference, and the generation that admitted it: memory that has a new tenant has another generation, and endings of the
//! old one change nothing. As many circuits are kept as were ever alive at a time.
//!
//! Generations come round after 2^31. Which of two is later can be said as long as fewer than 2^30 lie between them: what an earlier
//! tenant has left is looked through when a core begins to work for another, so this is about 2^30 transitions of one circuit, or a call
//! that is on its way during as many.

#[cfg(all(test, not(recourse_loom)))]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapWeak};
use once_cell::race::OnceBox;

use super::{
    cell::{self, Cell, Going},
    config::{Dropped, Settings},
    open_for::Opening,
    rule::Word,
    state::Mode,
    window::{Counts, Shape, Window},
};
use crate::{
    Name, random,
    time::{Instant, since_base},
};

/// What a call holds on to.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) cell: Cell,
    /// What of the tenant's settings a call must know, in bits; from bit 8 on which pane is in use, and from bit 32 on with how many failures a good
    /// call may open the circuit.
    flags: AtomicU64,
    tenant: ArcSwapWeak<Tenant>,
    first: OnceBox<Pane>,
}

/// A window, and those of other shapes that came later: settings may be exchanged, but memory that calls hold isn't freed.
/// Whoever tunes a circuit among a few windows keeps a few; each new one that it is given is kept, too.
#[derive(Debug)]
struct Pane {
    window: Window,
    next: OnceBox<Pane>,
}

/// The circuit that a core works for. Ends when its last handle is dropped; then the core is free.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) core: &'static Core,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) totals: Totals,
    /// Set for one circuit of many with the same settings.
    pub(crate) own_name: Option<Box<Name>>,
    epoch: Instant,
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

static FREE: LazyLock<Mutex<HashMap<Shape, Vec<&'static Core>>>> = LazyLock::new(Mutex::default);

impl Tenant {
    /// Takes a free core of the right shape, or makes one. Locks the list of free cores; circuits are made and dropped
    /// outside of any call.
    pub(crate) fn new(settings: Arc<Settings>, own_name: Option<Name>) -> Arc<Self> {
        let shape = settings.shape;
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&shape).and_then(Vec::pop);
        let core = free.unwrap_or_else(|| Box::leak(Box::new(Core::new(shape))));
        let epoch = settings.clock.now();
        let since = core.begin();
        core.begin_at(epoch);
        core.flags.store(Flags::of(&settings, core.pane_of(shape)).made_for(shape).0, Ordering::Release);
        let tenant = Arc::new(Self {
            core,
            settings: ArcSwap::new(settings),
            totals: Totals::default(),
            own_name: own_name.map(Box::new),
            epoch,
            since,
            turns: AtomicU32::new(0),
        });
        core.tenant.store(Arc::downgrade(&tenant));
        tenant
    }

    /// Goes on with other settings. The clock stays: times are counted by it.
    pub(crate) fn exchange(&self, mut settings: Arc<Settings>) {
        // One after the other, whichever circuit it is: of two at once, the settings of one might stay with the window of the
        // other.
        static EXCHANGING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = EXCHANGING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.settings.load();
        Arc::make_mut(&mut settings).clock = before.clock.clone();
        let flags = Flags::of(&settings, self.core.pane_of(settings.shape)).made_as(self.core.flags());
        self.core.begin_at(self.epoch);
        let counts_anew = settings.shape != before.shape;
        let has_other_rules = settings.rules != before.rules || settings.slow_after != before.slow_after;
        self.settings.store(settings);
        self.core.flags.store(flags.0, Ordering::Release);
        if counts_anew {
            self.core.cell.renew();
        } else if has_other_rules {
            self.core.cell.change(Word::untold);
        }
    }

    /// Microseconds since the circuit was made.
    pub(crate) fn now(&self, settings: &Settings) -> u64 {
        self.at(settings.clock.now())
    }

    /// The same, for those who don't have the settings: mostly they needn't be looked for.
    pub(crate) fn now_alone(&self) -> u64 {
        if self.core.flags().is_by_tokio() { self.at(Instant::now()) } else { self.now(&self.settings.load()) }
    }

    fn at(&self, instant: Instant) -> u64 {
        micros(instant.saturating_duration_since(self.epoch))
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
            now: &|| self.now(settings),
            open_for: &|word, counts| micros(self.open_time(settings, word, counts, asked)),
        })
    }

    /// Whether something that happens with this probability happens now.
    pub(crate) fn chance(&self, settings: &Settings, probability: f64) -> bool {
        // Relaxed: only that no two get the same turn matters.
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        random::unit(&mut random::generator(self.seed(settings), turn.into())) < probability
    }

    /// For how long this word opens the circuit: the same for everybody who asks.
    pub(crate) fn open_time(
        &self,
        settings: &Settings,
        word: Word,
        counts: Counts,
        asked: Option<Duration>,
    ) -> Duration {
        let failing = (counts.calls > 0).then(|| f64::from(counts.failures) / f64::from(counts.calls));
        // Memory that was used before doesn't begin with generation 0.
        let age = word.generation.wrapping_sub(self.since) & cell::GENERATION_MASK;
        let mut generator = random::generator(!self.seed(settings), age.into());
        settings.open_for.time(Opening { in_a_row: word.streak.into(), failing, asked }, &mut generator)
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
        // The one that it was made for. Wherever settings have led it since, the next one to ask for that finds it.
        let first = self.core.first.get().filter(|_| !self.core.flags().is_bare());
        let shape = first.map_or(Shape::default(), |pane| pane.window.shape());
        FREE.lock().unwrap_or_else(PoisonError::into_inner).entry(shape).or_default().push(self.core);
    }
}

impl Core {
    fn new(shape: Shape) -> Self {
        let core = Self {
            cell: Cell::new(),
            flags: AtomicU64::new(0),
            tenant: ArcSwapWeak::from(Weak::new()),
            first: OnceBox::new(),
        };
        core.pane_of(shape);
        core
    }

    /// Begins to work for another circuit, and says with which generation. Nobody can be later than that: what looks so is of so long ago
    /// that generations have come round, and would stand in the way of today's.
    fn begin(&self) -> u32 {
        let generation = self.cell.begin();
        self.panes().for_each(|pane| pane.window.begin(generation));
        generation
    }

    /// The tenant's time begins.
    fn begin_at(&self, epoch: Instant) {
        self.panes().for_each(|pane| pane.window.begin_at(since_base(epoch)));
    }

    // Acquire: who sees a pane's number sees the pane.
    #[inline]
    pub(crate) fn flags(&self) -> Flags {
        Flags(self.flags.load(Ordering::Acquire))
    }

    /// The window in use. `None`: no rule asks for one.
    #[inline]
    pub(crate) fn window(&self) -> Option<&Window> {
        let number = self.flags().pane().checked_sub(1)?;
        let pane = if number == 0 { self.first.get() } else { self.panes().nth(number) };
        pane.map(|pane| &pane.window)
    }

    /// Whether a good call of `generation` would change nothing in a window of calls, the first that this memory had.
    #[inline]
    pub(crate) fn is_quiet_at_once(&self, generation: u32) -> bool {
        self.first.get().is_some_and(|pane| pane.window.is_quiet_at_once(generation))
    }

    /// The tenant that a permit of `generation` belongs to, if it is still there.
    pub(crate) fn tenant_of(&self, generation: u32) -> Option<Arc<Tenant>> {
        let tenant = self.tenant.load().upgrade()?;
        // As old as the tenant now, or younger: it may have lived through so many that "later" says nothing any more.
        let age = |generation: u32| generation.wrapping_sub(tenant.since) & cell::GENERATION_MASK;
        let is_its_own = age(generation) <= age(self.cell.load().generation);
        is_its_own.then_some(tenant)
    }

    fn panes(&self) -> impl Iterator<Item = &Pane> {
        std::iter::successors(self.first.get(), |pane| pane.next.get())
    }

    /// The number of the pane of a shape, from 1 on, which is made if there is none; 0 if the shape asks for none.
    fn pane_of(&self, shape: Shape) -> usize {
        if shape == Shape::default() {
            return 0;
        }
        let (mut place, mut number) = (&self.first, 1);
        loop {
            let pane = place.get_or_init(|| Box::new(Pane { window: Window::new(shape), next: OnceBox::new() }));
            if pane.window.shape() == shape {
                return number;
            }
            (place, number) = (&pane.next, number + 1);
        }
    }
}

impl Flags {
    const COUNTED: u64 = 1;
    const TIMED: u64 = 2;
    const THROTTLED: u64 = 4;
    /// The memory was made for a circuit without a window, whatever it has got since.
    const BARE: u64 = 8;
    /// Its clock is tokio's.
    const BY_TOKIO: u64 = 16;
    /// Its window is one of calls, for the failures and nothing else, and the first that the memory had.
    const CALLS_ALONE: u64 = 32;
    const PANE_SHIFT: u32 = 8;
    const PANE_MASK: u64 = (1 << 24) - 1;
    const OPENS_SHIFT: u32 = 32;

    fn of(settings: &Settings, pane: usize) -> Self {
        let timed = settings.slow_after.is_some() || matches!(settings.dropped, Dropped::FailureAfter(_));
        let bit = |set: bool, bit: u64| if set { bit } else { 0 };
        let bits = bit(settings.count_calls, Self::COUNTED)
            | bit(timed, Self::TIMED)
            | bit(settings.throttle.is_some(), Self::THROTTLED)
            | bit(settings.clock.is_tokio(), Self::BY_TOKIO)
            | bit(pane == 1 && settings.shape.is_calls_alone(), Self::CALLS_ALONE)
            | u64::from(settings.opens_from()) << Self::OPENS_SHIFT;
        Self(bits | (pane as u64 & Self::PANE_MASK) << Self::PANE_SHIFT)
    }

    /// Of memory that is made, or used again, for this shape.
    fn made_for(self, shape: Shape) -> Self {
        if shape == Shape::default() { Self(self.0 | Self::BARE) } else { self }
    }

    /// Of the same memory as before.
    fn made_as(self, before: Self) -> Self {
        Self(self.0 | before.0 & Self::BARE)
    }

    fn is_bare(self) -> bool {
        self.0 & Self::BARE != 0
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
        self.pane() > 0
    }

    #[inline]
    fn pane(self) -> usize {
        (self.0 >> Self::PANE_SHIFT & Self::PANE_MASK) as usize
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
