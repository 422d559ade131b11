//! What is known about a failed call: its kind, the status, the text of the error, the duration.

mod link_text;
mod type_name;

use std::{
    error::Error,
    fmt::{self, Write},
    time::Duration,
};

use crate::{FailureKind, sanitize, time::ShownTime};

/// What is known about a failed call. Events contain it.
///
/// `Display` shows everything in one line: `transient: HTTP 503 after 12ms`,
/// `timed_out: deadline has elapsed after 2s`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FailureInfo<'a> {
    /// The kind of the failure, as the classifier decided.
    pub kind: FailureKind,
    /// The status of the response. `None` if there was no response, or if the classifier doesn't
    /// read statuses.
    pub status: Option<ResponseStatus>,
    /// The text of the error. `None` if the call returned a response without a text.
    pub error: Option<ErrorText<'a>>,
    /// How long the call or attempt took. `None` if it wasn't measured.
    pub duration: Option<Duration>,
}

impl<'a> FailureInfo<'a> {
    /// A failure of which only the kind is known.
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, status: None, error: None, duration: None }
    }

    /// Adds the status of the response.
    pub const fn with_status(self, status: Option<ResponseStatus>) -> Self {
        Self { status, ..self }
    }

    /// Adds the text of the error.
    pub const fn with_error(self, error: Option<ErrorText<'a>>) -> Self {
        Self { error, ..self }
    }

    /// Adds the duration of the call.
    pub const fn with_duration(self, duration: Option<Duration>) -> Self {
        Self { duration, ..self }
    }
}

impl fmt::Display for FailureInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.label())?;
        if let Some(status) = self.status {
            write!(f, ": {status}")?;
        }
        if let Some(error) = self.error {
            write!(f, ": {error}")?;
        }
        match self.duration {
            Some(duration) => write!(f, " after {}", ShownTime(duration)),
            None => Ok(()),
        }
    }
}

/// The status of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResponseStatus {
    /// The status code of an HTTP response.
    Http(u16),
    /// The status code of a gRPC response.
    Grpc(u16),
}

impl ResponseStatus {
    /// The number of the status.
    pub const fn code(self) -> u16 {
        match self {
            Self::Http(code) | Self::Grpc(code) => code,
        }
    }

    /// The name of a gRPC status code, such as `UNAVAILABLE`. `None` for an HTTP status, and for a
    /// code that gRPC doesn't define.
    pub const fn grpc_name(self) -> Option<&'static str> {
        match self {
            Self::Http(_) => None,
            Self::Grpc(code) => grpc_name(code),
        }
    }
}

/// Shows `HTTP 503`, or `gRPC 14 UNAVAILABLE`.
impl fmt::Display for ResponseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Http(code) => write!(f, "HTTP {code}"),
            Self::Grpc(code) => match grpc_name(code) {
                Some(name) => write!(f, "gRPC {code} {name}"),
                None => write!(f, "gRPC {code}"),
            },
        }
    }
}

/// The names of the gRPC status codes, as in the gRPC documentation.
const fn grpc_name(code: u16) -> Option<&'static str> {
    Some(match code {
        0 => "OK",
        1 => "CANCELLED",
        2 => "UNKNOWN",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        11 => "OUT_OF_RANGE",
        12 => "UNIMPLEMENTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        15 => "DATA_LOSS",
        16 => "UNAUTHENTICATED",
        _ => return None,
    })
}

/// The text of an error. It is formatted only when an observer shows it.
///
/// `Display` and `Debug` escape the text and cut it at 256 bytes, because it may come from outside.
#[derive(Clone, Copy)]
pub struct ErrorText<'a>(Text<'a>);

