//! Sending a body again: it is kept while it is sent.
//!
//! A request whose body is a stream can't be cloned. So its chunks are kept as they pass, by reference count, and an attempt that
//! follows gets them again, and then whatever the source still has: the server may answer before the body is sent.
//!
//! | body | |
//! |---|---|
//! | `Full`, `Empty` of http-body-util | cloned; nothing is recorded |
//! | axum's `Body` (feature `axum`), tonic's `Body` (feature `tonic`), `UnsyncBoxBody`, `BoxBody` | recorded |
//!
//! The service within gets a body of the very type that came in.
//!
//! # Limits
//!
//! Of one body, [64 KiB](Replay::max_body) are kept, and of all bodies together [64 MiB](Replay::max_memory). A body that announces more
//! isn't kept at all; one that turns out to be longer goes on being sent, while what was kept of it is let go: then its request isn't
//! retried. A request to upgrade the connection, and `CONNECT`, is never kept.
//!
//! An error of the body itself, that is, of the client that sends it, isn't retried: there is nothing to be sent again.

mod keep;
mod playing;
mod pool;
mod replayable;
mod tape;

pub use keep::{KeptRequest, Replay};
pub use playing::{PlayError, Playing, SentAgain};
pub use replayable::Replayable;
pub use tape::Tape;
