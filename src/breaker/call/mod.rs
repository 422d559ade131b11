//! One call: how its outcome is classified, and when its permit ends.

mod call_state;
mod completion;
mod reject_state;

pub use call_state::CallState;
pub(crate) use call_state::PanicGuard;
pub use completion::{AtOnce, Ends};
pub use reject_state::RejectState;
