use std::{num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    cancelled_calls::CancelledCalls, open_duration::OpenDuration, probes::Probes, registration::Registration,
    settings::Settings, throttled_calls::ThrottledCalls, trip_rule::TripRule,
};
use crate::{
    Classifier, Name, Ratio,
    breaker::{group::CircuitGroup, transition::Rules, window::WindowLayout},
    classify::{self, BoxClassifier, ClassifierFn, ErrorClassifier, ErrorClassifierFn, IntoOpinion, MemoClassifierFn},
    observe::{Observer, Observers},
    time::Clock,
};

/// The settings of a breaker. The constructors of its parts reject invalid values, so every config
/// works; [`validate`](Self::validate) also rejects probable mistakes. The
/// [cookbook](crate::cookbook::settings) shows how to read a config from a file.
///
/// | setting | default | why |
/// |---|---|---|
/// | `open_when` | 5 failures in a row, the first at least 500 ms old | under load, even a short fault fails many calls in a row |
/// | `open_for` | 10 % of the failing time, 100 ms to 2 s, ±20 % | callers notice the recovery soon after the fault ends |
/// | `probes` | one per open time, the first success closes | a probe that hangs doesn't delay the recovery |
/// | classifier | [`ErrorClassifier`] | errors count unless they are known to be about the request, responses don't |
/// | [`on_throttled`](Self::on_throttled) | neutral | a service that answers 429 isn't down |
/// | observers | `tracing`, with that feature | openings are visible without configuration |
///
/// These defaults were compared with other settings, in simulation by `benches/presets` and on real
/// servers by `tests/field`. With these defaults, a circuit with many calls per second stays closed
/// if only some calls fail, because rejections would also hit the others. With few calls per
/// second, it may open by chance. To open it at a partial failure, use [`TripRule::FailureRate`].
///
/// To adapt the defaults to your traffic, change three numbers:
///
/// - **The minimum duration** of the row of failures, 500 ms: longer if your service is often
///   unavailable for a second, as in a restart that isn't graceful; shorter if the service must get
///   no more calls soon after it fails.
/// - **The share of the failing time**, 10 %: smaller to recover sooner, larger to probe less.
/// - **The longest open time**, 2 s: longer if a probe is expensive for a service that is down.
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Ratio, breaker::{OpenDuration, TripRule, Probes}};
///
/// // The defaults, written out.
/// let config = BreakerConfig::default()
///     .open_when(TripRule::consecutive(5)?.lasting(Duration::from_millis(500))?)
///     .open_for(
///         OpenDuration::share_of_failing_time(Ratio::percent(10)?)
///             .min(Duration::from_millis(100))?
///             .max(Duration::from_secs(2))
///             .jitter(Ratio::percent(20)?),
///     )
///     .probes(Probes::trickle());
/// # let _ = config;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::{BreakerConfig, Ratio, breaker::{OpenDuration, TripRule, Probes, Window}};
///
/// let config = BreakerConfig::default()
///     .name("inventory")
///     .open_when(TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(100)?.minimum(20)? })
///     .or_when(TripRule::consecutive(10)?)
///     .open_for(OpenDuration::exponential(Duration::from_secs(5)).max(Duration::from_secs(60)))
///     .probes(Probes::successes(3)?);
/// # let _ = config;
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
#[derive(Debug, Clone)]
pub struct BreakerConfig<C = ErrorClassifier> {
    /// Shared by clones of the config and by their circuits. A setter copies them first if they are
    /// shared.
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
            cancelled: CancelledCalls::default(),
            throttled: ThrottledCalls::default(),
            open_for: OpenDuration::share_of_failing_time(percent(10)).jitter(percent(20)),
            probes,
            lease,
            count_all_calls: false,
            time_calls: false,
            clock: Clock::default(),
            observers: Observers::default(),
            seed: None,
            group: None,
            registration: Registration::default(),
        };
        let five = NonZeroU32::MIN.saturating_add(4);
        let rule = TripRule::ConsecutiveFailures { failures: five, lasting: Duration::from_millis(500) };
        Self { settings: Arc::new(settings), classifier: ErrorClassifier }.open_when(rule)
    }
}

