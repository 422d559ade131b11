//! What is known of errors, and how far it is looked for.

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    sync::Arc,
};

use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Elapsed, FailureKind, Sent, Verdict,
    classify::{Errors, Sources},
};

use crate::fixed_numbers::FixedNumbers as _;

type BoxError = Box<dyn Error + Send + Sync>;

/// The verdict without the mark that every retryable failure of `Errors` has.
fn unmarked(verdict: Verdict) -> Verdict {
    if let Verdict::Failure(failure) = verdict {
        let is_retryable = !matches!(failure.kind(), FailureKind::Permanent | FailureKind::Rejected);
        assert_eq!(failure.is_idempotency_unknown(), is_retryable, "{verdict:?}");
    }
    verdict.safe_to_resend()
}

fn said<E: 'static>(error: E) -> Option<Verdict> {
    Classifier::<(), (), E>::opinion(&Errors, &(), Err(&error)).map(unmarked)
}

fn along<E: Error + 'static>(error: E) -> Option<Verdict> {
    Classifier::<(), (), E>::opinion(&Sources(Errors), &(), Err(&error)).map(unmarked)
}

fn refused() -> io::Error {
    ErrorKind::ConnectionRefused.into()
}

const NOT_SENT: Verdict = Verdict::transient().sent(Sent::No);

/// What is left of that within an error of an unknown type: its client may have made another call before.
const MAY_BE_SENT: Verdict = Verdict::transient();

/// An error of a user's, with whatever it wraps as its source.
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

/// One that knows nothing.
#[derive(Debug)]
struct Unknown;

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown")
    }
}

impl Error for Unknown {}

#[test]
fn io_errors_by_their_kind() {
    use ErrorKind::*;
    let rows = [
        (ConnectionRefused, NOT_SENT),
        (AddrInUse, NOT_SENT),
        (AddrNotAvailable, NOT_SENT),
        (TimedOut, Verdict::timed_out()),
        (NotFound, Verdict::permanent()),
        (PermissionDenied, Verdict::permanent()),
        (AlreadyExists, Verdict::permanent()),
        (InvalidInput, Verdict::permanent()),
        (InvalidData, Verdict::permanent()),
        (Unsupported, Verdict::permanent()),
        (OutOfMemory, Verdict::permanent()),
        (StorageFull, Verdict::permanent()),
        (QuotaExceeded, Verdict::permanent()),
        (IsADirectory, Verdict::permanent()),
        (NotADirectory, Verdict::permanent()),
        (DirectoryNotEmpty, Verdict::permanent()),
        (ReadOnlyFilesystem, Verdict::permanent()),
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
        assert_eq!(said(io::Error::from(kind)), Some(verdict), "{kind:?}");
        assert_eq!(said::<BoxError>(Box::new(io::Error::from(kind))), Some(verdict), "{kind:?} in a box");
        assert_eq!(along(io::Error::from(kind)), Some(verdict), "{kind:?} along its sources");
    }
}

