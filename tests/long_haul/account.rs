//! The counts of all participants: the callers, the layers' observers, both sides of the breaker,
//! and the server. Each counts independently, and in the end all counts must agree.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use tower_recourse::{
    Cause, Circuit,
    breaker::CircuitStats,
    http::StatusClassifier,
    observe::{Event, Observer},
    retry::Budget,
};

use crate::plan::{Fault, Kind, Plan};

/// What a caller received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// The server's complete response.
    Upstream = 1,
    /// A good head with a body that failed.
    Broken,
    /// The fallback's response.
    Fallback,
}

/// The result of a call of the client, if it isn't a status.
pub(crate) const ERROR: u16 = 1;
pub(crate) const CUT_OFF: u16 = 2;

/// Counters, and arrays with one entry per request or per call. All their memory is allocated
/// before the first request, so the requests add no memory here. The texts of errors are dropped at
/// each check.
pub(crate) struct Account {
    pub(crate) plan: Plan,
    /// For each request, 16 times the number of its responses, plus the kind of its response.
    answered: Box<[AtomicU8]>,
    /// How often each request reached the server.
    came: Box<[AtomicU8]>,
    /// How often the server processed each request instead of refusing it.
    seen: Box<[AtomicU8]>,
    /// How often the server executed each request: it neither refused it nor responded with 429.
    done: Box<[AtomicU8]>,
    /// The request of each call.
    call_of: Box<[AtomicU32]>,
    /// The fault that the server played for each call.
    call_fault: Box<[AtomicU8]>,
    /// How often the server processed each call instead of refusing it.
    call_seen: Box<[AtomicU8]>,
    /// The result of each call: a status, `ERROR` or `CUT_OFF`, or 0 while it is running.
    call_outcome: Box<[AtomicU16]>,
    /// The errors of the calls since the last check.
    errors: Mutex<HashMap<usize, String>>,
    /// How often each fault was played.
    played: [AtomicU32; 32],
    /// Calls that the retry made.
    pub(crate) asked: AtomicUsize,
    /// Calls that the breaker admitted.
    pub(crate) called: AtomicUsize,
    /// Complete bodies that differ from what was sent.
    pub(crate) corrupt: AtomicU32,
    pub(crate) observed: EventCounts,
}

/// The events that the observers received.
#[derive(Default)]
pub(crate) struct EventCounts {
    scheduled: AtomicU64,
    stopped: AtomicU64,
    stopped_by_budget: AtomicU64,
    /// Rejections that the retry waited out, after which it made the same attempt again.
    waited_out: AtomicU64,
    /// Requests whose retry stopped because the breaker rejected an attempt after the first one.
    retries_rejected: AtomicU64,
    succeeded_later: AtomicU64,
    transitions: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    fallback_asked: AtomicU64,
    other: AtomicU64,
}

fn row<T>(length: usize, zero: impl Fn() -> T) -> Box<[T]> {
    (0..length).map(|_| zero()).collect()
}

impl Account {
    pub(crate) fn new(plan: Plan, requests: u32) -> Self {
        let requests = requests as usize;
        // Up to three attempts per request.
        let calls = requests * 3;
        Self {
            plan,
            answered: row(requests, AtomicU8::default),
            came: row(requests, AtomicU8::default),
            seen: row(requests, AtomicU8::default),
            done: row(requests, AtomicU8::default),
            call_of: row(calls, AtomicU32::default),
            call_fault: row(calls, AtomicU8::default),
            call_seen: row(calls, AtomicU8::default),
            call_outcome: row(calls, AtomicU16::default),
            errors: Mutex::default(),
            played: Default::default(),
            asked: AtomicUsize::new(0),
            called: AtomicUsize::new(0),
            corrupt: AtomicU32::new(0),
            observed: EventCounts::default(),
        }
    }

    /// Begins a call, and returns its number.
    pub(crate) fn call(&self, id: u32) -> usize {
        let number = self.called.fetch_add(1, SeqCst);
        self.call_of[number].store(id, SeqCst);
        number
    }

    pub(crate) fn failed(&self, number: usize, error: &dyn std::error::Error) {
        let chain = std::iter::successors(Some(error), |error| error.source());
        let text = chain.map(|error| format!("{error:?}")).collect::<Vec<_>>().join(": ");
        self.errors.lock().unwrap().insert(number, text);
    }

    pub(crate) fn record_outcome(&self, number: usize, outcome: u16) {
        assert_eq!(self.call_outcome[number].swap(outcome, SeqCst), 0, "call {number} ends once");
    }

    /// Counts the arrival of a request at the server. Returns how often it had arrived before.
    pub(crate) fn record_arrival(&self, id: u32) -> u8 {
        self.came[id as usize].fetch_add(1, SeqCst)
    }