impl<C> BreakerConfig<C> {
    /// Sets the name in events, rejections and stats. The default is `breaker`; in a preset, the
    /// preset's name: `http`, `grpc`, `reqwest`.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        let settings = self.settings();
        settings.name = name.into().with_labels_of(&settings.name);
        self
    }

    /// Sets the rule that opens the circuit. It replaces all former rules.
    pub fn open_when(mut self, rule: TripRule) -> Self {
        let settings = self.settings();
        settings.rules = Rules::default();
        settings.layout = WindowLayout::default();
        settings.slow_after = None;
        settings.throttle = None;
        self.or_when(rule)
    }

    /// Adds a rule. The first rule that is met opens the circuit. A rule replaces a former rule of
    /// the same kind.
    pub fn or_when(mut self, rule: TripRule) -> Self {
        self.settings().add_rule(rule);
        self
    }

    /// Sets how long the circuit stays open.
    pub fn open_for(mut self, open_for: OpenDuration) -> Self {
        self.settings().open_for = open_for;
        self
    }

    /// Sets how a half-open circuit is probed, and what closes it.
    pub fn probes(mut self, probes: Probes) -> Self {
        let settings = self.settings();
        (settings.probes, settings.lease) = probes.parts();
        self
    }

    /// Sets how long a circuit that has closed admits only a share of the calls. The share grows
    /// evenly from none to all, so a service that has just recovered doesn't get all calls at once.
    /// The rules apply during this time, too. The default is zero: the circuit admits all calls at
    /// once.
    pub fn slow_start(mut self, time: Duration) -> Self {
        self.settings().slow_start = time;
        self
    }

    /// Sets how a call counts that is dropped before it has ended. The default: as a failure [while
    /// all calls are dropped](CancelledCalls::FailureIfAll).
    pub fn on_cancelled(mut self, cancelled: CancelledCalls) -> Self {
        self.settings().cancelled = cancelled;
        self
    }

    /// Sets how a throttled call counts: a call that ended with a failure of the kind
    /// [`Throttled`](crate::FailureKind::Throttled). The default is
    /// [neutral](ThrottledCalls::Neutral), because a service that asks for fewer calls isn't down.
    ///
    /// To reject calls for as long as the server asks, count throttled calls as failures:
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_recourse::{BreakerConfig, breaker::{OpenDuration, TripRule, ThrottledCalls}};
    ///
    /// // One 429 with `Retry-After: 7` opens the circuit for 7 s; without the header, for 1 s.
    /// let config = BreakerConfig::default()
    ///     .on_throttled(ThrottledCalls::Failure)
    ///     .open_when(TripRule::consecutive(1)?)
    ///     .open_for(OpenDuration::fixed(Duration::from_secs(1)).honor_retry_after(Duration::from_secs(60)));
    /// # let _ = config;
    /// # Ok::<(), tower_recourse::InvalidConfig>(())
    /// ```
    pub fn on_throttled(mut self, throttled: ThrottledCalls) -> Self {
        self.settings().throttled = throttled;
        self
    }

    /// Classifies outcomes with a closure: `|outcome: Result<&Res, &Err>| …`. Transient failures
    /// and timeouts count, permanent failures don't, and [throttled calls](Self::on_throttled) have
    /// a setting of their own: see [the table](crate::classify#what-the-layers-do). Return
    /// [`Verdict::Neutral`](crate::Verdict::Neutral) for an outcome that shouldn't count.
    pub fn classify<Function, Res, Err, Opinion>(
        self,
        function: Function,
    ) -> BreakerConfig<ClassifierFn<Function, Res, Err>>
    where
        Function: Fn(Result<&Res, &Err>) -> Opinion,
        Opinion: IntoOpinion,
    {
        self.classifier(classify::outcomes(function))
    }

    /// Classifies errors with a closure, `|error: &Err| …`, and counts every response as a success.
    /// See [`classify::errors`](crate::classify::errors).
    pub fn classify_errors<Function, Err, Opinion>(
        self,
        function: Function,
    ) -> BreakerConfig<ErrorClassifierFn<Function, Err>>
    where
        Function: Fn(&Err) -> Opinion,
        Opinion: IntoOpinion,
    {
        self.classifier(classify::errors(function))
    }

    /// Classifies outcomes with two closures: `|request: &Req| memo` extracts data from the
    /// request, and `|memo: &Memo, outcome: Result<&Res, &Err>| …` classifies the outcome with it.
    /// See [`classify::with_memo`](crate::classify::with_memo).
    pub fn classify_with_request<Remember, Function, Req, Memo, Res, Err, Opinion>(
        self,
        remember: Remember,
        function: Function,
    ) -> BreakerConfig<MemoClassifierFn<Remember, Function, Memo, Res, Err>>
    where
        Remember: Fn(&Req) -> Memo,
        Function: Fn(&Memo, Result<&Res, &Err>) -> Opinion,
        Opinion: IntoOpinion,
    {
        self.classifier(classify::with_memo(remember, function))
    }

    /// Classifies outcomes with a [`Classifier`](crate::Classifier), which may also read the
    /// request.
    pub fn classifier<Other>(self, classifier: Other) -> BreakerConfig<Other> {
        BreakerConfig { settings: self.settings, classifier }
    }

    /// Replaces the type of the classifier by [`BoxClassifier`], which has a name. Then the types
    /// of the config, the circuit and the layer can be written down.
    pub fn boxed_classifier<Req, Res, Err>(self) -> BreakerConfig<BoxClassifier<Req, Res, Err>>
    where
        C: Classifier<Req, Res, Err, Memo: Send + 'static> + Send + Sync + 'static,
    {
        BreakerConfig { settings: self.settings, classifier: BoxClassifier::new(self.classifier) }
    }

    /// Also counts admitted calls and successes for [`CircuitStats`](crate::breaker::CircuitStats),
    /// from the next call on. Failures, rejections and transitions are always counted. Off by
    /// default: without it, a successful call of a circuit without windows writes no shared memory.
    pub fn count_all_calls(mut self) -> Self {
        self.settings().count_all_calls = true;
        self
    }

    /// Measures all calls, so that events contain the duration of a failed call. Off by default: it
    /// reads the clock at the start and the end of each call. Rules about slow calls switch it on.
    pub fn time_calls(mut self) -> Self {
        self.settings().time_calls = true;
        self
    }

    /// Sets the clock. The default is tokio's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.settings().clock = clock.into();
        self
    }

    /// Adds an observer of the breaker's events. State the type of a closure's argument:
    /// `|event: &Event<'_>| …`.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.settings().observers.add(observer);
        self
    }

    /// Removes all observers, the default one included.
    pub fn without_observers(mut self) -> Self {
        self.settings().observers.clear();
        self
    }

    /// Sets the seed of the random numbers (jitter of the open time, slow start, throttle), so that
    /// tests are repeatable. By default, every circuit has its own seed, also circuits that are
    /// made from clones of one config.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings().seed = Some(seed);
        self
    }

    /// Makes the circuits of this config members of a group, which limits how many of them may be
    /// open at a time. Default: no group. A circuit stays in the group that it was made with.
    pub fn group(mut self, group: &CircuitGroup) -> Self {
        self.settings().group = Some(group.clone());
        self
    }

    pub(super) fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
    }
}