#[derive(Clone, Copy)]
enum Text<'a> {
    Display(&'a dyn fmt::Display),
    Error(&'a (dyn Error + 'static)),
    Plain(&'a str),
    PercentEncoded(&'a str),
    TypeName(&'static str),
}

/// How many bytes of a chain are collected. More than are shown, because escaping only adds bytes.
const MAX_BYTES: usize = 256;

impl<'a> ErrorText<'a> {
    /// The text that `Display` shows.
    pub const fn display(error: &'a dyn fmt::Display) -> Self {
        Self(Text::Display(error))
    }

    /// The text of an error and of its sources, separated by `: `. A source whose text is already
    /// contained in the text before it is left out.
    ///
    /// The URL of a reqwest error and the metadata of a tonic status are left out, because they may
    /// contain secrets.
    pub const fn error(error: &'a (dyn Error + 'static)) -> Self {
        Self(Text::Error(error))
    }

    /// This text.
    pub const fn text(text: &'a str) -> Self {
        Self(Text::Plain(text))
    }

    /// The text as it is, or a part of it that is longer than what is shown.
    #[cfg_attr(not(any(feature = "audit", feature = "testing")), allow(dead_code))]
    pub(crate) fn unescaped(&self) -> String {
        match self.0 {
            Text::Display(error) => bounded(error),
            Text::Error(error) => chain(error),
            Text::Plain(text) => bounded(&text),
            Text::PercentEncoded(text) => decoded(text),
            Text::TypeName(name) => short(name),
        }
    }

    /// This text, after percent-decoding it, as in a `grpc-message`.
    #[cfg_attr(not(feature = "grpc"), allow(dead_code))]
    pub(crate) const fn percent_encoded(text: &'a str) -> Self {
        Self(Text::PercentEncoded(text))
    }

    /// The name of the error's type without the paths of modules, for an error whose text isn't
    /// accessible: `BreakerError<CallError>`.
    pub fn type_name<E>() -> Self {
        Self(Text::TypeName(std::any::type_name::<E>()))
    }
}

impl fmt::Display for ErrorText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Text::Display(error) => sanitize::name(error).fmt(f),
            Text::Error(error) => sanitize::name(chain(error)).fmt(f),
            Text::Plain(text) => sanitize::name(text).fmt(f),
            Text::PercentEncoded(text) => sanitize::name(decoded(text)).fmt(f),
            Text::TypeName(name) => sanitize::name(short(name)).fmt(f),
        }
    }
}

/// As `Display`, between quotes.
impl fmt::Debug for ErrorText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Text::Display(error) => fmt::Display::fmt(&sanitize::quoted(error), f),
            Text::Error(error) => fmt::Display::fmt(&sanitize::quoted(chain(error)), f),
            Text::Plain(text) => fmt::Display::fmt(&sanitize::quoted(text), f),
            Text::PercentEncoded(text) => fmt::Display::fmt(&sanitize::quoted(decoded(text)), f),
            Text::TypeName(name) => fmt::Display::fmt(&sanitize::quoted(short(name)), f),
        }
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = bounded_link(error);
    let mut next = error.source();
    for _ in 1..link_text::MAX_LINKS {
        let Some(link) = next.filter(|_| text.len() <= MAX_BYTES) else { break };
        let of_link = bounded_link(link);
        if !text.contains(&of_link) {
            text.push_str(": ");
            text.push_str(&of_link);
        }
        next = link.source();
    }
    text
}

fn decoded(text: &str) -> String {
    bounded_by(|f| link_text::write_decoded(text, f))
}

fn short(type_name: &str) -> String {
    bounded_by(|f| type_name::write_short(type_name, f))
}

