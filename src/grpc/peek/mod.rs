//! Waits for the first frame of a response, so that a status in its trailers is known in time.

mod body;
mod body_progress;
mod future;
mod layer;

pub use body::PeekedBody;
pub use body_progress::{BodyProgress, TrackBody};
pub use future::ResponseFuture;
pub use layer::{Peek, PeekLayer};
