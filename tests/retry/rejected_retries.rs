//! A breaker rejects the next attempt after a failure: which outcome the caller gets.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn, ready},
    io,
    pin::pin,
    sync::Arc,
    task::Poll,
};

use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceBuilder};
use tower_recourse::{
    Attempt, BreakerConfig, BreakerError, BreakerLayer, Cause, Circuit, FallbackLayer, Outcome, RetryConfig,
    RetryLayer, Verdict,
    breaker::{OpenDuration, TripRule},
    fallback::PrimaryFailure,
    report::{ReportLayer, with_report},
    retry::{
        Backoff, Budget, Decision, DecisionReason, Policy,
        RejectedRetry::{self, ReturnLastError, ReturnLastOutcome, ReturnRejection},
        RejectionWait, RetrySwitch, TokenBucket,
    },
};

use crate::scripted::*;

/// Opens after this many failures in a row, for 10 s.
fn circuit(failures: u32) -> Circuit {
    Circuit::new(
        BreakerConfig::default()
            .open_when(TripRule::consecutive(failures).unwrap())
            .open_for(OpenDuration::fixed(secs(10)))
            .without_observers(),
    )
}

fn retry(setting: RejectedRetry) -> RetryConfig {
    RetryConfig::default()
        .idempotent()
        .backoff(Backoff::none())
        .without_budget()
        .without_observers()
        .on_rejected_retry(setting)
}

/// The service's own error.
trait InnerError {
    fn inner(&self) -> Option<Oops>;
}

impl InnerError for BreakerError<Oops> {
    fn inner(&self) -> Option<Oops> {
        match self {
            Self::Inner(error) => Some(*error),
            _ => None,
        }
    }
}

const REJECTED: Cause = Cause::Rejected { retry_in: Some(secs(10)) };
const RETRY_REJECTED: Cause = Cause::RetryRejected { retry_in: Some(secs(10)) };

