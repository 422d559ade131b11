//! The futures of [`Fallback`](super::Fallback).

mod ready_call;
mod response;
mod stored_failure;

pub use ready_call::ReadyCall;
pub use response::ResponseFuture;
pub(super) use response::{CallState, Pending, Step};
