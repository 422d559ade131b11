//! What the classifiers read of a request or a response, so that they also work for the types of
//! other clients.

use ::http::{Extensions, HeaderMap, Method, Request, Response, StatusCode};

pub(crate) trait RequestHead {
    fn method(&self) -> &Method;

    fn headers(&self) -> &HeaderMap;

    /// An extension of the request. `None` if the type hides its extensions.
    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T>;
}

pub(crate) trait ResponseHead {
    /// Whether the client follows redirects, so that the response may belong to a later hop than
    /// the request.
    fn may_be_redirected(&self) -> bool;

    fn status(&self) -> StatusCode;

    fn headers(&self) -> &HeaderMap;

    fn extensions(&self) -> &Extensions;

    fn extensions_mut(&mut self) -> &mut Extensions;
}

impl<B> RequestHead for Request<B> {
    fn method(&self) -> &Method {
        self.method()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions().get()
    }
}

impl<B> ResponseHead for Response<B> {
    /// reqwest follows redirects. This compares the name of the body's type, which isn't guaranteed
    /// to be stable. If it fails, only the conclusion that a request wasn't processed is affected.
    fn may_be_redirected(&self) -> bool {
        std::any::type_name::<B>().contains("reqwest::")
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
