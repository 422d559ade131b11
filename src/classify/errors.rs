use super::{Classifier, Origin, Sources, classifier::by_default, evidence, inspect::inspect, source_walk};
use crate::Verdict;

/// The default: a response is a success, an error is transient, unless more is known about it.
///
/// It looks into `Box<dyn Error>`, `Arc<dyn Error>` (tower's `BoxError` is one of these), and the types of the tables below,
/// also where they are the `Inner` of a breaker's error; and along the whole chain of sources from there, with what an
/// [`io::Error`](std::io::Error) wraps. The first link that is known decides. A chain is followed for 64 links.
///
/// An error type of your own can't be looked into like that. Where it is an [`Error`](std::error::Error), [`Sources`] does it.
///
/// # Idempotency
///
/// `Errors` doesn't see requests, so it doesn't know which of them may be processed more than once. It marks its failures as
/// [`idempotency_unknown`](Verdict::idempotency_unknown): a retry sends such a request again only if the error proves that it wasn't
/// sent ("sent: no" in the tables). Otherwise the failure is returned with
/// [`Cause::UnsafeToResend`](crate::Cause::UnsafeToResend). A lost connection, for example, doesn't show whether Redis has
/// executed an `INCR`.
///
/// State what holds for your requests:
///
/// | requests | write |
/// |---|---|
/// | every one may be processed more than once | `RetryConfig::idempotent` |
/// | some may | [`Idempotent::new`](super::Idempotent::new)`(Errors, \|request: &Req\| …)` |
/// | a failure shows that nothing was done (a rolled-back transaction) | a closure that returns [`Verdict::transient()`] for it |
///
/// Breakers and fallbacks ignore the mark.
///
/// # What is known of `io::Error`, by kind
///
/// | kind | verdict | sent | why |
/// |---|---|---|---|
/// | `ConnectionRefused` | transient | no | there was no connection to send it on |
/// | `AddrInUse`, `AddrNotAvailable` | transient | no | no local address for a connection: the ports are used up, for now |
/// | `TimedOut` | timed out | unknown | it may be the answer that was late |
/// | `NotFound`, `PermissionDenied`, `AlreadyExists`, `InvalidInput`, `InvalidData`, `InvalidFilename`, `ArgumentListTooLong`, `Unsupported` | permanent | unknown | the same call gives the same answer; a certificate that isn't accepted is `InvalidData` |
/// | `NotADirectory`, `IsADirectory`, `DirectoryNotEmpty`, `ReadOnlyFilesystem`, `NotSeekable`, `FileTooLarge`, `CrossesDevices`, `TooManyLinks` | permanent | unknown | the file or its file system doesn't allow the operation |
/// | `OutOfMemory`, `StorageFull`, `QuotaExceeded` | permanent | unknown | the resource doesn't come back while a caller waits |
/// | `Other` | none of its own | | made by hand, `io::Error::other("…")`: only what it wraps can be known, or, to another classifier in a [chain](super::first), its text |
/// | `HostUnreachable`, `NetworkUnreachable`, `NetworkDown` | transient | unknown | an established connection can end in these too |
/// | `ConnectionReset`, `ConnectionAborted`, `BrokenPipe`, `NotConnected`, `UnexpectedEof`, `WriteZero`, any other | transient | unknown | the connection was lost before or after the other side had read the request; nobody can tell |
///
/// An `io::Error` that wraps another error is judged by that, if more is known of it.
///
/// # What else is known
///
/// | error | verdict | sent | why |
/// |---|---|---|---|
/// | this crate's [`Elapsed`](crate::Elapsed), tokio's `Elapsed` | timed out | unknown | |
/// | this crate's `http::body_timeout::BodyElapsed` (feature `http`) | timed out | yes | the head of the response came |
/// | this crate's `Rejection` (feature `breaker`) | rejected | no | the service wasn't asked |
/// | tower's time-out, `timeout::error::Elapsed` (feature `tower`) | timed out | unknown | |
/// | tower's `load_shed::error::Overloaded` (feature `tower`) | throttled | no | shed before the service was called |
/// | hyper-util's client, `is_connect` (feature `hyper`) | by its source | no | there was no connection |
/// | hyper-util's client: `UserAbsoluteUriRequired`, `UserUnsupportedVersion`, `UserUnsupportedRequestMethod`; a URI that its connector doesn't take (feature `hyper`) | neutral | | the caller's mistake: it says nothing of the other side, and another attempt would end in the same way |
/// | `hyper::Error`: `is_canceled`, `is_closed` (feature `hyper`) | transient | no | the connection was gone before the request was begun: a stale one out of a pool |
/// | `hyper::Error`: "dispatch task is gone" (feature `hyper`) | transient | unknown | the task that drives the connection was dropped or panicked: a lost connection, although hyper blames the user |
/// | `hyper::Error`: `is_user`, any other (feature `hyper`) | neutral | | the request's own body broke off, or the request isn't valid: it says nothing of the other side, and isn't tried again |
/// | `hyper::Error`, any other (feature `hyper`) | by its source | unknown, or as h2 says | |
/// | h2: stream reset by the peer with `REFUSED_STREAM` (feature `h2`) | transient | no | the peer says so ([RFC 9113, 8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)) |
/// | h2: `GOAWAY` of the peer, `NO_ERROR` (feature `h2`) | transient | no; within a `hyper::Error` unknown | a graceful end; h2 gives this to the streams above the last one that the peer will answer, and to those it never opened ([RFC 9113, 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)); hyper's client now and then to one that it has just sent, too |
/// | h2: `ENHANCE_YOUR_CALM` of the peer (feature `h2`) | throttled | unknown | |
/// | h2: `HTTP_1_1_REQUIRED`, `INADEQUATE_SECURITY` of the peer (feature `h2`) | permanent | unknown | the same connection settings give the same answer |
/// | h2: reset by the sender itself (feature `h2`) | neutral | | the request's own body broke off |
/// | h2: "user error" (feature `h2`) | neutral; transient if the connection or the stream was used up | no, if no stream could be opened | the request isn't valid: a header that HTTP/2 doesn't have, no host |
/// | h2: any other reset by the peer (feature `h2`) | transient | yes | it had the stream, and gave it up |
/// | h2: any other `GOAWAY` (feature `h2`) | transient | unknown | which was the last stream isn't visible |
/// | tonic's `TimeoutExpired` (feature `tonic`) | timed out | unknown | |
/// | tonic's `transport::Error` and `Status`, any other (feature `tonic`) | by its source | by its source | |
///
/// The versions: tower 0.5, hyper 1, hyper-util 0.1, h2 0.4, tonic 0.14. An error of another version of one of these crates is another type,
/// and isn't known.
///
/// **Not sent** is concluded only where one call was made per request. An error of a type that isn't in these tables may be of a
/// client that makes several: reqwest's follows redirects, and its refused connection may be that of the second host, after the first one
/// has carried out a POST. So within an error of an unknown type, and of an error type of your own, all is found but the proof:
/// "no" becomes "unknown". If your client makes one call per request, pass its knowledge on by a closure,
/// `classify::errors(|error: &MyError| …)`, that returns `Verdict::transient().sent(Sent::No)`.
///
/// *When not to use it*: when some of your service's own errors are permanent (bad input, no such row), or when
/// responses can be failures (HTTP statuses): then a closure, alone or [first](super::first) in a chain. And where a service makes
/// several calls per request and returns the error of one of them as it is, such as tower-http's `FollowRedirect`: see
/// `http::Statuses::follows_redirects`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Errors;

