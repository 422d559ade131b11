use std::{convert::Infallible, fmt, sync::Arc, task::Poll, time::Duration};

use super::{
    BreakerConfig, BreakerError, Permit, Rejection, State, Stats,
    cell::Transition,
    config::Settings,
    future::{AtOnce, Judge},
    refused::Refused,
    rule::{Asking, Word},
    slab::{Tenant, micros},
    state::Mode,
    window::Counts,
};
use crate::{
    Classifier, Name,
    call_context::result_note::{self, Note},
    classify::{
        Errors,
        evidence::{examine, recognise},
    },
    observe::Event,
};

/// A circuit to watch and to steer, alone or under any number of layers and services: clones are handles of the same one.
///
/// Put a layer on it with [`BreakerLayer::on`](super::BreakerLayer::on), wrap a function with [`call`](Self::call), or take
/// permits by hand with [`admit`](Self::admit), which is also how settings are tried out:
///
/// ```
/// use std::time::Duration;
/// use tower_recourse::breaker::{OpenFor, OpenRule};
/// use tower_recourse::{BreakerConfig, Circuit, State, time::ManualClock};
///
/// let clock = ManualClock::new();
/// let config = BreakerConfig::default()
///     .open_when(OpenRule::consecutive(2)?)
///     .open_for(OpenFor::fixed(Duration::from_secs(30)))
///     .clock(clock.clone());
/// let circuit = Circuit::new(config);
///
/// circuit.admit()?.failure();
/// circuit.admit()?.failure();
/// let rejection = circuit.admit().unwrap_err();
/// assert_eq!(rejection.to_string(), "circuit `breaker` is open; retry in 30.0 s");
///
/// clock.advance(Duration::from_secs(30));
/// circuit.admit()?.success();
/// assert_eq!(circuit.state(), State::Closed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Clone
///
/// A clone is one reference count. A circuit's memory is used again after its last handle, service and layer is dropped; calls that
/// are still on their way then end without effect.
#[derive(Clone)]
pub struct Circuit<C = Errors> {
    pub(super) tenant: Arc<Tenant>,
    pub(crate) classifier: C,
}

