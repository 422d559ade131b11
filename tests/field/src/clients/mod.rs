//! The HTTP clients. All have the same service type, so that a scenario can treat them uniformly.

mod bare;
pub mod grpc;
mod library;
mod ours;

use std::{error::Error as StdError, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{Client as Pooled, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::{BoxError, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::Rejection;

use crate::{
    Error,
    attempts::Attempts,
    load::{Call, Lost},
    upstream::REQUEST_ID,
};

/// The operations of the HTTP scenarios.
pub const METHODS: &[&str] = &["GET", "PUT", "POST"];

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;
type Service = BoxCloneSyncService<Request<Bytes>, Answer, BoxError>;

/// The kind of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// hyper-util's pooled client. It repeats only requests that it couldn't send because the
    /// connection was already closed.
    Bare,
    /// reqwest with its own retry policy.
    Library,
    /// Retry → Breaker with the presets, around hyper-util's client.
    Ours,
    /// Retry → Breaker with the presets, around reqwest.
    OursOverReqwest,
    /// Like `Ours`, with body layers: the breaker and the retry classify a body that stalls, or
    /// breaks off before its first byte, as a failure.
    OursWithBodies,
    /// The preset of the retry alone, around hyper-util's client.
    RetryAlone,
}

impl Kind {
    /// Its name in the table. The rule applies to names that begin with `ours`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Library => "library",
            Self::Ours => "ours",
            Self::OursOverReqwest => "ours (reqwest)",
            Self::OursWithBodies => "ours (bodies)",
            Self::RetryAlone => "retry alone",
        }
    }
}

/// The settings of a client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setup {
    /// HTTP/2 without TLS instead of HTTP/1.
    pub http2: bool,
    /// The time limit of each attempt.
    pub attempt: Option<Duration>,
}

/// A client of one address.
#[derive(Debug, Clone)]
pub struct Client {
    service: Service,
    target: SocketAddr,
    attempts: Attempts,
}

impl Client {
    /// # Errors
    ///
    /// reqwest can't be set up, or the attempt's time limit isn't valid for a body.
    pub fn new(kind: Kind, target: SocketAddr, setup: Setup) -> Result<Self, Error> {
        let attempts = Attempts::new();
        let service = match kind {
            Kind::Bare => bare::service(setup, &attempts),
            Kind::Library => library::service(setup, &attempts)?,
            Kind::Ours => ours::over_hyper(setup, &attempts),
            Kind::OursOverReqwest => ours::over_reqwest(setup, &attempts)?,
            Kind::OursWithBodies => ours::with_bodies(setup, &attempts)?,
            Kind::RetryAlone => ours::retry_alone(setup, &attempts),
        };
        Ok(Self { service, target, attempts })
    }

    pub fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Sends a request and reads the response to its end.
    ///
    /// # Errors
    ///
    /// The reason of the loss: a status that isn't 2xx, or the kind of the error.
    pub async fn call(self, call: Call) -> Result<(), Lost> {
        let method: Method = METHODS[call.operation].parse().expect("the names of the methods are valid");
        let body = if method == Method::GET { Bytes::new() } else { Bytes::from_static(b"a document") };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}/", self.target))
            .header(REQUEST_ID, call.id)
            .body(body)
            .expect("the parts of the request are valid");
        let answer = self.service.oneshot(request).await.map_err(|error| reason(&*error))?;
        let status = answer.status();
        answer.into_body().collect().await.map_err(|error| format!("body: {}", reason(&*error)))?;
        if status.is_success() { Ok(()) } else { Err(status.as_str().to_owned()) }
    }
}

/// hyper-util's pooled client.
fn pooled<B>(setup: Setup) -> Pooled<HttpConnector, B>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Pooled::builder(TokioExecutor::new()).http2_only(setup.http2).build(connector)
}

/// reqwest's client, without proxies from environment variables.
fn reqwest_builder(setup: Setup) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().no_proxy();
    if setup.http2 { builder.http2_prior_knowledge() } else { builder }
}

fn boxed<B>(response: Response<B>) -> Answer
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    response.map(|body| body.map_err(Into::into).boxed_unsync())
}

/// The kind of an error as a short text.
fn reason(error: &(dyn StdError + 'static)) -> Lost {
    let mut innermost = error;
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Rejection>() {
            return "rejected".to_owned();
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return format!("{:?}", error.kind());
        }
        if error.is::<tower_recourse::Elapsed>()
            || error.downcast_ref::<reqwest::Error>().is_some_and(|e| e.is_timeout())
        {
            return "timed out".to_owned();
        }
        innermost = error;
        next = error.source();
    }
    innermost.to_string()
}