impl<Req, Res, Err: 'static> Classifier<Req, Res, Err> for Errors {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        // The healthy path of each layer. The compiler inlines this match, and didn't inline a call of
        // `opinion`: 24 instructions more per call of each layer (`benches/instructions`).
        match outcome {
            Ok(_) => Verdict::Success,
            Err(error) => known_within(error).map_or_else(|| by_default(outcome), Verdict::of_any_request),
        }
    }

    /// What is known of the error. Nothing of a response.
    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(known_within).map(Verdict::of_any_request)
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for Sources<Errors>
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
        outcome.err().and_then(|error| known(error)).map(Verdict::of_any_request)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        outcome.err().map_or(Origin::Unknown, |error| evidence::of_chain(error))
    }
}

impl Errors {
    /// The verdict on an error, for classifiers that know whether the request is idempotent: without the mark
    /// [`idempotency_unknown`](Verdict::idempotency_unknown).
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    pub(crate) fn judge<Err: 'static>(error: &Err) -> Verdict {
        known_within(error).unwrap_or(Verdict::transient())
    }
}

fn known_within<Err: 'static>(error: &Err) -> Option<Verdict> {
    inspect(error).and_then(known)
}

fn known(error: &(dyn std::error::Error + 'static)) -> Option<Verdict> {
    source_walk::verdict_of(error)
}
