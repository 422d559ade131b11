//! Who has seen what: the callers, the layers' observers, both sides of the breaker, and the server. Each counts for itself, and in the
//! end all of it must add up.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use tower_recourse::{
    Cause, Circuit,
    breaker::Stats,
    http::Health,
    observe::{Event, Observer},
    retry::Budget,
};

use crate::plan::{Fault, Kind, Plan};

/// What a caller got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Got {
    /// The server's good answer, to its end.
    Upstream = 1,
    /// A good head, and a body that broke off.
    Broken,
    /// The fallback's answer.
    Fallback,
}

/// What came of a call of the client, if it wasn't a status.
pub(crate) const ERROR: u16 = 1;
pub(crate) const CUT_OFF: u16 = 2;

/// Counts, and rows of numbers: everything is there before the first request, so that it takes no memory on the way.
pub(crate) struct Account {
    pub(crate) plan: Plan,
    /// How each request was answered, and how often it was: the kind of the answer, and 16 for each time.
    answered: Box<[AtomicU8]>,
    /// How often each request has come to the server, and how often it was looked at and not refused.
    came: Box<[AtomicU8]>,
    seen: Box<[AtomicU8]>,
    /// How often the server did something with it: it was neither refused nor answered with 429.
    done: Box<[AtomicU8]>,
    /// Which request a call was of, what the server did to it, how often it was seen, and what came of it.
    call_of: Box<[AtomicU32]>,
    call_fault: Box<[AtomicU8]>,
    call_seen: Box<[AtomicU8]>,
    call_outcome: Box<[AtomicU16]>,
    /// What the errors said, of the calls since everything added up last.
    errors: Mutex<HashMap<usize, String>>,
    /// How often each fault was played.
    played: [AtomicU32; 32],
    /// Calls that came out of the retry, and those that came through the breaker.
    pub(crate) asked: AtomicUsize,
    pub(crate) called: AtomicUsize,
    /// Bodies that came whole, and weren't those that were sent.
    pub(crate) corrupt: AtomicU32,
    pub(crate) told: Told,
}

