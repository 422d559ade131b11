//! What the clones of a script share.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};

use super::{
    request_log::MAX_ENTRIES,
    step::{Action, Step},
};
use crate::time::Instant;

pub(super) struct ScriptState<Res, Err> {
    script: Mutex<Position<Res, Err>>,
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    cancelled: AtomicUsize,
    times: Mutex<Vec<Instant>>,
}

/// The rest of a script.
struct Position<Res, Err> {
    steps: VecDeque<Step<Res, Err>>,
    /// How often the first step was taken.
    taken: u32,
    /// When the delay of the first step ends, if it is a readiness step that was polled.
    until: Option<Instant>,
    is_strict: bool,
    /// The tasks that wait for the script to be changed.
    waiting: Vec<Waker>,
}

/// What `poll_ready` returns.
pub(super) enum Readiness<Err> {
    Ready,
    Error(Arc<dyn Fn() -> Err + Send + Sync>),
    NotReady,
    /// Not ready until this time. Then the readiness must be read again.
    Until(Instant),
}

impl<Res, Err> ScriptState<Res, Err> {
    pub(super) fn new(steps: impl IntoIterator<Item = Step<Res, Err>>) -> Self {
        let script = Position { steps: checked(steps), taken: 0, until: None, is_strict: false, waiting: Vec::new() };
        Self {
            script: Mutex::new(script),
            calls: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            cancelled: AtomicUsize::new(0),
            times: Mutex::default(),
        }
    }

    pub(super) fn set_strict(&self) {
        self.script().is_strict = true;
    }

    pub(super) fn replace(&self, steps: impl IntoIterator<Item = Step<Res, Err>>) {
        let steps = checked(steps);
        let mut script = self.script();
        let former = std::mem::replace(&mut script.steps, steps);
        (script.taken, script.until) = (0, None);
        let waiting = std::mem::take(&mut script.waiting);
        drop(script);
        // Wakers and the values of steps run foreign code, so not within the lock.
        drop(former);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// The readiness of the service. Takes a readiness step whose delay is over.
    pub(super) fn readiness(&self, waker: &Waker) -> Readiness<Err> {
        let mut script = self.script();
        loop {
            let Some(step) = script.steps.front() else { return Readiness::Ready };
            let error = match &step.action {
                Action::Respond(_) | Action::Hang | Action::Panic(_) => return Readiness::Ready,
                Action::NotReady => {
                    if !script.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
                        script.waiting.push(waker.clone());
                    }
                    return Readiness::NotReady;
                }
                Action::Busy => None,
                Action::ReadinessError(make) => Some(Arc::clone(make)),
            };
            let delay = step.delay;
            if let Some(until) = script.delayed_until(delay) {
                return Readiness::Until(until);
            }
            script.advance();
            if let Some(make) = error {
                return Readiness::Error(make);
            }
        }
    }

    /// Counts a call and takes its step.
    pub(super) fn start_call(&self) -> Step<Res, Err> {
        let step = {
            let mut script = self.script();
            // Another clone may have taken the step for which this one was ready.
            while script.steps.front().is_some_and(|step| !step.takes_a_call()) && script.steps.len() > 1 {
                script.advance();
            }
            let step = script.steps.front().filter(|step| step.takes_a_call()).cloned();
            script.advance();
            step
        };
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            if times.len() < MAX_ENTRIES {
                times.push(Instant::now());
            }
        }
        let step = step.unwrap_or_else(|| panic!("the script has no step for call {number}"));
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        step
    }

    /// Counts the end of a call.
    pub(super) fn end_call(&self, is_cancelled: bool) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if is_cancelled {
            self.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }

    pub(super) fn times(&self) -> Vec<Instant> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many steps, repetitions included, weren't taken.
    pub(super) fn untaken(&self) -> u64 {
        let script = self.script();
        let times: u64 = script.steps.iter().map(|step| u64::from(step.times)).sum();
        times.saturating_sub(script.taken.into())
    }

    fn script(&self) -> MutexGuard<'_, Position<Res, Err>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Res, Err> Position<Res, Err> {
    /// When the delay of the first step ends. `None` if it is over.
    fn delayed_until(&mut self, delay: Duration) -> Option<Instant> {
        if delay.is_zero() {
            return None;
        }
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + delay);
        (until > now).then_some(until)
    }

    /// Takes the first step once. The last step of a script that isn't strict stays.
    fn advance(&mut self) {
        self.until = None;
        self.taken = self.taken.saturating_add(1);
        let is_last = self.steps.len() == 1;
        let is_over = self.steps.front().is_some_and(|step| self.taken >= step.times);
        if is_over && (!is_last || self.is_strict) {
            self.steps.pop_front();
            self.taken = 0;
        }
    }
}

fn checked<Res, Err>(steps: impl IntoIterator<Item = Step<Res, Err>>) -> VecDeque<Step<Res, Err>> {
    let has_effect = |step: &Step<Res, Err>| {
        let is_busy_for_no_time = matches!(step.action, Action::Busy) && step.delay.is_zero();
        step.times > 0 && !is_busy_for_no_time
    };
    let steps: VecDeque<_> = steps.into_iter().filter(has_effect).collect();
    assert!(!steps.is_empty(), "a script needs at least one step");
    steps
}
