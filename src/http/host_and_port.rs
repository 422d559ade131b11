use ::http::{Request, header::HOST, uri::Authority};

/// The longest DNS name.
const MAX_HOST_BYTES: usize = 253;

/// Returns the host and the port of a request, such as `api.example:443`: the key of
/// [`BreakerLayer::keyed`](crate::BreakerLayer) for one circuit per host.
///
/// The port is that of the URI, or the default one of `http` or `https`. A URI without a host, as a
/// server receives it over HTTP/1, is replaced by the `Host` header. The name is in lower case.
/// Other than [`Uri::authority`](http::Uri::authority), the result contains neither a user nor a
/// password, so it may appear in logs.
///
/// The result is empty if there is no host, or if it has more than 253 bytes, which no DNS name
/// has.
///
/// ```
/// use http::Request;
/// use tower_recourse::http::host_and_port;
///
/// let request = Request::get("https://user:password@API.example/prices").body(())?;
/// assert_eq!(host_and_port(&request), "api.example:443");
/// # Ok::<(), http::Error>(())
/// ```
pub fn host_and_port<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let default_port = match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    };
    match uri.authority() {
        Some(authority) => join(authority, default_port),
        None => {
            let header = request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
            header.map_or_else(String::new, |authority| join(&authority, default_port))
        }
    }
}

fn join(authority: &Authority, default_port: Option<u16>) -> String {
    let host = authority.host();
    if host.len() > MAX_HOST_BYTES {
        return String::new();
    }
    let mut key = host.to_ascii_lowercase();
    if let Some(port) = authority.port_u16().or(default_port) {
        key.push(':');
        key.push_str(&port.to_string());
    }
    key
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::host_and_port;

    fn key(uri: &str, host: Option<&[u8]>) -> String {
        let mut request = Request::get(uri);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        host_and_port(&request.body(()).unwrap())
    }

    #[test]
    fn the_key_has_a_port_and_no_credentials() {
        for (uri, expected) in [
            ("http://a.example/", "a.example:80"),
            ("http://A.Example:80/x?y", "a.example:80"),
            ("https://user:secret@a.example/", "a.example:443"),
            ("https://user:secret@a.example:8443/", "a.example:8443"),
            ("http://[::1]:3000/", "[::1]:3000"),
            ("ftp://a.example/", "a.example"),
        ] {
            assert_eq!(key(uri, Some(b"other.example")), expected);
        }
    }

    #[test]
    fn the_host_header_replaces_a_missing_host() {
        assert_eq!(key("/", Some(b"A.example:8080")), "a.example:8080");
        assert_eq!(key("/", Some(b"user:secret@a.example")), "a.example");
        for garbage in [&b""[..], b"a b", b"\xff", b"a:b:c", b"@"] {
            let key = key("/", Some(garbage));
            assert!(!key.contains([' ', '@']), "{key}");
        }
        assert_eq!(key("/", None), "");
        assert_eq!(key("/", Some("a".repeat(254).as_bytes())), "");
    }
}
