//! The status of jobs over HTTP.

mod router;

pub use router::status_router;
