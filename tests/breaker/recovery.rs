//! Open for how long, probed by whom, and back how fast.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, Ratio, State, Verdict,
    breaker::{Dropped, OpenFor, OpenRule, Opening, Permit, Probes, Undecided, Window},
    time::ManualClock,
};

use crate::circuits::{at_once, counted, end_all, endings, open};
use crate::fixed_numbers::FixedNumbers as _;
use crate::scripted::{Oops, Told, ms, secs};

const HALF_A_MINUTE: Duration = secs(30);

fn timed(config: BreakerConfig) -> (Circuit, ManualClock) {
    let clock = ManualClock::new();
    (Circuit::new(config.open_when(at_once()).clock(clock.clone())), clock)
}

fn half_open(config: BreakerConfig) -> (Circuit, ManualClock) {
    let (circuit, clock) = timed(config);
    open(&circuit);
    clock.advance(circuit.retry_in().unwrap());
    assert_eq!(circuit.state(), State::HalfOpen);
    (circuit, clock)
}

fn asking(delay: Duration) -> Verdict {
    Verdict::transient().retry_after(delay)
}

#[test]
fn a_function_sets_the_open_time_by_the_openings_in_a_row_and_the_share_of_failures() {
    let by = |opening: Opening| secs(opening.in_a_row.into()).mul_f64(1.0 + opening.failing.unwrap_or(9.0));
    let rule = OpenRule::Ratio { failing: Ratio::HALF, window: Window::count(4).unwrap() };
    let (clock, told) = (ManualClock::new(), Told::default());
    let config = counted().open_for(OpenFor::by(by)).observe(told.observer()).clock(clock.clone());
    let circuit = Circuit::new(config.clone().open_when(rule));
    end_all(&circuit, Verdict::Success, 2);
    end_all(&circuit, Verdict::transient(), 2);
    assert_eq!(circuit.retry_in(), Some(ms(1_500)));
    assert!(told.last_has(&["CircuitOpened", "open_for: 1.5s", "openings_in_a_row: 1"]));
    clock.advance(ms(1_500));
    circuit.admit().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(4)), "of one probe, all failed");

    let without_a_window = Circuit::new(config.open_when(at_once()));
    open(&without_a_window);
    assert_eq!(without_a_window.retry_in(), Some(secs(10)));
}

#[test]
fn an_open_time_by_a_function_is_capped_and_may_be_for_ever() {
    let (circuit, _clock) = timed(counted().open_for(OpenFor::by(|_| secs(99)).max(secs(7))));
    open(&circuit);
    assert_eq!(circuit.retry_in(), Some(secs(7)));
    let (circuit, clock) = timed(counted().open_for(OpenFor::by(|_| Duration::MAX)));
    open(&circuit);
    clock.advance(Duration::MAX);
    assert_eq!((circuit.state(), circuit.retry_in()), (State::Open, None));
}

#[test]
fn stats_tell_the_first_open_time_of_a_function_too() {
    let open_for = OpenFor::by(|opening| secs(10) * opening.in_a_row);
    assert_eq!(Circuit::new(counted().open_for(open_for)).stats().open_for, secs(10));
}

#[test]
fn the_function_is_called_once_here_and_at_every_opening() {
    let asked = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&asked);
    let open_for = OpenFor::by(move |_| (secs(10), counts.fetch_add(1, Relaxed)).0);
    let (circuit, _clock) = timed(counted().open_for(open_for));
    (0..100).for_each(|_| drop(circuit.stats()));
    assert_eq!(asked.load(Relaxed), 1, "how long it is open for is known");
    open(&circuit);
    let (when_opened, _) = (asked.load(Relaxed), circuit.stats());
    assert_eq!((when_opened, asked.load(Relaxed)), (2, 2), "the event reports the same time");
}

