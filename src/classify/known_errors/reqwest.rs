use http::StatusCode;
use reqwest::Error;

use super::finding::Finding;
use crate::{Delivery, Health, Verdict};

/// reqwest follows redirects, and its error is that of the last call.
pub(super) fn examine(reqwest: &Error) -> Finding<'_> {
    // A mistake of the caller, such as a URL without a host; or the server redirects in a circle.
    // Another attempt would end in the same way.
    if reqwest.is_builder() || reqwest.is_redirect() {
        return Finding::Verdict(Verdict::Neutral);
    }
    // Made by `Response::error_for_status`.
    if let Some(status) = reqwest.status() {
        return Finding::Verdict(of_status(status));
    }
    if reqwest.is_timeout() {
        let sent = if reqwest.is_connect() { Delivery::NotSent } else { Delivery::Unknown };
        return Finding::LastCall { error: None, otherwise: Verdict::timed_out().delivery(sent) };
    }
    // A body that broke off has a known source. Otherwise the body was received, and isn't what the
    // caller expects.
    let otherwise = if reqwest.is_decode() { Verdict::permanent() } else { Verdict::transient() };
    Finding::LastCall { error: std::error::Error::source(reqwest), otherwise }
}

fn of_status(status: StatusCode) -> Verdict {
    let verdict = match status.as_u16() {
        408 => Verdict::timed_out().health(Health::Healthy),
        429 => Verdict::throttled(),
        502..=504 => Verdict::transient(),
        500..=599 => Verdict::permanent().health(Health::Unhealthy),
        _ => Verdict::permanent(),
    };
    verdict.delivery(Delivery::Sent)
}
