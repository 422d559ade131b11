/// Returns the host and the port of a request, such as `api.example:443`: the key of
/// [`BreakerLayer::keyed`](crate::BreakerLayer::keyed) for one circuit per host. Other than
/// `url().authority()`, it contains neither a user nor a password, so it may appear in logs.
///
/// The result is empty if the URL has no host. reqwest doesn't send such a request.
///
/// ```
/// use reqwest::{Method, Request};
/// use tower_recourse::reqwest::host_and_port;
///
/// let request = Request::new(Method::GET, "https://user:password@API.example/prices".parse()?);
/// assert_eq!(host_and_port(&request), "api.example:443");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn host_and_port(request: &reqwest::Request) -> String {
    let url = request.url();
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
