//! Bodies that reqwest accepts, as in its page of the docs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, extract::State, http::StatusCode, routing::put};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Either, Empty, Full, combinators::BoxBody};
use tokio::net::TcpListener;
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_recourse::{RetryConfig, RetryLayer};

/// Responds with 503 once, and then with the body of the request.
async fn store(State(calls): State<Arc<AtomicUsize>>, body: String) -> Result<String, StatusCode> {
    let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
    if first { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(format!("stored {body}")) }
}

#[tokio::test]
async fn a_box_body_is_resent_through_reqwest() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let app = Router::new().route("/", put(store)).with_state(calls.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let reqwest = reqwest::Client::new();
    let send = service_fn(move |request: Request<BoxBody<Bytes, BoxError>>| {
        let reqwest = reqwest.clone();
        async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            Ok::<_, BoxError>(Response::<reqwest::Body>::from(reqwest.execute(request).await?))
        }
    });
    let mut client = ServiceBuilder::new().layer(RetryLayer::new(RetryConfig::http().retries(2))).service(send);

    let poem = Either::<_, Empty<Bytes>>::Left(Full::<Bytes>::from("a poem"));
    let request = Request::put(format!("http://{address}/")).body(BoxBody::new(poem)).unwrap();
    let response = client.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "stored a poem");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}
