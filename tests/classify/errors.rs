//! The verdicts for known error types, and how deep the classifiers search.

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    sync::Arc,
};

use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Delivery, Elapsed, FailureKind, Health, Verdict,
    classify::{ErrorClassifier, FollowSources},
};

use crate::fixed_numbers::FixedNumbers as _;

type BoxError = Box<dyn Error + Send + Sync>;

/// Checks that `ErrorClassifier` has set `idempotency_unknown` exactly if the failure is retryable.
/// Returns the verdict without this flag.
fn unmarked(verdict: Verdict) -> Verdict {
    if let Verdict::Failure(failure) = verdict {
        let is_retryable = !matches!(failure.kind(), FailureKind::Permanent | FailureKind::Rejected);
        assert_eq!(failure.is_idempotency_unknown(), is_retryable, "{verdict:?}");
    }
    verdict.safe_to_resend()
}

fn opinion<E: 'static>(error: E) -> Option<Verdict> {
    Classifier::<(), (), E>::opinion(&ErrorClassifier, &(), Err(&error)).map(unmarked)
}

fn along<E: Error + 'static>(error: E) -> Option<Verdict> {
    Classifier::<(), (), E>::opinion(&FollowSources(ErrorClassifier), &(), Err(&error)).map(unmarked)
}

fn refused() -> io::Error {
    ErrorKind::ConnectionRefused.into()
}

const NOT_SENT: Verdict = Verdict::transient().delivery(Delivery::NotSent);

/// The verdict for a refused connection within an error of an unknown type: the client may have
/// sent another request before.
const MAY_BE_SENT: Verdict = Verdict::transient();

/// A user's error with a source.
#[derive(Debug)]
struct Wrap<E>(E);

impl<E> fmt::Display for Wrap<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it went wrong")
    }
}

impl<E: Error + 'static> Error for Wrap<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// An error of a type that no classifier knows.
#[derive(Debug)]
struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown")
    }
}

impl Error for Unknown {}

#[test]
fn io_errors_are_classified_by_kind() {
    use ErrorKind::*;
    const UNHEALTHY: Verdict = Verdict::permanent().health(Health::Unhealthy);
    let rows = [
        (ConnectionRefused, NOT_SENT),
        (AddrInUse, NOT_SENT),
        (AddrNotAvailable, NOT_SENT),
        (TimedOut, Verdict::timed_out()),
        (NotFound, Verdict::permanent()),
        (PermissionDenied, Verdict::permanent()),
        (AlreadyExists, Verdict::permanent()),
        (InvalidInput, Verdict::permanent()),
        (InvalidData, UNHEALTHY),
        (Unsupported, Verdict::permanent()),
        (OutOfMemory, UNHEALTHY),
        (StorageFull, UNHEALTHY),
        (QuotaExceeded, UNHEALTHY),
        (IsADirectory, Verdict::permanent()),
        (NotADirectory, Verdict::permanent()),
        (DirectoryNotEmpty, Verdict::permanent()),
        (ReadOnlyFilesystem, UNHEALTHY),
        (NotSeekable, Verdict::permanent()),
        (FileTooLarge, Verdict::permanent()),
        (CrossesDevices, Verdict::permanent()),
        (TooManyLinks, Verdict::permanent()),
        (ArgumentListTooLong, Verdict::permanent()),
        (HostUnreachable, Verdict::transient()),
        (NetworkUnreachable, Verdict::transient()),
        (NetworkDown, Verdict::transient()),
        (ConnectionReset, Verdict::transient()),
        (ConnectionAborted, Verdict::transient()),
        (BrokenPipe, Verdict::transient()),
        (NotConnected, Verdict::transient()),
        (UnexpectedEof, Verdict::transient()),
        (WriteZero, Verdict::transient()),
        (Interrupted, Verdict::transient()),
        (WouldBlock, Verdict::transient()),
        (StaleNetworkFileHandle, Verdict::transient()),
        (ResourceBusy, Verdict::transient()),
        (Deadlock, Verdict::transient()),
        (ExecutableFileBusy, Verdict::transient()),
    ];
    for (kind, verdict) in rows {
        assert_eq!(opinion(io::Error::from(kind)), Some(verdict), "{kind:?}");
        assert_eq!(opinion::<BoxError>(Box::new(io::Error::from(kind))), Some(verdict), "{kind:?} in a box");
        assert_eq!(along(io::Error::from(kind)), Some(verdict), "{kind:?} along its sources");
    }
}