/// What the observers were told.
#[derive(Default)]
pub(crate) struct Told {
    scheduled: AtomicU64,
    stopped: AtomicU64,
    stopped_by_budget: AtomicU64,
    /// Rejections that the retry waited out: the same attempt is made again.
    waited_out: AtomicU64,
    /// Retries, not first attempts, that the breaker rejected.
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
        // Three attempts each, if it came to that.
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
            told: Told::default(),
        }
    }

    /// A call begins: its number.
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

    pub(crate) fn came_of(&self, number: usize, outcome: u16) {
        assert_eq!(self.call_outcome[number].swap(outcome, SeqCst), 0, "call {number} ends once");
    }

    /// A request has come to the server: how often it had before.
    pub(crate) fn comes(&self, id: u32) -> u8 {
        self.came[id as usize].fetch_add(1, SeqCst)
    }

    /// What the server does with it.
    pub(crate) fn plays(&self, id: u32, call: usize, fault: Fault) {
        if fault != Fault::Refused {
            self.seen[id as usize].fetch_add(1, SeqCst);
            self.call_seen[call].fetch_add(1, SeqCst);
            self.done[id as usize].fetch_add(u8::from(fault.status() != Some(429)), SeqCst);
        }
        self.call_fault[call].store(fault as u8, SeqCst);
        self.played[fault as usize].fetch_add(1, SeqCst);
    }

    pub(crate) fn answered(&self, id: u32, got: Got) {
        self.answered[id as usize].fetch_add(16 + got as u8, SeqCst);
    }

    /// Everything adds up, now that nothing is on its way, and so many requests were made.
    pub(crate) fn adds_up(&self, requests: u32, circuit: &Circuit<Health>, budget: &dyn Budget) {
        let got = self.every_request_got_one_answer(requests);
        self.nothing_was_done_twice(requests);
        let calls = self.every_call_came_to_what_was_done_to_it();
        println!("{calls:?}, {:?}", budget.stats());
        self.the_layers_counted_the_same(requests, &got, &calls, &circuit.stats(), budget);
        *self.errors.lock().unwrap() = HashMap::new();
    }

    fn every_request_got_one_answer(&self, requests: u32) -> HashMap<u8, u64> {
        let mut got = HashMap::new();
        for (id, answered) in self.answered.iter().enumerate() {
            let answered = answered.load(SeqCst);
            let expected = usize::from(id < requests as usize);
            assert_eq!(usize::from(answered / 16), expected, "answers to request {id}");
            if expected == 1 {
                *got.entry(answered % 16).or_default() += 1;
            }
        }
        got
    }

    fn nothing_was_done_twice(&self, requests: u32) {
        for id in 0..requests {
            let [seen, done] = [&self.seen, &self.done].map(|times| times[id as usize].load(SeqCst));
            let most = if self.plan.kind(id) == Kind::Post { 1 } else { 3 };
            let kind = self.plan.kind(id);
            assert!(seen <= 3 && done <= most, "request {id}, {kind:?}, was seen {seen} times, and done {done} times");
        }
        assert_eq!(self.corrupt.load(SeqCst), 0, "bodies that weren't those that were sent");
    }

    /// By outcome: how many calls came to it.
    fn every_call_came_to_what_was_done_to_it(&self) -> Calls {
        let mut calls = Calls::default();
        let mut last_good = HashMap::new();
        let mut calls_of = HashMap::<_, u32>::new();
        for number in 0..self.called.load(SeqCst) {
            let (id, seen) = (self.call_of[number].load(SeqCst), self.call_seen[number].load(SeqCst));
            let fault = Fault::from(self.call_fault[number].load(SeqCst));
            let outcome = self.call_outcome[number].load(SeqCst);
            // Where a connection of HTTP/2 ends, streams end with it whatever was done to them: h2 doesn't always write the last answers, and
            // hyper is told of the end before them.
            let is_http2 = self.plan.is_http2(id);
            let fits = match outcome {
                0 => false,
                // The machine may have been too slow for any of them.
                CUT_OFF => true,
                ERROR => fault.status().is_none() || fault.loses_answers() || is_http2,
                status => fault.status() == Some(status),
            };
            assert!(
                fits && seen <= 1,
                "call {number}, of request {id}, seen {seen} times, {fault:?}, HTTP/2 {is_http2}: {outcome} {:?}",
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
                assert_eq!(last_good.insert(id, fault), None, "request {id} has two good answers");
            }
        }
        calls.good_later = last_good.keys().filter(|id| calls_of[id] > 1).count() as u64;
        for (id, answered) in self.answered.iter().enumerate() {
            let (answered, fault) = (answered.load(SeqCst) % 16, last_good.get(&(id as u32)));
            assert_eq!(fault.is_some(), answered == Got::Upstream as u8 || answered == Got::Broken as u8, "{id}");
            if let Some(fault) = fault {
                let (broke, is_broken) = (fault.breaks_bodies(), answered == Got::Broken as u8);
                assert!(broke == is_broken || is_broken && self.plan.is_http2(id as u32), "request {id}, {fault:?}");
            }
        }
        calls
    }

    fn the_layers_counted_the_same(
        &self,
        requests: u32,
        got: &HashMap<u8, u64>,
        calls: &Calls,
        stats: &Stats,
        budget: &dyn Budget,
    ) {
        let told = &self.told;
        let [asked, called] = [&self.asked, &self.called].map(|count| count.load(SeqCst) as u64);
        let told_of = |count: &AtomicU64| count.load(SeqCst);
        let requests = u64::from(requests);

        // The fallback.
        let by_fallback = got.get(&(Got::Fallback as u8)).copied().unwrap_or_default();
        assert_eq!(by_fallback, told_of(&told.fallback_asked), "asked, and answered");
        assert_eq!(by_fallback, told_of(&told.stopped), "asked for what the retry gave up");
        assert_eq!(calls.good_later, told_of(&told.succeeded_later), "succeeded after retrying");
        assert_eq!(told_of(&told.other), 0, "events of another kind");

        // The retry: it calls the breaker once for each request, for each retry, and for each
        // rejection that it has waited out.
        let budgeted = budget.stats();
        let retries = budgeted.granted + told_of(&told.retries_rejected);
        assert_eq!(told_of(&told.scheduled), retries, "what the budget has paid for, and what came back to it");
        assert_eq!(asked, requests + retries + told_of(&told.waited_out), "attempts");
        assert_eq!(told_of(&told.stopped_by_budget), budgeted.refused, "what the budget has refused");
        // Each request has brought a fifth of a token.
        assert_eq!(budgeted.balance, (requests / 5).saturating_sub(budgeted.granted), "what is left in the budget");

        // The breaker.
        assert_eq!(asked, called + stats.total_rejected, "admitted or rejected");
        assert_eq!(stats.total_admitted, Some(called));
        assert_eq!(stats.total_rejected, told_of(&told.rejected));
        assert_eq!(stats.total_failures, told_of(&told.failed));
        assert_eq!(stats.total_successes, Some(calls.answered), "those that were answered well");
        assert_eq!(stats.total_failures, calls.answered_5xx + calls.errors + calls.cut_off, "and those that weren't");
        assert_eq!((stats.total_neutral, stats.total_dropped), (calls.throttled, 0), "throttled, or given up");
        assert_eq!(stats.transitions, told_of(&told.transitions));

        // The server.
        let seen: u64 = self.seen.iter().map(|seen| u64::from(seen.load(SeqCst))).sum();
        assert_eq!(seen, calls.seen, "by request and by call");
        let answered = calls.answered + calls.answered_5xx + calls.throttled;
        assert!(seen >= answered && seen <= called, "{seen} of {called} calls");
    }

    /// What was played so far.
    pub(crate) fn played(&self) -> impl Iterator<Item = (Fault, u32)> {
        Fault::all().map(|fault| (fault, self.played[fault as usize].load(SeqCst)))
    }
}

