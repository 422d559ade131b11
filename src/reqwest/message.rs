//! reqwest's requests and responses, as the HTTP classifiers read them.

use ::http::{Extensions, HeaderMap, Method, StatusCode};
use ::reqwest::{Request, Response};

use crate::http::message::{RequestHead, ResponseHead};

/// reqwest hides the extensions of a request.
impl RequestHead for Request {
    fn method(&self) -> &Method {
        self.method()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        None
    }
}

impl ResponseHead for Response {
    fn may_be_redirected(&self) -> bool {
        true
    }

    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extensions(&self) -> &Extensions {
        self.extensions()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}
