//! The futures of [`Fallback`](super::Fallback).

mod response;
mod stored_failure;

pub use response::ResponseFuture;
pub(super) use response::{CallState, Pending, Step};