    /// Records what the server does with the request.
    pub(crate) fn record_fault(&self, id: u32, call: usize, fault: Fault) {
        if fault != Fault::Refused {
            self.seen[id as usize].fetch_add(1, SeqCst);
            self.call_seen[call].fetch_add(1, SeqCst);
            self.done[id as usize].fetch_add(u8::from(fault.status() != Some(429)), SeqCst);
        }
        self.call_fault[call].store(fault as u8, SeqCst);
        self.played[fault as usize].fetch_add(1, SeqCst);
    }

    pub(crate) fn answered(&self, id: u32, got: Outcome) {
        self.answered[id as usize].fetch_add(16 + got as u8, SeqCst);
    }

    /// Checks that all counts agree, when nothing is running and this many requests were made.
    pub(crate) fn check_counts(&self, requests: u32, circuit: &Circuit<StatusClassifier>, budget: &dyn Budget) {
        let got = self.check_responses(requests);
        self.check_unsafe_requests(requests);
        let calls = self.check_calls();
        println!("{calls:?}, {:?}", budget.stats());
        self.check_layers(requests, &got, &calls, &circuit.stats(), budget);
        *self.errors.lock().unwrap() = HashMap::new();
    }

    fn check_responses(&self, requests: u32) -> HashMap<u8, u64> {
        let mut got = HashMap::new();
        for (id, answered) in self.answered.iter().enumerate() {
            let answered = answered.load(SeqCst);
            let expected = usize::from(id < requests as usize);
            assert_eq!(usize::from(answered / 16), expected, "responses to request {id}");
            if expected == 1 {
                *got.entry(answered % 16).or_default() += 1;
            }
        }
        got
    }

    fn check_unsafe_requests(&self, requests: u32) {
        for id in 0..requests {
            let [seen, done] = [&self.seen, &self.done].map(|times| times[id as usize].load(SeqCst));
            let most = if self.plan.kind(id) == Kind::Post { 1 } else { 3 };
            let kind = self.plan.kind(id);
            assert!(
                seen <= 3 && done <= most,
                "request {id}, {kind:?}, arrived {seen} times and was executed {done} times"
            );
        }
        assert_eq!(self.corrupt.load(SeqCst), 0, "bodies that differ from those that were sent");
    }

    /// Checks every call against its fault. Returns the number of calls per result.
    fn check_calls(&self) -> Calls {
        let mut calls = Calls::default();
        let mut last_good = HashMap::new();
        let mut calls_of = HashMap::<_, u32>::new();
        for number in 0..self.called.load(SeqCst) {
            let (id, seen) = (self.call_of[number].load(SeqCst), self.call_seen[number].load(SeqCst));
            let fault = Fault::from(self.call_fault[number].load(SeqCst));
            let outcome = self.call_outcome[number].load(SeqCst);
            // With HTTP/2, all streams end with their connection, also those with another fault or
            // none. h2 doesn't always write the last responses, and hyper may receive the end of
            // the connection first.
            let is_http2 = self.plan.is_http2(id);
            let fits = match outcome {
                0 => false,
                // On a slow machine, any call may time out.
                CUT_OFF => true,
                ERROR => fault.status().is_none() || fault.loses_answers() || is_http2,
                status => fault.status() == Some(status),
            };
            assert!(
                fits && seen <= 1,
                "call {number} of request {id}, received {seen} times, {fault:?}, HTTP/2 {is_http2}: {outcome} {:?}",
                self.errors.lock().unwrap().get(&number)
            );
            calls.seen += u64::from(seen);
            *calls_of.entry(id).or_default() += 1;
            match outcome {
                CUT_OFF => calls.cut_off += 1,
                ERROR => calls.errors += 1,
                429 => calls.throttled += 1,
                503 if fault.is_throttling() => calls.throttled += 1,
                500.. => calls.answered_5xx += 1,
                _ => calls.answered += 1,
            }
            if outcome == 200 {
                assert_eq!(last_good.insert(id, fault), None, "request {id} has two successes");
            }
        }
        calls.good_later = last_good.keys().filter(|id| calls_of[id] > 1).count() as u64;
        for (id, answered) in self.answered.iter().enumerate() {
            let (answered, fault) = (answered.load(SeqCst) % 16, last_good.get(&(id as u32)));
            assert_eq!(
                fault.is_some(),
                answered == Outcome::Upstream as u8 || answered == Outcome::Broken as u8,
                "{id}"
            );
            if let Some(fault) = fault {
                let (broke, is_broken) = (fault.breaks_bodies(), answered == Outcome::Broken as u8);
                assert!(broke == is_broken || is_broken && self.plan.is_http2(id as u32), "request {id}, {fault:?}");
            }
        }
        calls
    }