#[test]
fn until_reset_may_have_an_end_all_the_same() {
    let jitter = |open_for: OpenFor| open_for.jitter(Ratio::HALF);
    let (circuit, clock) = timed(counted().open_for(OpenFor::until_reset().max(secs(3_600))));
    assert_eq!(circuit.stats().open_for, secs(3_600));
    open(&circuit);
    assert_eq!(circuit.retry_in(), Some(secs(3_600)));
    clock.advance(secs(3_600));
    assert_eq!(circuit.state(), State::HalfOpen);

    let told = Told::default();
    let for_ever = counted().open_for(jitter(OpenFor::until_reset())).observe(told.observer());
    open(&timed(for_ever).0);
    assert!(
        told.last_has(&["CircuitOpened", &format!("open_for: {:?}", Duration::MAX)]),
        "longer than for ever is nothing"
    );
    let (circuit, _clock) = timed(counted().open_for(jitter(OpenFor::until_reset()).max(secs(100))));
    open(&circuit);
    assert!((secs(50)..=secs(100)).contains(&circuit.retry_in().unwrap()));
}

#[test]
fn jitter_spreads_evenly_around_the_time_and_not_beyond() {
    let times = |open_for: &OpenFor| -> Vec<u64> {
        let times = (0..200).map(|seed| {
            let (circuit, _clock) = timed(counted().seed(seed).open_for(open_for.clone().jitter(Ratio::HALF)));
            open(&circuit);
            circuit.retry_in().map_or(u64::MAX, |time| time.as_secs())
        });
        times.collect()
    };
    let around_100 = times(&OpenFor::fixed(secs(100)));
    assert!(around_100.iter().all(|time| (50..=150).contains(time)), "{around_100:?}");
    let average = around_100.iter().sum::<u64>() / 200;
    assert!((90..=110).contains(&average), "{average}");
    for part in [50..60, 90..100, 100..110, 140..151] {
        assert!(around_100.iter().any(|time| part.contains(time)), "{part:?} in {around_100:?}");
    }
    assert!(times(&OpenFor::until_reset()).iter().all(|&time| time == u64::MAX), "for ever is for ever");
    let capped = times(&OpenFor::fixed(secs(100)).max(secs(120)));
    assert!(capped.iter().all(|time| (50..=120).contains(time)) && capped.contains(&120), "{capped:?}");
}

#[test]
fn open_times_are_shown() {
    let shows = |open_for: OpenFor, part: &str| assert!(format!("{open_for:?}").contains(part), "{open_for:?}");
    shows(OpenFor::fixed(secs(1)), "none");
    shows(OpenFor::growing(secs(1)), "times 2");
    shows(OpenFor::stepwise(secs(1)), "linear");
    shows(OpenFor::by(|_| secs(1)), "by a function");
}

#[test]
fn what_the_service_asks_for_is_capped_by_the_longest_time_that_was_given_too() {
    let retry_in = |open_for: OpenFor| {
        let (circuit, _clock) = timed(counted().open_for(open_for.as_asked(secs(600)).jitter(Ratio::HALF)));
        circuit.admit().unwrap().end(asking(secs(900)));
        circuit.retry_in()
    };
    assert_eq!(retry_in(OpenFor::fixed(secs(5))), Some(secs(600)));
    assert_eq!(retry_in(OpenFor::fixed(secs(5)).max(secs(60))), Some(secs(60)));
    assert_eq!(retry_in(OpenFor::growing(secs(5))), Some(secs(600)), "five minutes are the cap of what grows");
    assert_eq!(retry_in(OpenFor::until_reset()), Some(secs(600)));

    let (circuit, _clock) = timed(counted().open_for(OpenFor::fixed(secs(5)).as_asked(secs(600))));
    circuit.admit().unwrap().end(asking(Duration::ZERO));
    assert_eq!(circuit.retry_in(), Some(secs(5)), "to be asked for nothing is not to be asked");
}

// resilience4j#1387: open for as long as the response says. go-retryablehttp#247: but not for a year.
#[test]
fn the_failure_that_opens_it_may_say_for_how_long() {
    let told = Told::default();
    let (circuit, clock) =
        timed(counted().observe(told.observer()).open_for(OpenFor::fixed(secs(5)).as_asked(secs(60))));
    circuit.admit().unwrap().end(asking(secs(20)));
    assert_eq!(circuit.retry_in(), Some(secs(20)));
    assert!(told.last_has(&["CircuitOpened", "open_for: 20s"]));
    clock.advance(secs(20));
    circuit.admit().unwrap().end(asking(secs(365 * 86_400)));
    assert_eq!(circuit.retry_in(), Some(secs(60)), "a probe may say so too, and nobody more than the cap");
    clock.advance(secs(60));
    circuit.admit().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(5)), "one that asks for nothing is met with the usual time");
}

