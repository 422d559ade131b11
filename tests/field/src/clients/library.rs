use bytes::Bytes;
use http::{Request, Response};
use tower::{BoxError, service_fn};
use tower_recourse::http::is_idempotent;

use super::{Service, Setup, boxed, reqwest_builder};
use crate::{Error, attempts::Attempts};

/// reqwest with a retry policy as in its documentation: idempotent methods, errors and 502 to 504,
/// and the defaults of 2 retries and a budget of 20 %. It doesn't wait before retries or read
/// `Retry-After`.
pub(super) fn service(setup: Setup, attempts: &Attempts) -> Result<Service, Error> {
    let policy = reqwest::retry::for_host(CountedHost(attempts.clone())).classify_fn(|attempt| {
        let repeatable =
            is_idempotent(&Request::builder().method(attempt.method()).body(()).expect("a method is valid"));
        let failed = attempt.status().is_none_or(|status| (502..=504).contains(&status.as_u16()));
        if repeatable && failed { attempt.retryable() } else { attempt.success() }
    });
    let mut builder = reqwest_builder(setup).retry(policy);
    if let Some(limit) = setup.attempt {
        // reqwest has no time limit per attempt. This limit covers the request, from connecting to
        // the end of the body.
        builder = builder.timeout(limit);
    }
    let (client, attempts) = (builder.build()?, attempts.clone());
    Ok(Service::new(service_fn(move |request: Request<Bytes>| {
        attempts.record();
        let client = client.clone();
        async move {
            let request = request.map(reqwest::Body::from).try_into()?;
            let answer: Response<reqwest::Body> = client.execute(request).await?.into();
            Ok::<_, BoxError>(boxed(answer))
        }
    })))
}

/// Matches any host and counts retries: reqwest compares the host once before each retry, and
/// offers no other hook for counting.
struct CountedHost(Attempts);

impl PartialEq<&str> for CountedHost {
    fn eq(&self, _: &&str) -> bool {
        self.0.record();
        true
    }
}
