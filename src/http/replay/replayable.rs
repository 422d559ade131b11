use ::http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use bytes::{Buf, Bytes};

use super::{Replay, SentAgain, Tape};

/// A request body that can be resent.
#[diagnostic::on_unimplemented(
    message = "a request with a body `{Self}` can't be sent again",
    label = "this body can be neither cloned nor wrapped",
    note = "`Full`, `Empty`, `UnsyncBoxBody` and `BoxBody` can; axum's `Body` with the feature `axum`, tonic's with `tonic`",
    note = "box it, outside of the retry: `.map_request(|request: http::Request<{Self}>| request.map(|body| body.map_err(BoxError::from).boxed_unsync()))`"
)]
pub trait Replayable: Sized {
    /// The stored copy of the body.
    type Kept;

    /// Makes a copy of the body for later attempts. May replace the body by one that is recorded
    /// while it is sent. Returns `None` if the body is too large.
    fn keep(&mut self, replay: &Replay) -> Option<Self::Kept>;

    /// Whether the body can still be resent.
    fn is_kept(kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// Whether the body's chunks are recorded while it is sent. Then the request's head is
    /// deep-copied instead of cloned. `false` for an empty body.
    fn is_recorded(kept: &Self::Kept) -> bool {
        let _ = kept;
        false
    }

    /// Makes the body of another attempt. Returns `None` if the body turned out to be too large, or
    /// failed.
    fn again(kept: &mut Self::Kept) -> Option<Self>;
}

impl<D: Buf + Clone> Replayable for Full<D> {
    type Kept = Self;

    fn keep(&mut self, _: &Replay) -> Option<Self> {
        Some(self.clone())
    }

    fn again(kept: &mut Self) -> Option<Self> {
        Some(kept.clone())
    }
}

impl<D> Replayable for Empty<D> {
    type Kept = ();

    #[inline]
    fn keep(&mut self, _: &Replay) -> Option<()> {
        Some(())
    }

    fn again((): &mut ()) -> Option<Self> {
        Some(Self::new())
    }
}

macro_rules! recorded {
    ($(#[$attribute:meta])* $body:ty $(, $error:ident)? => $wrap:expr) => {
        $(#[$attribute])*
        impl $(<$error: From<SentAgain> + 'static>)? Replayable for $body {
            type Kept = Tape<Self>;

            fn keep(&mut self, replay: &Replay) -> Option<Tape<Self>> {
                // `take` leaves an empty boxed body behind, which doesn't allocate.
                match Tape::record(std::mem::take(self), replay) {
                    Ok(tape) => {
                        *self = $wrap(tape.play().expect("a new buffer can be read"));
                        Some(tape)
                    }
                    Err(body) => {
                        *self = body;
                        None
                    }
                }
            }

            fn is_kept(tape: &Tape<Self>) -> bool {
                !tape.is_lost()
            }

            fn is_recorded(tape: &Tape<Self>) -> bool {
                !tape.is_empty()
            }

            fn again(tape: &mut Tape<Self>) -> Option<Self> {
                tape.play().map($wrap)
            }
        }
    };
}

recorded!(UnsyncBoxBody<Bytes, E>, E => |playing: super::Playing<_>| playing.map_err(super::PlayError::flatten).boxed_unsync());
recorded!(BoxBody<Bytes, E>, E => |playing: super::Playing<_>| playing.map_err(super::PlayError::flatten).boxed());
recorded!(
    #[cfg(feature = "axum")]
    axum_core::body::Body => axum_core::body::Body::new
);
recorded!(
    #[cfg(feature = "tonic")]
    tonic::body::Body => tonic::body::Body::new
);