#[cfg(all(unix, feature = "retry"))]
#[test]
fn a_permanent_file_error_is_tried_once() {
    use std::{
        fs,
        os::fd::OwnedFd,
        process::{Command, Stdio},
    };
    use tower_recourse::{RetryConfig, RetryLayer};

    let folder = tempfile::tempdir().unwrap();
    let (file, full) = (folder.path().join("file"), folder.path().join("full/inside"));
    fs::write(&file, "").unwrap();
    fs::create_dir_all(&full).unwrap();
    let operations: [(&str, &dyn Fn() -> io::Result<()>); 6] = [
        ("read a folder", &|| fs::read(folder.path()).map(drop)),
        ("pass through a file", &|| fs::read(file.join("inside")).map(drop)),
        ("remove a folder with a file in it", &|| fs::remove_dir(full.parent().unwrap())),
        ("a name of 300 bytes", &|| fs::read(folder.path().join("x".repeat(300))).map(drop)),
        ("seek in a pipe", &|| {
            let mut child = Command::new("true").stdin(Stdio::piped()).spawn()?;
            let pipe = child.stdin.take().map(OwnedFd::from);
            child.wait()?;
            io::Seek::rewind(&mut fs::File::from(pipe.expect("its standard input is a pipe")))
        }),
        ("arguments of 64 MiB", &|| Command::new("true").arg("x".repeat(64 << 20)).status().map(drop)),
    ];
    for (name, operation) in operations {
        let calls = std::cell::Cell::new(0);
        let layer = RetryLayer::new(RetryConfig::default().idempotent().without_budget());
        let call = |_| {
            calls.set(calls.get() + 1);
            operation()
        };
        layer.run_blocking(call).unwrap_err();
        assert_eq!(calls.get(), 1, "{name}");
    }
}

/// `ErrorClassifier` has no opinion on the kind `Other`, so a chain may continue with a classifier
/// that reads the text. Without one, the error is transient.
#[test]
fn a_custom_io_error_is_classified_by_its_source() {
    let by_hand = || io::Error::other("disk full");
    assert_eq!((opinion(by_hand()), along(by_hand()), along(Wrap(by_hand()))), (None, None, None));
    assert_eq!(opinion::<BoxError>(Box::new(io::Error::from(ErrorKind::Other))), None);
    assert_eq!(opinion(io::Error::other(refused())), Some(NOT_SENT));
    assert_eq!(
        Classifier::<(), (), io::Error>::classify(&ErrorClassifier, &(), Err(&by_hand())),
        Verdict::transient().idempotency_unknown()
    );
}

#[test]
fn known_errors_are_found_in_each_kind_of_box() {
    assert_eq!(opinion::<Box<dyn Error>>(Box::new(refused())), Some(NOT_SENT));
    assert_eq!(opinion::<Box<dyn Error + Send>>(Box::new(refused())), Some(NOT_SENT));
    assert_eq!(opinion::<Arc<dyn Error + Send + Sync>>(Arc::new(refused())), Some(NOT_SENT));
    assert_eq!(opinion(Arc::new(refused())), Some(NOT_SENT));
    assert_eq!(opinion(BreakerError::Inner(refused())), Some(NOT_SENT));
    assert_eq!(opinion(BreakerError::Inner::<BoxError>(Box::new(Wrap(refused())))), Some(MAY_BE_SENT));
}

