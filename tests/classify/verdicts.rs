//! Verdicts: their fields, the closures that return them, and what the layers do with them.

use std::sync::Mutex;

use tower::{Layer, Service, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Classifier, Delivery, Failure, FailureKind, FallbackLayer, Ratio,
    RetryConfig, RetryLayer, Verdict,
    classify::{self, ErrorClassifier, IdempotencyCheck},
    time::Instant,
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::*;

fn failure(verdict: Verdict) -> Failure {
    match verdict {
        Verdict::Failure(failure) => failure,
        other => panic!("{other:?} isn't a failure"),
    }
}

#[test]
fn delivery_is_unknown_unless_set() {
    for verdict in [Verdict::transient(), Verdict::permanent(), Verdict::throttled(), Verdict::timed_out()] {
        assert_eq!(failure(verdict).delivery(), Delivery::Unknown);
        assert!(failure(verdict).is_safe_to_resend());
    }
    assert_eq!(failure(Verdict::rejected(None)).delivery(), Delivery::NotSent, "a rejected call wasn't made");
}

#[test]
fn an_unsafe_request_is_safe_only_if_provably_not_sent() {
    let marked = Verdict::transient().unsafe_to_resend();
    assert!(!failure(marked).is_safe_to_resend());
    assert!(!failure(marked.delivery(Delivery::Sent)).is_safe_to_resend());
    assert!(failure(marked.delivery(Delivery::NotSent)).is_safe_to_resend());
    assert!(
        failure(Verdict::transient().delivery(Delivery::NotSent).unsafe_to_resend()).is_safe_to_resend(),
        "in any order"
    );
}

#[test]
fn unknown_idempotency_is_unsafe_unless_provably_not_sent() {
    let marked = Verdict::transient().idempotency_unknown();
    assert!(failure(marked).is_idempotency_unknown() && !failure(marked).is_safe_to_resend());
    assert!(!failure(marked.delivery(Delivery::Sent)).is_safe_to_resend());
    assert!(failure(marked.delivery(Delivery::NotSent)).is_safe_to_resend());
    assert_eq!(marked.safe_to_resend(), Verdict::transient());
    assert_eq!(marked.unsafe_to_resend(), Verdict::transient().unsafe_to_resend(), "the last mark counts");
    assert_eq!(Verdict::Neutral.idempotency_unknown(), Verdict::Neutral);
    assert_eq!(Verdict::Success.safe_to_resend(), Verdict::Success);
}

#[test]
fn a_predicate_replaces_unknown_idempotency_only() {
    let by_method = |request: &&str| *request == "get";
    let unknown = IdempotencyCheck::new(ErrorClassifier, by_method);
    let marks = classify::errors(|_: &Oops| Verdict::transient().unsafe_to_resend());
    let marks = IdempotencyCheck::new(marks, by_method);
    let get = Classifier::<&str, (), Oops>::memo(&unknown, &"get");
    assert_eq!(Classifier::<&str, (), _>::classify(&unknown, &get, Err(&Oops(1))), Verdict::transient());
    let get = Classifier::<&str, (), Oops>::memo(&marks, &"get");
    let said = Classifier::<&str, (), _>::classify(&marks, &get, Err(&Oops(1)));
    assert_eq!(said, Verdict::transient().unsafe_to_resend(), "a mark of the classifier is kept");
}

#[test]
fn a_verdict_keeps_its_fields_whatever_is_set_later() {
    let verdict = Verdict::throttled().delivery(Delivery::Sent).retry_after(secs(3)).unsafe_to_resend();
    assert_eq!(verdict, Verdict::throttled().unsafe_to_resend().retry_after(secs(3)).delivery(Delivery::Sent));
    let failure = failure(verdict);
    assert_eq!((failure.kind(), failure.retry_after()), (FailureKind::Throttled, Some(secs(3))));
    assert_eq!((failure.delivery(), failure.is_safe_to_resend()), (Delivery::Sent, false));
}

#[test]
fn no_setter_turns_a_success_into_a_failure() {
    for verdict in [Verdict::Success, Verdict::Neutral] {
        assert_eq!(verdict.retry_after(secs(1)).delivery(Delivery::NotSent).unsafe_to_resend(), verdict);
    }
}

/// A delay that the service requests changes the wait of a retry. It never causes a retry.
#[tokio::test(start_paused = true)]
async fn a_servers_delay_never_makes_a_retry() {
    for verdict in [Verdict::Success, Verdict::Neutral, Verdict::permanent(), Verdict::rejected(None)] {
        let asked = verdict.retry_after(secs(2));
        let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), succeed("yes")]);
        let mut retry = RetryLayer::new(RetryConfig::default().classify(move |_| asked)).layer(inner.clone());
        assert_eq!(ready_and_call(&mut retry, ()).await, Err(Oops(1)));
        assert_eq!(inner.calls(), 1, "{asked:?}");
    }

    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), succeed("yes")]);
    let none_left = RetryConfig::default().retries(0).classify_errors(|_| Verdict::transient().retry_after(secs(2)));
    assert_eq!(ready_and_call(&mut RetryLayer::new(none_left).layer(inner.clone()), ()).await, Err(Oops(1)));
    assert_eq!(inner.calls(), 1);

    let inner = Script::<_, &str, Oops>::new([fail(Oops(1)), succeed("yes")]);
    let refined = RetryConfig::default()
        .retry_after_jitter(Ratio::new(0.0).unwrap())
        .classify_errors(|_| Verdict::transient().retry_after(secs(7)));
    assert_eq!(ready_and_call(&mut RetryLayer::new(refined).layer(inner.clone()), ()).await, Ok("yes"));
    assert_eq!(inner.gaps(), [secs(7)]);
}