    fn check_layers(
        &self,
        requests: u32,
        got: &HashMap<u8, u64>,
        calls: &Calls,
        stats: &CircuitStats,
        budget: &dyn Budget,
    ) {
        let observed = &self.observed;
        let [asked, called] = [&self.asked, &self.called].map(|count| count.load(SeqCst) as u64);
        let count_of = |count: &AtomicU64| count.load(SeqCst);
        let requests = u64::from(requests);

        // Fallback.
        let by_fallback = got.get(&(Outcome::Fallback as u8)).copied().unwrap_or_default();
        assert_eq!(by_fallback, count_of(&observed.fallback_asked), "requests and responses");
        assert_eq!(by_fallback, count_of(&observed.stopped), "fallbacks and exhausted retries");
        assert_eq!(calls.good_later, count_of(&observed.succeeded_later), "successes after retries");
        assert_eq!(count_of(&observed.other), 0, "events of another kind");

        // Retry. It calls the breaker once for each request, each retry, and each rejection that it
        // waited out.
        let budgeted = budget.stats();
        let retries = budgeted.granted + count_of(&observed.retries_rejected);
        assert_eq!(count_of(&observed.scheduled), retries, "tokens granted and returned");
        assert_eq!(asked, requests + retries + count_of(&observed.waited_out), "attempts");
        assert_eq!(count_of(&observed.stopped_by_budget), budgeted.refused, "withdrawals that the budget refused");
        // Each request has deposited a fifth of a token.
        assert_eq!(budgeted.balance, (requests / 5).saturating_sub(budgeted.granted), "the balance of the budget");

        // Breaker.
        assert_eq!(asked, called + stats.total_rejected, "admitted or rejected");
        assert_eq!(stats.total_admitted, Some(called));
        assert_eq!(stats.total_rejected, count_of(&observed.rejected));
        assert_eq!(stats.total_failures, count_of(&observed.failed));
        assert_eq!(stats.total_successes, Some(calls.answered), "successes");
        assert_eq!(stats.total_failures, calls.answered_5xx + calls.errors + calls.cut_off, "failures");
        assert_eq!((stats.total_neutral, stats.total_dropped), (calls.throttled, 0), "throttled or dropped");
        assert_eq!(stats.transitions, count_of(&observed.transitions));

        // Server.
        let seen: u64 = self.seen.iter().map(|seen| u64::from(seen.load(SeqCst))).sum();
        assert_eq!(seen, calls.seen, "by request and by call");
        let answered = calls.answered + calls.answered_5xx + calls.throttled;
        assert!(seen >= answered && seen <= called, "{seen} of {called} calls");
    }

    /// The faults that were played so far.
    pub(crate) fn played(&self) -> impl Iterator<Item = (Fault, u32)> {
        Fault::all().map(|fault| (fault, self.played[fault as usize].load(SeqCst)))
    }
}

#[derive(Default, Debug)]
struct Calls {
    answered: u64,
    /// 5xx that aren't throttling.
    answered_5xx: u64,
    /// 429, and 503 with a `Retry-After`.
    throttled: u64,
    errors: u64,
    cut_off: u64,
    seen: u64,
    /// Requests that succeeded after the first attempt.
    good_later: u64,
}

/// Passes the layers' events to the account.
pub(crate) struct AccountObserver(pub(crate) std::sync::Arc<Account>);

impl Observer for AccountObserver {
    fn on_event(&self, event: &Event<'_>) {
        let observed = &self.0.observed;
        let more = |count: &AtomicU64| count.fetch_add(1, SeqCst);
        match *event {
            Event::RetryScheduled { .. } => more(&observed.scheduled),
            Event::RetryStopped { cause, attempt, .. } => {
                match cause {
                    Cause::Budget => more(&observed.stopped_by_budget),
                    Cause::Rejected { .. } if attempt > 1 => more(&observed.retries_rejected),
                    _ => 0,
                };
                more(&observed.stopped)
            }
            Event::RejectionWait { .. } => more(&observed.waited_out),
            Event::RetrySucceeded { .. } => more(&observed.succeeded_later),
            Event::CircuitOpened { .. } | Event::CircuitHalfOpened { .. } | Event::CircuitClosed { .. } => {
                more(&observed.transitions)
            }
            Event::CallFailed { .. } => more(&observed.failed),
            Event::CallRejected { .. } => more(&observed.rejected),
            Event::FallbackCalled { .. } => more(&observed.fallback_asked),
            Event::FallbackSucceeded { .. } | Event::RequestNotReplayable { .. } => 0,
            _ => more(&observed.other),
        };
    }
}
