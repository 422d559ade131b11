//! Try again, within limits: [`RetryLayer`].
pub mod backoff;
pub mod budget;
mod checks;
mod config;
mod decision;
mod error;
pub mod future;
mod keep;
mod layer;
mod policy;
mod service;
mod timeouts;

pub use backoff::{Backoff, Jitter};
pub use budget::{Budget, TokenBucket};
pub use checks::Progress;
pub use config::RetryConfig;
pub use decision::{Decision, Reason};
pub use error::Elapsed;
pub use keep::{Cloned, FromFn, Keep};
pub use layer::RetryLayer;
pub use policy::Policy;
pub use service::Retry;
pub use timeouts::{Answer, AnswerWith, FromElapsed, Limits, NoTimeouts, Timeouts};
