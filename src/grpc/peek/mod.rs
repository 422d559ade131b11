//! Waits for the first frame of a response, so that a status in its trailers is known in time.

mod body;
mod future;
mod layer;
mod sending;

pub use body::PeekedBody;
pub use future::ResponseFuture;
pub use layer::{Peek, PeekLayer};
pub use sending::{Sending, Watched};
