use std::{
    borrow::Cow,
    pin::Pin,
    task::{Context, Poll},
};

use ::http_body::{Body, Frame, SizeHint};
use bytes::Bytes;
use pin_project_lite::pin_project;

pin_project! {
    /// A response body: the upstream's body `B`, or bytes that a layer has made. See the
    /// [module](super).
    ///
    /// | made by | content |
    /// |---|---|
    /// | [`ResponseBody::upstream`] | the upstream's body |
    /// | `From` of `&'static str`, `String`, `Bytes`, `Vec<u8>`, `Cow<'static, str>` | these bytes, in one frame |
    /// | [`Default`] | empty |
    ///
    /// There is no `From<B>`, because it would overlap with `From<Bytes>`.
    ///
    /// ```
    /// use tower_recourse::http::ResponseBody;
    ///
    /// let body: ResponseBody<hyper::body::Incoming> = "not now".into();
    /// assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(7));
    /// ```
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        content: Content<B>,
    }
}

pin_project! {
    #[project = ContentProj]
    #[derive(Debug)]
    enum Content<B> {
        Upstream { #[pin] body: B },
        // Empty after the bytes were read.
        Own { bytes: Bytes },
    }
}

impl<B> ResponseBody<B> {
    /// Wraps the upstream's body.
    pub fn upstream(body: B) -> Self {
        Self { content: Content::Upstream { body } }
    }

    /// The upstream's body. `None` if a layer has made this body.
    pub fn get_ref(&self) -> Option<&B> {
        match &self.content {
            Content::Upstream { body } => Some(body),
            Content::Own { .. } => None,
        }
    }

    #[cfg(feature = "last-good")]
    pub(crate) fn upstream_mut(&mut self) -> Option<&mut B> {
        match &mut self.content {
            Content::Upstream { body } => Some(body),
            Content::Own { .. } => None,
        }
    }

    /// Takes the upstream's body.
    ///
    /// # Errors
    ///
    /// The bytes, if a layer has made this body.
    pub fn into_upstream(self) -> Result<B, Bytes> {
        match self.content {
            Content::Upstream { body } => Ok(body),
            Content::Own { bytes } => Err(bytes),
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().content.project() {
            ContentProj::Upstream { body } => body.poll_frame(cx),
            ContentProj::Own { bytes } if bytes.is_empty() => Poll::Ready(None),
            ContentProj::Own { bytes } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Upstream { body } => body.is_end_stream(),
            Content::Own { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Upstream { body } => body.size_hint(),
            Content::Own { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

/// An empty body.
impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Bytes::new().into()
    }
}

impl<B> From<Bytes> for ResponseBody<B> {
    fn from(bytes: Bytes) -> Self {
        Self { content: Content::Own { bytes } }
    }
}

impl<B> From<&'static str> for ResponseBody<B> {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl<B> From<&'static [u8]> for ResponseBody<B> {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl<B> From<String> for ResponseBody<B> {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl<B> From<Vec<u8>> for ResponseBody<B> {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl<B> From<Cow<'static, str>> for ResponseBody<B> {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}
