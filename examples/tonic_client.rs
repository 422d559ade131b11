//! A tonic client that retries: its server is unavailable at first, then overloaded, then works.
//!
//! ```sh
//! cargo run --example tonic_client --features tonic
//! ```

use std::{
    error::Error,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt};
use tonic::{
    Request, Response, Status, Streaming,
    metadata::MetadataValue,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tower::ServiceBuilder;
use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer, grpc::PeekLayer};

use self::greeter::{
    Greeting, Name,
    greeter_client::GreeterClient,
    greeter_server::{Greeter, GreeterServer},
};

/// The code that tonic generates from `tests/grpc/greeter.proto`.
#[allow(unreachable_pub, missing_docs, reason = "generated")]
#[path = "../tests/grpc/greeter.rs"]
mod greeter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::default();
    let address = serve(host.clone()).await?;
    let circuit = Circuit::new(BreakerConfig::grpc());
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect_lazy();
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::grpc()))
        .layer(BreakerLayer::on(&circuit))
        .layer(PeekLayer::new())
        .service(channel);
    let mut client = GreeterClient::new(service);

    let mut request = Request::new(Name { name: "Ann".to_owned() });
    // The deadline covers all attempts and waits. Each attempt sends the remaining time.
    request.set_timeout(Duration::from_secs(5));
    println!("answered: {:?}", client.greet(request).await?.into_inner().text);
    println!("the server received {} attempts", host.calls.swap(0, Ordering::Relaxed));
    println!("the breaker counted {} failure: a throttled call is neutral", circuit.stats().total_failures);

    // A request stream: each attempt resends it from the beginning.
    let names = tokio_stream::iter(["Ann", "Ben"].map(|name| Name { name: name.to_owned() }));
    println!("answered: {:?}", client.greet_all(names).await?.into_inner().text);
    println!("the server received {} attempts", host.calls.load(Ordering::Relaxed));
    Ok(())
}

/// Fails the first call as unavailable, and the second one as overloaded with a pushback.
#[derive(Clone, Default)]
struct Host {
    calls: Arc<AtomicUsize>,
}

impl Host {
    fn open(&self) -> Result<(), Status> {
        match self.calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Status::unavailable("starting")),
            1 => {
                let mut busy = Status::resource_exhausted("come back in 20 ms");
                busy.metadata_mut().insert("grpc-retry-pushback-ms", MetadataValue::from_static("20"));
                Err(busy)
            }
            _ => Ok(()),
        }
    }
}

type Greetings = Pin<Box<dyn Stream<Item = Result<Greeting, Status>> + Send>>;

#[tonic::async_trait]
impl Greeter for Host {
    type GreetAtLengthStream = Greetings;
    type GreetEachStream = Greetings;

    async fn greet(&self, request: Request<Name>) -> Result<Response<Greeting>, Status> {
        self.open()?;
        Ok(Response::new(hello(request.into_inner().name)))
    }

    async fn greet_all(&self, request: Request<Streaming<Name>>) -> Result<Response<Greeting>, Status> {
        self.open()?;
        let names: Result<Vec<_>, _> = request.into_inner().map(|name| name.map(|name| name.name)).collect().await;
        Ok(Response::new(hello(names?.join(" and "))))
    }

    async fn greet_at_length(&self, request: Request<Name>) -> Result<Response<Greetings>, Status> {
        self.open()?;
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(hello(request.into_inner().name))))))
    }

    async fn greet_each(&self, request: Request<Streaming<Name>>) -> Result<Response<Greetings>, Status> {
        self.open()?;
        Ok(Response::new(Box::pin(request.into_inner().map(|name| name.map(|name| hello(name.name))))))
    }
}

fn hello(name: String) -> Greeting {
    Greeting { text: format!("hello {name}") }
}

async fn serve(host: Host) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = Server::builder().add_service(GreeterServer::new(host));
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    Ok(address)
}
