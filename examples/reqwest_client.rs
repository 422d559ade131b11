//! reqwest behind a retry and a breaker, wrapped as a service of `http::Request`.
//!
//! ```sh
//! cargo run --example reqwest_client --features http
//! ```
//!
//! The example starts its own server and exits when done.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_recourse::{BreakerConfig, BreakerError, BreakerLayer, RetryConfig, RetryLayer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let address = serve().await?;
    // Boxes the error, so that the layers can recognise lost connections, timeouts and refused
    // connections.
    let reqwest = service_fn({
        let client = reqwest::Client::new();
        move |request: Request<Full<Bytes>>| {
            let client = client.clone();
            async move {
                let request = request.map(reqwest::Body::wrap).try_into()?;
                Ok::<_, BoxError>(Response::<reqwest::Body>::from(client.execute(request).await?))
            }
        }
    });
    let mut client = ServiceBuilder::new()
        // A `BreakerError` around a box doesn't implement `Error`, because boxed errors don't.
        .map_err(BreakerError::into_boxed)
        .layer(RetryLayer::new(RetryConfig::http()))
        .layer(BreakerLayer::new(BreakerConfig::http()))
        .service(reqwest);

    for method in ["PUT", "POST"] {
        let request = Request::builder().method(method).uri(format!("http://{address}/")).body(Full::from("hello"))?;
        println!("{method}");
        let answer = client.ready().await?.call(request).await?;
        println!("{}: {:?}", answer.status(), reqwest::Response::from(answer).text().await?);
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