#[test]
fn only_the_failure_that_opens_it_is_asked_and_only_if_the_config_says_so() {
    let config = || counted().open_for(OpenFor::fixed(secs(5)));
    let (circuit, _clock) = timed(config());
    circuit.admit().unwrap().end(asking(secs(20)));
    assert_eq!(circuit.retry_in(), Some(secs(5)));

    let config = config().open_for(OpenFor::fixed(secs(5)).as_asked(secs(60)));
    let circuit = Circuit::new(config.clock(ManualClock::new()).open_when(OpenRule::consecutive(2).unwrap()));
    circuit.admit().unwrap().end(asking(secs(20)));
    circuit.admit().unwrap().failure();
    assert_eq!(circuit.retry_in(), Some(secs(5)));
}

#[test]
fn a_circuit_that_is_open_until_reset_stays_so_for_ten_years() {
    let (circuit, clock) = timed(counted().open_for(OpenFor::until_reset()));
    open(&circuit);
    clock.advance(secs(10 * 365 * 86_400));
    let rejection = circuit.admit().unwrap_err();
    assert_eq!((rejection.retry_in(), rejection.to_string()), (None, "circuit `breaker` is open".into()));
    circuit.reset();
    assert_eq!(circuit.state(), State::Closed);
    open(&circuit);
    circuit.report_success();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
    circuit.admit().unwrap().success();
}

#[test]
fn a_reported_success_ends_a_row_of_failures_and_closes_a_half_open_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().open_when(OpenRule::consecutive(3).unwrap()).clock(clock.clone()));
    end_all(&circuit, Verdict::transient(), 2);
    let under_way = circuit.admit().unwrap();
    circuit.report_success();
    assert_eq!((circuit.stats().failures_in_a_row, circuit.stats().transitions), (0, 0));
    under_way.failure();
    assert_eq!(circuit.stats().failures_in_a_row, 1, "calls on their way still count");
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    let probe = circuit.admit().unwrap();
    circuit.report_success();
    probe.failure();
    assert_eq!((circuit.state(), circuit.stats().failures_in_a_row), (State::Closed, 0), "nobody waits for the probe");
}

#[test]
fn a_reported_success_begins_the_ramp_as_a_probe_does_and_a_reset_does_not() {
    let (circuit, clock) = timed(counted().ramp(secs(100)));
    open(&circuit);
    circuit.report_success();
    circuit.admit().unwrap_err();
    clock.advance(secs(100));
    circuit.admit().unwrap().failure();
    circuit.reset();
    circuit.admit().unwrap().success();
}

// resilience4j#935, #1681: half-open for as long as nobody calls often enough.
#[test]
fn half_open_for_too_long_opens_again_for_the_configured_time_and_counts_as_one_more_opening() {
    let probes = Probes::successes(2).unwrap().within(secs(8), Undecided::Open).unwrap();
    let config = counted().probes(probes).open_for(OpenFor::growing(secs(10)));
    let (circuit, clock) = half_open(config);
    circuit.admit().unwrap().success();
    clock.advance(ms(7_999));
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(ms(1));
    assert_eq!(circuit.state(), State::Open);
    let stats = circuit.stats();
    assert_eq!((stats.retry_in, stats.openings_in_a_row), (Some(secs(20)), 2), "it grows");
    clock.advance(secs(20));
    end_all(&circuit, Verdict::Success, 2);
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
}

#[test]
fn half_open_for_too_long_may_close_it_instead() {
    let probes = Probes::successes(2).unwrap().within(secs(8), Undecided::Close).unwrap();
    let (circuit, clock) = half_open(counted().probes(probes));
    let probe = circuit.admit().unwrap();
    clock.advance(secs(8));
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().transitions), (State::Closed, 3));
    probe.failure();
    assert_eq!(circuit.state(), State::Closed, "a probe of before has no say");
}

