//! Stacks as programs have them: in an axum handler, on a spawned task, with a fallback.

use axum::{Router, extract::State, routing::get};
use reqwest::{Body, Client, Method, Request, Response};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};
use tower_recourse::{
    BreakerConfig, BreakerLayer, FallbackLayer, RetryConfig, RetryLayer,
    fallback::PrimaryFailure,
    reqwest::{Error, host_and_port},
    retry::{Backoff, Timeouts},
};

use crate::{
    answer, ms, request,
    server::{Server, refusing, reply},
};

type Upstream = BoxCloneSyncService<Request, Response, Error>;

fn upstream() -> Upstream {
    let retry = RetryConfig::reqwest()
        .backoff(Backoff::fixed(ms(2)))
        .timeouts(Timeouts::attempt(ms(5_000)).total(ms(20_000)))
        .without_observers();
    let stack = ServiceBuilder::new()
        .map_err(Error::flatten)
        .layer(RetryLayer::new(retry))
        .layer(BreakerLayer::keyed(BreakerConfig::reqwest().without_observers(), host_and_port))
        .map_err(Error::Client)
        .service(Client::new());
    BoxCloneSyncService::new(stack)
}

#[tokio::test]
async fn a_handler_calls_its_upstream_through_a_stack() {
    async fn handler(State((upstream, url)): State<(Upstream, String)>) -> Result<String, String> {
        let call = async {
            let response = upstream.oneshot(request(Method::GET, &url)).await?;
            Ok::<_, Error>(format!("{} {}", response.status(), response.url().path()))
        };
        call.await.map_err(|error| error.to_string())
    }
    let server = Server::start([reply(503), reply(502)]).await;
    let app = Router::new().route("/", get(handler)).with_state((upstream(), server.url("/item")));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let text = reqwest::get(format!("http://{address}/")).await.unwrap().text().await.unwrap();
    assert_eq!(text, "200 OK /item");
}

#[tokio::test]
async fn a_spawned_task_calls_through_a_stack_with_boxed_errors() {
    let server = Server::start([reply(503)]).await;
    let url = server.url("/");
    let task = tokio::spawn(async move {
        let retry = RetryConfig::reqwest().backoff(Backoff::fixed(ms(2))).timeouts(Timeouts::attempt(ms(5_000)));
        let mut service =
            ServiceBuilder::new().layer(RetryLayer::new(retry)).map_err(BoxError::from).service(Client::new());
        service.ready().await?.call(request(Method::GET, &url)).await.map(|response| response.status())
    });
    assert_eq!(task.await.unwrap().unwrap(), 200);
}

#[tokio::test]
async fn a_fallback_answers_with_a_response_of_reqwest() {
    let fallback = FallbackLayer::from_fn(|_: PrimaryFailure<'_, Response, Error>| async {
        Ok::<_, Error>(Response::from(http::Response::new(Body::from("as of yesterday"))))
    });
    let mut service = fallback.without_observers().layer(upstream());
    let got = answer(&mut service, request(Method::GET, &format!("http://{}/", refusing().await))).await;
    assert_eq!(got, (200, "as of yesterday".to_owned()));
}
