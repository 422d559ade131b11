//! The last good response in place of a failed one: [`StaleIfErrorLayer`] (feature `last-good`).
//!
//! The layer stores each good response to a GET or HEAD request. If a later request with the same
//! target fails, it answers with the stored response. This is `stale-if-error` of
//! [RFC 5861](https://www.rfc-editor.org/rfc/rfc5861#section-4). The layer follows the rules of
//! [RFC 9111](https://www.rfc-editor.org/rfc/rfc9111) for shared caches on what may be stored and
//! served. Where a header can't be parsed, the strictest reading counts.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::http::{StaleIfErrorLayer, stale_if_error::StoredAnswer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let calls = std::sync::atomic::AtomicU32::new(0);
//! let upstream = service_fn(move |_: Request<Full<Bytes>>| {
//!     let status = if calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 { 200 } else { 503 };
//!     async move { Ok::<_, Infallible>(Response::builder().status(status).body(Full::<Bytes>::from("5 €")).unwrap()) }
//! });
//!
//! let last_good = StaleIfErrorLayer::new()
//!     .max_age(Duration::from_secs(600))
//!     .max_memory(32 << 20)?;
//! let mut client = ServiceBuilder::new().layer(last_good).service(upstream);
//! let request = || Request::get("http://prices.example/tea").body(Full::default());
//!
//! let response = client.ready().await?.call(request()?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "5 €");    // stored at its end
//!
//! let response = client.ready().await?.call(request()?).await?;           // the upstream returned 503
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["age"], "0");
//! assert!(response.extensions().get::<StoredAnswer>().is_some());
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "5 €");
//! # Ok(())
//! # }
//! ```
//!
//! ```toml
//! [dependencies]
//! bytes = "1"
//! http = "1"
//! http-body-util = "0.1"
//! tokio = { version = "1", features = ["full"] }
//! tower = { version = "0.5", features = ["util"] }
//! tower-recourse = { version = "0.1", features = ["http", "last-good"] }
//! ```
//!
//! Put the layer around the retry and the breaker. It then answers after the last attempt, and for
//! requests that the breaker rejects.
//!
//! # What is stored
//!
//! A response to GET or HEAD that meets all of these conditions:
//!
//! | part | condition |
//! |---|---|
//! | request | no body, no `Range`, no `Upgrade`, no `no-store` |
//! | credentials | without a custom [key](StaleIfErrorLayer::key): the request has no `Authorization` and no `Cookie`, or the response is `public` (RFC 9111, 3.5) |
//! | status | 200, and the [classifier](StaleIfErrorLayer::classifier) returns a success. Neither a breaker nor a fallback inside has made the response |
//! | `Cache-Control` | no `no-store`, `no-cache`, `private`, also with field names. `Pragma: no-cache` counts if there is no `Cache-Control` |
//! | `Set-Cookie` | none |
//! | `Vary` | names only headers of [`vary_by`](StaleIfErrorLayer::vary_by) |
//! | body | complete, without trailers, up to [`max_body`](StaleIfErrorLayer::max_body) |
//!
//! The layer copies the body while the caller reads it. The caller receives each frame unchanged
//! and without delay. A body that fails, that the caller drops before its end, or that is shorter
//! or longer than its `Content-Length` isn't stored. If an HTTP/1 body ends with its connection, or
//! a server resets an HTTP/2 stream with `NO_ERROR`, and no length is announced, an incomplete body
//! looks complete.
//!
//! One response is stored per key. It replaces the stored one, unless the request of that one was
//! sent later. These responses remove it: a 200 that may not be stored, a 404, a 410, and the
//! success or redirection of a method that may change the resource, such as POST (RFC 9111, 4.4). A
//! GET that is in progress at the end of such a POST may store the older state.
//!
//! # When the stored response is the answer
//!
//! If the classifier classifies the outcome as a failure: by default an error, or the status 500,
//! 502, 503 or 504. A breaker's rejection is a failure, too. The age of the response must be within
//! all of these limits:
//!
//! | limit | age |
//! |---|---|
//! | [`max_age`](StaleIfErrorLayer::max_age) | 1 hour by default |
//! | the response has `must-revalidate`, `proxy-revalidate` or `s-maxage` | the time for which it is fresh: `s-maxage`, or `max-age`, or `Expires` minus `Date`, or zero |
//! | the response has `stale-if-error=N` | the time for which it is fresh, plus N seconds |
//! | the request has `max-age=N` | N seconds |
//! | the request has `stale-if-error=N` | the time for which the response is fresh, plus N seconds |
//!
//! The age is the response's own `Age` plus the time since the layer sent the request. Clocks of
//! servers have no effect on it. A request with `no-cache`, or with credentials if the stored
//! response isn't `public`, gets no stored response. If there is no stored response, the layer
//! returns the failed response or the error.
//!
//! The answer has the status 200, the stored headers without those of the connection, the `Age`,
//! and [`StoredAnswer`] as an extension. There is no `Warning`, because RFC 9111 has removed it.
//!
//! # When not to use it
//!
//! - If an outdated response does harm, such as an account balance.
//! - If the response depends on a header that neither the key nor `Vary` names. Otherwise one user
//!   may get the response of another.
//! - As a cache: each request goes to the service. Stored responses only answer failed requests.
//! - For large downloads and endless streams: they aren't stored, but up to `max_body` is copied.
//!
//! # Cost
//!
//! Each GET and HEAD computes its key twice, and copies the headers of `vary_by`. Each good
//! response is classified twice, and its head and body are copied. A body in progress takes up to
//! [`max_body`](StaleIfErrorLayer::max_body), in addition to
//! [`max_memory`](StaleIfErrorLayer::max_memory).
//!
//! # Errors
//!
//! The errors of the inner service.
//!
//! # Clone
//!
//! A clone of the layer shares the stored responses, and so do all services that it makes.
//!
//! # Cancel safety
//!
//! Dropping the future drops the inner call, and stores nothing. A body that is dropped after all
//! bytes of its announced length is stored.
//!
//! # Events
//!
//! Those of a [fallback](crate::fallback#events), with the name `stale_if_error`. The
//! [report](crate::report) of the answer has that name and the cause.

mod access;
mod backup;
mod body;
mod cache_control;
mod classifier;
mod key;
mod layer;
mod record;
mod recording;
mod settings;
mod stored_head;
mod stored_response;

pub use backup::{RequestLookup, StoredResponses};
pub use body::{LastGoodBody, RecordedBody};
pub use classifier::StaleIfErrorClassifier;
pub use key::{KeyFn, RequestKey, TargetKey};
pub use layer::StaleIfErrorLayer;
pub use record::{Pending, RecordFuture, RecordResponses};
pub use stored_response::StoredAnswer;