#[test]
fn what_is_told_of_an_undecided_opening_is_the_time_that_holds() {
    let told = Told::default();
    let probes = Probes::share_of(4, Ratio::HALF).unwrap().within(secs(8), Undecided::Open).unwrap();
    let by = |opening: Opening| secs(10).mul_f64(1.0 + opening.failing.unwrap_or(0.0));
    let config = counted().probes(probes).open_for(OpenFor::by(by)).observe(told.observer());
    for look in [|circuit: &Circuit| drop(circuit.admit()), |circuit: &Circuit| drop(circuit.stats())] {
        let (circuit, clock) = half_open(config.clone());
        end_all(&circuit, Verdict::transient(), 1);
        end_all(&circuit, Verdict::Success, 1);
        clock.advance(secs(8));
        look(&circuit);
        assert_eq!(circuit.retry_in(), Some(secs(15)));
        assert_eq!(told.count("open_for: 15s"), 1);
        assert_eq!(told.count("calls: 2, failures: 1"), 1);
        told.clear();
    }
}

#[test]
fn rounds_of_leases_do_not_make_the_time_in_half_open_longer() {
    let probes = Probes::one().lease(secs(3)).unwrap().within(secs(8), Undecided::Open).unwrap();
    let (circuit, clock) = half_open(counted().probes(probes));
    let mut lost = Vec::new();
    for _ in 0..2 {
        lost.push(circuit.admit().unwrap());
        clock.advance(secs(3));
    }
    lost.push(circuit.admit().unwrap());
    clock.advance(ms(1_999));
    assert_eq!(circuit.state(), State::HalfOpen);
    clock.advance(ms(1));
    assert_eq!(circuit.admit().unwrap_err().retry_in(), Some(HALF_A_MINUTE), "eight seconds, in three rounds");
    lost.into_iter().for_each(Permit::success);
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
}

#[test]
fn a_hint_is_never_after_the_limit_that_closes_the_circuit() {
    let probes = Probes::one().within(secs(8), Undecided::Close).unwrap();
    let (circuit, clock) = half_open(counted().probes(probes));
    let _probe = circuit.admit().unwrap();
    clock.advance(secs(8) - ms(3));
    assert_eq!(circuit.admit().unwrap_err().retry_in(), Some(ms(3)));
}

/// Whether the hint is within its bounds.
fn hint(circuit: &Circuit) -> Option<bool> {
    circuit.admit().unwrap_err().retry_in().map(|hint| (ms(50)..=ms(150)).contains(&hint))
}

#[test]
fn users_requests_are_no_probes_where_the_probes_are_ones_own() {
    let (circuit, clock) = half_open(counted().probes(Probes::one().of_ones_own()));
    assert_eq!(hint(&circuit), Some(true), "a hint, as in any half-open circuit");
    let mut probe = task::spawn(circuit.probe(pending::<Result<(), &str>>));
    assert_pending!(probe.poll());
    assert_eq!(hint(&circuit), Some(true), "the probe's lease is not for requests");
    drop(probe);
    let probed = |result: Result<(), &'static str>| task::spawn(circuit.probe(|| ready(result))).poll();
    assert!(probed(Err("down")).is_ready());
    assert_eq!(circuit.state(), State::Open);
    assert!(matches!(probed(Ok(())), std::task::Poll::Ready(Err(error)) if error.rejection().is_some()));
    clock.advance(HALF_A_MINUTE);
    assert_eq!(circuit.admit().unwrap_err().retry_in(), None, "nor does a request move it on, or know when");
    assert!(probed(Ok(())).is_ready());
    circuit.admit().unwrap().success();
    assert_eq!(endings(&circuit), [2, 2, 0, 1]);
}

