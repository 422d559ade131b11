//! Copies of a request's head.
//!
//! hyper's header values and URIs are slices of the buffer that it has read, so a stored clone
//! would keep that buffer (8 KiB or more) alive.

use ::http::{
    HeaderMap, HeaderValue, Request, Uri,
    uri::{Authority, PathAndQuery},
};
use bytes::Bytes;

/// Copies the URI and the headers into new memory. Out of line, because most requests have no body
/// to record.
#[inline(never)]
pub(super) fn deep<B>(request: &Request<B>) -> (Uri, HeaderMap) {
    (uri(request.uri()), headers(request.headers()))
}

/// Clones the URI and the headers.
#[inline]
pub(super) fn shallow<B>(request: &Request<B>) -> (Uri, HeaderMap) {
    (request.uri().clone(), request.headers().clone())
}

/// One allocation for all values.
fn headers(of: &HeaderMap) -> HeaderMap {
    let mut values = Vec::with_capacity(of.values().map(HeaderValue::len).sum());
    of.values().for_each(|value| values.extend_from_slice(value.as_bytes()));
    let mut values = Bytes::from(values);
    let mut own = HeaderMap::with_capacity(of.len());
    for (name, value) in of {
        let copy = HeaderValue::from_maybe_shared(values.split_to(value.len()));
        // Never fails, because the bytes come from a valid value.
        let mut copy = copy.unwrap_or_else(|_| value.clone());
        copy.set_sensitive(value.is_sensitive());
        own.append(name.clone(), copy);
    }
    own
}

fn uri(of: &Uri) -> Uri {
    let mut parts = of.clone().into_parts();
    parts.authority = parts.authority.map(|own| Authority::try_from(own.as_str()).unwrap_or(own));
    parts.path_and_query = parts.path_and_query.map(|own| PathAndQuery::try_from(own.as_str()).unwrap_or(own));
    Uri::from_parts(parts).unwrap_or_else(|_| of.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_head_equals_the_original() {
        let mut of = HeaderMap::new();
        for (name, value) in [("x-a", "1"), ("x-b", ""), ("x-a", "two"), ("cookie", "secret")] {
            of.append(name, value.parse().unwrap());
        }
        of.append("x-b", HeaderValue::from_bytes(b"\xFFopaque").unwrap());
        of.get_mut("cookie").unwrap().set_sensitive(true);
        assert_eq!(headers(&of), of);
        assert!(headers(&of)["cookie"].is_sensitive());
        assert_eq!(headers(&of).get_all("x-a").iter().collect::<Vec<_>>(), ["1", "two"]);
        assert_eq!(headers(&HeaderMap::new()), HeaderMap::new());
        for text in ["/a/b?c=d", "*", "https://user@host:8080/p?q", "host:443", "/", "http://host"] {
            let of: Uri = text.parse().unwrap();
            assert_eq!((uri(&of), uri(&of).to_string()), (of.clone(), of.to_string()), "{text}");
        }
    }
}
