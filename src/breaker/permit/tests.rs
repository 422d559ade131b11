//! What a good call finds nothing to write for can't be seen from outside: it is only faster.

use std::sync::Arc;

use super::*;
use crate::{
    BreakerConfig, Ratio,
    breaker::{OpenRule, Window},
};

fn tenant(config: BreakerConfig) -> Arc<Tenant> {
    Tenant::new(config.unobserved().settings, None)
}

fn call(tenant: &Tenant) -> Permit {
    Permit::plain(tenant.core, generation(tenant))
}

fn generation(tenant: &Tenant) -> u32 {
    tenant.core.cell.load().generation
}

fn is_quiet(tenant: &Tenant) -> bool {
    let generation = generation(tenant);
    let window = tenant.core.window();
    tenant.core.cell.has_no_failure(generation) && window.is_none_or(|window| window.is_quiet(generation))
}

#[test]
fn a_good_call_has_nothing_to_write_unless_the_one_before_has_failed() {
    let tenant = tenant(BreakerConfig::default());
    assert!(is_quiet(&tenant));
    call(&tenant).failure();
    assert!(!is_quiet(&tenant));
    call(&tenant).success();
    assert!(is_quiet(&tenant));
    let of_another = tenant.core.succeed_at_once(generation(&tenant) + 1);
    assert_eq!(of_another, Alone::Nothing, "another generation's call says so itself");
}

#[test]
fn a_good_call_has_nothing_to_write_in_a_full_window_without_a_failure() {
    let window = Window::count(3).unwrap().minimum(3).unwrap();
    let tenant = tenant(BreakerConfig::default().open_when(OpenRule::Ratio { failing: Ratio::HALF, window }));
    for _ in 0..3 {
        assert!(!is_quiet(&tenant));
        call(&tenant).success();
    }
    assert!(is_quiet(&tenant));
    call(&tenant).failure();
    for _ in 0..3 {
        assert!(!is_quiet(&tenant));
        call(&tenant).success();
    }
    assert!(is_quiet(&tenant));
}
