//! Instructions of a thousand calls on each of the main paths, as callgrind counts them. See this package's `README.md`.

mod paths;

use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use paths::{CALLS, Calls};

/// What a thousand calls are expected to take, and 3 % more.
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

// Instructions a call. Lower them when the code gets better.
expect! {
    bare: 1000,
    retry_without_budget: 1000,
    retry: 1000,
    retry_spent: 10000,
    breaker: 1000,
    breaker_with_a_window_of_calls: 1000,
    breaker_with_a_window_of_time: 1000,
    breaker_rejecting: 1000,
    keyed: 1000,
    fallback: 1000,
    stack: 2000,
}

main!(library_benchmark_groups = calls);
