//! reqwest behind a retry and a breaker with one circuit per host.
//!
//! ```sh
//! cargo run --example reqwest_client --features reqwest
//! ```
//!
//! The example starts its own server and exits when done.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::{ServiceBuilder, ServiceExt};
use tower_recourse::{
    BreakerConfig, BreakerLayer, RetryConfig, RetryLayer,
    reqwest::{Error, host_and_port},
    retry::Timeouts,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = serve().await?;
    let client = Client::new();
    let breaker = BreakerLayer::keyed(BreakerConfig::reqwest(), host_and_port).named();
    let circuits = breaker.circuits().clone();
    let stack = ServiceBuilder::new()
        .map_err(Error::flatten)
        .layer(RetryLayer::new(RetryConfig::reqwest().timeouts(Timeouts::attempt(Duration::from_secs(1)))))
        .layer(breaker)
        .map_err(Error::Client)
        .service(client.clone());

    for method in [Method::PUT, Method::POST] {
        println!("{method}");
        let request = client.request(method, format!("http://{address}/")).body("hello").build()?;
        let response = stack.clone().oneshot(request).await?;
        println!("{}: {:?}", response.status(), response.text().await?);
    }

    // No server listens on port 1. The circuit of that host counts the failures.
    let request = client.get("http://127.0.0.1:1/").build()?;
    println!("{:?}", stack.clone().oneshot(request).await.map_err(|error| error.to_string()));
    for host in [address.to_string(), "127.0.0.1:1".to_owned()] {
        println!("{host}: {} failures in a row", circuits.get(&host).stats().failures_in_a_row);
    }
    Ok(())
}

/// Starts a server that fails the first of every two requests. The retry resends a PUT, but not a
/// POST.
async fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        for status in [503, 200].into_iter().cycle() {
            let (mut socket, _) = listener.accept().await?;
            let _length = socket.read(&mut [0; 4096]).await?;
            println!("  the server sends {status}");
            let answer = format!("HTTP/1.1 {status} Whatever\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
            socket.write_all(answer.as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    Ok(address)
}
