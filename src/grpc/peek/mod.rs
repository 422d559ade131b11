//! Waiting for the first frame of an answer, so that what its trailers say is known when it is judged.

mod body;
mod future;
mod layer;
mod sending;

pub use body::PeekedBody;
pub use future::ResponseFuture;
pub use layer::{Peek, PeekLayer};
pub use sending::{Sending, Watched};
