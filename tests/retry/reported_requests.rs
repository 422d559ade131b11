//! `report_requests`: the event of every finished request, in each way to make a request.

use std::{
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::yield_now,
    time::{Instant, advance, sleep},
};
use tower::{Layer, service_fn};
use tower_recourse::{
    Classifier, Elapsed, RetryConfig, RetryLayer, Verdict,
    classify::{Displayed, ErrorClassifierFn},
    observe::Event,
    retry::{Backoff, Policy, RejectionWait, RetrySwitch, Timeouts},
    testing::EventRecorder,
};

use crate::scripted::*;

type Answer = Result<&'static str, Oops>;
type Config = RetryConfig<Displayed<ErrorClassifierFn<fn(&Oops) -> Verdict, Oops>>>;

const TRANSIENT: Oops = Oops(1);
const PERMANENT: Oops = Oops(2);
const NEUTRAL: Oops = Oops(3);
const CLIENT: Oops = Oops(4);
const REJECTED: Oops = Oops(5);
const UNPROCESSED: Oops = Oops(6);

fn judge(error: &Oops) -> Verdict {
    match *error {
        PERMANENT => Verdict::permanent(),
        NEUTRAL => Verdict::Neutral,
        CLIENT => Verdict::ClientError,
        REJECTED => Verdict::rejected(Some(ms(100))),
        UNPROCESSED => Verdict::unprocessed(),
        _ => Verdict::transient(),
    }
}

/// Two attempts without a delay.
fn config(events: &EventRecorder) -> Config {
    RetryConfig::default()
        .retries(1)
        .backoff(Backoff::none())
        .wait_out_rejections(RejectionWait::NONE)
        .without_observers()
        .observe(events.clone())
        .classify_errors(judge as fn(&Oops) -> Verdict)
        .display_errors()
}