#[test]
fn sources_and_the_inner_errors_of_io_errors_are_followed() {
    assert_eq!(opinion::<BoxError>(Box::new(Wrap(Wrap(refused())))), Some(MAY_BE_SENT));
    assert_eq!(opinion(io::Error::other(Wrap(refused()))), Some(MAY_BE_SENT));
    assert_eq!(opinion(io::Error::other(io::Error::other(refused()))), Some(NOT_SENT));
    let twice_wrapped = Wrap(io::Error::new(ErrorKind::NotFound, Wrap(refused())));
    assert_eq!(opinion::<BoxError>(Box::new(twice_wrapped)), Some(MAY_BE_SENT));
    assert_eq!(opinion(io::Error::new(ErrorKind::NotFound, "no such key")), Some(Verdict::permanent()));
    assert_eq!(opinion(io::Error::new(ErrorKind::NotFound, Unknown)), Some(Verdict::permanent()));
}

#[test]
fn boxed_and_shared_sources_are_followed() {
    assert_eq!(along(Wrap(Box::new(refused()))), Some(MAY_BE_SENT));
    assert_eq!(along(Wrap(Arc::new(refused()))), Some(MAY_BE_SENT));
    let shared: Arc<dyn Error + Send + Sync> = Arc::new(refused());
    assert_eq!(along(Wrap(shared)), Some(MAY_BE_SENT));
    let deeper: Arc<dyn Error + Send + Sync> = Arc::new(Wrap(refused()));
    assert_eq!(along(Wrap(deeper)), Some(MAY_BE_SENT));
}

#[test]
fn a_custom_error_is_classified_by_its_sources_only() {
    assert_eq!(opinion(Wrap(refused())), None);
    assert_eq!(along(Wrap(refused())), Some(MAY_BE_SENT));
    assert_eq!(along(BreakerError::Inner(Wrap(refused()))), Some(MAY_BE_SENT));
    assert_eq!(along(Wrap(Unknown)), None);

    let judged =
        Classifier::<(), (), Wrap<Unknown>>::classify(&FollowSources(ErrorClassifier), &(), Err(&Wrap(Unknown)));
    assert_eq!(judged, Verdict::transient().idempotency_unknown());
    assert_eq!(
        Classifier::<(), (), Unknown>::classify(&FollowSources(ErrorClassifier), &(), Ok(&())),
        Verdict::Success
    );
}

/// An error of an unknown type may come from a client that follows redirects, and the server may
/// have processed the first request.
#[test]
fn an_unknown_error_around_a_refused_connection_proves_nothing() {
    for error in [refused(), ErrorKind::AddrInUse.into(), ErrorKind::AddrNotAvailable.into()] {
        assert_eq!(along(Wrap(error)), Some(MAY_BE_SENT));
    }
    let arc: Arc<dyn Error + Send + Sync> = Arc::new(Arc::new(refused()));
    assert_eq!(opinion(arc), Some(NOT_SENT), "shared, and of a known type");
    assert_eq!(along(BreakerError::Inner(refused())), Some(NOT_SENT), "a breaker makes one call");
    assert_eq!(along(BreakerError::Inner(io::Error::other(refused()))), Some(NOT_SENT));
    assert_eq!(along(BreakerError::Inner(Arc::new(refused()))), Some(NOT_SENT));
    assert_eq!(along(Wrap(io::Error::from(ErrorKind::TimedOut))), Some(Verdict::timed_out()), "the kind stays");
}

#[test]
fn the_first_known_error_in_a_chain_decides() {
    #[derive(Debug)]
    struct Outer(Option<io::Error>);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.0.as_ref().map(|io| io as _)
        }
    }
    assert_eq!(along(Outer(Some(ErrorKind::TimedOut.into()))), Some(Verdict::timed_out()));
    assert_eq!(along(Outer(None)), None);
}

#[test]
fn responses_are_not_classified() {
    assert_eq!(Classifier::<(), _, io::Error>::opinion(&ErrorClassifier, &(), Ok(&503)), None);
    assert_eq!(Classifier::<(), _, io::Error>::classify(&ErrorClassifier, &(), Ok(&503)), Verdict::Success);
}