impl<C> Circuit<C> {
    /// A closed circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { tenant: Tenant::new(config.settings, None), classifier: config.classifier }
    }

    #[cfg(feature = "keyed")]
    pub(super) fn of(tenant: Arc<Tenant>, classifier: C) -> Self {
        Self { tenant, classifier }
    }

    #[cfg(all(test, not(recourse_loom)))]
    pub(super) fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Asks for leave to make one call.
    ///
    /// A layer around that gets the [`Rejection`], as it is or in a box, or in the source chain of a boxed error, recognises it: a
    /// retry returns it, or waits it out if it is short (`RetryConfig::wait_out_rejections`), and an outer breaker doesn't count it. An error type of your own is an ordinary failure, also if it
    /// contains the rejection: return the rejection as its source, and classify with [`Sources`](crate::classify::Sources). Code that
    /// drops or keeps the rejection and fails for another reason has failed. See [the classifiers' page](crate::classify#rejections).
    ///
    /// # Errors
    ///
    /// A [`Rejection`] if the circuit is open, or half-open with all its probes on their way, or if it admits only a share of the
    /// calls and this is none of them.
    #[inline]
    pub fn admit(&self) -> Result<Permit, Rejection> {
        match self.admit_at_once() {
            Some(permit) => Ok(permit),
            None => self.admit_unless_rejected(),
        }
    }

    /// The permit of a circuit that is closed and has nothing to remember of a call before it ends. `None` says nothing.
    #[inline]
    pub(crate) fn admit_at_once(&self) -> Option<Permit> {
        let core = self.tenant.core;
        let generation = core.cell.plainly_closed()?;
        core.flags().is_plain().then(|| Permit::plain(core, generation))
    }

    #[cold]
    fn admit_unless_rejected(&self) -> Result<Permit, Rejection> {
        self.ask(Asking::Request).inspect_err(|rejection| {
            self.count_rejection(&self.tenant.settings.load(), rejection.name(), rejection.retry_in());
            result_note::annotate_error::<Rejection>(rejection.cause());
        })
    }

    /// [`admit`](Self::admit), but nobody is told of a rejection, and it isn't counted.
    pub(crate) fn ask(&self, asking: Asking) -> Result<Permit, Rejection> {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        let mut changes = Vec::new();
        let admitted = tenant.throttle(&settings).and_then(|()| {
            tenant.going(&settings, None, |going| {
                tenant.core.cell.admit(
                    going,
                    asking,
                    |share| tenant.chance(&settings, share),
                    |transition| changes.push(transition),
                )
            })
        });
        let permit = match admitted {
            Ok(generation) => {
                let mut permit = Permit::remembering(tenant, &settings, generation);
                // An observer that panics loses the call, not the probe's slot.
                permit.blame(false);
                Ok(permit)
            }
            Err(refused) => Err(refused),
        };
        for &transition in &changes {
            tenant.totals.transitions.add();
            tenant.tell_of(&settings, transition);
        }
        let mut permit = permit.map_err(|refused| self.rejection(&settings, refused))?;
        permit.blame(true);
        Ok(permit)
    }

    /// Calls an async function if the circuit lets it, and counts what becomes of it: the config's classifier judges.
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] without calling the function, or its own error as [`BreakerError::Inner`].
    ///
    /// # Cancel safety
    ///
    /// Dropped while the function runs, the call counts as neither a success nor a failure. A panic of the function is
    /// a failure.
    pub async fn call<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let permit = self.admit().map_err(rejected)?;
        self.call_with(permit, function).await
    }

    /// [`call`](Self::call), for a function that blocks.
    ///
    /// ```
    /// use std::fs;
    /// use tower_recourse::{BreakerConfig, Circuit};
    ///
    /// let circuit = Circuit::new(BreakerConfig::default().name("disk"));
    /// assert!(circuit.call_blocking(|| fs::read("no such file")).is_err());
    /// assert_eq!(circuit.stats().failures_in_a_row, 1);
    /// ```
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] without calling the function, or its own error as [`BreakerError::Inner`]. A panic of the function is
    /// a failure.
    pub fn call_blocking<T, E>(&self, function: impl FnOnce() -> Result<T, E>) -> Result<T, BreakerError<E>>
    where
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let permit = self.admit().map_err(rejected)?;
        let (result, note) = result_note::call(function);
        self.end(permit, result, note)
    }

    /// Calls an async function as a probe of one's own, if the circuit wants one now: for circuits whose
    /// [probes](super::Probes::of_ones_own) aren't users' requests. While the circuit is closed, it is a call like any other.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn probe<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let permit = self.ask(Asking::Probe).map_err(rejected)?;
        self.call_with(permit, function).await
    }

    /// Probes with an async function, for ever: as soon as the open time is over, again and again until the circuit is closed, and
    /// again when it has opened. To be spawned beside the service, where there is a tokio runtime.
    ///
    /// There is no interval: a probe that fails opens the circuit, and the open time is the pause before the next. One that succeeds, where
    /// [several](super::Probes::successes) are needed, or says nothing, is followed by another after a millisecond. A function that is
    /// dear, or whose answers are to lie further apart, waits before it asks. A probe that hangs is dropped, and is a failure, when its
    /// [lease](super::Probes::lease) is over.
    ///
    /// # Cancel safety
    ///
    /// It ends by being dropped; a probe that is on its way is dropped with it.
    pub async fn keep_probing<F, T, E>(&self, mut function: impl FnMut() -> F) -> Infallible
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        loop {
            let wait = match self.state() {
                // Once open, it is so for about the base time: looking as often is soon enough.
                State::Closed => self.tenant.settings.load().open_for.base(),
                State::Open => self.retry_in().unwrap_or(Duration::MAX),
                State::HalfOpen => match self.probe_for_a_lease(&mut function).await {
                    Err(BreakerError::Rejected(rejection)) => rejection.retry_in().unwrap_or(Duration::MAX),
                    _ => Duration::ZERO,
                },
            };
            // Not longer, as it may be reset or steered at any time; and never at once: a probe that says nothing, or an open
            // time of nothing, would otherwise turn this into a loop that leaves its thread to nobody else.
            let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(1));
            tokio::time::sleep(wait.clamp(shortest, longest)).await;
        }
    }

    /// [`probe`](Self::probe), for as long as it has its slot. One that hangs beyond its lease is a failure; one whose circuit has moved
    /// on is of no use any more.
    async fn probe_for_a_lease<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<(), BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let mut permit = self.ask(Asking::Probe).map_err(rejected)?;
        let began = self.tenant.now(&self.tenant.settings.load());
        let mut call = Box::pin(function());
        let mut next_look = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        let result = std::future::poll_fn(|cx| {
            permit.blame(true);
            let (polled, note) = result_note::poll(call.as_mut(), cx);
            permit.blame(polled.is_ready());
            if let Poll::Ready(result) = polled {
                return Poll::Ready(Ok((result, note)));
            }
            while next_look.as_mut().poll(cx).is_ready() {
                let left = match self.lease_of(&permit, began) {
                    Lease::Left(left) => left.clamp(Duration::from_millis(1), Duration::from_secs(1)),
                    over => return Poll::Ready(Err(over)),
                };
                next_look.as_mut().reset(tokio::time::Instant::now() + left);
            }
            Poll::Pending
        })
        .await;
        match result {
            Ok((result, note)) => self.end(permit, result, note).map(drop),
            Err(over) => {
                drop(call);
                match over {
                    Lease::Over => permit.failure(),
                    Lease::Left(_) | Lease::OfAnotherGeneration => drop(permit),
                }
                Ok(())
            }
        }
    }

    fn lease_of(&self, permit: &Permit, began: u64) -> Lease {
        let tenant = &*self.tenant;
        let word = tenant.core.cell.load();
        if !permit.is_of(word.generation) {
            return Lease::OfAnotherGeneration;
        }
        let settings = tenant.settings.load();
        let until = match word.state() {
            // Its interval may be shorter than a health check takes.
            State::HalfOpen if settings.probing.trickles() => began.saturating_add(micros(settings.lease)),
            _ => tenant.core.cell.moves_on_at(word).unwrap_or(u64::MAX),
        };
        match until.saturating_sub(tenant.now(&settings)) {
            0 => Lease::Over,
            left => Lease::Left(Duration::from_micros(left)),
        }
    }

    async fn call_with<F, T, E>(&self, mut permit: Permit, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let mut call = std::pin::pin!(function());
        let (result, note) = std::future::poll_fn(|cx| {
            permit.blame(true);
            let (polled, note) = result_note::poll(call.as_mut(), cx);
            permit.blame(polled.is_ready());
            polled.map(|result| (result, note))
        })
        .await;
        self.end(permit, result, note)
    }

    /// Ends the call of a function by what it came to. The memo is made only now: one that is held while the function runs names
    /// `E`, and if there is a lifetime in that, as in `Box<dyn Error>`, the compiler can't see that the call may be spawned.
    fn end<T, E>(&self, permit: Permit, result: Result<T, E>, note: Note) -> Result<T, BreakerError<E>>
    where
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let said = examine(&result, note, |outcome| self.classifier.origin(outcome));
        Judge::new(permit, &self.classifier, self.classifier.memo(&()), AtOnce).judge(&result, said.as_ref());
        if said.is_some_and(|how| how.is_held) {
            recognise::<E>();
        }
        result_note::forward_mapped(result, said, |result| result.map_err(BreakerError::Inner))
    }

    /// The name given in the config.
    pub fn name(&self) -> Name {
        self.tenant.name(&self.tenant.settings.load()).clone()
    }

    /// What it is doing. Reading it moves on a circuit whose time is over: from open to half-open.
    pub fn state(&self) -> State {
        self.look();
        self.tenant.core.cell.load().state()
    }

    /// After which time a retry makes sense, as in [`Rejection::retry_in`]; `None` while calls are
    /// admitted. While half-open, each call returns another time.
    pub fn retry_in(&self) -> Option<Duration> {
        self.peek().err().and_then(|refused| refused.retry_in())
    }

    /// Everything that there is to know. Reading it moves on a circuit whose time is over, as [`state`](Self::state) does.
    pub fn stats(&self) -> Stats {
        self.look();
        let settings = self.tenant.settings.load();
        Stats::of(&self.tenant, &settings, self.retry_in())
    }

    /// Closes the circuit at once, without a ramp, and forgets what was counted, whatever its state. Calls on their way no longer count; totals and the
    /// mode stay: one that is forced open stays so.
    pub fn reset(&self) {
        self.change(Word::reset);
    }

    /// Says that a success was seen of which the circuit knows nothing: an open circuit closes, a closed one forgets its failures in a
    /// row. For circuits that are open [until reset](super::OpenFor::until_reset). One that closes [ramps up](BreakerConfig::ramp) as
    /// after a probe.
    pub fn report_success(&self) {
        let tenant = &*self.tenant;
        let settings = tenant.settings.load();
        self.changed(tenant.going(&settings, None, |going| tenant.core.cell.succeed(going)));
    }

    /// Says that a failure was seen of which the circuit knows nothing: it counts as that of a call. An open circuit takes no notice, a
    /// half-open one that has a probe to spare opens. Nobody is told of a rejection.
    pub fn report_failure(&self) {
        if let Ok(permit) = self.ask(Asking::Request) {
            permit.failure();
        }
    }

    /// Who decides about its state.
    pub fn mode(&self) -> Mode {
        self.tenant.core.cell.load().mode
    }

    /// Changes who decides about its state, until it is changed again. What was counted is forgotten; calls on their way no
    /// longer count.
    ///
    /// To set the mode that it is in does nothing.
    pub fn set_mode(&self, mode: Mode) {
        if self.mode() == mode {
            return;
        }
        self.change(|word| word.in_mode(mode));
        let settings = self.tenant.settings.load();
        let (name, mode) = (self.tenant.name(&settings), mode.as_str());
        settings.observers.tell(Event::CircuitSteered { name, mode });
    }

    /// Rejects every call until the mode is changed.
    pub fn force_open(&self) {
        self.set_mode(Mode::ForcedOpen);
    }

    /// Admits every call until the mode is changed.
    pub fn force_closed(&self) {
        self.set_mode(Mode::ForcedClosed);
    }

    /// Goes on by another config, from now on; calls on their way may still go by the one before.
    ///
    /// State, totals and mode stay. What was counted stays if the windows are the same as before; otherwise a closed circuit begins to
    /// count anew. An open time that has begun isn't changed, nor a lease; a limit of the time in half-open that there was none of holds
    /// from the next round of probes on. How long a call took is known if somebody asked for it when it began. The clock, and the
    /// classifier, stay what they were.
    ///
    /// Nothing happens by itself: new rules are asked at the end of the next call.
    ///
    /// # Memory
    ///
    /// The circuit keeps the window that its memory was made with, and at most one other, which takes the place of the one before.
    /// Recording a call in that other window takes some 5 ns more.
    pub fn reconfigure<D>(&self, config: BreakerConfig<D>) {
        self.tenant.exchange(config.settings);
    }

    /// Whether a call would be admitted now, without asking for it; by chance counts as yes.
    #[inline]
    pub(crate) fn peek(&self) -> Result<(), Refused> {
        if self.tenant.core.cell.is_closed() { Ok(()) } else { self.peek_into_open() }
    }

    #[cold]
    fn peek_into_open(&self) -> Result<(), Refused> {
        let tenant = &*self.tenant;
        if let Some(refused) = tenant.core.cell.peek_open(|| tenant.now_alone()) {
            return Err(refused);
        }
        let settings = tenant.settings.load();
        // Its time may be over. Who only peeks, and stays away, would leave it there for ever.
        if tenant.core.cell.load().state() == State::HalfOpen {
            self.look();
        }
        tenant.core.cell.peek(&settings.probing, || tenant.now(&settings))
    }

    fn change(&self, next: impl Fn(Word) -> Word) {
        self.changed(self.tenant.core.cell.change(next));
    }

    fn changed(&self, (before, after): (Word, Word)) {
        let tenant = &*self.tenant;
        if before.state() != after.state() {
            tenant.totals.transitions.add();
            let transition = Transition { word: after, counts: Counts::default(), open_for: u64::MAX };
            tenant.tell_of(&tenant.settings.load(), transition);
        }
    }

    /// Moves on a circuit whose own time is over.
    fn look(&self) {
        let tenant = &*self.tenant;
        if tenant.core.cell.load().is_plainly_closed() {
            return;
        }
        let settings = tenant.settings.load();
        while let Some(transition) = tenant.going(&settings, None, |going| tenant.core.cell.look(going)) {
            tenant.totals.transitions.add();
            tenant.tell_of(&settings, transition);
        }
    }

    /// The rejection of a call that a look at the circuit has [refused](Self::peek): counted, and told.
    pub(crate) fn reject(&self, refused: Refused) -> Rejection {
        let settings = self.tenant.settings.load();
        self.count_rejection(&settings, self.tenant.name(&settings), refused.retry_in());
        // Made when all else is done, where it will stay.
        self.rejection(&settings, refused)
    }

    fn count_rejection(&self, settings: &Settings, name: &Name, retry_in: Option<Duration>) {
        self.tenant.totals.rejected.add();
        settings.observers.tell(Event::CallRejected { name, retry_in });
    }

    fn rejection(&self, settings: &Settings, refused: Refused) -> Rejection {
        Rejection::new(self.tenant.name(settings).clone(), refused)
    }
}

