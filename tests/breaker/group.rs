//! Groups of circuits of which only some may be open at a time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tower_recourse::{
    BreakerConfig, Circuit, Ratio, State,
    breaker::{CircuitGroup, Mode, OpenDuration, Probes},
    observe::Event,
    time::ManualClock,
};

use crate::{circuits::first_failure, scripted::EventLog};

const TEN_SECONDS: Duration = Duration::from_secs(10);

fn config(group: &CircuitGroup) -> BreakerConfig {
    BreakerConfig::default()
        .open_when(first_failure())
        .open_for(OpenDuration::fixed(TEN_SECONDS))
        .probes(Probes::one())
        .without_observers()
        .group(group)
}

fn circuits<const N: usize>(config: &BreakerConfig) -> [Circuit; N] {
    [(); N].map(|()| Circuit::new(config.clone()))
}

fn fail(circuit: &Circuit) {
    circuit.try_acquire().unwrap().failure();
}

fn states<const N: usize>(circuits: &[Circuit; N]) -> [State; N] {
    circuits.each_ref().map(Circuit::state)
}

use State::{Closed, HalfOpen, Open};

#[test]
fn a_circuit_beyond_the_limit_stays_closed_until_another_closes() {
    let (clock, events) = (ManualClock::new(), EventLog::default());
    let group = CircuitGroup::max_open(1).unwrap();
    let config = config(&group).clock(clock.clone());
    let circuits: [Circuit; 2] = circuits(&config.observe(events.observer()));
    circuits.iter().for_each(fail);
    fail(&circuits[1]);
    assert_eq!(states(&circuits), [Open, Closed]);
    assert_eq!((group.circuits(), group.open_circuits()), (2, 1));
    assert_eq!(events.count("CircuitWouldOpen"), 1, "once");

    clock.advance(TEN_SECONDS);
    fail(&circuits[1]);
    assert_eq!(states(&circuits), [HalfOpen, Closed], "a half-open circuit counts as open");
    circuits[0].try_acquire().unwrap().failure();
    assert_eq!(states(&circuits), [Open, Closed], "an open circuit reopens within the limit");

    clock.advance(TEN_SECONDS);
    circuits[0].try_acquire().unwrap().success();
    assert_eq!((states(&circuits), group.open_circuits()), ([Closed, Closed], 0));
    fail(&circuits[1]);
    assert_eq!((states(&circuits), group.open_circuits()), ([Closed, Open], 1));
    assert!(events.last_has(&["CircuitOpened", "openings_in_a_row: 1"]), "the first in a row");
}

#[test]
fn a_share_is_rounded_down_and_is_at_least_one_circuit() {
    for (circuits, share, limit) in
        [(1, 10, 1), (3, 50, 1), (4, 50, 2), (7, 30, 2), (100, 29, 29), (3, 100, 3), (5, 0, 1)]
    {
        let group = CircuitGroup::max_open_share(Ratio::percent(share).unwrap());
        let all: Vec<Circuit> = (0..circuits).map(|_| Circuit::new(config(&group))).collect();
        all.iter().for_each(fail);
        assert_eq!(group.open_circuits(), limit, "{share} % of {circuits}");
    }
}

#[test]
fn a_circuit_that_is_controlled_or_dropped_frees_its_slot() {
    let group = CircuitGroup::max_open(9).unwrap();
    let ways: [fn(Circuit); 6] = [
        |circuit| circuit.reset(),
        |circuit| circuit.report_success(),
        |circuit| circuit.force_open(),
        |circuit| circuit.set_mode(Mode::MetricsOnly),
        |circuit| circuit.set_mode(Mode::Disabled),
        drop,
    ];
    for (at, end) in ways.into_iter().enumerate() {
        let circuit = Circuit::new(config(&group));
        fail(&circuit);
        assert_eq!((group.circuits(), group.open_circuits()), (1, 1));
        let kept = circuit.clone();
        if at < 5 {
            end(circuit);
        } else {
            drop(kept);
            end(circuit);
        }
        assert_eq!(group.open_circuits(), 0, "way {at}");
    }
    assert_eq!(group.circuits(), 0);
}

#[test]
fn modes_and_snapshots_are_not_limited() {
    let group = CircuitGroup::max_open(1).unwrap();
    let [one, other, third] = circuits(&config(&group));
    one.force_open();
    assert_eq!(group.open_circuits(), 0, "an operator's decision doesn't count");
    fail(&other);
    assert_eq!(other.state(), Open);

    third.restore(&other.snapshot(), Duration::ZERO);
    assert_eq!((third.state(), group.open_circuits()), (Open, 2), "a restored circuit counts");
    third.restore(&other.snapshot(), Duration::ZERO);
    assert_eq!(group.open_circuits(), 2, "once");
    one.set_mode(Mode::Auto);
    fail(&one);
    assert_eq!(one.state(), Closed);
    drop((other, third));
    fail(&one);
    assert_eq!((one.state(), group.open_circuits()), (Open, 1));
}

