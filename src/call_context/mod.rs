//! Facts that the layers of one call pass to each other in addition to the request and the result.
//!
//! The request and error types belong to the service, so the layers can't put these facts into
//! them. Each module keeps its facts in a thread-local. They are valid while one layer polls or
//! calls the next. Nothing is allocated, and nothing is shared between threads. Nothing is kept
//! from one poll to the next, so a task may move to another thread between two polls.
//!
//! | module | fact | writer | reader | direction | valid |
//! |---|---|---|---|---|---|
//! | [`result_note`] | how a result came about | the layer that returns it | the layer around it | outwards | until that layer reads it, in the same `poll` or blocking call |
//! | [`live_rejections`] | how many `Rejection`s exist on this thread | each `Rejection` | `result_note` | outwards | within one `poll` or blocking call |
//! | [`timeout_scope`] | the attempt that a call belongs to | a retry with a time limit | the permit of a breaker inside that attempt | inwards | while that retry calls or polls the attempt |
//! | [`timeout_scope`] | this attempt is being dropped because it exceeded its time limit | the retry with that time limit | the permit of a breaker inside that attempt | inwards | while the attempt is dropped |
//! | [`budget_scope`] | the request has paid its deposit into this budget | the retry on that budget | an inner retry on the same budget | inwards | while that retry calls or polls the inner service |
//! | [`budget_scope`] | this budget has received the attempt's outcome | the innermost retry on that budget | the next retry out on the same budget | outwards | while that next retry calls or polls the inner service |
//! | [`attempt_count`] | how many attempts the request has made | the span of a request; the span of an attempt adds one | the span of an attempt, and the span of the request | inwards; the count goes outwards | while the span of the request calls or polls the inner service |
//!
//! These facts don't cross to another task (`tower::buffer`, a spawned call), with one exception: a
//! request that can carry the list of the budgets that have its deposit takes the list along.
#![cfg_attr(not(all(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]

#[cfg(feature = "tracing")]
pub(crate) mod attempt_count;
#[cfg(feature = "retry")]
pub(crate) mod budget_scope;
pub(crate) mod live_rejections;
pub(crate) mod result_note;
pub(crate) mod timeout_scope;
