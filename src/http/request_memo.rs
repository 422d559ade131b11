use ::http::{HeaderName, Request};

use super::{Deadline, is_idempotent, message::RequestHead};
use crate::{Verdict, time::Instant};

const EARLY_DATA: HeaderName = HeaderName::from_static("early-data");

/// What the classifiers for HTTP record about a request before its first attempt.
#[derive(Debug, Clone, Copy)]
pub struct RequestMemo {
    idempotent: bool,
    /// The request has an `Early-Data` header. After a 425, its sender repeats it, not this retry
    /// ([RFC 8470, 5.2](https://www.rfc-editor.org/rfc/rfc8470#section-5.2)).
    pub(super) forwards_early_data: bool,
    pub(super) deadline: Option<Instant>,
}

impl RequestMemo {
    /// For a layer that never sends a request again.
    pub(crate) const UNREAD: Self = Self { idempotent: true, forwards_early_data: false, deadline: None };

    /// Treats a request that has an idempotency key as idempotent.
    #[cfg_attr(not(any(feature = "tower-http", feature = "tower-http-06")), allow(dead_code))]
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self::new(request, is_idempotent(request))
    }

    pub(crate) fn new(request: &impl RequestHead, idempotent: bool) -> Self {
        let forwards_early_data = request.headers().contains_key(EARLY_DATA);
        let deadline = request.extension().map(Deadline::at);
        Self { idempotent, forwards_early_data, deadline }
    }

    /// Marks the failure of a request that isn't idempotent as unsafe to resend.
    pub(crate) fn mark(&self, verdict: Verdict) -> Verdict {
        if self.idempotent { verdict } else { verdict.unsafe_to_resend() }
    }
}
