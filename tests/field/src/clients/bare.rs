use http::Request;
use http_body_util::Full;
use tokio::time::timeout;
use tower::{BoxError, ServiceExt, service_fn};

use super::{Service, Setup, boxed, pooled};
use crate::attempts::Attempts;

pub(super) fn service(setup: Setup, attempts: &Attempts) -> Service {
    let (client, attempts) = (pooled(setup), attempts.clone());
    let send = service_fn(move |request: Request<Full<bytes::Bytes>>| {
        attempts.record();
        let answer = client.request(request);
        async move {
            let Some(limit) = setup.attempt else { return Ok(boxed(answer.await?)) };
            let answered = timeout(limit, answer).await.map_err(|_| "timed out")?;
            Ok::<_, BoxError>(boxed(answered?))
        }
    });
    Service::new(send.map_request(|request: Request<bytes::Bytes>| request.map(Full::new)))
}
