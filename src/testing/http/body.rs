//! The body of a scripted response.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// A body with frames from a script: data, trailers, an error, or silence.
///
/// Without a `content-length` in the response, the length of a body that fails or hangs is unknown,
/// as for a chunked response.
#[derive(Debug, Clone, Default)]
pub struct ScriptBody {
    frames: VecDeque<ScriptFrame>,
}

#[derive(Debug, Clone)]
enum ScriptFrame {
    Data(Bytes),
    Trailers(HeaderMap),
    Error(io::ErrorKind),
    Hang,
}

impl ScriptBody {
    /// An empty body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds a data frame.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.frames.push_back(ScriptFrame::Data(data.into()));
        self
    }

    /// Adds trailers.
    pub fn trailers(mut self, trailers: HeaderMap) -> Self {
        self.frames.push_back(ScriptFrame::Trailers(trailers));
        self
    }

    /// Fails with an I/O error of this kind after the frames so far.
    pub fn fails(mut self, kind: io::ErrorKind) -> Self {
        self.frames.push_back(ScriptFrame::Error(kind));
        self
    }

    /// Sends nothing more after the frames so far, and doesn't end.
    pub fn hangs(mut self) -> Self {
        self.frames.push_back(ScriptFrame::Hang);
        self
    }
}

impl<T: Into<Bytes>> From<T> for ScriptBody {
    fn from(data: T) -> Self {
        let data = data.into();
        if data.is_empty() { Self::empty() } else { Self::empty().data(data) }
    }
}

impl Body for ScriptBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frames = &mut self.get_mut().frames;
        if let Some(ScriptFrame::Hang) = frames.front() {
            return Poll::Pending;
        }
        Poll::Ready(match frames.pop_front() {
            Some(ScriptFrame::Data(data)) => Some(Ok(Frame::data(data))),
            Some(ScriptFrame::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(ScriptFrame::Error(kind)) => {
                frames.clear();
                Some(Err(kind.into()))
            }
            Some(ScriptFrame::Hang) | None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut size = 0;
        for frame in &self.frames {
            match frame {
                ScriptFrame::Data(data) => size += data.len() as u64,
                ScriptFrame::Trailers(_) => {}
                ScriptFrame::Error(_) | ScriptFrame::Hang => return SizeHint::default(),
            }
        }
        SizeHint::with_exact(size)
    }
}
