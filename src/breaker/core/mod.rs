//! The memory of circuits, which is recycled instead of freed.
//!
//! When a call ends, it must find its circuit, even if every handle of the circuit has been
//! dropped. A reference count per call would cost more than the rest of the breaker. So a call
//! holds a `&'static` reference to the memory of its circuit, the *core*, and the generation that
//! admitted it. The circuit that uses a core is its *tenant*. A new tenant starts in a new
//! generation, so late results of the former tenant's calls change nothing. `free_list` bounds the
//! number of cores in the process.
//!
//! A core keeps the windows that it was allocated with. A circuit may need another layout, because
//! it got a recycled core or because its settings changed. It then stores its windows in
//! `CoreWindows::replacement`. They are freed when the circuit changes its layout again or is
//! dropped. Reading them there goes through an `ArcSwap`, which adds about 5 ns per call.
//!
//! Generations wrap after 2^31. The order of two generations is known while fewer than 2^30 lie
//! between them. A core that gets a new tenant resets old values of former tenants whose order
//! would be wrong. So a wrong order is possible only after 2^30 transitions of one circuit, or for
//! a call that is in flight during that many transitions.

#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod core;
mod core_windows;
mod events;
mod fast_flags;
mod fast_path;
mod free_list;
mod tenant_clock;
mod tenant_context;
#[cfg(feature = "metrics")]
mod tenant_counts;
mod tenant_lifecycle;
#[cfg(all(test, not(recourse_loom)))]
mod tests;
mod throttling;
mod totals;
mod window_access;

pub(crate) use self::core::{Core, Tenant};
