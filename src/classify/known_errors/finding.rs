use std::error::Error;

use crate::{Delivery, Verdict};

/// What the type of one link of an error chain shows.
#[derive(Debug, Clone, Copy)]
pub(in crate::classify) enum Finding<'a> {
    /// The link has a verdict.
    Verdict(Verdict),
    /// An error inside the link decides.
    Inside {
        error: &'a (dyn Error + 'static),
        /// The link's client makes one call per request, so that what `error` proves about the call
        /// also holds for the request.
        one_call: bool,
        /// The verdict if `error` isn't known. `None` continues with the next link.
        otherwise: Option<Verdict>,
        /// What the link shows about whether the request was sent. It replaces what `error` shows.
        sent: Option<Delivery>,
    },
    /// The link is the error of a client that may make several calls per request, and `error` is
    /// that of the last one. What it proves about that call proves nothing about the request.
    #[cfg(feature = "reqwest")]
    LastCall {
        error: Option<&'a (dyn Error + 'static)>,
        /// The verdict if `error` isn't known.
        otherwise: Verdict,
    },
}

impl<'a> Finding<'a> {
    /// The verdict on the error inside the link, or `otherwise` if that isn't known.
    pub(super) fn inside(error: &'a (dyn Error + 'static), otherwise: Option<Verdict>) -> Self {
        Self::Inside { error, one_call: false, otherwise, sent: None }
    }

    /// The verdict on the source of `link`, or a transient failure if that isn't known.
    #[cfg(feature = "hyper")]
    pub(super) fn source_of(link: &'a (dyn Error + 'static)) -> Self {
        match link.source() {
            Some(source) => Self::inside(source, Some(Verdict::transient())),
            None => Self::Verdict(Verdict::transient()),
        }
    }

    /// Sets whether the request was sent.
    #[cfg(any(feature = "hyper", feature = "h2"))]
    pub(super) fn with_sent(self, known: Delivery) -> Self {
        match self {
            Self::Verdict(verdict) => Self::Verdict(verdict.delivery(known)),
            Self::Inside { error, one_call, otherwise, .. } => {
                Self::Inside { error, one_call, otherwise, sent: Some(known) }
            }
            #[cfg(feature = "reqwest")]
            last_call @ Self::LastCall { .. } => last_call,
        }
    }
}
