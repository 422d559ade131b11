//! Several rounds of publishing at once, and rounds that fail.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use metrics::NoopRecorder;
use tower_recourse::{
    Circuit, FailureKind, RetryConfig, RetryLayer,
    retry::{Budget, BudgetStats, budget::Token},
};

use crate::{circuits::config, exporter::Exporter};

const CALLS: &str = "recourse_circuit_calls_total";

type Work = Box<dyn FnOnce() + Send>;

/// A budget that runs a function once, when it is read.
#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Option<Work>>>);

impl Hook {
    fn set(&self, work: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(work));
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

impl Budget for Hook {
    fn deposit(&self) {}

    fn withdraw(&self, _: FailureKind) -> Option<Token> {
        None
    }

    fn refund(&self, _: Token) {}

    fn stats(&self) -> BudgetStats {
        let work = mem::take(&mut *self.0.lock().unwrap());
        if let Some(work) = work {
            work();
        }
        BudgetStats::new(0, 7, 0)
    }
}

/// The first round has read the circuit. The second one begins after the circuit has left its
/// counts, and ends before the first one.
#[test]
fn a_round_that_others_overtake_counts_nothing_twice() {
    let exporter = Exporter::new();
    let circuit = Circuit::new(config("a", &exporter.registry));
    let hook = Hook::default();
    let retry = |hook| RetryConfig::default().name("a").budget(hook).without_observers().register(&exporter.registry);
    let dropped = RetryLayer::new(retry(Hook::default()));
    let _layer = RetryLayer::new(retry(hook.clone()));
    circuit.try_acquire().unwrap().neutral();
    exporter.scrape();
    let registry = exporter.registry.clone();
    hook.set(move || {
        drop((circuit, dropped));
        registry.publish_to(&NoopRecorder);
    });
    for _ in 0..2 {
        let scrape = exporter.scrape();
        assert_eq!(scrape.value(CALLS, &[("name", "a"), ("outcome", "neutral")]), Some(1.0));
        assert_eq!(scrape.value("recourse_budget_withdrawals_total", &[("name", "a")]), Some(14.0));
    }
}

#[test]
fn a_round_that_panics_loses_no_counts() {
    let exporter = Exporter::new();
    let circuit = Circuit::new(config("a", &exporter.registry));
    let hook = Hook::default();
    let retry = RetryConfig::default().name("a").budget(hook.clone()).without_observers().register(&exporter.registry);
    let _layer = RetryLayer::new(retry);
    circuit.try_acquire().unwrap().neutral();
    drop(circuit);
    hook.set(|| panic!("the budget can't be read"));
    catch_unwind(AssertUnwindSafe(|| drop(exporter.scrape()))).unwrap_err();
    assert_eq!(exporter.scrape().value(CALLS, &[("name", "a"), ("outcome", "neutral")]), Some(1.0));
}
