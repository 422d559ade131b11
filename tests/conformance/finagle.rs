//! Finagle, `FailureAccrualFactoryTest` and `FailureAccrualPolicyTest`.

use tower_recourse::{
    BreakerConfig, Ratio,
    breaker::{TripRule, Window},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::play;

#[test]
fn three_in_a_row() {
    let config = BreakerConfig::default().fixed().open_when(TripRule::consecutive(3).unwrap());
    play(
        config.clone(),
        &[
            ("a neutral call neither counts nor breaks the row", "F F X", "C 2 in a row"),
            ("the third", "F", "O 3/3 for 30s"),
        ],
    );
    play(
        config,
        &[
            ("a neutral probe", "F*3 +30s X", "H 0/0"),
            ("still probing", "X <", "H 0/0"),
            ("one at a time", "R", "H 0/0"),
            ("the probe's success", ">S", "C 0 in a row"),
        ],
    );
}

#[test]
fn half_of_a_hundred() {
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::FailureRate { failing: Ratio::HALF, window: Window::count(100).unwrap() });
    play(
        config,
        &[
            ("all of the window", "S*100", "C 0/100"),
            ("nearly half", "F*49", "C 49/100"),
            // Finagle opens at the 70th call: its moving average forgets old successes gradually,
            // and after 69 failures it still shows a success rate of one half. Our window holds the
            // last 100 calls; with the 50th failure, exactly half of them failed.
            ("half", "F", "O 50/100 for 30s"),
        ],
    );
}
