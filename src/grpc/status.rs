//! The status of a response: its code, and what the server requests for another attempt.

use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use super::{Code, retry_info};
use crate::http::retry_after;

/// A status, and what the server requests for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
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

impl Status {
    /// Reads the status from the head of a response. `None` if the head doesn't determine it.
    ///
    /// A `grpc-status` takes precedence over the rest of the head, as gRPC's
    /// `http-grpc-status-mapping` requires. Without a `grpc-status`, a response that isn't gRPC
    /// gets a code from its HTTP status.
    pub(super) fn from_head<B>(response: &Response<B>) -> Option<Self> {
        let (headers, status) = (response.headers(), response.status());
        if headers.contains_key(STATUS) {
            return Some(Self::from_headers(headers));
        }
        if status != StatusCode::OK || !is_grpc(headers) {
            let delay = retry_after::requested_delay(status, headers);
            return Some(Self { code: code_of_http_status(status), pushback: pushback(headers), delay });
        }
        None
    }

    /// The delay that the server requests, if it allows another attempt.
    pub(super) fn requested_delay(self) -> Option<Duration> {
        match self.pushback {
            Some(Pushback::After(delay)) => Some(delay),
            Some(Pushback::Never) => None,
            None => self.delay,
        }
    }

    /// Reads the status from trailers, or from the headers of a response without messages.
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let code = headers.get(STATUS).and_then(parse_number).and_then(Code::from_number).unwrap_or(Code::Unknown);
        let delay = if code == Code::Ok { None } else { retry_info::delay(headers) };
        Self { code, pushback: pushback(headers), delay }
    }
}

fn parse_number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    // Check the digits, because `parse` accepts a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn pushback(headers: &HeaderMap) -> Option<Pushback> {
    let mut lines = headers.get_all(PUSHBACK).iter();
    let first = lines.next()?;
    let readable = if lines.next().is_none() { parse_number(first) } else { None };
    Some(readable.map_or(Pushback::Never, |milliseconds| Pushback::After(Duration::from_millis(milliseconds))))
}

/// Whether the content type starts with `application/grpc`, as the specification requires. gRPC-Web
/// (`application/grpc-web`) matches too; another layer of the client translates it. A response
/// without a content type counts as gRPC, because clients such as tonic accept it.
fn is_grpc(headers: &HeaderMap) -> bool {
    const PREFIX: &[u8] = b"application/grpc";
    headers.get(CONTENT_TYPE).is_none_or(|content_type| {
        content_type.as_bytes().get(..PREFIX.len()).is_some_and(|text| text.eq_ignore_ascii_case(PREFIX))
    })
}

/// The code of a response without `grpc-status`, as in gRPC's `http-grpc-status-mapping`. That
/// mapping doesn't contain 200, so such a response is UNKNOWN.
fn code_of_http_status(status: StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}
