use tower::Layer;
use tower_recourse::FallbackLayer;

use crate::{
    contender::{BARE, Case, Contender, OURS},
    peers::tower_resilience,
    upstream::{Broken, Health, Healthy, Upstream},
};

pub const SUCCESS: &str = "fallback, success";

pub fn cases() -> Vec<Case> {
    vec![Case::new(SUCCESS, contenders::<Healthy>), Case::new("fallback returns a value", contenders::<Broken>)]
}

fn contenders<H: Health>() -> Vec<Contender> {
    vec![
        Contender::service(BARE, Upstream::<H>::new()),
        Contender::service(OURS, FallbackLayer::value(0).layer(Upstream::<H>::new())),
        Contender::service("tower-resilience", tower_resilience::fallback(Upstream::<H>::new())),
    ]
}