/// Spawned beside the service, on paused time.
fn kept_probing(
    config: BreakerConfig,
    health: impl Fn(u32) -> Result<(), &'static str> + Send + Sync + 'static,
) -> (Circuit, Arc<AtomicU32>, tokio::task::JoinHandle<()>) {
    let circuit = Circuit::new(config.open_when(at_once()));
    let (probed, asked) = (circuit.clone(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&asked);
    let task =
        tokio::spawn(
            async move { match probed.keep_probing(|| ready(health(count.fetch_add(1, Relaxed) + 1))).await {} },
        );
    (circuit, asked, task)
}

#[tokio::test(start_paused = true)]
async fn probes_of_ones_own_close_it_after_every_opening() {
    let config = counted().probes(Probes::successes(2).unwrap().of_ones_own());
    let (circuit, asked, task) = kept_probing(config, |n| if n == 1 { Err("still down") } else { Ok(()) });
    tokio::time::sleep(secs(100)).await;
    assert_eq!(asked.load(Relaxed), 0, "a closed circuit is left alone");
    open(&circuit);
    tokio::time::sleep(secs(31)).await;
    assert_eq!((asked.load(Relaxed), circuit.state()), (1, State::Open));
    tokio::time::sleep(secs(31)).await;
    assert_eq!((asked.load(Relaxed), circuit.state()), (3, State::Closed));
    open(&circuit);
    tokio::time::sleep(secs(32)).await;
    assert_eq!((asked.load(Relaxed), circuit.state()), (5, State::Closed));
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn probing_on_and_on_leaves_the_others_their_turn() {
    // A loop without a turn for others would end here, and not in a test that hangs.
    let down = |n| if n < 100_000 { Err("down") } else { panic!("{n} probes in half a minute") };
    let (never_open, _, probing) = kept_probing(counted().open_for(OpenFor::fixed(Duration::ZERO)), down);
    never_open.admit().unwrap().failure();
    let said_nothing = |outcome: Result<&(), &&str>| if outcome.is_ok() { Verdict::Success } else { Verdict::Neutral };
    let neutral = Circuit::new(counted().open_when(at_once()).classify(said_nothing));
    open(&neutral);
    let (probed, mut probes) = (neutral.clone(), 0);
    let undecided = tokio::spawn(async move {
        let asked = || (ready(down(probes)), probes += 1).0;
        match probed.keep_probing(asked).await {}
    });
    tokio::time::sleep(secs(31)).await;
    assert_eq!((neutral.state(), probing.is_finished(), undecided.is_finished()), (State::HalfOpen, false, false));
    assert!(neutral.stats().total_neutral > 0);
}

#[test]
fn a_dropped_call_counts_as_set() {
    let drop_after = |dropped, ran| {
        let (circuit, clock) = timed(counted().dropped(dropped));
        let call = circuit.admit().unwrap();
        clock.advance(ran);
        drop(call);
        (circuit.state(), endings(&circuit))
    };
    let (neutral, failure) = ((State::Closed, [0, 0, 0, 1]), (State::Open, [0, 1, 0, 0]));
    assert_eq!(drop_after(Dropped::Neutral, secs(9)), neutral);
    assert_eq!(drop_after(Dropped::Failure, Duration::ZERO), failure);
    assert_eq!(drop_after(Dropped::FailureAfter(secs(5)), secs(5)), neutral);
    assert_eq!(drop_after(Dropped::FailureAfter(secs(5)), ms(5_001)), failure);
}

#[test]
fn a_dropped_probe_counts_as_set_and_a_neutral_one_never_does() {
    let (circuit, clock) = half_open(counted().dropped(Dropped::FailureAfter(secs(5))));
    drop(circuit.admit().unwrap());
    let slow = circuit.admit().unwrap();
    clock.advance(secs(6));
    slow.neutral();
    assert_eq!(circuit.state(), State::HalfOpen);
    let slow = circuit.admit().unwrap();
    clock.advance(secs(6));
    drop(slow);
    assert_eq!((circuit.state(), endings(&circuit)), (State::Open, [0, 2, 1, 1]));
}

#[test]
fn a_reported_failure_is_one_of_a_call() {
    let (clock, told) = (ManualClock::new(), Told::default());
    let config = BreakerConfig::default().fixed().open_when(OpenRule::consecutive(2).unwrap()).clock(clock.clone());
    let circuit = Circuit::new(config.unobserved().observe(told.observer()));
    circuit.report_failure();
    circuit.report_success();
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Closed);
    circuit.report_failure();
    assert_eq!(circuit.state(), State::Open);
    circuit.report_failure();
    assert_eq!((circuit.stats().total_rejected, told.count("CallRejected")), (0, 0), "nobody asked");
    clock.advance(secs(30));
    circuit.report_failure();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
}

/// Half-open since now, with a probe on its way that never comes back, for a second at most.
fn undecided(config: BreakerConfig, then: Undecided) -> (Circuit, ManualClock, Permit) {
    let probes = Probes::one().within(secs(1), then).unwrap();
    let (circuit, clock) = half_open(config.open_for(OpenFor::fixed(secs(5))).probes(probes));
    let hangs = circuit.admit().unwrap();
    (circuit, clock, hangs)
}

#[test]
fn the_next_open_time_begins_when_the_limit_was_over() {
    let looks: [fn(&Circuit); 4] = [
        |circuit| drop(circuit.admit()),
        |circuit| _ = circuit.state(),
        |circuit| _ = circuit.retry_in(),
        |circuit| drop(circuit.stats()),
    ];
    for look in looks {
        let (circuit, clock, _hangs) = undecided(counted(), Undecided::Open);
        clock.advance(ms(5_999));
        look(&circuit);
        assert_eq!(circuit.admit().unwrap_err().retry_in(), Some(ms(1)), "1 s half-open, 5 s open");
        let (circuit, clock, _hangs) = undecided(counted(), Undecided::Open);
        clock.advance(secs(8));
        look(&circuit);
        assert_eq!((circuit.state(), circuit.retry_in()), (State::HalfOpen, None));
    }
}

#[test]
fn one_call_a_minute_closes_a_circuit_that_was_undecided() {
    let (circuit, clock, _hangs) = undecided(counted(), Undecided::Open);
    clock.advance(secs(60));
    circuit.admit().unwrap().success();
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Closed, 0));
}

