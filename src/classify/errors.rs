use super::{
    Classifier, FailureDescription, FollowSources, Origin, classifier::by_default, evidence, inspect::inspect,
    source_walk,
};
use crate::{Verdict, observe::ErrorText};

/// The default classifier: a response is a success, and an error is a transient failure, unless the
/// tables below list another verdict for its type.
///
/// It inspects `Box<dyn Error>`, `Arc<dyn Error>` (tower's `BoxError` is a `Box<dyn Error + Send +
/// Sync>`), and the types in the tables, also inside the `Inner` variant of a breaker's error. From
/// there it follows the chain of sources, including the error that an [`io::Error`](std::io::Error)
/// wraps. The first link of a known type decides. At most 64 links are examined.
///
/// It can't inspect an error type of your own. If that type is an [`Error`](std::error::Error), use
/// [`FollowSources`].
///
/// # Idempotency
///
/// `ErrorClassifier` doesn't see requests, so it doesn't know which of them may be processed more
/// than once. It marks its failures as [`idempotency_unknown`](Verdict::idempotency_unknown). A
/// retry sends such a request again only if the error proves that it wasn't sent ("sent: no" in the
/// tables). Otherwise it returns the failure with
/// [`Cause::UnsafeToResend`](crate::Cause::UnsafeToResend). For example, a lost connection doesn't
/// show whether Redis has executed an `INCR`.
///
/// State what holds for your requests:
///
/// | requests | write |
/// |---|---|
/// | every request may be processed more than once | `RetryConfig::idempotent` |
/// | some requests may | [`IdempotencyCheck::new`](super::IdempotencyCheck::new)`(ErrorClassifier, \|request: &Req\| …)` |
/// | a failure shows that nothing was done (a rolled-back transaction) | a closure that returns [`Verdict::transient()`] for it |
///
/// Breakers and fallbacks ignore the mark.
///
/// # Verdicts on `io::Error`, by kind
///
/// | kind | verdict | sent | why |
/// |---|---|---|---|
/// | `ConnectionRefused` | transient | no | no connection was established |
/// | `AddrInUse`, `AddrNotAvailable` | transient | no | no local address for a connection: the ports are used up at the moment |
/// | `TimedOut` | timed out | unknown | the request may have been processed, and the answer came too late |
/// | `NotFound`, `PermissionDenied`, `AlreadyExists`, `InvalidInput`, `InvalidFilename`, `ArgumentListTooLong`, `Unsupported` | permanent | unknown | the same call has the same result; others may succeed |
/// | `NotADirectory`, `IsADirectory`, `DirectoryNotEmpty`, `NotSeekable`, `FileTooLarge`, `CrossesDevices`, `TooManyLinks` | permanent | unknown | the file doesn't allow the operation |
/// | `InvalidData` | permanent, unhealthy | unknown | the peer sent something invalid; an expired certificate is one |
/// | `OutOfMemory`, `StorageFull`, `QuotaExceeded`, `ReadOnlyFilesystem` | permanent, unhealthy | unknown | the resource doesn't recover while a caller waits, and other calls need it, too |
/// | `Other` | none of its own | | the kind of `io::Error::other("…")`: only the wrapped error has a known type, or another classifier of a [chain](super::first) knows the text |
/// | `HostUnreachable`, `NetworkUnreachable`, `NetworkDown` | transient | unknown | an established connection can end with these, too |
/// | `ConnectionReset`, `ConnectionAborted`, `BrokenPipe`, `NotConnected`, `UnexpectedEof`, `WriteZero`, any other | transient | unknown | the connection was lost before or after the server had read the request |
///
/// If an `io::Error` wraps an error of a known type, that error decides.
///
/// A breaker counts a permanent failure as a success, and an *unhealthy* one as a failure
/// ([`Verdict::health`]). The permanent failure of a connection, in the tables below, is always
/// unhealthy, whatever its source. A client that returns the error of `connect` on a Unix socket
/// unchanged returns `NotFound` if the server isn't running: classify that as
/// [`Verdict::transient`].
///
/// # Verdicts on other errors
///
/// | error | verdict | sent | why |
/// |---|---|---|---|
/// | this crate's [`Elapsed`](crate::Elapsed), tokio's `Elapsed` | timed out | unknown | |
/// | this crate's `http::body_timeout::BodyElapsed` (feature `http`) | timed out | yes | the response's head was received |
/// | this crate's `Rejection` (feature `breaker`) | rejected | no | the service wasn't called |
/// | tower's timeout, `timeout::error::Elapsed` (feature `tower`) | timed out | unknown | |
/// | tower's `load_shed::error::Overloaded` (feature `tower`) | rejected | no | a limit on this side rejected the call, so it shows nothing about the service. A retry returns it and takes no budget, a breaker doesn't count it |
/// | hyper-util's client, `is_connect` (feature `hyper`) | by its source | no | no connection was established |
/// | hyper-util's client: `UserAbsoluteUriRequired`, `UserUnsupportedVersion`, `UserUnsupportedRequestMethod`; a URI that its connector doesn't accept (feature `hyper`) | neutral | | a mistake of the caller: it shows nothing about the server, and another attempt would end in the same way |
/// | `hyper::Error`: `is_canceled`, `is_closed` (feature `hyper`) | transient | no | the connection had ended before the request was written: a stale one from a pool |
/// | `hyper::Error`: "dispatch task is gone" (feature `hyper`) | transient | unknown | the task that drives the connection was dropped or panicked: a lost connection, although hyper attributes it to the user |
/// | `hyper::Error`: `is_user`, any other (feature `hyper`) | neutral | | the request's own body failed, or the request is invalid: it shows nothing about the server, and isn't retried |
/// | `hyper::Error`, any other (feature `hyper`) | by its source | unknown, or as for h2 | |
/// | h2: stream reset by the peer with `REFUSED_STREAM` (feature `h2`) | transient | no | the peer states it ([RFC 9113, 8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)) |
/// | h2: `GOAWAY` of the peer, `NO_ERROR` (feature `h2`) | transient | no; within a `hyper::Error` unknown | a graceful shutdown; h2 reports it for streams above the last one that the peer will process, and for streams that it never opened ([RFC 9113, 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)); hyper's client sometimes reports it for a stream that it has just sent |
/// | h2: `ENHANCE_YOUR_CALM` of the peer (feature `h2`) | throttled | unknown | |
/// | h2: `HTTP_1_1_REQUIRED`, `INADEQUATE_SECURITY` of the peer (feature `h2`) | permanent, unhealthy | unknown | the same connection settings have the same result |
/// | h2: reset by the sender itself (feature `h2`) | neutral | | the request's own body failed |
/// | h2: "user error" (feature `h2`) | neutral; transient if no stream could be opened or the stream had ended | no, if no stream could be opened | the request is invalid: a header that HTTP/2 doesn't allow, no host |
/// | h2: any other reset by the peer (feature `h2`) | transient | yes | the peer had received the stream, and abandoned it |
/// | h2: any other `GOAWAY` (feature `h2`) | transient | unknown | the last processed stream isn't visible |
/// | tonic's `TimeoutExpired` (feature `tonic`) | timed out | unknown | |
/// | tonic's `transport::Error` and `Status`, any other (feature `tonic`) | by its source | by its source | |
/// | reqwest's error: `is_builder`, `is_redirect` (feature `reqwest`) | neutral | | a mistake of the caller, or redirects in a circle: another attempt would end in the same way |
/// | reqwest's error: `is_timeout` (feature `reqwest`) | timed out | unknown | |
/// | reqwest's error: `is_status`, from `error_for_status` (feature `reqwest`) | 408 timed out, 429 throttled, 502–504 transient, any other permanent | yes | a breaker counts a 5xx as a failure, and any other as a success |
/// | reqwest's error: `is_decode` (feature `reqwest`) | by its source, or permanent | unknown | the body isn't what the caller expects |
/// | reqwest's error, any other (feature `reqwest`) | by its source | unknown | reqwest follows redirects, so an error proves nothing about the first call |
/// | this crate's `reqwest::Error` (feature `reqwest`) | by its source | by its source | |
///
/// The versions are tower 0.5, hyper 1, hyper-util 0.1, h2 0.4, tonic 0.14, and reqwest 0.13. An
/// error of another version of these crates is another type, which `ErrorClassifier` doesn't know.
///
/// **Not sent** is only concluded if the client makes one call per request. An error of a type that
/// isn't in these tables may come from a client that makes several: reqwest follows redirects, and
/// its refused connection may be that of the second host, after the first has processed a POST. So
/// within an error of an unknown type, and within an error type of your own, `ErrorClassifier`
/// gives the same verdicts without this proof: "no" becomes "unknown". If your client makes one
/// call per request, state it by a closure, `classify::errors(|error: &MyError| …)`, that returns
/// `Verdict::transient().delivery(Delivery::NotSent)`.
///
/// # When not to use it
///
/// - Some of your service's own errors are permanent (invalid input, no such row), or responses can
///   be failures (HTTP statuses). Use a closure, alone or [first](super::first) in a chain.
/// - The service makes several calls per request and returns the error of one of them unchanged, as
///   tower-http's `FollowRedirect` does. See `http::StatusClassifier::follows_redirects`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorClassifier;

