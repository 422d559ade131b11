//! The front: it forwards orders, and stores those that the upstream fails.

use std::net::SocketAddr;

use axum::{Router, body::Body, response::Response as AxumResponse, routing::post};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tower::{Layer, service_fn};
use tower_recourse::{FallbackLayer, http::StatusClassifier};
use tower_recourse_defer::{
    Deferral,
    http::{Accepted, HttpRequests},
    sqlite::SqliteQueue,
    status_router,
};

use crate::{BoxError, scaled::scaled};

/// Sends a request and reads the whole response.
pub(crate) async fn send(
    client: Client<HttpConnector, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Full<Bytes>>, BoxError> {
    let (head, body) = client.request(request).await?.into_parts();
    Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Starts the front. The worker retries later, so the front itself doesn't.
pub(crate) async fn start(queue: SqliteQueue, upstream: &str) -> Result<SocketAddr, BoxError> {
    let client = client();
    let deferral = Deferral::new(queue.clone(), HttpRequests::new(), Accepted::at("/jobs")).first_delay(scaled(10));
    let stack = FallbackLayer::with(deferral)
        .classifier(StatusClassifier::default())
        .layer(service_fn(move |request| send(client.clone(), request)));

    let upstream: Uri = upstream.parse()?;
    let forward = move |request: Request<Body>| {
        let (stack, upstream) = (stack.clone(), upstream.clone());
        async move {
            let (mut head, body) = request.into_parts();
            head.uri = upstream;
            let Ok(body) = axum::body::to_bytes(body, 1 << 16).await else { return Err(StatusCode::BAD_REQUEST) };
            match stack.oneshot(Request::from_parts(head, Full::new(body))).await {
                Ok(response) => Ok(AxumResponse::from(response.map(Body::new))),
                Err(_) => Err(StatusCode::BAD_GATEWAY),
            }
        }
    };
    let app = Router::new().route("/orders", post(forward)).nest("/jobs", status_router(queue));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// Sends an order to the front, and returns the status and the location of the answer.
pub(crate) async fn order(front: SocketAddr, number: u32) -> Result<(StatusCode, String), BoxError> {
    let request = Request::post(format!("http://{front}/orders"))
        .header("idempotency-key", format!("order-{number}"))
        .body(Full::from(format!("order {number}")))?;
    let response = send(client(), request).await?;
    let location = response.headers().get(header::LOCATION).ok_or("the order wasn't stored")?;
    Ok((response.status(), location.to_str()?.to_owned()))
}

/// Asks the front for the status of an order.
pub(crate) async fn status(front: SocketAddr, number: u32) -> Result<String, BoxError> {
    let request = Request::get(format!("http://{front}/jobs/order-{number}")).body(Full::default())?;
    let body = send(client(), request).await?.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}
