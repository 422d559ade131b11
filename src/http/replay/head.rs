//! Copies of a request's head. hyper makes header values and URIs of pieces of the buffer that it has read, so a clone that is kept
//! keeps that buffer, of 8 KiB and more.

use ::http::{
    HeaderMap, HeaderValue, Uri,
    uri::{Authority, PathAndQuery},
};
use bytes::Bytes;

/// The same headers, in memory of their own: one allocation for all values.
pub(super) fn headers(of: &HeaderMap) -> HeaderMap {
    let mut values = Vec::with_capacity(of.values().map(HeaderValue::len).sum());
    of.values().for_each(|value| values.extend_from_slice(value.as_bytes()));
    let mut values = Bytes::from(values);
    let mut own = HeaderMap::with_capacity(of.len());
    for (name, value) in of {
        let copy = HeaderValue::from_maybe_shared(values.split_to(value.len()));
        // It was a value before, and so it is one.
        let mut copy = copy.unwrap_or_else(|_| value.clone());
        copy.set_sensitive(value.is_sensitive());
        own.append(name.clone(), copy);
    }
    own
}

/// The same URI, in memory of its own.
pub(super) fn uri(of: &Uri) -> Uri {
    let mut parts = of.clone().into_parts();
    parts.authority = parts.authority.map(|own| Authority::try_from(own.as_str()).unwrap_or(own));
    parts.path_and_query = parts.path_and_query.map(|own| PathAndQuery::try_from(own.as_str()).unwrap_or(own));
    Uri::from_parts(parts).unwrap_or_else(|_| of.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_head_says_the_same() {
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
