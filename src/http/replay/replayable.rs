use ::http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use bytes::{Buf, Bytes};

use super::{Replay, ReplayBody, ReplayBuffer, ReplayError, Superseded};

/// A request body that can be resent.
#[diagnostic::on_unimplemented(
    message = "a request with a body `{Self}` can't be sent again",
    label = "a retry can't store this type of body",
    note = "it can store `Full`, `Empty`, `UnsyncBoxBody` and `BoxBody`; axum's `Body` with the feature `axum`, tonic's with `tonic`",
    note = "so box the body, outside of the retry: `.map_request(|request: http::Request<{Self}>| request.map(|body| body.map_err(BoxError::from).boxed_unsync()))`"
)]
pub trait Replayable: Sized {
    /// The stored copy of the body.
    type Stored;

    /// Makes a copy of the body for later attempts. May replace the body with one that is recorded
    /// while it is sent. Returns `None` if the body is too large.
    fn store(&mut self, replay: &Replay) -> Option<Self::Stored>;

    /// Whether the body can still be resent.
    fn is_stored(stored: &Self::Stored) -> bool {
        let _ = stored;
        true
    }

    /// Whether the body's chunks are recorded while it is sent. Then the request's head is
    /// deep-copied instead of cloned. `false` for an empty body.
    fn is_recorded(stored: &Self::Stored) -> bool {
        let _ = stored;
        false
    }

    /// Makes the body of another attempt. Returns `None` if the body turned out to be too large, or
    /// failed.
    fn copy(stored: &mut Self::Stored) -> Option<Self>;
}

impl<D: Buf + Clone> Replayable for Full<D> {
    type Stored = Self;

    fn store(&mut self, _: &Replay) -> Option<Self> {
        Some(self.clone())
    }

    fn copy(stored: &mut Self) -> Option<Self> {
        Some(stored.clone())
    }
}

impl<D> Replayable for Empty<D> {
    type Stored = ();

    #[inline]
    fn store(&mut self, _: &Replay) -> Option<()> {
        Some(())
    }

    fn copy((): &mut ()) -> Option<Self> {
        Some(Self::new())
    }
}

macro_rules! impl_recorded {
    ($(#[$attribute:meta])* $body:ty $(, $error:ident)? => $wrap:expr) => {
        $(#[$attribute])*
        impl $(<$error: From<Superseded> + 'static>)? Replayable for $body {
            type Stored = ReplayBuffer<Self>;

            fn store(&mut self, replay: &Replay) -> Option<ReplayBuffer<Self>> {
                // `take` leaves an empty boxed body behind, which doesn't allocate.
                match ReplayBuffer::record(std::mem::take(self), replay) {
                    Ok(buffer) => {
                        *self = $wrap(ReplayBody::start(&buffer).expect("a new buffer can be read"));
                        Some(buffer)
                    }
                    Err(body) => {
                        *self = body;
                        None
                    }
                }
            }

            fn is_stored(buffer: &ReplayBuffer<Self>) -> bool {
                !buffer.is_incomplete()
            }

            fn is_recorded(buffer: &ReplayBuffer<Self>) -> bool {
                !buffer.is_empty()
            }

            fn copy(buffer: &mut ReplayBuffer<Self>) -> Option<Self> {
                ReplayBody::start(buffer).map($wrap)
            }
        }
    };
}

impl_recorded!(UnsyncBoxBody<Bytes, E>, E => |body: ReplayBody<_>| body.map_err(ReplayError::flatten).boxed_unsync());
impl_recorded!(BoxBody<Bytes, E>, E => |body: ReplayBody<_>| body.map_err(ReplayError::flatten).boxed());
impl_recorded!(
    #[cfg(feature = "axum")]
    axum_core::body::Body => axum_core::body::Body::new
);
impl_recorded!(
    #[cfg(feature = "tonic")]
    tonic::body::Body => tonic::body::Body::new
);