/// An error whose source is always another one.
#[derive(Debug)]
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("on and on")
    }
}

impl Error for Endless {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&Endless)
    }
}

#[test]
fn an_endless_chain_is_cut() {
    assert_eq!(along(Endless), None);
    assert_eq!(opinion(io::Error::new(ErrorKind::NotConnected, Endless)), Some(Verdict::transient()));
    assert_eq!(opinion(io::Error::other(io::Error::other(Endless))), None);
}

#[test]
fn the_depth_of_the_search_is_bounded() {
    fn wrapped(times: usize) -> BoxError {
        #[derive(Debug)]
        struct Link(BoxError);
        impl fmt::Display for Link {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("link")
            }
        }
        impl Error for Link {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&*self.0)
            }
        }
        (0..times).fold(Box::new(refused()), |inside, _| Box::new(Link(inside)))
    }
    assert_eq!(opinion(wrapped(63)), Some(MAY_BE_SENT));
    assert_eq!(opinion(wrapped(64)), None);

    // Errors within `io::Error`s count towards the depth too, so the search ends before it reaches
    // the refused connection.
    let dug = (0..1_000).fold(refused(), |inside, _| io::Error::other(inside));
    assert_eq!(opinion(dug), None);
}

#[tokio::test(start_paused = true)]
async fn timeouts_of_tokio_are_recognised() {
    let elapsed =
        tokio::time::timeout(std::time::Duration::from_secs(1), std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(opinion::<BoxError>(Box::new(Wrap(elapsed))), Some(Verdict::timed_out()));
}

#[tokio::test(start_paused = true)]
async fn timeouts_of_this_crate_are_recognised() {
    use tower::{Layer, service_fn};
    use tower_recourse::{RetryConfig, RetryLayer, retry::Timeouts};

    let config = RetryConfig::default()
        .idempotent()
        .retries(0)
        .timeouts(Timeouts::attempt(std::time::Duration::from_secs(1)).on_timeout(|elapsed: Elapsed| Err(elapsed)));
    let mut service = RetryLayer::new(config).layer(service_fn(|()| std::future::pending::<Result<(), Elapsed>>()));
    let elapsed: Elapsed = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!(opinion(elapsed), Some(Verdict::timed_out()));
    assert_eq!(opinion(io::Error::from(elapsed)), Some(Verdict::timed_out()));
    assert_eq!(opinion::<BoxError>(Box::new(elapsed)), Some(Verdict::timed_out()));
}

#[tokio::test]
async fn a_rejection_is_recognised() {
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    circuit.force_open();
    let rejection = circuit.try_acquire().unwrap_err();
    let rejected = Verdict::rejected(rejection.retry_in());
    assert_eq!(opinion::<BoxError>(Box::new(Wrap(rejection.clone()))), Some(rejected));
    assert_eq!(opinion(BreakerError::<io::Error>::Rejected(rejection.clone())), Some(rejected));
    assert_eq!(along(Wrap(BreakerError::<io::Error>::Rejected(rejection))), Some(rejected));
}

#[cfg(feature = "tower")]
#[tokio::test(start_paused = true)]
async fn towers_errors_are_recognised() {
    use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

    let slow = service_fn(|()| std::future::pending::<Result<(), io::Error>>());
    let mut timed = ServiceBuilder::new().timeout(std::time::Duration::from_secs(1)).service(slow);
    assert_eq!(opinion(timed.ready().await.unwrap().call(()).await.unwrap_err()), Some(Verdict::timed_out()));

    let overloaded = || tower::load_shed::error::Overloaded::new();
    assert_eq!(opinion::<BoxError>(Box::new(overloaded())), Some(Verdict::rejected(None)));
    assert_eq!(opinion(overloaded()), Some(Verdict::rejected(None)));
    assert_eq!(opinion(tower::timeout::error::Elapsed::new()), Some(Verdict::timed_out()));
}
