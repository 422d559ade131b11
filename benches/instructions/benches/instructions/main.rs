//! Counts the instructions of a thousand calls on each main path with callgrind. See `README.md` of
//! this package.

mod paths;

use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use paths::{CALLS, Calls};

/// Limits a thousand calls to the expected instructions plus 3 %.
fn at_most(instructions: u64) -> LibraryBenchmarkConfig {
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    callgrind.hard_limits([(EventKind::Ir, instructions * CALLS * 103 / 100)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

macro_rules! expect {
    ($($path:ident: $instructions:literal,)*) => {
        $(
            #[library_benchmark(config = at_most($instructions))]
            #[bench::a_thousand_calls(args = (), setup = paths::$path)]
            fn $path(mut calls: Calls) -> Calls {
                calls();
                calls
            }
        )*
        library_benchmark_group!(name = calls, benchmarks = [$($path),*]);
    };
}

// Expected instructions per call. Lower a count when its path needs fewer instructions.
expect! {
    bare: 7,
    retry_without_budget: 139,
    retry: 203,
    retry_spent: 3695,
    breaker: 80,
    breaker_with_a_window_of_calls: 96,
    breaker_with_failures_in_its_window: 278,
    breaker_with_a_window_of_time: 339,
    breaker_rejecting: 604,
    keyed: 310,
    fallback: 55,
    stack: 438,
}

main!(library_benchmark_groups = calls);