// Closures. That they compile is a part of each test.

async fn one(request: u32) -> Result<u64, Oops> {
    if request == 0 { Ok(1) } else { Err(Oops(request)) }
}

/// If the type of the service is known, closures need no types.
#[tokio::test]
async fn closures_of_each_kind_work_without_types() {
    let by_outcome = RetryConfig::default()
        .retries(0)
        .classify(|outcome| if outcome.is_ok() { Verdict::Success } else { Verdict::permanent() });
    let by_error = RetryConfig::default().retries(0).classify_errors(|_| Verdict::transient());
    let by_memo = RetryConfig::default().retries(0).classify_with_request(
        |_| true,
        |_, outcome| if outcome.is_ok() { Verdict::Success } else { Verdict::Neutral },
    );
    assert_eq!(ready_and_call(&mut RetryLayer::new(by_outcome).layer(service_fn(one)), 3).await, Err(Oops(3)));
    assert_eq!(ready_and_call(&mut RetryLayer::new(by_error).layer(service_fn(one)), 3).await, Err(Oops(3)));
    assert_eq!(ready_and_call(&mut RetryLayer::new(by_memo).layer(service_fn(one)), 0).await, Ok(1));

    let by_outcome = BreakerConfig::default().fixed().classify(|_| Verdict::Success);
    let by_error = BreakerConfig::default().fixed().classify_errors(|_| Verdict::transient());
    let by_memo = BreakerConfig::default().fixed().classify_with_request(|_| (), |(), _| Verdict::Neutral);
    assert!(ready_and_call(&mut BreakerLayer::new(by_outcome).layer(service_fn(one)), 3).await.is_err());
    assert!(ready_and_call(&mut BreakerLayer::new(by_error).layer(service_fn(one)), 3).await.is_err());
    assert!(ready_and_call(&mut BreakerLayer::new(by_memo).layer(service_fn(one)), 0).await.is_ok());

    let by_outcome = FallbackLayer::value(7).classify(|_| Verdict::transient());
    let by_error = FallbackLayer::value(7).classify_errors(|_| Verdict::transient());
    let by_memo = FallbackLayer::value(7).classify_with_request(|_| (), |(), _| Verdict::transient());
    assert_eq!(ready_and_call(&mut by_outcome.layer(service_fn(one)), 0).await.unwrap(), 7);
    assert_eq!(ready_and_call(&mut by_error.layer(service_fn(one)), 0).await.unwrap(), 1, "a response isn't checked");
    assert_eq!(ready_and_call(&mut by_memo.layer(service_fn(one)), 3).await.unwrap(), 7);
}

/// Requires what a server requires: `Clone + Send + 'static`, and a `Send` future.
fn serve<S>(service: S) -> S
where
    S: Service<u32, Response = u64, Future: Send> + Clone + Send + 'static,
{
    service
}

