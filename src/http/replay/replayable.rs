use ::http_body_util::{
    BodyExt, Empty, Full,
    combinators::{BoxBody, UnsyncBoxBody},
};
use bytes::{Buf, Bytes};

use super::{Replay, SentAgain, Tape};

/// A body that can be sent again.
#[diagnostic::on_unimplemented(
    message = "a request with a body `{Self}` can't be sent again",
    label = "this body can be neither cloned nor wrapped",
    note = "`Full`, `Empty`, `UnsyncBoxBody` and `BoxBody` can; axum's `Body` with the feature `axum`, tonic's with `tonic`",
    note = "box it, outside of the retry: `.map_request(|request: http::Request<{Self}>| request.map(|body| body.map_err(BoxError::from).boxed_unsync()))`"
)]
pub trait Replayable: Sized {
    /// What is kept of it.
    type Kept;

    /// What is kept of it. It may put another body in its own place, which is kept while it is sent. `None`: it is too large.
    fn keep(&mut self, replay: &Replay) -> Option<Self::Kept>;

    /// Whether the body can still be had once more.
    fn is_kept(kept: &Self::Kept) -> bool {
        let _ = kept;
        true
    }

    /// Whether its chunks are recorded when they pass: then the request's head is copied as well, rather than cloned. Not of an
    /// empty body.
    fn is_recorded(kept: &Self::Kept) -> bool {
        let _ = kept;
        false
    }

    /// The body once more. `None`: it turned out too large, or broke off.
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
                // A box of nothing takes no memory.
                match Tape::record(std::mem::take(self), replay) {
                    Ok(tape) => {
                        *self = $wrap(tape.play().expect("a fresh tape can be played"));
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
