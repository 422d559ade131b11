//! hyper-util's client with a retry and a breaker that classifies a call when its response body
//! ends. `FirstFrameLayer` lets the retry resend a request after a response that breaks off before
//! the first byte of its body.
//!
//! ```sh
//! cargo run --example hyper_client --features http
//! ```
//!
//! The example starts its own server and exits when done.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::ServiceBuilder;
use tower_recourse::{
    BreakerConfig, Circuit, RetryConfig, RetryLayer,
    http::{BodyBreakerLayer, FirstFrameLayer},
};

/// A description and the bytes of each response: three different failures, then a success.
const ANSWERS: [(&str, &str); 4] = [
    (
        "503 with Retry-After: 1",
        "HTTP/1.1 503 Busy\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ),
    ("nothing, and closes the connection", ""),
    ("headers without a body", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
    ("200", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = serve().await?;
    let circuit = Circuit::new(BreakerConfig::http().count_all_calls());
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

/// Starts a server that sends one response per connection.
async fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        for (what, answer) in ANSWERS {
            let (mut socket, _) = listener.accept().await?;
            let _length = socket.read(&mut [0; 4096]).await?;
            println!("  the server sends {what}");
            socket.write_all(answer.as_bytes()).await?;
            socket.shutdown().await?;
        }
        Ok::<_, std::io::Error>(())
    });
    Ok(address)
}
