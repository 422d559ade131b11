//! The status of a response, as far as it is known.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use ::http_body::Body;

use super::{Code, retry_info, transport_error::Fault};
use crate::http::retry_after;

/// Returns the status code of a response, if it is known: from its headers, from the trailers that
/// a [`PeekLayer`](super::PeekLayer) further in has read, or from its HTTP status. `None` if the
/// first message has arrived and the status is still to come.
///
/// The code is [`Code::Unknown`] if the response ends without a status, if the status can't be
/// parsed, or if the response isn't gRPC: HTTP status 200 with a content type that doesn't start
/// with `application/grpc`, such as the HTML page of a proxy.
///
/// ```
/// use http::Response;
/// use http_body_util::Empty;
/// use tower_recourse::grpc::{Code, code};
///
/// let response = Response::builder().header("grpc-status", "5").body(Empty::<&[u8]>::new()).unwrap();
/// assert_eq!(code(&response), Some(Code::NotFound));
/// ```
pub fn code<B: Body>(response: &Response<B>) -> Option<Code> {
    match Seen::of(response) {
        Seen::Told(told) => Some(told.code),
        Seen::Broke(fault) => Some(fault.code),
        Seen::Begun => None,
    }
}

/// What is known of a response. A [`PeekLayer`](super::PeekLayer) stores it as a response
/// extension.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    Told(Told),
    /// The body failed before its first frame.
    Broke(Fault),
    /// The first message has arrived, or may still arrive.
    Begun,
}

/// A status, and what the response says about another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: Code,
    pub(super) pushback: Option<Pushback>,
    /// Used if there is no pushback: the delay of a `RetryInfo` in the status details, or the delay
    /// that the headers of a proxy's response ask for.
    pub(super) delay: Option<Duration>,
}

/// The value of `grpc-retry-pushback-ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushback {
    After(Duration),
    /// The value is negative, isn't a number, or the header is repeated.
    Never,
}

pub(super) const STATUS: &str = "grpc-status";
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";

impl Seen {
    pub(super) fn of<B: Body>(response: &Response<B>) -> Self {
        match Told::by_head(response) {
            Some(told) => Self::Told(told),
            None => response.extensions().get().copied().unwrap_or(Self::Begun),
        }
    }
}

impl Told {
    /// Reads the status from the head of a response. `None` if the body decides.
    ///
    /// A `grpc-status` takes precedence over the rest of the head, as gRPC's
    /// `http-grpc-status-mapping` requires. Without a `grpc-status`, a response that isn't gRPC
    /// gets a code from its HTTP status.
    pub(super) fn by_head<B: Body>(response: &Response<B>) -> Option<Self> {
        let (headers, status) = (response.headers(), response.status());
        if headers.contains_key(STATUS) {
            return Some(Self::of(headers));
        }
        if status != StatusCode::OK || !is_grpc(headers) {
            let delay = retry_after::asked(status, headers);
            return Some(Self { code: by_http(status), pushback: pushback(headers), delay });
        }
        let peeked = response.extensions().get::<Seen>().is_some();
        (!peeked && response.body().is_end_stream()).then(|| Self::of(headers))
    }

    /// Reads the status from trailers, or from the headers of a response without messages.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let code = headers.get(STATUS).and_then(number).and_then(Code::from_number).unwrap_or(Code::Unknown);
        let delay = if code == Code::Ok { None } else { retry_info::delay(headers) };
        Self { code, pushback: pushback(headers), delay }
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    // `parse` would accept a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn pushback(headers: &HeaderMap) -> Option<Pushback> {
    let mut given = headers.get_all(PUSHBACK).iter();
    let first = given.next()?;
    let readable = if given.next().is_none() { number(first) } else { None };
    Some(readable.map_or(Pushback::Never, |milliseconds| Pushback::After(Duration::from_millis(milliseconds))))
}

/// Whether the content type starts with `application/grpc`, as the specification requires.
/// `grpc-web` does too; another layer of the client translates it. Clients such as tonic accept a
/// response without a content type, so its body decides.
fn is_grpc(headers: &HeaderMap) -> bool {
    const PREFIX: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).is_none_or(|content_type| {
        content_type.as_bytes().get(..PREFIX.len()).is_some_and(|text| text.eq_ignore_ascii_case(PREFIX))
    })
}

/// The code of a response without `grpc-status`, as in gRPC's `http-grpc-status-mapping`. That
/// mapping doesn't contain 200, so such a response is UNKNOWN.
fn by_http(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}