#[cfg(all(unix, feature = "retry"))]
#[test]
fn a_real_file_error_that_cannot_pass_is_tried_once() {
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

/// Its kind says nothing, so that a chain may ask somebody who reads its text. It is transient where nobody comes after.
#[test]
fn of_an_io_error_that_was_made_by_hand_nothing_is_known_but_what_it_wraps() {
    let by_hand = || io::Error::other("disk full");
    assert_eq!((said(by_hand()), along(by_hand()), along(Wrap(by_hand()))), (None, None, None));
    assert_eq!(said::<BoxError>(Box::new(io::Error::from(ErrorKind::Other))), None);
    assert_eq!(said(io::Error::other(refused())), Some(NOT_SENT));
    assert_eq!(
        Classifier::<(), (), io::Error>::classify(&Errors, &(), Err(&by_hand())),
        Verdict::transient().idempotency_unknown()
    );
}

#[test]
fn what_is_known_is_found_in_boxes_of_each_kind() {
    assert_eq!(said::<Box<dyn Error>>(Box::new(refused())), Some(NOT_SENT));
    assert_eq!(said::<Box<dyn Error + Send>>(Box::new(refused())), Some(NOT_SENT));
    assert_eq!(said::<Arc<dyn Error + Send + Sync>>(Arc::new(refused())), Some(NOT_SENT));
    assert_eq!(said(Arc::new(refused())), Some(NOT_SENT));
    assert_eq!(said(BreakerError::Inner(refused())), Some(NOT_SENT));
    assert_eq!(said(BreakerError::Inner::<BoxError>(Box::new(Wrap(refused())))), Some(MAY_BE_SENT));
}

#[test]
fn sources_are_followed_and_so_is_what_an_io_error_wraps() {
    assert_eq!(said::<BoxError>(Box::new(Wrap(Wrap(refused())))), Some(MAY_BE_SENT));
    assert_eq!(said(io::Error::other(Wrap(refused()))), Some(MAY_BE_SENT));
    assert_eq!(said(io::Error::other(io::Error::other(refused()))), Some(NOT_SENT));
    let twice_wrapped = Wrap(io::Error::new(ErrorKind::NotFound, Wrap(refused())));
    assert_eq!(said::<BoxError>(Box::new(twice_wrapped)), Some(MAY_BE_SENT));
    assert_eq!(said(io::Error::new(ErrorKind::NotFound, "no such key")), Some(Verdict::permanent()));
    assert_eq!(said(io::Error::new(ErrorKind::NotFound, Unknown)), Some(Verdict::permanent()));
}

#[test]
fn sources_in_boxes_and_shared_ones_are_known() {
    assert_eq!(along(Wrap(Box::new(refused()))), Some(MAY_BE_SENT));
    assert_eq!(along(Wrap(Arc::new(refused()))), Some(MAY_BE_SENT));
    let shared: Arc<dyn Error + Send + Sync> = Arc::new(refused());
    assert_eq!(along(Wrap(shared)), Some(MAY_BE_SENT));
    let deeper: Arc<dyn Error + Send + Sync> = Arc::new(Wrap(refused()));
    assert_eq!(along(Wrap(deeper)), Some(MAY_BE_SENT));
}

#[test]
fn an_error_of_ones_own_is_only_known_along_its_sources() {
    assert_eq!(said(Wrap(refused())), None);
    assert_eq!(along(Wrap(refused())), Some(MAY_BE_SENT));
    assert_eq!(along(BreakerError::Inner(Wrap(refused()))), Some(MAY_BE_SENT));
    assert_eq!(along(Wrap(Unknown)), None);

    let judged = Classifier::<(), (), Wrap<Unknown>>::classify(&Sources(Errors), &(), Err(&Wrap(Unknown)));
    assert_eq!(judged, Verdict::transient().idempotency_unknown());
    assert_eq!(Classifier::<(), (), Unknown>::classify(&Sources(Errors), &(), Ok(&())), Verdict::Success);
}

/// The error's type is unknown, so it may be of a client that follows redirects.
#[test]
fn an_unknown_error_around_a_refused_connection_proves_nothing() {
    for error in [refused(), ErrorKind::AddrInUse.into(), ErrorKind::AddrNotAvailable.into()] {
        assert_eq!(along(Wrap(error)), Some(MAY_BE_SENT));
    }
    let arc: Arc<dyn Error + Send + Sync> = Arc::new(Arc::new(refused()));
    assert_eq!(said(arc), Some(NOT_SENT), "shared, and of a known type");
    assert_eq!(along(BreakerError::Inner(refused())), Some(NOT_SENT), "a breaker makes one call");
    assert_eq!(along(BreakerError::Inner(io::Error::other(refused()))), Some(NOT_SENT));
    assert_eq!(along(BreakerError::Inner(Arc::new(refused()))), Some(NOT_SENT));
    assert_eq!(along(Wrap(io::Error::from(ErrorKind::TimedOut))), Some(Verdict::timed_out()), "the kind stays");
}

#[test]
fn the_first_link_that_is_known_decides() {
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
fn nothing_is_known_of_responses() {
    assert_eq!(Classifier::<(), _, io::Error>::opinion(&Errors, &(), Ok(&503)), None);
    assert_eq!(Classifier::<(), _, io::Error>::classify(&Errors, &(), Ok(&503)), Verdict::Success);
}

/// Its source is always another one.
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
fn a_chain_without_an_end_has_one() {
    assert_eq!(along(Endless), None);
    assert_eq!(said(io::Error::new(ErrorKind::NotConnected, Endless)), Some(Verdict::transient()));
    assert_eq!(said(io::Error::other(io::Error::other(Endless))), None);
}

#[test]
fn links_are_looked_at_up_to_a_bound() {
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
    assert_eq!(said(wrapped(63)), Some(MAY_BE_SENT));
    assert_eq!(said(wrapped(64)), None);

    // What is wrapped in `io::Error`s counts as much: this is as deep as anybody can dig.
    let dug = (0..1_000).fold(refused(), |inside, _| io::Error::other(inside));
    assert_eq!(said(dug), None);
}

#[tokio::test(start_paused = true)]
async fn time_outs_of_tokio_are_known() {
    let elapsed =
        tokio::time::timeout(std::time::Duration::from_secs(1), std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(said::<BoxError>(Box::new(Wrap(elapsed))), Some(Verdict::timed_out()));
}

#[tokio::test(start_paused = true)]
async fn time_outs_of_this_crate_are_known() {
    use tower::{Layer, Service, ServiceExt, service_fn};
    use tower_recourse::{RetryConfig, RetryLayer, retry::Timeouts};

    let config = RetryConfig::default()
        .idempotent()
        .retries(0)
        .timeouts(Timeouts::attempt(std::time::Duration::from_secs(1)).answer(|elapsed: Elapsed| Err(elapsed)));
    let mut service = RetryLayer::new(config).layer(service_fn(|()| std::future::pending::<Result<(), Elapsed>>()));
    let elapsed: Elapsed = service.ready().await.unwrap().call(()).await.unwrap_err();
    assert_eq!(said(elapsed), Some(Verdict::timed_out()));
    assert_eq!(said(io::Error::from(elapsed)), Some(Verdict::timed_out()));
    assert_eq!(said::<BoxError>(Box::new(elapsed)), Some(Verdict::timed_out()));
}

#[tokio::test]
async fn a_rejection_is_known() {
    let circuit = Circuit::new(BreakerConfig::default().fixed());
    circuit.force_open();
    let rejection = circuit.admit().unwrap_err();
    let rejected = Verdict::rejected(rejection.retry_in());
    assert_eq!(said::<BoxError>(Box::new(Wrap(rejection.clone()))), Some(rejected));
    assert_eq!(said(BreakerError::<io::Error>::Rejected(rejection.clone())), Some(rejected));
    assert_eq!(along(Wrap(BreakerError::<io::Error>::Rejected(rejection))), Some(rejected));
}

#[cfg(feature = "tower")]
#[tokio::test(start_paused = true)]
async fn towers_own_errors_are_known() {
    use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

    let slow = service_fn(|()| std::future::pending::<Result<(), io::Error>>());
    let mut timed = ServiceBuilder::new().timeout(std::time::Duration::from_secs(1)).service(slow);
    assert_eq!(said(timed.ready().await.unwrap().call(()).await.unwrap_err()), Some(Verdict::timed_out()));

    let overloaded = || tower::load_shed::error::Overloaded::new();
    assert_eq!(said::<BoxError>(Box::new(overloaded())), Some(Verdict::throttled().sent(Sent::No)));
    assert_eq!(said(overloaded()), Some(Verdict::throttled().sent(Sent::No)));
    assert_eq!(said(tower::timeout::error::Elapsed::new()), Some(Verdict::timed_out()));
}