#[tokio::test]
async fn a_service_asked_once_a_minute_is_called_after_an_undecided_probe() {
    let (circuit, clock, _hangs) = undecided(counted(), Undecided::Open);
    let inner = service_fn(|()| async { Ok::<_, Oops>("hello") });
    let service = BreakerLayer::on(&circuit).layer(inner);
    clock.advance(secs(60));
    assert_eq!(service.oneshot(()).await.unwrap(), "hello");
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn the_ramp_of_an_undecided_circuit_begins_when_its_limit_was_over() {
    let (circuit, clock, _hangs) = undecided(counted().ramp(secs(10)), Undecided::Close);
    clock.advance(secs(11));
    end_all(&circuit, Verdict::Success, 100);
    assert_eq!((circuit.state(), circuit.stats().total_rejected), (State::Closed, 0));
}

#[test]
fn looking_at_a_half_open_circuit_does_not_use_up_its_time() {
    let probes = Probes::one().within(secs(1), Undecided::Open).unwrap();
    let (circuit, clock) = half_open(counted().open_for(OpenFor::growing(secs(5))).probes(probes));
    for _ in 0..60 {
        clock.advance(secs(1));
        assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::HalfOpen, 1));
    }
    circuit.admit().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn an_open_time_ends_however_old_the_circuit_is() {
    for years in [4, 5, 9, 10, 100, 500] {
        let (circuit, clock) = timed(counted());
        clock.advance(secs(years * 365 * 86_400));
        open(&circuit);
        assert_eq!(circuit.retry_in().unwrap().as_secs(), 30, "{years}");
        clock.advance(ms(29_900));
        assert_eq!(circuit.state(), State::Open, "{years}");
        clock.advance(ms(101));
        let _lost = circuit.admit().unwrap();
        circuit.admit().unwrap_err();
        clock.advance(ms(30_001));
        circuit.admit().expect("the probe's lease is over").success();
        assert_eq!(circuit.state(), State::Closed, "{years}");
    }
}

#[test]
fn a_limit_and_a_ramp_end_however_old_the_circuit_is() {
    let years = secs(20 * 365 * 86_400);
    let probes = Probes::one().within(secs(1), Undecided::Close).unwrap();
    let (circuit, clock) = timed(counted().probes(probes).ramp(secs(10)));
    clock.advance(years);
    open(&circuit);
    clock.advance(ms(30_001));
    let _hangs = circuit.admit().unwrap();
    clock.advance(ms(1_001));
    assert_eq!(circuit.state(), State::Closed);
    clock.advance(ms(10_001));
    end_all(&circuit, Verdict::Success, 100);
    assert_eq!(circuit.stats().total_rejected, 0);
}

/// What a circuit does in a paused runtime whose clock was advanced by 30 days, and after it.
fn in_a_paused_runtime<T>(run: impl AsyncFnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::time::advance(secs(30 * 86_400)).await;
        run().await
    })
}

