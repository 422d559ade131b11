//! What a response says of how it went.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use ::http_body::Body;

use super::{Code, fault::Fault, retry_info};
use crate::http::retry_after;

/// The code of a response, if it is known by now: from its headers, from the trailers that a [`PeekLayer`](super::PeekLayer) further in
/// has seen, or from its HTTP status. `None`: the answer has begun, and its trailers will tell.
///
/// A response is [`Code::Unknown`] if it ends without a status, if its status can't be read, or if it
/// isn't a gRPC response: HTTP status 200 with a content type that doesn't begin with
/// `application/grpc`, such as the HTML page of a proxy.
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

/// How far a response is known. An extension of those that were peeked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    Told(Told),
    /// The body broke off before anything of it was there.
    Broke(Fault),
    /// There are messages to come, or may be.
    Begun,
}

/// A status, and what it says of another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: Code,
    pub(super) pushback: Option<Pushback>,
    /// Without a pushback: the delay of a `RetryInfo` among the details of the status, or what the
    /// headers of a proxy's response ask for.
    pub(super) delay: Option<Duration>,
}

/// `grpc-retry-pushback-ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushback {
    After(Duration),
    /// Negative, not a number, or given twice.
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
    /// What the head of a response says on its own. `None`: the body, or what was read of it, decides.
    ///
    /// A `grpc-status` counts whatever else the head says, as gRPC's `http-grpc-status-mapping`
    /// demands. Without one, the response must be a gRPC response to be worth reading.
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

    /// What trailers say, or the headers of a response that has nothing else.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let code = headers.get(STATUS).and_then(number).and_then(Code::from_number).unwrap_or(Code::Unknown);
        let delay = if code == Code::Ok { None } else { retry_info::delay(headers) };
        Self { code, pushback: pushback(headers), delay }
    }
}

fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    // `parse` would take a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn pushback(headers: &HeaderMap) -> Option<Pushback> {
    let mut given = headers.get_all(PUSHBACK).iter();
    let first = given.next()?;
    let readable = if given.next().is_none() { number(first) } else { None };
    Some(readable.map_or(Pushback::Never, |milliseconds| Pushback::After(Duration::from_millis(milliseconds))))
}

/// Whether the content type begins with `application/grpc`, as the protocol demands. `grpc-web`, which
/// a client's own layer translates, begins with it too. A response without a content type proves
/// nothing, and clients such as tonic accept it: its body decides.
fn is_grpc(headers: &HeaderMap) -> bool {
    const PREFIX: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).is_none_or(|content_type| {
        content_type.as_bytes().get(..PREFIX.len()).is_some_and(|text| text.eq_ignore_ascii_case(PREFIX))
    })
}

/// The code of a response without `grpc-status`, by gRPC's `http-grpc-status-mapping`. 200 isn't in it:
/// such a response is UNKNOWN.
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
