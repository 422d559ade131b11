//! The verdicts on single errors of known types. The tables of
//! [`ErrorClassifier`](super::ErrorClassifier) list them.

mod finding;
#[cfg(feature = "h2")]
mod h2;
#[cfg(feature = "hyper")]
mod hyper;
mod io;
mod link;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(any(feature = "hyper", feature = "h2"))]
mod text_prefix;
#[cfg(feature = "tower")]
mod tower;

pub(super) use finding::Finding;
pub(super) use link::{examine_link, makes_one_call};