/// With types, closures can use the outcome, and the config can be made without a service.
#[tokio::test(start_paused = true)]
async fn closures_of_each_kind_work_with_types() {
    let retry = |config| RetryLayer::new(config);
    let by_outcome = retry(RetryConfig::default().idempotent()).layer(service_fn(one));
    assert_eq!(ready_and_call(&mut serve(by_outcome), 0).await, Ok(1));

    let config = RetryConfig::default().classify_errors(|error: &Oops| match error {
        Oops(1) => Verdict::transient(),
        _ => Verdict::permanent(),
    });
    let inner = Script::new([fail(Oops(1)), fail(Oops(2)), succeed(5)]);
    assert_eq!(ready_and_call(&mut serve(RetryLayer::new(config).layer(inner.clone())), 0).await, Err(Oops(2)));
    assert_eq!(inner.calls(), 2);

    let config = RetryConfig::default().classify_with_request(
        |request: &u32| request % 2 == 0,
        |even: &bool, outcome: Result<&u64, &Oops>| match outcome {
            Err(Oops(_)) if *even => Verdict::transient(),
            Err(_) => Verdict::permanent(),
            Ok(_) => Verdict::Success,
        },
    );
    for (request, calls) in [(2, 4), (3, 1)] {
        let inner = Script::<_, u64, Oops>::new([fail(Oops(1))]);
        let _ = ready_and_call(&mut serve(RetryLayer::new(config.clone()).layer(inner.clone())), request).await;
        assert_eq!(inner.calls(), calls, "request {request}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closure_without_an_opinion_leaves_the_default() {
    let inner = Script::new([fail(Oops(1)), fail(Oops(9)), succeed("yes")]);
    let config = RetryConfig::default().classify_errors(|error: &Oops| (error.0 == 9).then(Verdict::permanent));
    let config = config.idempotent();
    assert_eq!(ready_and_call(&mut RetryLayer::new(config).layer(inner.clone()), ()).await, Err(Oops(9)));
    assert_eq!(inner.calls(), 2, "1 has no opinion, so it is transient");

    let nothing = classify::outcomes(|_: Result<&u8, &Oops>| None);
    assert_eq!(Classifier::<(), u8, Oops>::classify(&nothing, &(), Ok(&1)), Verdict::Success);
    assert_eq!(
        Classifier::<(), u8, Oops>::classify(&nothing, &(), Err(&Oops(1))),
        Verdict::transient().idempotency_unknown()
    );
    assert_eq!(Classifier::<(), u8, Oops>::opinion(&nothing, &(), Ok(&1)), None);

    let nothing = classify::with_memo(|request: &u8| *request, |_: &u8, _: Result<&u8, &Oops>| None);
    assert_eq!(Classifier::<u8, u8, Oops>::classify(&nothing, &1, Ok(&1)), Verdict::Success);
    assert_eq!(nothing.classify(&1, Err(&Oops(1))), Verdict::transient().idempotency_unknown());
    assert_eq!(nothing.opinion(&1, Err(&Oops(1))), None);
}

#[tokio::test]
async fn a_circuit_takes_closures_over_errors() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().classify_errors(|_: &Oops| Verdict::Neutral));
    for _ in 0..10 {
        let _ = circuit.call(|| async { Err::<(), _>(Oops(1)) }).await;
    }
    assert_eq!(circuit.state(), tower_recourse::State::Closed);
}

#[test]
fn failures_of_requests_that_are_not_idempotent_are_marked() {
    let classifier = IdempotencyCheck::new(ErrorClassifier, |request: &&str| *request == "get");
    for (request, safe) in [("get", true), ("add", false)] {
        let memo = Classifier::<_, (), Oops>::memo(&classifier, &request);
        let lost = failure(Classifier::<&str, (), _>::classify(&classifier, &memo, Err(&Oops(1))));
        assert_eq!((lost.kind(), lost.is_safe_to_resend()), (FailureKind::Transient, safe), "{request}");
        let success = Classifier::<&str, _, Oops>::classify(&classifier, &memo, Ok(&()));
        assert_eq!(success, Verdict::Success);
    }

    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let add = Classifier::<_, (), std::io::Error>::memo(&classifier, &"add");
    let said = Classifier::<&str, (), _>::opinion(&classifier, &add, Err(&refused)).unwrap();
    assert_eq!(said, Verdict::transient().delivery(Delivery::NotSent).unsafe_to_resend());
    assert!(failure(said).is_safe_to_resend(), "it provably wasn't sent");
    assert_eq!(Classifier::<&str, (), _>::opinion(&classifier, &add, Err(&Oops(1))), None, "unknown stays unknown");
}

// Chains of classifiers.

fn judged<C: Classifier<(), u32, u32>>(chain: &C, outcome: Result<u32, u32>) -> Verdict {
    chain.classify(&chain.memo(&()), outcome.as_ref())
}

fn only<Req>(number: u32, verdict: Verdict) -> impl Classifier<Req, u32, u32> {
    classify::errors(move |error: &u32| (*error == number).then_some(verdict))
}