#[test]
fn a_clock_set_back_by_30_days_does_not_keep_a_circuit_open() {
    let config = || counted().open_when(at_once()).open_for(OpenFor::fixed(ms(20)));
    let made_before = Circuit::new(config());
    in_a_paused_runtime(async || open(&made_before));
    let made_there = in_a_paused_runtime(async || {
        let circuit = Circuit::new(config());
        open(&circuit);
        circuit
    });
    let opened_after = in_a_paused_runtime(async || Circuit::new(config()));
    open(&opened_after);
    for circuit in [made_before, made_there, opened_after] {
        let mut tries = 0;
        while circuit.admit().map(Permit::success).is_err() {
            assert!(tries < 1_000, "open for ever");
            std::thread::sleep(ms(5));
            tries += 1;
        }
        assert_eq!(circuit.state(), State::Closed);
    }
}

#[test]
fn a_clock_set_back_by_30_days_does_not_stop_a_window_of_time() {
    let window = Window::time(ms(100)).unwrap().minimum(2).unwrap();
    let rule = OpenRule::Ratio { failing: Ratio::HALF, window };
    let circuit = in_a_paused_runtime(async || {
        let circuit = Circuit::new(BreakerConfig::default().fixed().unobserved().open_when(rule));
        end_all(&circuit, Verdict::Success, 10);
        circuit
    });
    end_all(&circuit, Verdict::transient(), 1);
    std::thread::sleep(ms(150));
    end_all(&circuit, Verdict::Success, 1);
    assert!(circuit.stats().window.calls < 3, "{:?}", circuit.stats().window);
    (0..10).for_each(|_| drop(circuit.admit().map(Permit::failure)));
    assert_eq!(circuit.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_custom_probe_that_hangs_is_abandoned_when_its_lease_is_over() {
    let probes = Probes::one().lease(secs(10)).unwrap().of_ones_own();
    let config = counted().probes(probes).open_for(OpenFor::fixed(secs(5))).open_when(at_once());
    let circuit = Circuit::new(config);
    let (probed, mut probe) = (circuit.clone(), 0);
    let probing = tokio::spawn(async move {
        let hangs_once = || {
            probe += 1;
            let hangs = probe == 1;
            async move { if hangs { pending().await } else { Ok::<_, &str>(()) } }
        };
        match probed.keep_probing(hangs_once).await {}
    });
    open(&circuit);
    tokio::time::sleep(ms(5_100)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    tokio::time::sleep(secs(10)).await;
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2), "it is a failure");
    tokio::time::sleep(secs(6)).await;
    assert_eq!((circuit.state(), circuit.stats().total_failures), (State::Closed, 2));
    probing.abort();
}

#[tokio::test(start_paused = true)]
async fn a_custom_probe_that_hangs_does_not_miss_the_next_opening() {
    let config = counted().probes(Probes::one().of_ones_own()).open_when(at_once());
    let circuit = Circuit::new(config);
    let (probed, mut probe) = (circuit.clone(), 0);
    let probing = tokio::spawn(async move {
        let hangs_once = || {
            probe += 1;
            let hangs = probe == 1;
            async move { if hangs { pending().await } else { Ok::<_, &str>(()) } }
        };
        match probed.keep_probing(hangs_once).await {}
    });
    open(&circuit);
    tokio::time::sleep(secs(31)).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    circuit.reset();
    open(&circuit);
    tokio::time::sleep(secs(32)).await;
    assert_eq!((circuit.state(), circuit.stats().total_failures), (State::Closed, 2));
    probing.abort();
}

#[test]
fn a_circuit_whose_calls_are_all_dropped_opens() {
    let (clock, told) = (ManualClock::new(), Told::default());
    let circuit =
        Circuit::new(BreakerConfig::default().fixed().unobserved().observe(told.observer()).clock(clock.clone()));
    (0..4).for_each(|_| drop(circuit.admit().unwrap()));
    clock.advance(secs(30));
    assert_eq!(circuit.state(), State::Closed);
    drop(circuit.admit().unwrap());
    assert_eq!((circuit.state(), circuit.stats().total_dropped), (State::Open, 5));
    assert!(told.last_has(&["CircuitOpened", "failures_in_a_row: 5, calls: 5, failures: 5"]));
}

/// Nothing has ended yet, because answers take long.
#[test]
fn dropped_calls_do_not_open_a_new_circuit_while_others_run() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    let mut calls: Vec<_> = (0..200).map(|_| circuit.admit().unwrap()).collect();
    calls.drain(..100).for_each(drop);
    clock.advance(secs(20));
    calls.into_iter().for_each(Permit::success);
    assert_eq!(circuit.state(), State::Closed);
}

