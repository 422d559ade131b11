//! The breaker as a tower service.

mod breaker;
mod out_of_line;
mod start_call;

pub use breaker::Breaker;

#[cfg(feature = "http")]
pub(crate) use start_call::start_call;
#[cfg(feature = "keyed")]
pub(crate) use start_call::{call_inner, start_call_outlined};