#[test]
fn the_first_opinion_wins() {
    let chain = classify::first(only(1, Verdict::throttled()))
        .or(only(1, Verdict::permanent()))
        .or(only(2, Verdict::permanent()))
        .otherwise(Verdict::timed_out());
    assert_eq!(judged(&chain, Err(1)), Verdict::throttled());
    assert_eq!(judged(&chain, Err(2)), Verdict::permanent());
    assert_eq!(judged(&chain, Err(3)), Verdict::timed_out());
    assert_eq!(judged(&chain, Ok(1)), Verdict::Success);
}

#[test]
fn classifiers_after_an_opinion_are_not_called() {
    let asked = Mutex::new(Vec::new());
    let link = |name: &'static str, said: Option<Verdict>| {
        let asked = &asked;
        classify::outcomes(move |_: Result<&u32, &u32>| {
            asked.lock().unwrap().push(name);
            said
        })
    };
    let chain = classify::first(link("a", None)).or(link("b", Some(Verdict::Neutral))).or(link("c", None));
    assert_eq!(judged(&chain, Ok(1)), Verdict::Neutral);
    assert_eq!(*asked.lock().unwrap(), ["a", "b"]);
}

#[test]
fn an_open_chain_ends_with_the_default_of_the_last() {
    let chain = classify::first(only(1, Verdict::throttled())).or(ErrorClassifier);
    assert_eq!(judged(&chain, Err(5)), Verdict::transient().idempotency_unknown());
    assert_eq!(judged(&chain, Ok(5)), Verdict::Success);
    assert_eq!(chain.opinion(&chain.memo(&()), Err(&5)), None, "a default isn't an opinion: a chain can be a link");
    let longer = classify::first(chain).or(only(5, Verdict::permanent()));
    assert_eq!(judged(&longer, Err(5)), Verdict::permanent());
}

#[test]
fn responses_are_left_to_classifiers_that_know_them() {
    let by_status = classify::outcomes(|outcome: Result<&u32, &u32>| match outcome {
        Ok(500..) => Some(Verdict::transient()),
        _ => None,
    });
    let chain = classify::first(ErrorClassifier)
        .or(only(1, Verdict::permanent()))
        .or(by_status)
        .otherwise(Verdict::permanent());
    assert_eq!(judged(&chain, Ok(503)), Verdict::transient());
    assert_eq!(judged(&chain, Ok(200)), Verdict::Success);
}

#[test]
fn a_later_classifier_receives_the_verdict_so_far() {
    let chain = classify::first(only(1, Verdict::throttled())).refine(|said, outcome| {
        assert_eq!(outcome, Err(&1), "it is called only after an opinion");
        said.retry_after(secs(1))
    });
    let chain = chain.or(only(2, Verdict::permanent())).or(ErrorClassifier);
    assert_eq!(judged(&chain, Err(1)), Verdict::throttled().retry_after(secs(1)));
    assert_eq!(judged(&chain, Err(2)), Verdict::permanent());
    assert_eq!(judged(&chain, Err(3)), Verdict::transient().idempotency_unknown());

    // `refine` at the end of a chain also receives the default verdict of the chain's last
    // classifier.
    let all =
        classify::first(only(1, Verdict::throttled())).or(ErrorClassifier).refine(|said, _| said.unsafe_to_resend());
    assert_eq!(judged(&all, Err(1)), Verdict::throttled().unsafe_to_resend());
    assert_eq!(judged(&all, Err(3)), Verdict::transient().unsafe_to_resend());
    assert_eq!(judged(&all, Ok(3)), Verdict::Success);
}

#[test]
fn classifiers_in_a_chain_may_remember_the_request() {
    let reads = classify::with_memo(
        |request: &u8| *request,
        |request: &u8, outcome: Result<&(), &Oops>| (outcome.is_err() && *request > 9).then(Verdict::permanent),
    );
    let chain = classify::first(classify::errors(|error: &Oops| (error.0 == 1).then(Verdict::throttled))).or(reads);
    let judged = |request: u8, error| {
        let memo = Classifier::<u8, (), Oops>::memo(&chain, &request);
        chain.classify(&memo, Err(&Oops(error)))
    };
    assert_eq!(judged(10, 1), Verdict::throttled());
    assert_eq!(judged(10, 2), Verdict::permanent());
    assert_eq!(judged(1, 2), Verdict::transient().idempotency_unknown());
}

/// A custom classifier with an opinion on every error. Each request contains its deadline.
struct Due(Verdict);

impl Classifier<Option<Instant>, u32, u32> for Due {
    type Memo = Option<Instant>;

    fn memo(&self, request: &Option<Instant>) -> Option<Instant> {
        *request
    }

