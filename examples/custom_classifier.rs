//! A service that reports errors with status 200 and a JSON body. A custom classifier reads the
//! body, and leaves other responses to `StatusClassifier`.
//!
//! ```sh
//! cargo run --example custom_classifier --features http
//! ```
//!
//! The example starts its own server and exits when done.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::ServiceBuilder;
use tower_recourse::{
    BreakerConfig, BreakerError, BreakerLayer, Circuit, Delivery, Health, RetryConfig, RetryLayer, Verdict, classify,
    http::StatusClassifier,
};

/// The status and body of each response, in order.
const ANSWERS: [(u16, &str); 6] = [
    (200, r#"{"error":"overloaded","retry_in_ms":20}"#),
    (200, r#"{"error":"overloaded","retry_in_ms":40}"#),
    (200, r#"{"order":1}"#),
    (200, r#"{"error":"no such article"}"#),
    (503, ""),
    (200, r#"{"error":"out of order"}"#),
];

/// Classifies errors in the body. Returns `None` for other responses.
fn by_body<E>(outcome: Result<&Response<String>, &E>) -> Option<Verdict> {
    let answer: serde_json::Value = serde_json::from_str(outcome.ok()?.body()).ok()?;
    match answer["error"].as_str()? {
        // The service checks its queue before it processes a request, so a rejected request may be
        // resent whatever its method.
        "overloaded" => {
            let pause = Duration::from_millis(answer["retry_in_ms"].as_u64().unwrap_or(100));
            Some(Verdict::throttled().retry_after(pause).delivery(Delivery::NotSent))
        }
        // A failure of the service that no other attempt can fix.
        "out of order" => Some(Verdict::permanent().health(Health::Unhealthy)),
        // An error of the caller: the service is healthy.
        _ => Some(Verdict::ClientError),
    }
}

/// Reads the body as text, so that the classifier can inspect it. The bodies are small here.
async fn read(response: Response<hyper::body::Incoming>) -> io::Result<Response<String>> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, String::from_utf8(body.into()).map_err(io::Error::other)?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = serve().await?;
    let counted = classify::first(classify::outcomes(by_body::<io::Error>)).or(StatusClassifier::default());
    let circuit = Circuit::new(BreakerConfig::http().count_all_calls().classifier(counted));
    // The retry is outside the breaker, so it classifies the breaker's error type.
    let retried =
        classify::first(classify::outcomes(by_body::<BreakerError<io::Error>>)).or(StatusClassifier::default());
    let mut orders = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryConfig::http().classifier(retried)))
        .layer(BreakerLayer::on(&circuit))
        .and_then(read)
        .map_err(io::Error::other)
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());

    for (method, what) in
        [("POST", "an order"), ("POST", "an order for an unknown article"), ("PUT", "a changed order")]
    {
        println!("{method} {what}");
        let request = Request::builder().method(method).uri(format!("http://{address}/")).body(Full::from(what))?;
        let answer = orders.ready().await?.call(request).await?;
        println!("  the caller receives {} {}", answer.status(), answer.body());
    }
    let stats = circuit.stats();
    println!("the breaker counted {} failures and {:?} successes", stats.total_failures, stats.total_successes);
    Ok(())
}

/// Starts a server that sends one response per connection.
async fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        for (status, body) in ANSWERS {
            let (mut socket, _) = listener.accept().await?;
            let _length = socket.read(&mut [0; 4096]).await?;
            println!("  the service sends {status} {body}");
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} So\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
            socket.write_all(answer.as_bytes()).await?;
            socket.shutdown().await?;
        }
        Ok::<_, io::Error>(())
    });
    Ok(address)
}
