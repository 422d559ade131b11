//! Classification of outcomes: which results are successes, which are failures, and of what kind.
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
//! A breaker's rejection needs no rule here: the layers recognise it before they call a classifier.
//!
//! # Which classifier
//!
//! | classifier | decides by | don't use it if |
//! |---|---|---|
//! | [`ErrorClassifier`], the default | the types of errors and of their sources: I/O, timeouts, hyper, h2 | your error type is your own (use [`FollowSources`]`(ErrorClassifier)`), or responses can be failures |
//! | a closure | what you know | it would repeat what [`ErrorClassifier`] knows: put it [first] in a chain |
//! | `ErrorMessages` (feature `text`) | the text of errors | their types show more |
//! | [`IdempotencyCheck`] | another classifier, and the request | every request is idempotent |
//! | [`first`]`(…).or(…)` | several classifiers in order | one is enough |
//! | a custom [`Classifier`] | the outcome and the request | a closure is enough |
//!
//! # Closures
//!
//! A closure has one of three shapes. The configurations of all layers accept each of them, and so
//! does a chain:
//!
//! | on a config | in a chain | closure |
//! |---|---|---|
//! | `classify` | [`outcomes`] | `\|outcome: Result<&Res, &Err>\| …` |
//! | `classify_errors` | [`errors`] | `\|error: &Err\| …`; responses are successes |
//! | `classify_with_request` | [`with_memo`] | `\|request: &Req\| memo` before the call, `\|memo: &Memo, outcome: Result<&Res, &Err>\| …` after it |
//!
//! Closures return a [`Verdict`](crate::Verdict), or an `Option<Verdict>`: `None` is no opinion.
//! Write the types of their parameters. The compiler infers them only if the closure doesn't look
//! into the values, no breaker is inside, and the layer is applied to a service in the same
//! function.
//!
//! **Around a breaker** with [`keep_error`](crate::BreakerLayer::keep_error), the error type is
//! that of the service, so every classifier serves all layers. The error type has to implement
//! `From<Rejection>`, as `BoxError` and `io::Error` do.
//!
//! Around other breakers, the error type is [`BreakerError<E>`](crate::BreakerError). A closure
//! over `E` classifies it too, by the service's own error, so one closure serves the breaker and
//! the layers around it. A closure over `BreakerError<E>` works as well. For a classifier of your
//! own that is implemented for `E`, use `ThroughBreaker`:
//!
//! ```
//! use tower_recourse::{BreakerConfig, RetryConfig, Verdict, classify::{self, ErrorClassifier}};
//!
//! enum DbError { Deadlock, UniqueViolation, Lost }
//!
//! let by_code = |error: &DbError| match error {
//!     DbError::Deadlock => Some(Verdict::transient()),
//!     DbError::UniqueViolation => Some(Verdict::ClientError),
//!     DbError::Lost => None,
//! };
//! let classifier = classify::first(classify::errors(by_code)).or(ErrorClassifier);
//! let breaker = BreakerConfig::default().classifier(classifier);
//! let retry = RetryConfig::default().classifier(classifier); // around the breaker
//! # let _ = (breaker, retry);
//! ```
//!
//! ```
//! use std::io;
//! use tower::{Layer, service_fn};
//! use tower_recourse::{BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer, Verdict};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = service_fn(|id: u64| async move { Ok::<_, io::Error>(id) });
//!
//! // By the error. The closure has no opinion on other errors, so they are transient failures.
//! let config = BreakerConfig::default()
//!     .classify_errors(|error: &io::Error| (error.kind() == io::ErrorKind::NotFound).then_some(Verdict::Neutral));
//! let service = BreakerLayer::new(config).layer(service);
//!
//! // By the request and the outcome. The service's error is an `io::Error`, also around a breaker.
//! let config = RetryConfig::default().classify_with_request(
//!     |id: &u64| *id < 100,
//!     |small: &bool, outcome: Result<&u64, &io::Error>| match outcome {
//!         Ok(_) => Verdict::Success,
//!         Err(_) if *small => Verdict::transient(),
//!         Err(_) => Verdict::permanent(),
//!     },
//! );
//! let service = RetryLayer::new(config).layer(service);
//!
//! // By the outcome.
//! let fallback = FallbackLayer::value(0).classify(|outcome: Result<&u64, &io::Error>| match outcome {
//!     Ok(7) => Verdict::transient(),
//!     _ => Verdict::Success,
//! });
//! let mut service = fallback.layer(service);
//!
//! assert_eq!(service.ready().await.unwrap().call(7).await.unwrap(), 0);
//! # }
//! ```
//!
//! # What the layers do
//!
//! A classifier states what an outcome is. Each layer has its own reaction, so one classifier
//! serves all layers of a stack:
//!
//! | verdict | retry | breaker: [health](crate::Failure::health) | fallback |
//! |---|---|---|---|
//! | [`Success`](crate::Verdict::Success) | returns it | a success | returns it |
//! | [`ClientError`](crate::Verdict::ClientError) | returns it | a success | returns it |
//! | [`Neutral`](crate::Verdict::Neutral) | returns it | not counted | returns it |
//! | [`transient`](crate::Verdict::transient), [`timed_out`](crate::Verdict::timed_out) | retries | a failure | calls the backup |
//! | [`throttled`](crate::Verdict::throttled) | retries, after a longer wait | as [`on_throttled`](crate::BreakerConfig::on_throttled) defines: by default not counted; a probe succeeds if the service [answered](crate::Failure::is_answered) | calls the backup |
//! | [`permanent`](crate::Verdict::permanent) | returns it | a success | calls the backup |
//! | [`rejected`](crate::Verdict::rejected) | returns it, or waits it out if it is short | not counted | calls the backup |
//!
//! If the kind of a failure doesn't show the health of the service, add it:
//! [`Verdict::health`](crate::Verdict::health). HTTP 500 isn't worth a retry, and is unhealthy:
//! `Verdict::permanent().health(Health::Unhealthy)`. A transaction that lost a deadlock is worth a
//! retry, and the database is healthy: `Verdict::transient().health(Health::Healthy)`.
//!
//! # Opinions and defaults
//!
//! A classifier always returns a verdict. Its [`opinion`](Classifier::opinion) is the part that it
//! knows; the rest is its default. The default of [`ErrorClassifier`] and of closures is: a
//! response is a success, and an error is a transient failure marked as
//! [`idempotency_unknown`](crate::Verdict::idempotency_unknown). A chain calls the opinions in
//! order, and falls back to the default of its last classifier.
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
//! use tower_recourse::{RetryConfig, Verdict, classify::{self, ErrorClassifier, ErrorMessages}};
//!
//! // A response that can't be parsed fails in the same way the next time.
//! let unparsable = |error: &BoxError| error.is::<ParseIntError>().then(Verdict::permanent);
//! let classifier = classify::first(classify::errors(unparsable))
//!     .or(ErrorClassifier)
//!     .or(ErrorMessages::service_calls())
//!     .otherwise(Verdict::permanent());
//! let config = RetryConfig::default().classifier(classifier);
//! # let _ = config;
//! # }
//! ```
//!
//! # Rejections
//!
//! Whatever the classifier returns, a retry returns a breaker's rejection (or waits it out if it is
//! short), an outer breaker doesn't count it, and the first fallback is called for it. The layers
//! recognise a rejection by the result itself:
//!
//! | result | is a rejection if |
//! |---|---|
//! | [`BreakerError`](crate::BreakerError), [`Rejection`](crate::Rejection), a boxed error, any error that [`ErrorClassifier`] inspects | it is one, or an error in its source chain is one |
//! | any [`Error`](std::error::Error), with [`FollowSources`] as the classifier | the same |
//! | a response of HTTP or gRPC, with a classifier of `http` or `grpc`, alone or in a chain | the breaker has marked it: `http::rejection`. The mark is an extension of the response, so it survives a layer that changes the body's type, another task, and later polls |
//! | any other error or response | a breaker returned a rejection of exactly this type in the same poll, and the [`Rejection`](crate::Rejection) in it still exists, if there was one |
//!
//! Everything else is an ordinary outcome. This includes an error of your own that contains the
//! rejection, because the layers can't inspect it. A rejection that is stored elsewhere doesn't
//! make another error a rejection. So:
//!
//! - If `?`, `map_err` or `keep_error` converts a rejection into an error of your own, return the
//!   rejection as
//!   its [source](std::error::Error::source), and classify with [`FollowSources`]. Put a closure
//!   [first] in a chain:
//!   `classify::first(classify::errors(classify)).or(FollowSources(ErrorClassifier))`.
//! - Put a closure that classifies HTTP responses first in a chain with `http::StatusClassifier`,
//!   which reads the mark.
//!
//! # Properties of a failure
//!
//! - **The delay that the server asked for**:
//!   [`Verdict::retry_after`](crate::Verdict::retry_after). It changes the delay of a retry, but
//!   never causes one.
//! - **Whether the request was sent**: [`Verdict::delivery`](crate::Verdict::delivery).
//!   [`ErrorClassifier`] distinguishes requests that provably weren't sent
//!   ([`Delivery::NotSent`](crate::Delivery::NotSent)) from requests that may have been sent.
//! - **That the request must not be processed twice**:
//!   [`Verdict::unsafe_to_resend`](crate::Verdict::unsafe_to_resend). A retry sends it again only
//!   if it provably wasn't sent.
//! - **That the classifier doesn't know whether the request is idempotent**:
//!   [`Verdict::idempotency_unknown`](crate::Verdict::idempotency_unknown). [`ErrorClassifier`]
//!   sets this mark. A retry sends such a request again only if it provably wasn't sent, or if
//!   `RetryConfig::idempotent` states that all requests are idempotent.
//!
//! # Anti-patterns
//!
//! **A closure that calls every error transient.** It also causes retries of permanent errors, and
//! it states that each request is safe to send again. Return `None` for errors that you know
//! nothing about.
//!
//! ```
//! use std::io;
//! use tower_recourse::{RetryConfig, Verdict, classify::{self, ErrorClassifier}};
//!
//! // Wrong
//! let config = RetryConfig::default().classify_errors(|_: &io::Error| Verdict::transient());
//! # let _ = config;
//!
//! // Right: the closure decides about one kind, and `ErrorClassifier` about the others
//! let is_deadlock = |error: &io::Error| (error.kind() == io::ErrorKind::Deadlock).then(Verdict::transient);
//! let config = RetryConfig::default().classifier(classify::first(classify::errors(is_deadlock)).or(ErrorClassifier));
//! # let _ = config;
//! ```
//!
//! # Errors
//!
//! A classifier doesn't fail. [`ErrorMessages::new`](ErrorMessages) returns an
//! [`InvalidConfig`](crate::InvalidConfig) for a list of patterns that can't work.
//!
//! # Clone
//!
//! Layers clone their classifier with each service. The classifiers of this module are cheap to
//! clone: they are copied, or share their data.

