//! hyper-util's client with a retry, a breaker at the end of bodies, and a retry of what breaks off before its first byte. It starts the
//! server that it talks to, and ends by itself.
//! `cargo run --example hyper_client --features http`

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_recourse::{
    BreakerConfig, Circuit, RetryConfig, RetryLayer,
    http::{BodyBreakerLayer, FirstFrameLayer},
};

/// Fails in a different way each time, and then doesn't.
const ANSWERS: [(&str, &str); 4] = [
    (
        "503, come back in a second",
        "HTTP/1.1 503 Busy\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ),
    ("nothing", ""),
    ("a head, and no body", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
    ("200", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = serve().await?;
    let circuit = Circuit::new(BreakerConfig::http().count_calls());
    let mut client = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::http().retries(3)))
        .layer(BodyBreakerLayer::on(&circuit))
        .layer(FirstFrameLayer::new())
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());

    let request = Request::get(format!("http://{address}/")).body(Full::default())?;
    let answer = client.ready().await?.call(request).await?;
    println!("{}: {:?}", answer.status(), answer.into_body().collect().await?.to_bytes());
    let stats = circuit.stats();
    println!("the breaker counted {} failures and {:?} successes", stats.total_failures, stats.total_successes);
    Ok(())
}

/// A connection an answer.
async fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        for (what, answer) in ANSWERS {
            let (mut socket, _) = listener.accept().await?;
            let _length = socket.read(&mut [0; 4096]).await?;
            println!("  the server says {what}");
            socket.write_all(answer.as_bytes()).await?;
            socket.shutdown().await?;
        }
        Ok::<_, std::io::Error>(())
    });
    Ok(address)
}
