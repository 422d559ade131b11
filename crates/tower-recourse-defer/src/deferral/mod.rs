//! The backup that stores failed requests: [`Deferral`].

mod deferral;
mod error;
mod respond;

pub use deferral::Deferral;
pub use error::DeferError;
pub use respond::Respond;
