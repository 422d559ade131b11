use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    cancelled_calls::Dropped, open_duration::OpenFor, probes::Probes, settings::Settings,
    throttled_calls::ThrottledCalls, trip_rule::OpenRule,
};
use crate::{
    Name, Ratio,
    breaker::{transition::Rules, window::WindowLayout},
    classify::{self, Errors, FromErrorFn, FromFn, FromMemoFn, IntoOpinion},
    observe::{Observer, Observers},
    time::Clock,
};

/// What a breaker goes by. Made of parts that were checked when they were made, so it is always usable.
///
/// | setting | default | why |
/// |---|---|---|
/// | `open_when` | 5 failures in a row, the first at least 500 ms old | a short fault fails many calls |
/// | `open_for` | 10 % of the failing time, 100 ms to 2 s, ±20 % | a fault gets little longer |
/// | `probes` | one per open time, the first success closes | a hanging probe delays no recovery |
/// | classifier | [`Errors`] | errors count, responses don't |
/// | [`on_throttled`](Self::on_throttled) | neutral | a service that asks for fewer calls works |
/// | observers | `tracing`, with that feature | openings should be seen without kind for it |
///
/// Measured against other settings: in simulation by `benches/presets`, and on real servers by
/// `tests/field`. A service that fails a part of its calls isn't cut off by these defaults, because
/// the rest of the calls would be lost. To cut it off nonetheless, use [`OpenRule::Ratio`].
///
/// For other traffic, change three numbers:
///
/// - **The minimum duration**: longer if your service is often away for a second, as in a restart
///   that isn't graceful; shorter if it must get no calls as soon as it fails.
/// - **The share of the failing time**: smaller to come back sooner, larger to probe less.
/// - **The longest open time**: longer if a probe is expensive for a service that is down.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Ratio, breaker::{OpenFor, OpenRule, Probes}};
///
/// // The defaults, written out.
/// let config = BreakerConfig::default()
///     .open_when(OpenRule::consecutive(5)?.lasting(Duration::from_millis(500))?)
///     .open_for(
///         OpenFor::share_of_failing_time(Ratio::percent(10)?)
///             .min(Duration::from_millis(100))?
///             .max(Duration::from_secs(2))
///             .jitter(Ratio::percent(20)?),
///     )
///     .probes(Probes::trickle());
/// # let _ = config;
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Ratio, breaker::{OpenFor, OpenRule, Probes, Window}};
///
/// let config = BreakerConfig::default()
///     .name("inventory")
///     .open_when(OpenRule::Ratio { failing: Ratio::HALF, window: Window::count(100)?.minimum(20)? })
///     .or_when(OpenRule::consecutive(10)?)
///     .open_for(OpenFor::growing(Duration::from_secs(5)).max(Duration::from_secs(60)))
///     .probes(Probes::successes(3)?);
/// # let _ = config;
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
#[derive(Debug, Clone)]
pub struct BreakerConfig<C = Errors> {
    /// Shared by clones, and by their circuits, until one is changed.
    pub(crate) settings: Arc<Settings>,
    pub(crate) classifier: C,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        let (probes, lease) = Probes::trickle().parts();
        let percent = |value| Ratio::percent(value).expect("at most 100");
        let settings = Settings {
            name: Name::literal("breaker"),
            rules: Rules::default(),
            layout: WindowLayout::default(),
            slow_after: None,
            throttle: None,
            slow_start: Duration::ZERO,
            dropped: Dropped::default(),
            throttled: ThrottledCalls::default(),
            open_for: OpenFor::share_of_failing_time(percent(10)).jitter(percent(20)),
            probes,
            lease,
            count_calls: false,
            clock: Clock::default(),
            observers: Observers::default(),
            seed: None,
        };
        let five = NonZeroU32::MIN.saturating_add(4);
        let rule = OpenRule::Consecutive { failures: five, lasting: Duration::from_millis(500) };
        Self { settings: Arc::new(settings), classifier: Errors }.open_when(rule)
    }
}