/// Makes a request in each way. Returns each way with the recorded lines, and asserts that all
/// events contain the time of the request so far, or that none does.
async fn in_each_way<P>(
    layer: &RetryLayer<P>,
    answers: &'static [Answer],
    events: &EventRecorder,
    timed: bool,
) -> Vec<(&'static str, Vec<String>)>
where
    P: Policy<(), &'static str, Oops>,
{
    let script = || {
        let made = Arc::new(AtomicUsize::new(0));
        move || answers[made.fetch_add(1, Ordering::Relaxed)]
    };
    let mut all = Vec::new();
    let mut record = |way, _: Answer| {
        for event in events.events() {
            if let Some(elapsed) = elapsed_of(event.event()) {
                assert_eq!(elapsed.is_some(), timed, "{way}: {event:?}");
            }
        }
        all.push((way, events.take()));
    };

    let next = script();
    let ready_at_once = service_fn(move |()| ready(next()));
    record("service", ready_and_call(&mut layer.layer(ready_at_once), ()).await);

    let next = script();
    let pending = service_fn(move |()| {
        let answer = next();
        async move {
            yield_now().await;
            answer
        }
    });
    record("pending service", ready_and_call(&mut layer.layer(pending), ()).await);

    let next = script();
    record("run", layer.run(|_| ready(next())).await);
    let next = script();
    record("run_lending", layer.run_lending(async |_| next()).await);
    let mut next = script();
    record("run_with", layer.run_with(&mut next, async |next, _| next()).await);
    let next = script();
    record("run_blocking", layer.run_blocking(|_| next()));
    all
}

/// How long the request has taken so far. `None` for an event that doesn't contain it.
fn elapsed_of(event: Event<'_>) -> Option<Option<Duration>> {
    match event {
        Event::RetryScheduled { elapsed, .. }
        | Event::TransparentRetry { elapsed, .. }
        | Event::RejectionWait { elapsed, .. }
        | Event::RetryStopped { elapsed, .. }
        | Event::RetrySucceeded { elapsed, .. }
        | Event::RequestFinished { elapsed, .. } => Some(elapsed),
        _ => None,
    }
}

const SCHEDULED: &str = r#"RetryScheduled attempt=1 delay=0ns failure=transient error="oops 1""#;

const CASES: [(&[Answer], &[&str]); 9] = [
    (&[Ok("")], &["RequestFinished attempts=1 outcome=success"]),
    (&[Err(TRANSIENT), Ok("")], &[SCHEDULED, "RetrySucceeded attempt=2", "RequestFinished attempts=2 outcome=success"]),
    (
        &[Err(TRANSIENT), Err(TRANSIENT)],
        &[
            SCHEDULED,
            r#"RetryStopped attempt=2 cause=attempts_exhausted failure=transient error="oops 1""#,
            r#"RequestFinished attempts=2 outcome=failure cause=attempts_exhausted failure=transient error="oops 1""#,
        ],
    ),
    (
        &[Err(PERMANENT)],
        &[
            r#"RetryStopped attempt=1 cause=permanent failure=permanent error="oops 2""#,
            r#"RequestFinished attempts=1 outcome=failure cause=permanent failure=permanent error="oops 2""#,
        ],
    ),
    (&[Err(NEUTRAL)], &["RequestFinished attempts=1 outcome=neutral"]),
    (&[Err(CLIENT)], &["RequestFinished attempts=1 outcome=neutral"]),
    (&[Err(TRANSIENT), Err(CLIENT)], &[SCHEDULED, "RequestFinished attempts=2 outcome=neutral"]),
    (
        &[Err(REJECTED)],
        &[
            r#"RetryStopped attempt=1 cause=rejected failure=rejected error="oops 5""#,
            r#"RequestFinished attempts=1 outcome=failure cause=rejected failure=rejected error="oops 5""#,
        ],
    ),
    (
        &[Err(UNPROCESSED), Ok("")],
        &[
            r#"TransparentRetry attempt=1 failure=transient error="oops 6""#,
            "RequestFinished attempts=1 outcome=success",
        ],
    ),
];

#[tokio::test(start_paused = true)]
async fn every_finished_request_is_reported_in_each_way() {
    for (answers, expected) in CASES {
        let events = EventRecorder::new();
        let config = config(&events).report_requests();
        let layer = RetryLayer::new(config.clone());
        let boxed = RetryLayer::new(config.clone()).boxed_policy::<(), &'static str, Oops>();
        let overridden = RetryLayer::new(config).override_on_error(|_, _: &Oops| None);
        let all = [
            in_each_way(&layer, answers, &events, true).await,
            in_each_way(&boxed, answers, &events, true).await,
            in_each_way(&overridden, answers, &events, true).await,
        ];
        for (way, lines) in all.into_iter().flatten() {
            assert_eq!(lines, expected, "{way}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_option_reports_requests() {
    for (answers, expected) in CASES {
        let events = EventRecorder::new();
        let layer = RetryLayer::new(config(&events));
        let others: Vec<_> = expected.iter().filter(|line| !line.starts_with("RequestFinished")).collect();
        for (way, lines) in in_each_way(&layer, answers, &events, false).await {
            assert_eq!(lines.iter().collect::<Vec<_>>(), others, "{way}");
        }
        // A time limit measures the request, too.
        let limits = Timeouts::request(secs(9)).on_timeout(|_| Err::<&'static str, _>(TRANSIENT));
        let layer = RetryLayer::new(config(&events).timeouts(limits));
        for (way, lines) in in_each_way(&layer, answers, &events, true).await {
            assert_eq!(lines.iter().collect::<Vec<_>>(), others, "{way}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_retries_are_off_is_reported() {
    let (events, switch) = (EventRecorder::new(), RetrySwitch::off());
    let layer = RetryLayer::new(config(&events).switch(&switch).report_requests());
    for (way, lines) in in_each_way(&layer, &[Err(TRANSIENT)], &events, true).await {
        let finished = r#"RequestFinished attempts=1 outcome=failure cause=retries_disabled failure=transient"#;
        assert!(lines[1].starts_with(finished), "{way}: {lines:?}");
    }
}

/// Counts every error as transient. Its requests carry a deadline.
#[derive(Clone, Copy)]
struct Until(Instant);

impl Classifier<(), &'static str, Oops> for Until {
    type Memo = ();

    fn memo(&self, (): &()) {}

    fn classify(&self, (): &(), outcome: Result<&&'static str, &Oops>) -> Verdict {
        if outcome.is_ok() { Verdict::Success } else { Verdict::transient() }
    }

    fn deadline(&self, (): &()) -> Option<Instant> {
        Some(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_too_late_is_reported() {
    let events = EventRecorder::new();
    let limits = Timeouts::none().on_timeout(|_| Err::<&'static str, _>(TRANSIENT));
    let begun = Instant::now();
    advance(secs(1)).await;
    let config = config(&events).timeouts(limits).classifier(Until(begun)).display_errors().report_requests();
    for (way, lines) in in_each_way(&RetryLayer::new(config), &[], &events, true).await {
        let failed = r#"cause=deadline failure=transient error="oops 1""#;
        let expected = [
            format!("RetryStopped attempt=1 {failed}"),
            format!("RequestFinished attempts=1 outcome=failure {failed}"),
        ];
        assert_eq!(lines, expected, "{way}");
    }
}

/// The limit that makes reported requests timed isn't shown as the limit that was reached.
#[tokio::test(start_paused = true)]
async fn a_reached_deadline_is_shown_as_without_reports() {
    let reached = |reports: bool| async move {
        let limits = Timeouts::none().on_timeout(|elapsed: Elapsed| {
            assert_eq!((elapsed.limit(), elapsed.is_deadline()), (secs(3), true));
            Err::<&'static str, _>(TRANSIENT)
        });
        let config = RetryConfig::default().timeouts(limits).classifier(Until(Instant::now() + secs(3)));
        let config = if reports { config.report_requests() } else { config };
        RetryLayer::new(config).run(|_| std::future::pending::<Answer>()).await
    };
    assert_eq!((reached(false).await, reached(true).await), (Err(TRANSIENT), Err(TRANSIENT)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_replayable_is_reported() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config(&events).report_requests()).copy_request_with(|(): &()| None);
    let inner = Script::<(), &'static str, Oops>::new([fail(TRANSIENT)]);
    ready_and_call(&mut layer.layer(inner), ()).await.unwrap_err();
    let failed = r#"cause=not_replayable failure=transient error="oops 1""#;
    let expected = [
        "RequestNotReplayable".to_owned(),
        format!("RetryStopped attempt=1 {failed}"),
        format!("RequestFinished attempts=1 outcome=failure {failed}"),
    ];
    assert_eq!(events.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_readiness_error_is_reported() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config(&events).retries(0).report_requests());
    let inner = Script::<(), &'static str, Oops>::new([readiness_error(PERMANENT)]);
    ready_and_call(&mut layer.layer(inner), ()).await.unwrap_err();
    assert_eq!(events.labels(), ["RetryStopped", "RequestFinished"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_is_not_reported() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config(&events).report_requests());
    let mut service = layer.layer(Script::<(), &'static str, Oops>::new([hang()]));
    tokio::time::timeout(secs(1), ready_and_call(&mut service, ())).await.unwrap_err();
    tokio::time::timeout(secs(1), layer.run(|_| std::future::pending::<Answer>())).await.unwrap_err();
    tokio::time::timeout(secs(1), layer.run_lending(async |_| std::future::pending::<Answer>().await))
        .await
        .unwrap_err();
    assert_eq!(events.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_panics_is_not_reported() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config(&events).report_requests());
    let panics = || layer.run_blocking(|_| -> Answer { panic!("for the test") });
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    let task = tokio::spawn(layer.run(|_| async { if true { panic!("for the test") } else { Answer::Ok("") } }));
    task.await.unwrap_err();
    assert_eq!(events.lines(), [""; 0]);
}

/// The label of an event, the duration of its attempt, and the time of the request so far.
type Times = (&'static str, Option<Duration>, Option<Duration>);

fn times(events: &EventRecorder) -> Vec<Times> {
    let times_of = |event: Event<'_>| {
        let elapsed = elapsed_of(event).flatten();
        let duration = match event {
            Event::RetryScheduled { failure, .. } => failure.duration,
            Event::RetryStopped { failure, .. } | Event::RequestFinished { failure, .. } => failure?.duration,
            Event::RetrySucceeded { duration, .. } => duration,
            _ => None,
        };
        Some((duration, elapsed))
    };
    let all = events.events();
    events.take();
    all.iter()
        .map(|event| {
            let (duration, elapsed) = times_of(event.event()).unwrap_or((None, elapsed_of(event.event()).flatten()));
            (event.event().label(), duration, elapsed)
        })
        .collect()
}

/// Makes a request in each async way: the first attempt fails after 10 ms, and the second one takes
/// 30 ms.
async fn timed_requests(config: Config, events: &EventRecorder, last: Answer) -> [Vec<Times>; 3] {
    let layer = RetryLayer::new(config.backoff(Backoff::fixed(secs(1)).jitter(tower_recourse::retry::Jitter::None)));
    let answer = move |number: u32| async move {
        sleep(if number == 1 { ms(10) } else { ms(30) }).await;
        if number == 1 { Err(TRANSIENT) } else { last }
    };
    let number = Arc::new(AtomicUsize::new(0));
    let service = service_fn(move |()| answer(number.fetch_add(1, Ordering::Relaxed) as u32 + 1));
    let _ = ready_and_call(&mut layer.layer(service), ()).await;
    let service = times(events);
    let _ = layer.run(|attempt| answer(attempt.number())).await;
    let run = times(events);
    let _ = layer.run_lending(async |attempt| answer(attempt.number()).await).await;
    [service, run, times(events)]
}

#[tokio::test(start_paused = true)]
async fn attempts_after_the_first_are_measured() {
    let events = EventRecorder::new();
    let config = config(&events);
    let succeeded = [("RetryScheduled", None, None), ("RetrySucceeded", Some(ms(30)), None)];
    assert_eq!(timed_requests(config.clone(), &events, Ok("")).await, [succeeded; 3]);
    let failed = [("RetryScheduled", None, None), ("RetryStopped", Some(ms(30)), None)];
    assert_eq!(timed_requests(config, &events, Err(PERMANENT)).await, [failed; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_reported_request_is_measured_from_its_start() {
    let events = EventRecorder::new();
    let config = config(&events).report_requests();
    let scheduled = ("RetryScheduled", Some(ms(10)), Some(ms(10)));
    let end = Some(ms(1_040));
    let succeeded = [scheduled, ("RetrySucceeded", Some(ms(30)), end), ("RequestFinished", None, end)];
    assert_eq!(timed_requests(config.clone(), &events, Ok("")).await, [succeeded; 3]);
    let failed = [scheduled, ("RetryStopped", Some(ms(30)), end), ("RequestFinished", Some(ms(30)), end)];
    assert_eq!(timed_requests(config, &events, Err(PERMANENT)).await, [failed; 3]);
}

/// A readiness error is no call, so the time of the call before it isn't shown.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_not_made_has_no_duration() {
    let events = EventRecorder::new();
    let layer = RetryLayer::new(config(&events).retries(2));
    let steps = [fail(TRANSIENT), fail(TRANSIENT).after(ms(5)), readiness_error(PERMANENT)];
    let inner = Script::<(), &'static str, Oops>::new(steps);
    ready_and_call(&mut layer.layer(inner), ()).await.unwrap_err();
    let expected =
        [("RetryScheduled", None, None), ("RetryScheduled", Some(ms(5)), None), ("RetryStopped", None, None)];
    assert_eq!(times(&events), expected);
}

/// The decisions of a retry are the same with reports and without.
#[tokio::test(start_paused = true)]
async fn reports_do_not_change_what_is_waited_out() {
    for reports in [false, true] {
        let events = EventRecorder::new();
        let config = config(&events).wait_out_rejections(RejectionWait::default()).backoff(Backoff::fixed(ms(50)));
        let config = if reports { config.report_requests() } else { config };
        // Counted from the start of the request, the rejection would come too late.
        let steps = [fail(TRANSIENT).after(secs(5)), fail(REJECTED), succeed("")];
        let inner = Script::<(), &'static str, Oops>::new(steps);
        ready_and_call(&mut RetryLayer::new(config).layer(inner), ()).await.unwrap();
        let waits: Vec<_> = times(&events)
            .into_iter()
            .filter(|(label, ..)| *label == "RejectionWait")
            .map(|(_, _, time)| time)
            .collect();
        assert_eq!(waits, [reports.then_some(ms(5_050))]);
    }
}