#[test]
fn a_reconfigured_circuit_stays_in_its_group() {
    let (group, other) = (CircuitGroup::max_open(1).unwrap(), CircuitGroup::max_open(1).unwrap());
    let circuit = Circuit::new(config(&group));
    fail(&circuit);
    circuit.reconfigure(config(&other));
    assert_eq!((group.open_circuits(), other.circuits()), (1, 0));
    circuit.reconfigure(BreakerConfig::default());
    circuit.reset();
    assert_eq!((group.circuits(), group.open_circuits()), (1, 0));
    drop(circuit);
    assert_eq!(group.circuits(), 0);
}

#[test]
fn a_half_open_timeout_that_closes_gives_the_slot_back() {
    let (clock, group) = (ManualClock::new(), CircuitGroup::max_open(1).unwrap());
    let probes = Probes::one().max_half_open(TEN_SECONDS, tower_recourse::breaker::HalfOpenTimeout::Close).unwrap();
    let config = config(&group).probes(probes).clock(clock.clone());
    for look in [|circuit: &Circuit| circuit.stats().state == Closed, |circuit: &Circuit| circuit.try_acquire().is_ok()]
    {
        let circuit = Circuit::new(config.clone());
        fail(&circuit);
        clock.advance(TEN_SECONDS);
        let hangs = circuit.try_acquire().unwrap();
        assert_eq!(group.open_circuits(), 1);
        clock.advance(TEN_SECONDS);
        assert!(look(&circuit));
        assert_eq!((circuit.state(), group.open_circuits()), (Closed, 0));
        drop(hangs);
    }
}

#[test]
fn an_open_time_that_panics_takes_no_slot() {
    let group = CircuitGroup::max_open(1).unwrap();
    let panics = AtomicBool::new(false);
    let open_for = OpenDuration::from_fn(move |_| {
        // The constructor calls the function once.
        assert!(!panics.swap(true, Ordering::SeqCst), "the open time panics");
        TEN_SECONDS
    });
    let circuit = Circuit::new(config(&group).open_for(open_for));
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fail(&circuit)));
    assert!(failed.is_err());
    assert_eq!((circuit.state(), group.open_circuits()), (Closed, 0));
}

#[test]
fn an_observer_that_panics_keeps_the_count_right() {
    let group = CircuitGroup::max_open(1).unwrap();
    let circuit = Circuit::new(config(&group).observe(|event: &Event<'_>| {
        assert!(!matches!(event, Event::CircuitOpened { .. } | Event::CircuitClosed { .. }), "the observer panics");
    }));
    let unwinds = |run: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err();
    assert!(unwinds(&|| fail(&circuit)));
    assert_eq!((circuit.state(), group.open_circuits()), (Open, 1));
    assert!(unwinds(&|| circuit.reset()));
    assert_eq!((circuit.state(), group.open_circuits()), (Closed, 0));
}

/// Two threads open, close, reset, force and drop the circuits of a group. The limit holds at each
/// moment, and the count is right at the end.
#[test]
fn threads_never_exceed_the_limit() {
    const LIMIT: u64 = 3;
    let (clock, group) = (ManualClock::new(), CircuitGroup::max_open(LIMIT as u32).unwrap());
    let config = config(&group).clock(clock.clone());
    let shared: [Circuit; 8] = circuits(&config);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2_usize)
            .map(|worker| {
                let (shared, clock, config) = (&shared, &clock, &config);
                scope.spawn(move || {
                    for turn in 0..20_000_usize {
                        let circuit = &shared[(turn * 7 + worker * 3) % shared.len()];
                        match turn % 11 {
                            0 => circuit.reset(),
                            1 => circuit.report_success(),
                            2 => clock.advance(Duration::from_secs(3)),
                            3 => circuit.force_open(),
                            4 => circuit.set_mode(Mode::Auto),
                            5 => fail(&Circuit::new(config.clone())),
                            _ => {
                                if let Ok(permit) = circuit.try_acquire() {
                                    if turn % 3 == 0 { permit.success() } else { permit.failure() }
                                }
                            }
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                assert!(group.open_circuits() <= LIMIT);
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        is_done.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(Result::is_ok));
    });
    let counted = shared.iter().filter(|circuit| circuit.mode() == Mode::Auto && circuit.state() != Closed).count();
    assert_eq!((group.open_circuits(), group.circuits()), (counted as u64, 8));
    drop(shared);
    assert_eq!((group.open_circuits(), group.circuits()), (0, 0));
}