fn bounded_link(error: &(dyn Error + 'static)) -> String {
    bounded_by(|f| link_text::write(error, f))
}

fn bounded(error: &dyn fmt::Display) -> String {
    bounded_by(|f| write!(f, "{error}"))
}

/// The text that is written, or a part of it that is longer than what is shown.
fn bounded_by(write: impl FnOnce(&mut dyn Write) -> fmt::Result) -> String {
    struct Bounded(String);

    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let room = (MAX_BYTES + 1).saturating_sub(self.0.len());
            if text.len() <= room {
                self.0.push_str(text);
                return Ok(());
            }
            // The first end of a character behind the limit: the text has to be longer than what
            // is shown, so that it is shown as cut.
            let end = (room..=text.len()).find(|&end| text.is_char_boundary(end)).unwrap_or(text.len());
            self.0.push_str(&text[..end]);
            Err(fmt::Error)
        }
    }

    let mut bounded = Bounded(String::new());
    // An error means that the text was cut, or that its `Display` failed. It ends there.
    let _ = write(&mut bounded);
    bounded.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|link| &**link as _)
        }
    }

    #[test]
    fn a_chain_shows_each_text_once() {
        let error = Link("send: refused", Some(Box::new(Link("refused", Some(Box::new(Link("os error 111", None)))))));
        assert_eq!(ErrorText::error(&error).to_string(), "send: refused: os error 111");
    }

    #[test]
    fn an_endless_chain_is_cut() {
        #[derive(Debug)]
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("ä")?;
                }
            }
        }
        impl Error for Endless {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        let shown = ErrorText::error(&Endless).to_string();
        assert!(shown.ends_with("ä…"), "{shown}");
        assert!(shown.len() <= 260, "{}", shown.len());
        assert_eq!(ErrorText::display(&Endless).to_string(), shown);
    }

    #[test]
    fn texts_from_outside_are_escaped() {
        assert_eq!(ErrorText::text("a\nb").to_string(), r"a\nb");
        assert_eq!(format!("{:?}", ErrorText::display(&"a\u{1b}[0m\"")), r#""a\u{1b}[0m\"""#);
    }

    #[test]
    fn percent_encoded_texts_are_decoded_and_escaped() {
        let shown = |text| ErrorText::percent_encoded(text).to_string();
        assert_eq!(shown("100%25 of caf%C3%A9s, %zz%4"), "100% of cafés, %zz%4");
        assert_eq!(shown("a%0Ab%FF"), "a\\nb\u{fffd}");
    }

    #[cfg(feature = "reqwest")]
    #[tokio::test]
    async fn a_reqwest_error_is_shown_without_its_url() {
        let error = reqwest::Client::new().get("http://127.0.0.1:1/?token=secret").send().await.unwrap_err();
        let shown = ErrorText::error(&error).to_string();
        assert!(shown.starts_with("error sending request: ") && !shown.contains("secret"), "{shown}");
        let wrapped = crate::reqwest_error::Error::from(error);
        let shown_wrapped = ErrorText::error(&wrapped).to_string();
        assert!(!shown_wrapped.contains("secret"), "{shown_wrapped}");
    }

    #[cfg(feature = "tonic")]
    #[test]
    fn a_tonic_status_is_shown_without_its_metadata() {
        let mut status = tonic::Status::unavailable("draining");
        status.metadata_mut().insert("authorization", "secret".parse().unwrap());
        assert_eq!(ErrorText::error(&status).to_string(), "Unavailable: draining");
    }

    #[test]
    fn a_failure_is_shown_in_one_line() {
        let info = FailureInfo::new(FailureKind::Transient)
            .with_status(Some(ResponseStatus::Grpc(14)))
            .with_error(Some(ErrorText::text("connection reset")))
            .with_duration(Some(Duration::from_millis(12)));
        assert_eq!(info.to_string(), "transient: gRPC 14 UNAVAILABLE: connection reset after 12ms");
        assert_eq!(FailureInfo::new(FailureKind::TimedOut).to_string(), "timed_out");
        assert_eq!(ResponseStatus::Grpc(99).to_string(), "gRPC 99");
        assert_eq!(
            (ResponseStatus::Grpc(5).grpc_name(), ResponseStatus::Http(5).grpc_name()),
            (Some("NOT_FOUND"), None)
        );
        assert_eq!(ResponseStatus::Http(503).to_string(), "HTTP 503");
    }
}
