//! The memory of circuits, which is recycled instead of freed.
//!
//! A call must find its circuit when it ends, also when every handle of the circuit is gone by
//! then. A reference count per call would cost more than the rest of the breaker. So a call holds a
//! `&'static` reference to the core, and the generation that admitted it. A core with a new tenant
//! has another generation, so late results of the former tenant change nothing. `free_list` bounds
//! the number of cores in the process.
//!
//! A core keeps the windows that it was made with. A circuit may need another layout: because it
//! got the core of another circuit, or because its settings changed. It stores its windows in
//! `CoreWindows::replacement`, and frees them with the next reconfiguration. Reading them there
//! costs a call about 5 ns (`ArcSwap`).
//!
//! Generations wrap after 2^31. The order of two generations is known while fewer than 2^30 lie
//! between them. Values that a former tenant has left are checked when a core gets a new tenant, so
//! the limit is 2^30 transitions of one circuit, or a call that is in flight during that many.

#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod core;
mod core_windows;
mod events;
mod fast_flags;
mod fast_path;
mod free_list;
mod tenant_clock;
mod tenant_context;
mod tenant_lifecycle;
#[cfg(all(test, not(recourse_loom)))]
mod tests;
mod throttling;
mod totals;
mod window_access;

pub(crate) use self::core::{Core, Tenant};
