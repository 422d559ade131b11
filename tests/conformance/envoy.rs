//! Envoy, outlier detection: `outlier_detection_impl_test.cc` and the documentation.

use std::time::Duration;

use tower_recourse::{
    BreakerConfig, Ratio,
    breaker::{OpenDuration, TripRule, Window},
};

use crate::fixed_numbers::FixedNumbers as _;
use crate::play::{Played, play};

#[test]
fn a_threshold_of_85_percent() {
    let window = Window::count(400).unwrap().minimum(100).unwrap();
    let config = BreakerConfig::default()
        .fixed()
        .open_when(TripRule::FailureRate { failing: Ratio::percent(85).unwrap(), window });
    play(
        config,
        &[
            ("250 of 300", "S*50 F*250", "C 250/300"),
            // Envoy evaluates the rate at the end of each interval and finds 300 of 350. We
            // evaluate it after each call, so the circuit opens earlier: 283 of 333 is below 85 %,
            // 284 of 334 isn't.
            ("283 of 333", "F*33", "C 283/333"),
            ("300 of 350", "F", "O 284/334 for 30s"),
        ],
    );
}

#[test]
fn the_kth_opening_lasts_k_times_as_long() {
    let mut played = Played::new(
        BreakerConfig::default()
            .fixed()
            .open_when(TripRule::consecutive(5).unwrap())
            .open_for(OpenDuration::linear(Duration::from_secs(10))),
    );
    played.row(("before", "F*4", "C 4 in a row"));
    // More openings than the circuit counts in a row, which is 63.
    for k in 1..=70 {
        let lasts = Duration::from_secs((k * 10).min(300));
        let opened_by = if k == 1 { "5/5" } else { "1/1" };
        let open = format!("O {opened_by} for {lasts:?}");
        played.row((&format!("opening {k}"), "F", &open));
        played.row((&format!("opening {k}, nearly over"), &format!("+{}ms R", lasts.as_millis() - 1), &open));
        played.row((&format!("opening {k}, over"), "+1ms", "H 0/0"));
    }
    played.row(("closing starts over", "S", "C 0 in a row"));
    played.row(("closing starts over", "F*5", "O 5/5 for 10s"));
}