mod boxed;
mod chain;
mod classifier;
mod conflict;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
mod displayed;
#[cfg(feature = "breaker")]
mod error_readers;
mod errors;
#[cfg_attr(not(any(feature = "retry", feature = "breaker", feature = "fallback")), allow(dead_code))]
pub(crate) mod evidence;
mod failure_description;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub(crate) mod failure_text;
mod from_fn;
mod idempotent;
mod into_opinion;
mod known_errors;
mod links;

mod inspect;
#[cfg(feature = "text")]
mod messages;
#[cfg(feature = "fallback")]
pub(crate) mod only_when;
mod origin;
mod service_error;
mod source_walk;
mod sources;
#[cfg(feature = "breaker")]
mod through_breaker;

pub use boxed::{BoxClassifier, BoxMemo};
pub use chain::{Chain, Or, Otherwise, Refine, first};
#[cfg(feature = "breaker")]
pub use classifier::RejectionMark;
pub use classifier::{Classifier, DrainFuture};
pub use conflict::ConflictClassifier;
#[cfg(any(feature = "retry", feature = "breaker", feature = "fallback"))]
pub use displayed::Displayed;
pub use errors::ErrorClassifier;
pub use failure_description::FailureDescription;
pub use from_fn::{ClassifierFn, ErrorClassifierFn, MemoClassifierFn, errors, outcomes, with_memo};
pub use idempotent::IdempotencyCheck;
#[cfg(feature = "grpc")]
pub(crate) use inspect::inspect;
pub use into_opinion::IntoOpinion;
#[cfg(feature = "text")]
pub use messages::ErrorMessages;
pub use origin::Origin;
pub use service_error::ServiceError;
pub use sources::FollowSources;
#[cfg(feature = "breaker")]
pub use through_breaker::ThroughBreaker;
