//! Rejections: the result of a call that the circuit rejects.

mod breaker_error;
mod on_rejection;
mod packed_rejection;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod rejection;

pub use breaker_error::BreakerError;
pub use on_rejection::{KeepError, NotReady, OnRejection, RejectWithError, RejectWithResponse};
pub use rejection::Rejection;

pub(crate) use packed_rejection::PackedRejection;
