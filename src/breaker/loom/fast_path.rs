//! The fast path of windows: no success is lost, and the last of several concurrent calls evaluates
//! all of them.

use super::*;
use CallResult::{Failure, Success};

/// Opens when half of `minimum` calls have failed, in the last two slots.
fn by_time(minimum: u32) -> Bench {
    Bench { window: two_slices(), ..Bench::closed(half_of(minimum)) }
}

/// The same rule, among the last 4 calls.
fn by_calls(minimum: u32) -> Bench {
    let window = WindowState::new(WindowLayout { failures: WindowKind::Calls(4), ..WindowLayout::default() });
    Bench { window, ..Bench::closed(half_of(minimum)) }
}

/// Ends a successful call as a permit does: on the fast path, if possible.
fn succeed(bench: &Bench, generation: u32, now: u64) -> FastRecord {
    let failures = bench.rules.failing.map_or(0, |share| share.least());
    bench.window.set_current_slot(now);
    let record = match bench.cell.success_changes_nothing(generation) && bench.cell.is_automatic() {
        true => bench.window.record_success_below(generation, failures, |_| now),
        false => FastRecord::NotRecorded,
    };
    let window_use = match record {
        FastRecord::Done => return record,
        FastRecord::NeedsEvaluation => WindowUse::AlreadyRecorded(&bench.window),
        FastRecord::NotRecorded => WindowUse::Record(&bench.window),
    };
    bench.with_context(now, |context| bench.cell.end_call(context, window_use, generation, Success, None));
    record
}

#[test]
fn successes_at_once_are_all_counted() {
    bounded(4, || {
        let success = |bench: &Bench| succeed(bench, 0, 5);
        // The first call of a generation takes the slow path.
        let bench = by_time(9);
        bench.end(0, Success, 5);
        let (bench, one, other) = both(bench, success, success);
        assert_eq!((one, other), (FastRecord::Done, FastRecord::Done), "nothing has failed");
        assert_eq!(bench.window.counts(0, || 5), Counts { calls: 3, ..Counts::default() });
    });
    bounded(3, || {
        let (bench, ..) = both(by_time(9), |bench| succeed(bench, 0, 5), |bench| succeed(bench, 0, 6));
        assert_eq!(bench.window.counts(0, || 6), Counts { calls: 2, ..Counts::default() });
    });
}

#[test]
fn a_success_and_a_failure_at_once_are_both_counted() {
    for later in [5, 6] {
        bounded(3, move || {
            let bench = Arc::new(by_time(9));
            let there = Arc::clone(&bench);
            let success = thread::spawn(move || succeed(&there, 0, 5));
            bench.end(0, Failure, later);
            success.join().unwrap();
            let counts = bench.window.counts(0, || 6);
            assert_eq!((counts.calls, counts.failures), (2, 1));
        });
    }
}

/// One success and one failure open the circuit, because the call that ends last evaluates both.
#[test]
fn a_success_and_a_failure_at_once_open_like_in_sequence() {
    for by in [by_time, by_calls] {
        bounded(4, move || {
            let (bench, ..) = both(by(2), |bench| succeed(bench, 0, 5), |bench| bench.end(0, Failure, 5));
            assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
        });
    }
    for by in [by_time, by_calls] {
        bounded(2, move || {
            let success = |bench: &Bench| succeed(bench, 0, 5);
            let (bench, ..) = all(by(3), success, |bench| bench.end(0, Failure, 5), |bench| bench.end(0, Failure, 5));
            assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
        });
    }
}

#[test]
fn a_stale_success_changes_nothing() {
    bounded(3, || {
        let bench = by_time(1);
        let (bench, ..) = both(bench, |bench| succeed(bench, 0, 5), |bench| bench.end(0, Failure, 5));
        assert_eq!((bench.generation(), bench.phase()), (1, Phase::Open));
        assert_eq!(succeed(&bench, 0, 6), FastRecord::NotRecorded);
        assert_eq!(bench.window.counts(1, || 6), Counts::default());
    });
}