/// The error of a function that wasn't called.
fn rejected<E: 'static>(rejection: Rejection) -> BreakerError<E> {
    recognise::<E>();
    BreakerError::Rejected(rejection)
}

/// How long a probe still has its slot.
enum Lease {
    Left(Duration),
    Over,
    OfAnotherGeneration,
}

impl Tenant {
    /// Rejects a request by chance, if there is a throttle. Who is let in is counted when it comes back: calls that are on their
    /// way say nothing yet, and a burst of them isn't held against the service.
    fn throttle(&self, settings: &Settings) -> Result<(), Refused> {
        let (Some(throttle), Some(window)) = (settings.throttle, self.core.window()) else { return Ok(()) };
        let word = self.core.cell.load();
        if word.state() != State::Closed || !matches!(word.mode, Mode::Auto) {
            return Ok(());
        }
        let now = self.now(settings);
        let (requests, accepts) = window.requests(word.generation, now);
        let rejects = throttle.rejects(requests, accepts);
        if rejects <= 0.0 || !self.chance(settings, rejects) {
            return Ok(());
        }
        window.request(word.generation, now, false);
        Err(Refused::new(word.state(), u64::MAX, now))
    }
}

impl<C> fmt::Debug for Circuit<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.tenant.core.cell.load();
        f.debug_struct("Circuit").field("name", &self.name()).field("state", &word.state()).finish_non_exhaustive()
    }
}
