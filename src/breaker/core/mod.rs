//! The memory of circuits: never freed, but used again.
//!
//! A call that is under way must reach its circuit when it ends, also when every handle is gone by then. A reference
//! count a call would do that, and cost more than all the rest of the breaker together. So a call holds a plain `&'static`
//! reference, and the generation that admitted it: memory that has a new tenant has another generation, and endings of the
//! old one change nothing. `free_list` bounds how many cores the process keeps.
//!
//! A core keeps the window that it was made with. A circuit whose settings ask for another one, because it got the core of another
//! circuit or because they were exchanged, stores that window in `CoreWindows::replacement` and frees it with the next exchange.
//! Reading it there costs a call some 5 ns (`ArcSwap`).
//!
//! Generations come round after 2^31. Which of two is later can be said as long as fewer than 2^30 lie between them: what an earlier
//! tenant has left is looked through when a core begins to work for another, so this is about 2^30 transitions of one circuit, or a call
//! that is on its way during as many.

#[expect(clippy::module_inception, reason = "the room's main type")]
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
