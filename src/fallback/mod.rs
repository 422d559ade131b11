//! Answer another way: [`FallbackLayer`].
mod backup;
mod error;
pub mod future;
mod layer;
mod service;

pub use backup::{Backup, Failed, FromFn, ServiceBackup, Value, WithRequest};
pub use error::FallbackError;
pub use layer::{Asked, FallbackLayer};
pub use service::Fallback;
