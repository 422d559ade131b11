//! gRPC clients. All have the same function type, so that a scenario can treat them uniformly.

use std::{collections::HashMap, io::Write, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use futures_util::future::BoxFuture;
use http::uri::PathAndQuery;
use tokio::sync::oneshot;
use tonic::{
    Code, Request, Status,
    body::Body,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{self, Endpoint},
};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerLayer, RetryConfig, RetryLayer,
    grpc::{PeekLayer, Unavailable},
};

use crate::{
    Error,
    attempts::Attempts,
    load::{Call, Lost},
    servers::python::Python,
    upstream::REQUEST_ID,
};

/// The operations of the gRPC scenarios. The service config has a retry policy for `Get` only.
pub const METHODS: &[&str] = &["Get", "Add"];
const PATHS: [&str; 2] = ["/field.Store/Get", "/field.Store/Add"];

/// The service config of the clients that use one. The policy is the example of gRPC's proposal A6.
const SERVICE_CONFIG: &str = r#"{"methodConfig": [{
    "name": [{"service": "field.Store", "method": "Get"}],
    "retryPolicy": {
        "maxAttempts": 4,
        "initialBackoff": "0.1s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"]
    }
}]}"#;

const SCRIPT: &str = include_str!("grpcio_client.py");

/// The kind of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// tonic's channel.
    Bare,
    /// grpcio in a Python process, with its own retries by the service config.
    Library,
    /// Retry → Breaker → Peek with the presets, around tonic's channel.
    Ours,
    /// Retry by the service config → Breaker → Peek, around tonic's channel.
    OursByServiceConfig,
    /// The preset of the retry alone → Peek, around tonic's channel.
    RetryAlone,
}

impl Kind {
    /// Its name in the table. The rule applies to names that begin with `ours`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Library => "library",
            Self::Ours => "ours",
            Self::OursByServiceConfig => "ours (service config)",
            Self::RetryAlone => "retry alone",
        }
    }
}

/// The settings of a client.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// The deadline of each call, for all attempts and waits together.
    pub deadline: Duration,
    /// Whether tonic sends a ping every 100 ms, and closes a connection whose ping gets no response
    /// in 200 ms. grpcio doesn't support such short intervals: it sends pings at most every 5
    /// minutes.
    pub pings: bool,
}

/// A client of one address.
#[derive(Clone)]
pub struct Client {
    kind: Kind,
    call: Caller,
    /// `None` for grpcio: only the server can count its attempts.
    attempts: Option<Attempts>,
}

type Answer = BoxFuture<'static, Result<(), Lost>>;
/// Makes a call, given its operation and its request id.
type Caller = Arc<dyn Fn(usize, String) -> Answer + Send + Sync>;
type Service = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, transport::Error>;

