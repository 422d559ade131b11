//! One call: how its outcome is classified, and when its permit ends.

mod call_state;
mod completion;
mod reject_state;

pub use completion::{CallCompletion, OnResponse};

pub(crate) use {
    call_state::{CallState, PanicGuard},
    reject_state::RejectState,
};