/// A dropped call once overwrote the open time that another thread had just written, and the circuit stayed open for ever.
#[test]
fn calls_dropped_while_others_open_the_circuit_leave_its_open_time() {
    let config = counted().open_when(at_once()).open_for(OpenFor::fixed(Duration::from_micros(1)));
    let circuit = Circuit::new(config);
    let ends = |thread: usize| {
        for _ in 0..20_000 {
            let _ = circuit.admit().map(Permit::success);
            drop(circuit.admit());
            if thread == 0 {
                let _ = circuit.admit().map(Permit::failure);
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|thread| drop(scope.spawn(move || ends(thread)))));
    let never_ends = circuit.state() == State::Open && circuit.retry_in().is_none();
    std::thread::sleep(ms(2));
    assert!(!(never_ends && circuit.state() == State::Open), "{:?}", circuit.stats());
}

#[test]
fn a_burst_of_dropped_calls_does_not_open_a_healthy_circuit() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    end_all(&circuit, Verdict::Success, 1);
    (0..100).for_each(|_| drop(circuit.admit().unwrap()));
    clock.advance(secs(29));
    (0..100).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(circuit.state(), State::Closed);
    end_all(&circuit, Verdict::Success, 1);
    clock.advance(secs(29));
    (0..100).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(circuit.state(), State::Closed, "one was answered");
}

#[test]
fn a_healthy_circuit_opens_when_every_call_is_dropped_for_long() {
    let clock = ManualClock::new();
    let circuit = Circuit::new(counted().clock(clock.clone()));
    end_all(&circuit, Verdict::Success, 1_000);
    for _ in 0..6 {
        assert_eq!(circuit.state(), State::Closed);
        drop(circuit.admit().unwrap());
        clock.advance(secs(5));
    }
    drop(circuit.admit().unwrap());
    assert_eq!(circuit.state(), State::Open);
}

#[test]
fn neutral_answers_among_dropped_calls_keep_it_closed() {
    let (circuit, _clock) = timed(counted());
    for _ in 0..100 {
        drop(circuit.admit().unwrap());
        drop(circuit.admit().unwrap());
        circuit.admit().unwrap().neutral();
    }
    assert_eq!(circuit.state(), State::Closed);
}

#[test]
fn dropped_calls_say_nothing_if_so_set() {
    let (circuit, clock) = timed(counted().dropped(Dropped::Neutral));
    for _ in 0..100 {
        drop(circuit.admit().unwrap());
        clock.advance(secs(5));
    }
    assert_eq!(circuit.state(), State::Closed);
    open(&circuit);
    clock.advance(HALF_A_MINUTE);
    (0..100).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen);
}

#[test]
fn probes_that_are_always_dropped_reopen_the_circuit() {
    let (circuit, clock) = half_open(counted());
    (0..2).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen, "two of them may be chance");
    drop(circuit.admit().unwrap());
    assert_eq!((circuit.state(), circuit.stats().openings_in_a_row), (State::Open, 2));
    clock.advance(HALF_A_MINUTE);
    (0..2).for_each(|_| drop(circuit.admit().unwrap()));
    circuit.admit().unwrap().neutral();
    (0..2).for_each(|_| drop(circuit.admit().unwrap()));
    assert_eq!(circuit.state(), State::HalfOpen, "one was answered");
    circuit.admit().unwrap().success();
    assert_eq!(circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_that_time_out_outside_the_breaker_open_it() {
    let circuit = Circuit::new(counted());
    let hangs = service_fn(|()| pending::<Result<(), Oops>>());
    let service = ServiceBuilder::new().timeout(secs(1)).layer(BreakerLayer::on(&circuit)).service(hangs);
    for _ in 0..31 {
        assert_eq!(circuit.state(), State::Closed);
        service.clone().oneshot(()).await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
}
