use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use ::http_body::Body as _;
use ::reqwest::Body;
use bytes::Bytes;

use super::{Replay, ReplayBody, ReplayBuffer, Replayable};

/// The stored copy of a reqwest body.
pub enum StoredReqwestBody {
    /// The body consists of bytes in memory, which it shares with the copy.
    Bytes(Bytes),
    /// The body is a stream, and is recorded while it is sent.
    Stream(ReplayBuffer<Body>),
}

impl Replayable for Body {
    type Stored = StoredReqwestBody;

    fn store(&mut self, replay: &Replay) -> Option<StoredReqwestBody> {
        let body = mem::take(self);
        if body.as_bytes().is_some() {
            let bytes = bytes_of(body);
            *self = bytes.clone().into();
            return Some(StoredReqwestBody::Bytes(bytes));
        }
        match ReplayBuffer::record(body, replay) {
            Ok(buffer) => {
                *self = Body::wrap(ReplayBody::start(&buffer).expect("a new buffer can be read"));
                Some(StoredReqwestBody::Stream(buffer))
            }
            Err(body) => {
                *self = body;
                None
            }
        }
    }

    fn is_stored(stored: &StoredReqwestBody) -> bool {
        match stored {
            StoredReqwestBody::Bytes(_) => true,
            StoredReqwestBody::Stream(buffer) => !buffer.is_incomplete(),
        }
    }

    fn is_recorded(stored: &StoredReqwestBody) -> bool {
        match stored {
            StoredReqwestBody::Bytes(_) => false,
            StoredReqwestBody::Stream(buffer) => !buffer.is_empty(),
        }
    }

    fn copy(stored: &mut StoredReqwestBody) -> Option<Self> {
        match stored {
            StoredReqwestBody::Bytes(bytes) => Some(bytes.clone().into()),
            StoredReqwestBody::Stream(buffer) => ReplayBody::start(buffer).map(Body::wrap),
        }
    }
}

/// The bytes of a body in memory, without a copy. `as_bytes` only returns a slice, but the body's
/// single frame is the `Bytes` itself.
fn bytes_of(mut body: Body) -> Bytes {
    match Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_memory_are_shared() {
        let bytes = Bytes::from("a body".repeat(100_000));
        let mut body = Body::from(bytes.clone());
        let mut stored = body.store(&Replay::default()).expect("the limit is for streams");
        for body in [body, Body::copy(&mut stored).unwrap(), Body::copy(&mut stored).unwrap()] {
            assert_eq!(body.as_bytes().unwrap().as_ptr(), bytes.as_ptr());
            assert_eq!(body.as_bytes().unwrap().len(), bytes.len());
        }
        let mut empty = Body::default();
        assert!(empty.store(&Replay::default()).is_some());
        assert_eq!(empty.as_bytes(), Some(&[][..]));
    }

    #[test]
    fn a_stream_is_recorded_up_to_the_limit() {
        let replay = Replay::default().max_body(4);
        for (length, fits) in [(0, true), (4, true), (5, false)] {
            let mut body = Body::wrap(::http_body_util::Full::new(Bytes::from(vec![1; length])));
            let stored = body.store(&replay);
            assert_eq!(stored.is_some(), fits, "{length}");
            assert!(body.as_bytes().is_none(), "{length}");
            assert_eq!(body.size_hint().exact(), Some(length as u64), "{length}");
            assert_eq!(stored.map(|stored| Body::is_recorded(&stored)), fits.then_some(length > 0), "{length}");
        }
    }
}
