use ::http::Extensions;

/// How often the retries have sent a request again, as a request extension.
#[derive(Debug, Clone, Copy)]
struct ResendCount(u32);

/// Returns how many times the retries around this layer have sent the request again, for
/// OpenTelemetry's attribute `http.request.resend_count`. `None` on the first send.
///
/// ```
/// use http::Request;
/// use tower::ServiceBuilder;
/// use tower_http::trace::TraceLayer;
/// use tower_recourse::{RetryConfig, RetryLayer, http::resend_count};
/// use tracing::{Span, field::Empty, info_span};
///
/// /// Makes the span of one send.
/// fn client_span<B>(request: &Request<B>) -> Span {
///     let span = info_span!("http.request", otel.kind = "client", http.request.resend_count = Empty);
///     if let Some(count) = resend_count(request.extensions()) {
///         span.record("http.request.resend_count", count);
///     }
///     span
/// }
///
/// let stack = ServiceBuilder::new()
///     .layer(RetryLayer::new(RetryConfig::http()))
///     // Inside the retry, so that each send has its own span.
///     .layer(TraceLayer::new_for_http().make_span_with(client_span::<String>));
/// # let _ = stack;
/// ```
///
/// The count includes transparent retries, which don't change the attempt's number. It also
/// includes attempts that a breaker inside the retry has rejected, although these weren't sent. If
/// retries are nested, an inner retry adds its resends to the outer retry's count. The sum doesn't
/// include what the inner retry has resent in earlier attempts of the outer one.
///
/// [`Replay`](crate::http::Replay) and `grpc::GrpcReplay` set the count. They add nothing to a
/// first send, so it costs no allocation. For an attempt after the first, they also set the
/// [`Attempt`](crate::Attempt) as an extension: `extensions.get::<Attempt>()`. If retries are
/// nested, an inner retry's first attempt still has the outer retry's `Attempt`. A request that
/// another [`RequestReplay`](crate::retry::RequestReplay) stores has neither. Neither has a request
/// of reqwest, because reqwest doesn't give access to its extensions.
pub fn resend_count(extensions: &Extensions) -> Option<u32> {
    extensions.get().map(|&ResendCount(count)| count)
}

/// Adds one to the count in a stored request, before it is copied.
pub(crate) fn count_resend(extensions: &mut Extensions) {
    let sent_again = resend_count(extensions).unwrap_or_default();
    extensions.insert(ResendCount(sent_again.saturating_add(1)));
}
