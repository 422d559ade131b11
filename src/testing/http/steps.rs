//! Steps that respond with a status.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::body::ScriptBody;
use crate::testing::{
    script::Script,
    step::Step,
    steps::{respond_with, succeed_with},
};

/// The service responds with this status and an empty body. Add headers and a body with the methods
/// of the step, such as [`header`](Step::header) and [`body`](Step::body).
///
/// # Panics
///
/// If `code` isn't a status code, 100 to 999.
#[track_caller]
pub fn status<Err: 'static>(code: u16) -> Step<Response<ScriptBody>, Err> {
    let status = StatusCode::from_u16(code).unwrap_or_else(|_| panic!("{code} isn't a status code"));
    succeed_with(move || {
        let mut response = Response::new(ScriptBody::empty());
        *response.status_mut() = status;
        response
    })
}

impl<Err: 'static> Step<Response<ScriptBody>, Err> {
    /// Sets a header of the response.
    ///
    /// # Panics
    ///
    /// If the name or the value isn't valid.
    #[track_caller]
    pub fn header(self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap_or_else(|_| panic!("{name:?} isn't a header name"));
        let value: HeaderValue = value.parse().unwrap_or_else(|_| panic!("{value:?} isn't a header value"));
        self.map_response(move |mut response| {
            response.headers_mut().insert(&name, value.clone());
            response
        })
    }

    /// Sets `Retry-After` to a number of seconds; parts of a second are rounded up.
    pub fn retry_after(self, delay: Duration) -> Self {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER.as_str(), &seconds.to_string())
    }

    /// Sets the body of the response: text, bytes, or a [`ScriptBody`] that fails or hangs.
    pub fn body(self, body: impl Into<ScriptBody>) -> Self {
        let body = body.into();
        self.map_response(move |response| response.map(|_| body.clone()))
    }

    /// Sets a body that breaks off: its reader gets the data, and then a
    /// [`ConnectionReset`](io::ErrorKind::ConnectionReset).
    pub fn broken_body(self, data: impl Into<Bytes>) -> Self {
        self.body(ScriptBody::empty().data(data).fails(io::ErrorKind::ConnectionReset))
    }
}

impl<Req> Script<Req, Response<ScriptBody>, io::Error> {
    /// Makes an HTTP service whose error type is `io::Error`. For other error types, use
    /// [`new`](Script::new), such as `Script::<_, _, Infallible>::new([status(503)])`.
    ///
    /// # Panics
    ///
    /// If there is no step.
    pub fn http(steps: impl IntoIterator<Item = Step<Response<ScriptBody>, io::Error>>) -> Self {
        Self::new(steps)
    }
}

/// A response, for a service that [`respond_with`] describes.
impl<Err: 'static> From<Response<ScriptBody>> for Step<Response<ScriptBody>, Err> {
    fn from(response: Response<ScriptBody>) -> Self {
        // Extensions are cloned with the response, because `http` requires it of them.
        respond_with(move || Ok(response.clone()))
    }
}
