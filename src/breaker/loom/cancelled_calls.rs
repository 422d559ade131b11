//! Calls that are cancelled while other calls end.

use super::*;
use CallResult::{Cancelled, Failure, Success};

#[test]
fn a_circuit_that_opens_beside_a_cancelled_call_has_a_time() {
    model(|| {
        let bench = Bench::closed(consecutive(1));
        // After this success, the cancelled call starts a row.
        bench.end(0, Success, 0);
        let (bench, ..) = both(
            bench,
            |bench| bench.end(0, Failure, 0),
            |bench| matches!(bench.end(0, Cancelled, 0), EndEffect::Transitioned(..)),
        );
        assert_eq!(bench.phase(), Phase::Open);
        assert_eq!(bench.cell.timer_ends_at(bench.cell.load()), Some(OPEN_FOR));
    });
}

#[test]
fn a_stale_cancelled_call_keeps_the_probe_results() {
    bounded(3, || {
        let bench = Bench::half_open(successes(2, 2), 2);
        let (bench, ..) =
            both(bench, |bench| bench.end(2, Failure, OPEN_FOR), |bench| bench.end(0, Cancelled, OPEN_FOR));
        assert_eq!(bench.phase(), Phase::Open);
    });
}
