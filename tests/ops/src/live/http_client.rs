//! A hyper client that reads whole bodies.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, Service, service_fn};

/// The service inside of all layers.
pub fn client()
-> impl Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = BoxError, Future: Send> + Clone + Send + Sync
{
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    service_fn(move |request| {
        let sent = client.request(request);
        async move {
            let (head, body) = sent.await?.into_parts();
            Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
        }
    })
}

/// The body of a response with the status 200.
pub async fn get(url: &str) -> Result<String, BoxError> {
    let response = client().call(Request::get(url).body(Full::default())?).await?;
    let status = response.status();
    let body = String::from_utf8(response.into_body().collect().await?.to_bytes().into())?;
    if status == StatusCode::OK { Ok(body) } else { Err(format!("{status}: {body}").into()) }
}
