use http::{HeaderValue, Response, StatusCode, header};

use crate::{Receipt, deferral::Respond};

/// The response `202 Accepted` with a `Location`, at which the caller can ask for the status: that
/// of `status_router` (feature `axum`) if it is nested at the same path.
///
/// The body is JSON: `{"job":"order-17","state":"accepted"}`.
#[derive(Debug, Clone)]
pub struct Accepted {
    path: String,
}

impl Accepted {
    /// The location of a job is `path`, a slash, and the percent-encoded key.
    pub fn at(path: impl Into<String>) -> Self {
        let mut path = path.into();
        path.truncate(path.trim_end_matches('/').len());
        Self { path }
    }
}

impl<B: From<String>> Respond<Response<B>> for Accepted {
    fn respond(&self, receipt: &Receipt) -> Response<B> {
        let body = serde_json::json!({ "job": receipt.key().as_str(), "state": "accepted" });
        let mut response = Response::new(B::from(body.to_string()));
        *response.status_mut() = StatusCode::ACCEPTED;
        let location = format!("{}/{}", self.path, receipt.key().to_path_segment());
        // A path that isn't a valid header value is left out; the body has the key.
        if let Ok(location) = HeaderValue::try_from(location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