#[tokio::test(start_paused = true)]
async fn the_caller_gets_the_rejection_or_the_last_error() {
    for (setting, cause, attempts) in
        [(ReturnRejection, REJECTED, 3), (ReturnLastError, RETRY_REJECTED, 2), (ReturnLastOutcome, RETRY_REJECTED, 2)]
    {
        let events = EventLog::default();
        let inner = Script::<(), (), Oops>::new([fail(Oops(1)), fail(Oops(2)), succeed(())]);
        let mut service = ServiceBuilder::new()
            .layer(ReportLayer)
            .layer(RetryLayer::new(retry(setting).observe(events.observer())))
            .layer(BreakerLayer::on(&circuit(2)))
            .service(inner.clone());
        let failed = ready_and_call(&mut service, ()).await.unwrap_err();
        assert_eq!((failed.report.cause(), failed.report.attempts()), (Some(cause), attempts), "{setting:?}");
        assert_eq!(failed.error.inner(), (setting != ReturnRejection).then_some(Oops(2)));
        assert_eq!(failed.error.rejection().is_some(), setting == ReturnRejection);
        assert_eq!(inner.calls(), 2);
        assert!(events.last_has(&["RetryStopped", "attempt: 3", "cause: Rejected"]), "{setting:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_shows_the_error_and_the_cause() {
    let layer = RetryLayer::new(retry(ReturnLastError));
    let (open, refused) = (circuit(1), || ready(Err::<(), _>(io::Error::other("refused"))));
    let failed = with_report(layer.run(|_| open.call(refused))).await.unwrap_err();
    assert_eq!(failed.to_string(), "refused (the circuit rejected the next attempt, and may admit one in 10s)");
    assert_eq!(failed.report.cause().unwrap().label(), "retry_rejected");
}

#[tokio::test(start_paused = true)]
async fn a_first_attempt_that_is_rejected_returns_its_rejection() {
    for setting in [ReturnRejection, ReturnLastError, ReturnLastOutcome] {
        let circuit = circuit(1);
        circuit.report_failure();
        let layer = RetryLayer::new(retry(setting));
        let failed = with_report(layer.run(|_| circuit.call(|| ready(Err::<(), _>(Oops(1)))))).await.unwrap_err();
        assert!(failed.error.rejection().is_some());
        assert_eq!(failed.report.cause(), Some(REJECTED));
    }
}

/// A response that counts its copies.
type Counted = Arc<u32>;

fn judge(outcome: Result<&Counted, &BreakerError<Oops>>) -> Verdict {
    match outcome {
        Ok(response) if **response == 200 => Verdict::Success,
        _ => Verdict::transient(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_is_kept_if_the_setting_says_so() {
    for setting in [ReturnRejection, ReturnLastError, ReturnLastOutcome] {
        let response = Counted::new(500);
        let during_delay = Cell::new(0);
        let copies = &during_delay;
        let kept = response.clone();
        let circuit = Circuit::new(
            BreakerConfig::default()
                .classify(|outcome: Result<&Counted, &Oops>| match outcome {
                    Ok(response) if **response == 200 => Verdict::Success,
                    _ => Verdict::transient(),
                })
                .open_when(TripRule::consecutive(1).unwrap())
                .open_for(OpenDuration::fixed(secs(10)))
                .without_observers(),
        );
        let layer = RetryLayer::new(retry(setting).backoff(Backoff::fixed(ms(10))).classify(judge));
        let run = layer.run(|attempt| {
            if attempt.number() == 2 {
                copies.set(Arc::strong_count(&response));
            }
            circuit.call(|| ready(Ok::<_, Oops>(kept.clone())))
        });
        let result = run.await;
        let keeps = setting == ReturnLastOutcome;
        assert_eq!(during_delay.get(), if keeps { 3 } else { 2 }, "{setting:?}");
        assert_eq!(result.as_ref().ok().map(|response| **response), keeps.then_some(500));
        assert_eq!(result.err().is_some_and(|error| error.rejection().is_some()), !keeps);
    }
}

/// With `ReturnLastError`, an older error isn't returned after a response: it isn't the last
/// outcome.
#[tokio::test(start_paused = true)]
async fn an_error_before_a_failed_response_is_not_returned() {
    for (setting, expected) in [(ReturnLastError, Err(true)), (ReturnLastOutcome, Ok(500))] {
        let results = Cell::new(0);
        let circuit = circuit(1);
        let layer = RetryLayer::new(retry(setting).classify(judge));
        let run = layer.run(|attempt| {
            results.set(attempt.number());
            let circuit = &circuit;
            async move {
                match attempt.number() {
                    1 => Err(BreakerError::Inner(Oops(1))),
                    2 => {
                        circuit.report_failure();
                        Ok(Counted::new(500))
                    }
                    _ => circuit.call(|| ready(Err(Oops(3)))).await,
                }
            }
        });
        let result = run.await.map(|response| *response).map_err(|error| error.rejection().is_some());
        assert_eq!((result, results.get()), (expected, 3));
    }
}

/// The number of copies of the error in each attempt and at the end, and the result.
struct Copies {
    layer: RetryLayer<RetryConfig>,
    error: Arc<()>,
}

impl Copies {
    fn new(setting: RejectedRetry) -> Self {
        Self { layer: RetryLayer::new(retry(setting).backoff(Backoff::fixed(ms(100)))), error: Arc::default() }
    }

    fn count(&self) -> usize {
        Arc::strong_count(&self.error) - 1
    }

    fn fail(&self) -> io::Error {
        io::Error::other(Counter(self.error.clone()))
    }
}

#[derive(Debug)]
struct Counter(#[allow(dead_code)] Arc<()>);

impl std::fmt::Display for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("counted")
    }
}

impl std::error::Error for Counter {}

#[tokio::test(start_paused = true)]
async fn a_kept_error_is_dropped_with_the_next_success() {
    for (setting, kept) in [(ReturnRejection, 0), (ReturnLastError, 1), (ReturnLastOutcome, 1)] {
        let copies = Copies::new(setting);
        let seen = RefCell::new(Vec::new());
        let mut run = pin!(copies.layer.run(|attempt| {
            seen.borrow_mut().push(copies.count());
            ready(if attempt.number() < 4 { Err(copies.fail()) } else { Ok(()) })
        }));
        // The future still exists when the count is read.
        poll_fn(|cx| run.as_mut().poll(cx)).await.unwrap();
        assert_eq!(copies.count(), 0, "{setting:?}");
        let lent = copies.layer.run_lending(async |attempt| {
            seen.borrow_mut().push(copies.count());
            if attempt.number() < 4 { Err(copies.fail()) } else { Ok(()) }
        });
        lent.await.unwrap();
        assert_eq!(copies.count(), 0, "{setting:?}");
        assert_eq!(seen.take(), [0, kept, kept, kept, 0, kept, kept, kept], "{setting:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_drops_what_it_keeps() {
    let copies = Copies::new(ReturnLastError);
    let fails = |_: Attempt| ready(Err::<(), _>(copies.fail()));
    // The first drop is during a delay, and the second one during an attempt.
    for (delay, hangs) in [(ms(50), false), (ms(150), true)] {
        let attempt = async |attempt: Attempt| match attempt.number() {
            2 if hangs => pending().await,
            _ => fails(attempt).await,
        };
        let mut ran = Box::pin(copies.layer.run(&attempt));
        assert!(timeout(delay, &mut ran).await.is_err());
        assert_eq!(copies.count(), 1);
        drop(ran);
        assert_eq!(copies.count(), 0);
        let mut lent = Box::pin(copies.layer.run_lending(attempt));
        assert!(timeout(delay, &mut lent).await.is_err());
        assert_eq!(copies.count(), 1);
        drop(lent);
        assert_eq!(copies.count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_way_to_run_returns_the_last_error() {
    let layer = RetryLayer::new(retry(ReturnLastError));
    let failed = || ready(Err::<(), _>(Oops(7)));
    let last = |error: BreakerError<Oops>| error.inner();

    let open = circuit(1);
    let ran = with_report(layer.run(|_| open.call(failed))).await.unwrap_err();
    assert_eq!((last(ran.error), ran.report.cause()), (Some(Oops(7)), Some(RETRY_REJECTED)));

    let open = circuit(1);
    let lent = with_report(layer.run_lending(async |_| open.call(failed).await)).await.unwrap_err();
    assert_eq!((last(lent.error), lent.report.cause()), (Some(Oops(7)), Some(RETRY_REJECTED)));

    let open = circuit(1);
    let mut calls = 0;
    let with = layer.run_with(&mut calls, async |count, _| {
        *count += 1;
        open.call(failed).await
    });
    assert_eq!(last(with.await.unwrap_err()), Some(Oops(7)));

    let boxed = RetryLayer::new(retry(ReturnLastError)).boxed_policy::<(), (), BreakerError<Oops>>();
    let open = circuit(1);
    assert_eq!(last(boxed.run(|_| open.call(failed)).await.unwrap_err()), Some(Oops(7)));
}

#[test]
fn a_blocking_run_returns_the_last_error() {
    let layer = RetryLayer::new(retry(ReturnLastError));
    for (failures, attempts) in [(1, 1), (3, 3)] {
        let (open, mut made) = (circuit(failures), 0);
        let failed = layer.run_blocking(|attempt| {
            open.call_blocking(|| {
                made = attempt.number();
                Err::<(), _>(Oops(attempt.number()))
            })
        });
        assert_eq!((failed.unwrap_err().inner(), made), (Some(Oops(attempts)), attempts));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_after_a_waited_out_one_returns_the_error() {
    let circuit = Circuit::new(
        BreakerConfig::default()
            .open_when(TripRule::consecutive(1).unwrap())
            .open_for(OpenDuration::fixed(ms(100)))
            .without_observers(),
    );
    let events = EventLog::default();
    let inner = Script::<(), (), Oops>::new([fail(Oops(1)), succeed(())]);
    let config = retry(ReturnLastError)
        .wait_out_rejections(RejectionWait::new(ms(150), ms(300)).unwrap())
        .observe(events.observer());
    let mut service = RetryLayer::new(config).layer(BreakerLayer::on(&circuit).layer(inner.clone()));
    let begun = Instant::now();
    let (failed, ()) = tokio::join!(with_report(ready_and_call(&mut service, ())), async {
        sleep(ms(50)).await;
        circuit.force_open();
    });
    let failed = failed.unwrap_err();
    assert!(begun.elapsed() >= ms(110), "the first rejection was waited out");
    assert_eq!(events.count("RejectionWait"), 1);
    assert_eq!(failed.error.inner(), Some(Oops(1)));
    assert_eq!(failed.report.cause(), Some(Cause::RetryRejected { retry_in: None }));
    assert_eq!((failed.report.attempts(), inner.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_by_a_response_returns_the_last_outcome() {
    for (setting, response) in
        [(ReturnRejection, Ok("open")), (ReturnLastError, Err(Oops(1))), (ReturnLastOutcome, Err(Oops(1)))]
    {
        let inner = Script::<(), &str, Oops>::new([fail(Oops(1)), succeed("no")]);
        let mut service = ServiceBuilder::new()
            .layer(RetryLayer::new(retry(setting)))
            .layer(BreakerLayer::on(&circuit(1)).respond_when_open(|_: &_| "open"))
            .service(inner.clone());
        assert_eq!(ready_and_call(&mut service, ()).await, response);
        assert_eq!(inner.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outer_fallback_gets_the_error_and_the_cause() {
    for (setting, cause) in [(ReturnRejection, REJECTED), (ReturnLastError, RETRY_REJECTED)] {
        let inner = Script::<(), String, Oops>::new([fail(Oops(1))]);
        let mut service = ServiceBuilder::new()
            .layer(
                FallbackLayer::from_fn(|failed: PrimaryFailure<'_, String, BreakerError<Oops>>| {
                    let outcome = failed.outcome.map_err(|error| error.inner());
                    ready(Ok::<_, Oops>(format!("{:?} {outcome:?}", failed.cause)))
                })
                .without_observers(),
            )
            .layer(RetryLayer::new(retry(setting)))
            .layer(BreakerLayer::on(&circuit(1)))
            .service(inner);
        let error = (setting != ReturnRejection).then_some(Oops(1));
        let expected = format!("{cause:?} {:?}", Err::<String, _>(error));
        assert_eq!(ready_and_call(&mut service, ()).await.ok(), Some(expected));
    }
}

/// The outer breaker doesn't count a rejection. The failure before it is a failure of the service.
#[tokio::test(start_paused = true)]
async fn an_outer_breaker_counts_the_last_error_as_a_failure() {
    for (setting, failures) in [(ReturnRejection, 0), (ReturnLastError, 1)] {
        let (outer, inner) = (circuit(9), circuit(1));
        let mut service = ServiceBuilder::new()
            .layer(BreakerLayer::on(&outer))
            .layer(RetryLayer::new(retry(setting)))
            .layer(BreakerLayer::on(&inner))
            .service(Script::<(), (), Oops>::new([fail(Oops(1))]));
        assert!(ready_and_call(&mut service, ()).await.is_err());
        assert_eq!((outer.stats().total_failures, inner.stats().total_failures), (failures, 1), "{setting:?}");
    }
}

/// The outer retry retries the failure: it isn't a rejection.
#[tokio::test(start_paused = true)]
async fn an_outer_retry_treats_the_last_error_as_a_failure() {
    for (setting, calls) in [(ReturnRejection, 1), (ReturnLastError, 3)] {
        let numbers = Cell::new(0);
        let circuit = circuit(1);
        let outer = RetryLayer::new(retry(ReturnRejection).retries(2));
        let inner = RetryLayer::new(retry(setting));
        let failed = outer.run(|_| {
            numbers.set(numbers.get() + 1);
            circuit.reset();
            inner.run(|_| circuit.call(|| ready(Err::<(), _>(Oops(1)))))
        });
        assert!(failed.await.is_err());
        assert_eq!(numbers.get(), calls, "{setting:?}");
    }
}

/// The switch is checked before the rejection, so it is the cause.
#[tokio::test(start_paused = true)]
async fn the_error_is_returned_if_the_retry_was_switched_off() {
    let (circuit, switch) = (circuit(1), RetrySwitch::on());
    let layer = RetryLayer::new(retry(ReturnLastError).switch(&switch));
    let run = layer.run(|attempt| {
        if attempt.number() == 2 {
            switch.turn_off();
        }
        circuit.call(|| ready(Err::<(), _>(Oops(1))))
    });
    let failed = with_report(run).await.unwrap_err();
    assert_eq!((failed.error.inner(), failed.report.cause()), (Some(Oops(1)), Some(Cause::RetriesDisabled)));
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_returns_the_error_as_before() {
    let budget = TokenBucket::retry_ratio(0.0).unwrap().min_per_second(0).initial(0).unwrap();
    let layer = RetryLayer::new(retry(ReturnLastError).budget(budget));
    let circuit = circuit(1);
    let failed = with_report(layer.run(|_| circuit.call(|| ready(Err::<(), _>(Oops(1)))))).await.unwrap_err();
    assert_eq!((failed.error.inner(), failed.report.cause()), (Some(Oops(1)), Some(Cause::Budget)));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_retry_gives_its_token_back() {
    let budget = Arc::new(TokenBucket::retry_ratio(0.5).unwrap().min_per_second(0));
    (0..4).for_each(|_| budget.deposit());
    let balance = budget.balance();
    let layer = RetryLayer::new(retry(ReturnLastError).shared_budget(budget.clone()).without_deposits());
    let circuit = circuit(1);
    assert!(layer.run(|_| circuit.call(|| ready(Err::<(), _>(Oops(1))))).await.is_err());
    assert_eq!(budget.balance(), balance);
}

/// A readiness error is an outcome, and isn't a rejection.
#[tokio::test(start_paused = true)]
async fn a_readiness_error_is_kept_like_any_other() {
    let inner = Script::<(), (), Oops>::new([readiness_error(Oops(5)), succeed(())]);
    let mut service = RetryLayer::new(retry(ReturnLastError)).layer(BreakerLayer::on(&circuit(1)).layer(inner));
    let failed = ready_and_call(&mut service, ()).await.unwrap_err();
    assert_eq!(failed.inner(), Some(Oops(5)));
}

#[cfg(feature = "keyed")]
#[tokio::test(start_paused = true)]
async fn a_keyed_circuit_returns_the_last_error_of_its_key() {
    let config = BreakerConfig::default()
        .open_when(TripRule::consecutive(1).unwrap())
        .open_for(OpenDuration::fixed(secs(10)))
        .without_observers();
    let layer = BreakerLayer::keyed(config, |key: &&'static str| *key);
    let inner = Script::<&'static str, (), Oops>::new([fail(Oops(1)), fail(Oops(2)), fail(Oops(3))]);
    let mut service = RetryLayer::new(retry(ReturnLastError)).layer(layer.layer(inner.clone()));
    assert_eq!(ready_and_call(&mut service, "a").await.unwrap_err().inner(), Some(Oops(1)));
    assert_eq!(ready_and_call(&mut service, "b").await.unwrap_err().inner(), Some(Oops(2)));
    assert!(ready_and_call(&mut service, "a").await.unwrap_err().rejection().is_some());
    assert_eq!(inner.calls(), 2);
}

/// Retries every error once. Keeps what `keeps` says.
struct Twice {
    keeps: bool,
}

impl Policy<(), &'static str, Oops> for Twice {
    type State = ();

    fn start(&self, (): &()) {}

    fn decide(&self, (): &mut (), attempt: &Attempt, outcome: Outcome<'_, &'static str, Oops>) -> Decision {
        match outcome.result() {
            _ if outcome.is_rejected() => Decision::Return(DecisionReason::Success),
            Err(Oops(9)) => Decision::Return(DecisionReason::Rejected { retry_in: None }),
            Err(_) if attempt.number() < 2 => Decision::Retry { delay: ms(0), reason: DecisionReason::Transient },
            _ => Decision::Return(DecisionReason::Success),
        }
    }

    fn keep(&self, _: Result<&&'static str, &Oops>) -> bool {
        self.keeps
    }
}

#[tokio::test(start_paused = true)]
async fn a_custom_policy_keeps_outcomes() {
    for (keeps, error) in [(false, Oops(9)), (true, Oops(1))] {
        let inner = Script::<(), &'static str, Oops>::new([fail(Oops(1)), fail(Oops(9))]);
        let failed = with_report(ready_and_call(&mut RetryLayer::with(Twice { keeps }).layer(inner), ())).await;
        assert_eq!(failed.unwrap_err().error, error);
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_that_the_policy_accepts_is_returned() {
    let inner = Script::<(), &'static str, Oops>::new([fail(Oops(1)), succeed("no")]);
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::with(Twice { keeps: true }))
        .layer(BreakerLayer::on(&circuit(1)).respond_when_open(|_: &_| "open"))
        .service(inner);
    assert_eq!(ready_and_call(&mut service, ()).await, Ok("open"));
}

#[tokio::test(start_paused = true)]
async fn a_call_pending_once_returns_the_last_error() {
    let inner = Script::<(), (), Oops>::new([fail(Oops(1)).after(ms(5)), fail(Oops(2)).after(ms(5))]);
    let config = retry(ReturnLastError).backoff(Backoff::fixed(ms(10)));
    let mut service = RetryLayer::new(config).layer(BreakerLayer::on(&circuit(2)).layer(inner));
    let mut call = pin!(ready_and_call(&mut service, ()));
    poll_fn(|cx| {
        assert!(call.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(call.await.unwrap_err().inner(), Some(Oops(2)));
}
