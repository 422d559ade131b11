use tower_recourse::{BreakerConfig, Circuit};

use crate::{
    contender::{BARE, Case, Contender, OURS},
    peers::{ours, tower_resilience},
    upstream::{Healthy, Upstream},
};

pub const SUCCESS: &str = "all three stacked, success";
pub const OPEN: &str = "all three stacked, circuit open";

pub fn cases() -> Vec<Case> {
    let up = Upstream::<Healthy>::new;
    vec![
        Case::new(SUCCESS, move || {
            vec![
                Contender::service(BARE, up()),
                Contender::service(OURS, ours::stack(&Circuit::new(BreakerConfig::default()), up())),
                Contender::service("tower-resilience", tower_resilience::stack(tower_resilience::count_window(up()))),
            ]
        }),
        Case::new(OPEN, move || {
            vec![Contender::service(BARE, up()), Contender::service(OURS, ours::stack(&ours::open(), up()))]
        }),
    ]
}