impl<C> BreakerConfig<C> {
    /// The name in events, rejections and stats. `breaker` unless set.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        self.settings().name = name.into();
        self
    }

    /// The rule by which the circuit opens, instead of those before.
    pub fn open_when(mut self, rule: OpenRule) -> Self {
        let settings = self.settings();
        settings.rules = Rules::default();
        settings.layout = WindowLayout::default();
        settings.slow_after = None;
        settings.throttle = None;
        self.or_when(rule)
    }

    /// One more rule: the first that says so opens. A rule replaces one of its own kind.
    pub fn or_when(mut self, rule: OpenRule) -> Self {
        self.settings().add_rule(rule);
        self
    }

    /// For how long the circuit stays open.
    pub fn open_for(mut self, open_for: OpenFor) -> Self {
        self.settings().open_for = open_for;
        self
    }

    /// How a half-open circuit is tried, and what closes it.
    pub fn probes(mut self, probes: Probes) -> Self {
        let settings = self.settings();
        (settings.probes, settings.lease) = probes.parts();
        self
    }

    /// For how long a circuit that has closed admits only a share of the calls, which grows evenly from none to all: a service that
    /// has just come back isn't met by everybody at once. No such time unless set. Its rules hold meanwhile.
    pub fn ramp(mut self, time: Duration) -> Self {
        self.settings().slow_start = time;
        self
    }

    /// What a call counts as that is dropped before it has ended. A failure [if all are](Dropped::FailureIfAll), unless set.
    pub fn dropped(mut self, dropped: Dropped) -> Self {
        self.settings().dropped = dropped;
        self
    }

    /// Sets what a throttled call counts as: a failure of the kind
    /// [`Throttled`](crate::FailureKind::Throttled). [Neutral](ThrottledCalls::Neutral) unless set,
    /// because a service that asks for fewer calls works.
    ///
    /// To reject calls for as long as the server asks for, count throttled calls as failures:
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{BreakerConfig, breaker::{OpenFor, OpenRule, ThrottledCalls}};
    ///
    /// // One 429 with `Retry-After: 7` opens the circuit for 7 s; without the header, for 1 s.
    /// let config = BreakerConfig::default()
    ///     .on_throttled(ThrottledCalls::Failure)
    ///     .open_when(OpenRule::consecutive(1)?)
    ///     .open_for(OpenFor::fixed(Duration::from_secs(1)).as_asked(Duration::from_secs(60)));
    /// # let _ = config;
    /// # Ok::<(), tower_recourse::Invalid>(())
    /// ```
    pub fn on_throttled(mut self, throttled: ThrottledCalls) -> Self {
        self.settings().throttled = throttled;
        self
    }

    /// Judges outcomes by a closure: `|outcome: Result<&Res, &Err>| …`. Every failure counts, but
    /// for [throttled calls](Self::on_throttled) and rejections; an outcome that shouldn't count is
    /// [`Verdict::Neutral`](crate::Verdict::Neutral).
    pub fn classify<F, Res, Err, V>(self, judge: F) -> BreakerConfig<FromFn<F>>
    where
        F: Fn(Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::outcomes(judge))
    }

    /// Judges errors by a closure, and takes responses for successes: `|error: &Err| …`. See
    /// [`classify::errors`](crate::classify::errors).
    pub fn classify_errors<F, Err, V>(self, judge: F) -> BreakerConfig<FromErrorFn<F>>
    where
        F: Fn(&Err) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::errors(judge))
    }

    /// Judges outcomes by a closure that knows what another one remembered of the request: `|request: &Req| memo`, and
    /// `|memo: &Memo, outcome: Result<&Res, &Err>| …`. See [`classify::with_memo`](crate::classify::with_memo).
    pub fn classify_with<M, F, Req, Memo, Res, Err, V>(self, remember: M, judge: F) -> BreakerConfig<FromMemoFn<M, F>>
    where
        M: Fn(&Req) -> Memo,
        F: Fn(&Memo, Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::with_memo(remember, judge))
    }

    /// Judges outcomes by a [`Classifier`](crate::Classifier), which may look at the request too.
    pub fn classifier<D>(self, classifier: D) -> BreakerConfig<D> {
        BreakerConfig { settings: self.settings, classifier }
    }

    /// Counts admitted calls and successes as well, so that [`Stats`](super::Stats) has them: those of calls that begin while this is
    /// set. Failures, rejections and transitions are always counted. Off by default: it is the one write to shared memory that a healthy call would
    /// make.
    pub fn count_calls(mut self) -> Self {
        self.settings().count_calls = true;
        self
    }

    /// The clock to go by: tokio's unless set.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.settings().clock = clock.into();
        self
    }

    /// One more observer of its events.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.settings().observers.add(observer);
        self
    }

    /// No observers, the default one included.
    pub fn unobserved(mut self) -> Self {
        self.settings().observers.clear();
        self
    }

    /// Makes the jitter of the open time repeatable, for tests. Unless set, every circuit has a seed of its own, also those
    /// made of clones of one config.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings().seed = Some(seed);
        self
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}
