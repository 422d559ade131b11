//! Jobs that are HTTP requests: [`HttpRequests`], and the response that defers one: [`Accepted`].
//!
//! ```
//! # use std::io;
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, service_fn};
//! use tower_recourse::FallbackLayer;
//! use tower_recourse_defer::{Deferral, Queue, Worker, http::{Accepted, HttpRequests, http_policy}, sqlite::SqliteQueue};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = SqliteQueue::options().open_in_memory().await?;
//! let deferral = Deferral::new(queue.clone(), HttpRequests::new(), Accepted::at("/jobs"));
//! let mut service = ServiceBuilder::new()
//!     .layer(FallbackLayer::with(deferral))
//!     .service(service_fn(|_: Request<Full<Bytes>>| async {
//!         Err::<Response<String>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
//!     }));
//!
//! let request = Request::post("http://shop/orders").header("idempotency-key", "order-17").body(Full::default())?;
//! let response = service.ready().await?.call(request).await?;
//! assert_eq!((response.status(), &response.headers()["location"]), (202.try_into()?, &"/jobs/order-17".parse()?));
//!
//! // In the worker's process:
//! let client = service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, io::Error>(Response::new("done")) });
//! let worker = Worker::new(queue, HttpRequests::new(), client).policy(http_policy());
//! # let _ = worker;
//! # Ok(())
//! # }
//! ```
//!
//! # Statuses
//!
//! By default, a response is a success, whatever its status. Give the `FallbackLayer` a classifier
//! such as [`StatusClassifier`](tower_recourse::http::StatusClassifier), and the worker
//! [`http_policy`]: then only a status of 2xx ends a job as done.

mod accepted;
mod delivery;
mod requests;
mod stored_request;

pub use accepted::Accepted;
pub use delivery::{DeliveryClassifier, http_policy};
pub use requests::HttpRequests;