impl<Req, Res, Err: 'static> Classifier<Req, Res, Err> for ErrorClassifier {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        // The healthy path of each layer. The compiler inlines this match, but not a call of
        // `opinion`, which took 24 instructions more per call of each layer
        // (`benches/instructions`).
        match outcome {
            Ok(_) => Verdict::Success,
            Err(error) => known_verdict(error).map_or_else(|| by_default(outcome), Verdict::of_any_request),
        }
    }

    /// Returns a verdict for errors of known types, and `None` for responses.
    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(known_verdict).map(Verdict::of_any_request)
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for FollowSources<ErrorClassifier>
where
    Err: std::error::Error + 'static,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        let opinion = Classifier::<Req, Res, Err>::opinion(self, &(), outcome);
        opinion.unwrap_or_else(|| by_default(outcome))
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(|error| source_walk::verdict_of(error)).map(Verdict::of_any_request)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        outcome.err().map_or(Origin::Unknown, |error| evidence::of_chain(error))
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        match outcome {
            Ok(_) => FailureDescription::new(),
            Err(error) => FailureDescription::new().error(ErrorText::error(error)),
        }
    }
}

impl ErrorClassifier {
    /// The verdict on an error for classifiers that know whether the request is idempotent: without
    /// the mark [`idempotency_unknown`](Verdict::idempotency_unknown).
    #[cfg_attr(not(any(feature = "http", feature = "fallback")), allow(dead_code))]
    pub(crate) fn judge<Err: 'static>(error: &Err) -> Verdict {
        known_verdict(error).unwrap_or(Verdict::transient())
    }
}

#[cfg(feature = "reqwest")]
impl ErrorClassifier {
    /// [`judge`](Self::judge) for the error of a client that makes one call per request.
    pub(crate) fn judge_one_call<Err: 'static>(error: &Err) -> Verdict {
        inspect(error).and_then(source_walk::verdict_of_one_call).unwrap_or(Verdict::transient())
    }
}

fn known_verdict<Err: 'static>(error: &Err) -> Option<Verdict> {
    inspect(error).and_then(source_walk::verdict_of)
}
