//! A tonic client that isn't told of an outage: its server is down at first, then busy, then there.
//!
//! ```sh
//! cargo run --example tonic_client --features tonic
//! ```

use std::{
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{net::TcpListener, time::timeout};
use tonic::{
    Request, Response, Status,
    body::Body,
    client::Grpc,
    metadata::MetadataValue,
    server::NamedService,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{Service, ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer, grpc::PeekLayer};

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let greeter = Greeter::default();
    let address = serve(greeter.clone()).await?;
    let circuit = Circuit::new(BreakerConfig::grpc());
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect_lazy();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::grpc()))
        .layer(BreakerLayer::on(&circuit))
        .layer(PeekLayer::new())
        .service(channel);

    // A generated client is made of the same: `GreeterClient::new(service)`.
    let mut client = Grpc::new(service);
    client.ready().await?;
    let mut request = Request::new(Text { text: "hello".to_owned() });
    // Of all attempts and waits together; each of them is told what is left.
    request.set_timeout(Duration::from_secs(5));
    let call = client.unary(request, "/demo.Greeter/Greet".parse()?, ProstCodec::<Text, Text>::default());
    let answer = timeout(Duration::from_secs(10), call).await??;
    println!("answered: {:?}", answer.into_inner().text);
    println!("the server was asked {} times", greeter.calls.load(Ordering::Relaxed));
    println!("the breaker has seen {} failure: who asks for less is up", circuit.stats().total_failures);
    Ok(())
}

/// Not there for the first call, and busy for the second: it says when to come back.
#[derive(Clone, Default)]
struct Greeter {
    calls: Arc<AtomicUsize>,
}

impl Greeter {
    async fn greet(&self, request: Request<Text>) -> Result<Response<Text>, Status> {
        match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Status::unavailable("starting")),
            1 => {
                let mut busy = Status::resource_exhausted("come back in 20 ms");
                busy.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from_static("20"));
                Err(busy)
            }
            _ => Ok(Response::new(Text { text: format!("{} to you too", request.into_inner().text) })),
        }
    }
}

/// By hand, what `tonic-build` makes of a `.proto`.
impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Text, Text>::default());
            Ok(grpc.unary(service_fn(|request| this.greet(request)), request).await)
        })
    }
}

impl NamedService for Greeter {
    const NAME: &'static str = "demo.Greeter";
}

async fn serve(greeter: Greeter) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = Server::builder().add_service(greeter);
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(address)
}