    fn classify(&self, _: &Option<Instant>, outcome: Result<&u32, &u32>) -> Verdict {
        if outcome.is_ok() { Verdict::Success } else { self.0 }
    }

    fn deadline(&self, due: &Option<Instant>) -> Option<Instant> {
        *due
    }
}

#[test]
fn a_deadline_is_known_through_every_wrapper() {
    fn due<C: Classifier<Option<Instant>, u32, u32>>(classifier: C, request: Option<Instant>) -> Option<Instant> {
        classifier.deadline(&classifier.memo(&request))
    }
    let soon = Instant::now() + secs(1);
    let known = || Due(Verdict::transient());
    let later = || classify::with_memo(|request: &Option<Instant>| *request, |_: &_, _: Result<&u32, &u32>| None);
    for request in [None, Some(soon)] {
        assert_eq!(due(known(), request), request);
        let by_reference: &Due = &known();
        assert_eq!(due(by_reference, request), request);
        assert_eq!(due(classify::first(known()), request), request);
        assert_eq!(due(classify::first(known()).or(later()), request), request);
        assert_eq!(due(classify::first(later()).or(known()), request), request);
        assert_eq!(due(classify::first(known()).refine(|said, _| said), request), request);
        assert_eq!(due(IdempotencyCheck::new(known(), |_: &Option<Instant>| true), request), request);
        assert_eq!(due(later(), request), None, "closures have no deadline");
    }
    // Of two deadlines, the earlier one counts.
    struct Sooner;
    impl Classifier<Option<Instant>, u32, u32> for Sooner {
        type Memo = Option<Instant>;

        fn memo(&self, request: &Option<Instant>) -> Option<Instant> {
            request.map(|due| due - secs(1))
        }

        fn classify(&self, _: &Option<Instant>, _: Result<&u32, &u32>) -> Verdict {
            Verdict::Neutral
        }

        fn deadline(&self, due: &Option<Instant>) -> Option<Instant> {
            *due
        }
    }
    assert_eq!(due(classify::first(known()).or(Sooner), Some(soon)), Some(soon - secs(1)));
    assert_eq!(due(classify::first(Sooner).or(known()), Some(soon)), Some(soon - secs(1)));
}

#[test]
fn an_opinion_is_kept_through_every_wrapper() {
    fn judged<C: Classifier<Option<Instant>, u32, u32>>(link: C) -> Verdict {
        // If the link has no opinion, the chain returns `permanent`.
        let chain = classify::first(link).otherwise(Verdict::permanent());
        chain.classify(&chain.memo(&None), Err(&1))
    }
    let throttled = || Due(Verdict::throttled());
    assert_eq!(judged(throttled()), Verdict::throttled(), "a custom classifier sets everything");
    let by_reference: &Due = &throttled();
    assert_eq!(judged(by_reference), Verdict::throttled());
    assert_eq!(judged(classify::first(throttled())), Verdict::throttled());
    assert_eq!(judged(classify::first(only(7, Verdict::Neutral)).or(throttled())), Verdict::throttled());
    assert_eq!(
        judged(classify::first(only(7, Verdict::Neutral)).otherwise(Verdict::throttled())),
        Verdict::throttled()
    );
    assert_eq!(judged(classify::first(throttled()).refine(|said, _| said.unsafe_to_resend())), {
        Verdict::throttled().unsafe_to_resend()
    });
    let remembers = |said: Option<Verdict>| classify::with_memo(|_: &_| (), move |(): &(), _: Result<&u32, &u32>| said);
    assert_eq!(judged(remembers(Some(Verdict::throttled()))), Verdict::throttled());
    assert_eq!(judged(remembers(None)), Verdict::permanent());
}

#[test]
fn classifiers_implement_debug() {
    fn shows(classifier: impl std::fmt::Debug, part: &str) {
        let shown = format!("{classifier:?}");
        assert!(shown.contains(part), "{shown}");
    }
    shows(classify::outcomes(|_: Result<&u32, &u32>| Verdict::Neutral), "ClassifierFn(..)");
    shows(classify::errors(|_: &u32| Verdict::Neutral), "ErrorClassifierFn(..)");
    shows(classify::with_memo(|_: &u8| (), |(): &(), _: Result<&u32, &u32>| Verdict::Neutral), "MemoClassifierFn(..)");
    shows(
        classify::first(ErrorClassifier).refine(|said, _: Result<&u32, &u32>| said),
        "Refine { inner: ErrorClassifier",
    );
    shows(IdempotencyCheck::new(ErrorClassifier, |_: &u8| true), "IdempotencyCheck { classifier: ErrorClassifier");
    shows(Ratio::HALF, "Ratio(0.5)");
}
