//! An axum app whose handler fails: a retry resends the body, a breaker answers rejections with a
//! response, and the error type stays `Infallible`.
//!
//! ```sh
//! cargo run --example axum_app --features axum
//! ```
//!
//! The example starts its own server and exits when done.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, http::StatusCode, routing::put};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_recourse::{
    BreakerConfig, BreakerLayer, Circuit, RetryConfig, RetryLayer,
    breaker::{OpenDuration, TripRule},
    http::{StatusClassifier, Unavailable},
};

/// Stores a document at the second attempt. Fails every attempt for the document "down".
async fn store(State(attempts): State<Arc<AtomicUsize>>, document: String) -> Result<String, StatusCode> {
    let attempt = attempts.fetch_add(1, Ordering::SeqCst) + 1;
    println!("  attempt {attempt}: {document:?}");
    match document.as_str() {
        "down" => Err(StatusCode::BAD_GATEWAY),
        _ if attempt % 2 == 1 => Err(StatusCode::SERVICE_UNAVAILABLE),
        _ => Ok(format!("stored {document:?}")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The preset's first open time is so short that the retry would wait out the rejection. This
    // circuit opens for 30 s, so that the client receives the rejection.
    let breaker = BreakerConfig::http()
        .open_when(TripRule::consecutive(3)?)
        .open_for(OpenDuration::fixed(Duration::from_secs(30)));
    let circuit = Circuit::new(breaker);
    let app = Router::new().route("/document", put(store)).with_state(Arc::default()).layer(
        ServiceBuilder::new()
            // Any client can set an `Idempotency-Key`, and the handler doesn't store keys.
            .layer(RetryLayer::new(
                RetryConfig::http().classifier(StatusClassifier::default().ignore_idempotency_key()),
            ))
            .layer(BreakerLayer::on(&circuit).on_rejection(Unavailable)),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    for document in ["a poem", "down", "another poem"] {
        println!("PUT {document:?}");
        answer(address, document).await?;
    }
    println!("the circuit is {:?}", circuit.state());
    Ok(())
}

/// Sends a document with a plain client, and prints the response.
async fn answer(address: SocketAddr, document: &'static str) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::put(format!("http://{address}/document")).body(Full::from(document))?;
    let answer = client.request(request).await?.map(Body::new);
    let (status, retry_after) = (answer.status(), answer.headers().get("retry-after").cloned());
    let body = answer.into_body().collect().await?.to_bytes();
    println!("  {status}, retry-after: {retry_after:?}\n  {}", String::from_utf8_lossy(&body));
    Ok(())
}
