//! Judging an outcome: which results are successes, which are failures, and of what kind.
//!
//! ```
//! use tower_recourse::{RetryConfig, Verdict};
//!
//! struct Row;
//!
//! enum DbError {
//!     Deadlock,
//!     UnknownColumn,
//! }
//!
//! let config = RetryConfig::default().classify(|outcome: Result<&Row, &DbError>| match outcome {
//!     Ok(_) => Verdict::Success,
//!     Err(DbError::Deadlock) => Verdict::transient(),
//!     Err(_) => Verdict::permanent(),
//! });
//! # let _ = config;
//! ```
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = "0.1"
//! ```
//!
//! A breaker's rejection needs no line here: the layers recognise it before they ask a classifier.
//!
//! # Which one
//!
//! | classifier | judges by | when not |
//! |---|---|---|
//! | [`Errors`], the default | the types of errors, along their sources: I/O, time-outs, hyper's, h2's | your error type is an enum of yours: [`Sources`]`(Errors)`; your responses can be failures |
//! | a closure | whatever you know | it would be told about errors that [`Errors`] knows anyway: put it [first] in a chain |
//! | `Messages` (feature `text`) | the text of errors | their types tell more |
//! | [`Idempotent`] | another one, and the request | every request may be repeated |
//! | [`first`]`(…).or(…)` | several in turn | one is enough |
//! | a [`Classifier`] of your own | outcome and request | a closure does it |
//!
//! # Closures
//!
//! They have one of three shapes, each on the configs of all layers, and as a link of a chain:
//!
//! | on a config | in a chain | closure |
//! |---|---|---|
//! | `classify` | [`outcomes`] | `\|outcome: Result<&Res, &Err>\| …` |
//! | `classify_errors` | [`errors`] | `\|error: &Err\| …`; responses are successes |
//! | `classify_with` | [`with_memo`] | `\|request: &Req\| memo` before the call, `\|memo: &Memo, outcome: Result<&Res, &Err>\| …` after it |
//!
//! They return a [`Verdict`](crate::Verdict), or an `Option<Verdict>`: `None` is no opinion. The types needn't be written where the closure
//! doesn't look into what it judges, and the service is put into the layer in the same function; else they are needed, as in any
//! closure.
//!
//! ```
//! use std::io;
//! use tower::{Layer, Service, ServiceExt, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer, Verdict};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = service_fn(|id: u64| async move { Ok::<_, io::Error>(id) });
//!
//! // Over the error. Of any other, nothing is said: it is transient.
//! let config = BreakerConfig::default()
//!     .classify_errors(|error: &io::Error| (error.kind() == io::ErrorKind::NotFound).then_some(Verdict::Neutral));
//! let service = BreakerLayer::new(config).layer(service);
//!
//! // Over the request and the outcome. No type is written, as none is looked into.
//! let config = RetryConfig::default().classify_with(
//!     |id| *id < 100,
//!     |small, outcome| match outcome {
//!         Ok(_) => Verdict::Success,
//!         Err(_) if *small => Verdict::transient(),
//!         Err(_) => Verdict::permanent(),
//!     },
//! );
//! let service = RetryLayer::new(config).layer(service);
//!
//! // Over the outcome.
//! let fallback = FallbackLayer::value(0).classify(|outcome| match outcome {
//!     Ok(7) => Verdict::transient(),
//!     _ => Verdict::Success,
//! });
//! let mut service = fallback.layer(service);
//!
//! assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 0);
//! # }
//! ```
//!
//! # Opinions and defaults
//!
//! A classifier always has a verdict. Of that, its [`opinion`](Classifier::opinion) is what it knows, and the rest its default: the
//! default of [`Errors`] and of closures is that a response is a success, and an error transient with the mark
//! [`idempotency_unknown`](crate::Verdict::idempotency_unknown). A chain asks for opinions, in
//! order, and the default is that of its last link.
//!
//! ```toml
//! [dependencies]
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["text"] }
//! ```
//!
//! ```
//! # #[cfg(feature = "text")] {
//! use std::num::ParseIntError;
//! use tower::BoxError;
//! use tower_recourse::{RetryConfig, Verdict, classify::{self, Errors, Messages}};
//!
//! // A response that can't be parsed won't be better the next time.
//! let unparsable = |error: &BoxError| error.is::<ParseIntError>().then(Verdict::permanent);
//! let classifier = classify::first(classify::errors(unparsable))
//!     .or(Errors)
//!     .or(Messages::service_calls())
//!     .otherwise(Verdict::permanent());
//! let config = RetryConfig::default().classifier(classifier);
//! # let _ = config;
//! # }
//! ```
//!
//! # Rejections
//!
//! A breaker's rejection is returned by a retry, or waited out if it is short; it isn't counted by an outer breaker, and it calls the first
//! fallback, whatever the classifier says. The layers recognise it by the result itself:
//!
//! | result | is a rejection if |
//! |---|---|
//! | [`BreakerError`](crate::BreakerError), [`Rejection`](crate::Rejection), a boxed error, any error that [`Errors`] looks into | it is one, or an error in its source chain is |
//! | any [`Error`](std::error::Error), with [`Sources`] as the classifier | the same |
//! | a response of HTTP or gRPC, with a classifier of `http` or `grpc`, alone or in a chain | the breaker has marked it: `http::rejection`. The mark is an extension, so it stays when a layer changes the body's type, on other tasks, and in later polls |
//! | any other error or response | a breaker returned a rejection in the same poll as exactly this type, and the [`Rejection`](crate::Rejection) in it still exists, if there was one |
//!
//! Everything else is an ordinary outcome, also an error of your own that contains the rejection: the layers can't look into it, and
//! a rejection that is kept elsewhere says nothing about another error. So:
//!
//! - When `?` or `map_err` makes an error of your own of a rejection, return the rejection as its
//!   [source](std::error::Error::source), and classify with [`Sources`]. Put a closure [first] in a chain:
//!   `classify::first(classify::errors(judge)).or(Sources(Errors))`.
//! - Put a closure that classifies HTTP responses first in a chain with `http::Statuses`, which reads the mark.
//!
//! # What a failure carries besides its kind
//!
//! - **A delay that the other side asked for**: [`Verdict::retry_after`](crate::Verdict::retry_after). It refines a retry and never makes one.
//! - **Whether the request was sent**: [`Verdict::sent`](crate::Verdict::sent). [`Errors`] tells what provably wasn't ([`Sent::No`](crate::Sent::No)) from what
//!   nobody can know.
//! - **That it must not be sent twice**: [`Verdict::unsafe_to_resend`](crate::Verdict::unsafe_to_resend). Such a request is
//!   tried again only if it provably wasn't sent.
//! - **That the classifier doesn't know whether the request is idempotent**:
//!   [`Verdict::idempotency_unknown`](crate::Verdict::idempotency_unknown). [`Errors`] sets this mark. Such a request is tried again only if it
//!   provably wasn't sent, or if `RetryConfig::idempotent` states that all requests are idempotent.

mod chain;
mod classifier;
#[cfg(feature = "breaker")]
mod error_readers;
mod errors;
#[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
pub(crate) mod evidence;
mod from_fn;
mod idempotent;
mod into_opinion;
mod known_errors;
mod links;

mod inspect;
#[cfg(feature = "text")]
mod messages;
mod origin;
mod source_walk;
mod sources;

pub use chain::{Chain, Or, Otherwise, Refine, first};
#[cfg(feature = "breaker")]
pub use classifier::RejectionMark;
pub use classifier::{Classifier, LetGo};
pub use errors::Errors;
pub use from_fn::{FromErrorFn, FromFn, FromMemoFn, errors, outcomes, with_memo};
pub use idempotent::Idempotent;
#[cfg(feature = "grpc")]
pub(crate) use inspect::inspect as opened;
pub use into_opinion::IntoOpinion;
#[cfg(feature = "text")]
pub use messages::Messages;
pub use origin::Origin;
pub use sources::Sources;