impl Client {
    /// # Errors
    ///
    /// grpcio isn't installed, or can't connect.
    pub async fn new(kind: Kind, target: SocketAddr, setup: Setup) -> Result<Self, Error> {
        if kind == Kind::Library {
            return grpcio(target, setup.deadline).await;
        }
        let attempts = Attempts::new();
        let service = service(kind, target, setup, &attempts)?;
        let call = move |operation: usize, id: String| -> Answer {
            Box::pin(unary(service.clone(), operation, id, setup.deadline))
        };
        Ok(Self { kind, call: Arc::new(call), attempts: Some(attempts) })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn attempts(&self) -> Option<&Attempts> {
        self.attempts.as_ref()
    }

    /// The prefix of its request ids in the server's log.
    pub fn prefix(&self) -> String {
        format!("{:?}-", self.kind)
    }

    /// Makes a unary call.
    ///
    /// # Errors
    ///
    /// The reason of the loss: the status code, or `rejected` by a breaker.
    pub async fn call(self, call: Call) -> Result<(), Lost> {
        let id = format!("{}{}", self.prefix(), call.id);
        (self.call)(call.operation, id).await
    }
}

fn service(kind: Kind, target: SocketAddr, setup: Setup, attempts: &Attempts) -> Result<Service, Error> {
    let mut endpoint = Endpoint::from_shared(format!("http://{target}"))?;
    if setup.pings {
        let (interval, patience) = (Duration::from_millis(100), Duration::from_millis(200));
        endpoint = endpoint.http2_keep_alive_interval(interval).keep_alive_timeout(patience);
    }
    let (channel, attempts) = (endpoint.connect_lazy(), attempts.clone());
    let channel = ServiceBuilder::new()
        .map_request(move |request: http::Request<Body>| {
            attempts.record();
            request
        })
        .service(channel);
    let peeked = ServiceBuilder::new().layer(PeekLayer::new()).service(channel.clone());
    let breaker = BreakerLayer::new(BreakerConfig::grpc()).on_rejection(Unavailable);
    let outside = ServiceBuilder::new();
    Ok(match kind {
        Kind::Ours => {
            let retry = RetryLayer::new(RetryConfig::grpc());
            let stack = outside.layer(retry).layer(breaker).service(peeked);
            BoxCloneSyncService::new(stack.map_response(|response| response.map(Body::new)))
        }
        Kind::OursByServiceConfig => {
            let retry = RetryConfig::from_service_config(SERVICE_CONFIG)?.layer();
            let stack = outside.layer(retry).layer(breaker).service(peeked);
            BoxCloneSyncService::new(stack.map_response(|response| response.map(Body::new)))
        }
        Kind::RetryAlone => {
            let stack = outside.layer(RetryLayer::new(RetryConfig::grpc())).service(peeked);
            BoxCloneSyncService::new(stack.map_response(|response| response.map(Body::new)))
        }
        Kind::Bare | Kind::Library => BoxCloneSyncService::new(channel),
    })
}

async fn unary(service: Service, operation: usize, id: String, deadline: Duration) -> Result<(), Lost> {
    let mut client = tonic::client::Grpc::new(service);
    let mut request = Request::new(Bytes::from_static(b"field"));
    request.set_timeout(deadline);
    request.metadata_mut().insert(REQUEST_ID, id.parse().expect("an id is ASCII"));
    client.ready().await.map_err(|error| error.to_string())?;
    let path = PathAndQuery::from_static(PATHS[operation]);
    client.unary(request, path, Raw).await.map(drop).map_err(|status| match status.code() {
        Code::Unavailable if status.message() == "the service is not called for now" => "rejected".to_owned(),
        code => format!("{code:?}"),
    })
}

/// Starts a Python process. Each call and each result is one line.
async fn grpcio(target: SocketAddr, deadline: Duration) -> Result<Client, Error> {
    type Waiting = HashMap<String, oneshot::Sender<String>>;
    let waiting = Arc::new(std::sync::Mutex::new(Waiting::new()));
    let answered = Arc::clone(&waiting);
    let arguments = [&target.port().to_string(), SERVICE_CONFIG, &deadline.as_millis().to_string()];
    let mut python = Python::start(SCRIPT, &arguments, move |line| {
        let Some((id, code)) = line.split_once(' ') else { return false };
        if let Some(caller) = answered.lock().unwrap().remove(id) {
            _ = caller.send(code.to_owned());
        }
        true
    })?;
    python.expect("ready").await?;
    let python = Arc::new(std::sync::Mutex::new(python));
    let call = move |operation: usize, id: String| -> Answer {
        let (sender, answer) = oneshot::channel();
        waiting.lock().unwrap().insert(id.clone(), sender);
        let sent = writeln!(python.lock().unwrap().input(), "{id} {}", METHODS[operation]);
        Box::pin(async move {
            sent.map_err(|error| error.to_string())?;
            match answer.await {
                Ok(code) if code == "OK" => Ok(()),
                Ok(code) => Err(code),
                Err(_) => Err("no answer from Python".to_owned()),
            }
        })
    };
    Ok(Client { kind: Kind::Library, call: Arc::new(call), attempts: None })
}

/// A codec that passes messages as bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
