//! The breaker as a service.

mod breaker;
mod start_call;

pub use breaker::Breaker;

#[cfg(feature = "http")]
pub(crate) use start_call::begin;
#[cfg(feature = "keyed")]
pub(crate) use start_call::{begin_as_asked, run};