#[derive(Default, Debug)]
struct Calls {
    answered: u64,
    /// 5xx, but for throttled ones.
    answered_5xx: u64,
    /// 429, and 503 with a `Retry-After`.
    throttled: u64,
    errors: u64,
    cut_off: u64,
    seen: u64,
    /// Requests with a good answer that wasn't the first.
    good_later: u64,
}

/// The layers tell the account.
pub(crate) struct Tells(pub(crate) std::sync::Arc<Account>);

impl Observer for Tells {
    fn on_event(&self, event: &Event<'_>) {
        let told = &self.0.told;
        let more = |count: &AtomicU64| count.fetch_add(1, SeqCst);
        match *event {
            Event::RetryScheduled { .. } => more(&told.scheduled),
            Event::RetryStopped { cause, attempt, .. } => {
                match cause {
                    Cause::Budget => more(&told.stopped_by_budget),
                    Cause::Rejected { .. } if attempt > 1 => more(&told.retries_rejected),
                    _ => 0,
                };
                more(&told.stopped)
            }
            Event::RejectionWait { .. } => more(&told.waited_out),
            Event::RetrySucceeded { .. } => more(&told.succeeded_later),
            Event::CircuitOpened { .. } | Event::CircuitHalfOpened { .. } | Event::CircuitClosed { .. } => {
                more(&told.transitions)
            }
            Event::CallFailed { .. } => more(&told.failed),
            Event::CallRejected { .. } => more(&told.rejected),
            Event::FallbackAsked { .. } => more(&told.fallback_asked),
            Event::NothingToRetry { .. } => 0,
            _ => more(&told.other),
        };
    }
}
