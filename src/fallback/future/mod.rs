//! The futures of [`Fallback`](super::Fallback).

mod primary_failure;
mod ready_call;
mod response;

pub use ready_call::ReadyCall;
pub use response::ResponseFuture;
pub(super) use response::{CallState, Pending, Step};
