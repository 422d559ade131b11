//! The verdicts for the errors that hyper, its pooled client and h2 return.

use std::{
    convert::Infallible,
    error::Error,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::{
    client::legacy::{
        self, Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::TcpListener,
};
use tower_recourse::{
    Classifier, Delivery, Health, Verdict,
    classify::{ErrorClassifier, FollowSources},
};

type BoxError = Box<dyn Error + Send + Sync>;

const NOT_SENT: Verdict = Verdict::transient().delivery(Delivery::NotSent);

fn said<E: Error + Send + Sync + 'static>(error: E) -> Option<Verdict> {
    let along = Classifier::<(), (), E>::opinion(&FollowSources(ErrorClassifier), &(), Err(&error));
    let by_type = Classifier::<(), (), E>::opinion(&ErrorClassifier, &(), Err(&error));
    assert_eq!(along, by_type, "its type is known by name: {error:?}");
    let boxed: BoxError = Box::new(error);
    assert_eq!(Classifier::<(), (), BoxError>::opinion(&ErrorClassifier, &(), Err(&boxed)), along);
    // Removes `idempotency_unknown`, which `ErrorClassifier` sets on every retryable failure.
    along.map(Verdict::safe_to_resend)
}

// The pooled client, over sockets.

fn pooled() -> Client<HttpConnector, Empty<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn get(client: &Client<HttpConnector, Empty<Bytes>>, listener: &TcpListener) -> legacy::Error {
    let address = listener.local_addr().unwrap();
    client.get(format!("http://{address}/").parse().unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = pooled().get(format!("http://{address}/").parse().unwrap()).await.unwrap_err();
    assert!(error.is_connect());
    assert_eq!(said(error), Some(NOT_SENT));
}

#[tokio::test]
async fn a_connect_error_has_the_kind_of_its_cause() {
    for (kind, verdict) in [
        (io::ErrorKind::Other, NOT_SENT),
        (io::ErrorKind::TimedOut, Verdict::timed_out().delivery(Delivery::NotSent)),
        (io::ErrorKind::NotFound, Verdict::permanent().delivery(Delivery::NotSent).health(Health::Unhealthy)),
    ] {
        let resolver =
            tower::service_fn(
                move |_: Name| async move { Err::<std::iter::Empty<SocketAddr>, _>(io::Error::from(kind)) },
            );
        let client: Client<_, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).build(HttpConnector::new_with_resolver(resolver));
        let error = client.get("http://somewhere/".parse().unwrap()).await.unwrap_err();
        assert!(error.is_connect());
        assert_eq!(said(error), Some(verdict), "{kind:?}");
    }
}

#[tokio::test]
async fn a_close_after_the_request_leaves_delivery_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = pooled();
    let (error, ()) = tokio::join!(get(&client, &listener), async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 1024]).await.unwrap();
    });
    assert!(!error.is_connect());
    assert_eq!(said(error), Some(Verdict::transient()));
}

// Single connections of hyper.

#[tokio::test]
async fn a_request_that_finds_its_connection_closed_is_not_sent() {
    let (near, far) = duplex(1024);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    drop(far);
    let _ = connection.await;
    let error = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err();
    assert!(error.is_canceled());
    assert_eq!(said(error), Some(NOT_SENT));
    let error = sender.ready().await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(said(error), Some(NOT_SENT));
}

/// A request body that fails with a refused connection, as if it were read from another server.
struct FailingBody;

impl Body for FailingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionRefused.into())))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(5)
    }
}

#[tokio::test]
async fn an_error_of_the_request_body_proves_nothing() {
    let (near, mut far) = duplex(1024);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    let (answer, _, _) =
        tokio::join!(sender.send_request(Request::post("/").body(FailingBody).unwrap()), connection, async move {
            far.read(&mut [0; 1024]).await
        },);
    let error = answer.unwrap_err();
    assert!(error.is_user(), "{error:?}");
    assert_eq!(said(error), Some(Verdict::Neutral), "the refused connection belongs to another request");
}

#[tokio::test]
async fn an_unreadable_response_leaves_delivery_unknown() {
    let (near, mut far) = duplex(1024);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    let (answer, _, _) = tokio::join!(sender.send_request(Request::new(Empty::<Bytes>::new())), connection, async {
        let _ = far.read(&mut [0; 1024]).await;
        far.write_all(b"what?\r\n\r\n").await
    });
    let error = answer.unwrap_err();
    assert!(error.is_parse());
    assert_eq!(said(error), Some(Verdict::transient()));
}

// HTTP/2, with h2 as the server.

/// What the server does with the first stream.
type Answer = fn(&mut h2::server::SendResponse<Bytes>, &mut h2::server::Connection<DuplexStream, Bytes>);

async fn serve(far: DuplexStream, answer: Answer) {
    let mut connection = h2::server::handshake(far).await.unwrap();
    let (_, mut respond) = connection.accept().await.unwrap().unwrap();
    answer(&mut respond, &mut connection);
    // Drives the connection to its end, so that the frames are sent.
    while let Some(Ok(_)) = connection.accept().await {}
}

fn reset(respond: &mut h2::server::SendResponse<Bytes>, reason: h2::Reason) {
    respond.send_reset(reason);
}

async fn by_h2(answer: Answer) -> h2::Error {
    let (near, far) = duplex(4096);
    tokio::spawn(serve(far, answer));
    let (mut sender, connection) = h2::client::handshake(near).await.unwrap();
    tokio::spawn(connection);
    poll_fn(|cx| sender.poll_ready(cx)).await.unwrap();
    let (response, _) = sender.send_request(Request::new(()), true).unwrap();
    response.await.unwrap_err()
}

async fn by_hyper(answer: Answer) -> hyper::Error {
    let (near, far) = duplex(4096);
    tokio::spawn(serve(far, answer));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err()
}

async fn by_both(answer: Answer) -> Option<Verdict> {
    let verdict = said(by_h2(answer).await);
    assert_eq!(said(by_hyper(answer).await), verdict);
    verdict
}

#[tokio::test]
async fn a_refused_stream_is_not_sent() {
    assert_eq!(by_both(|respond, _| reset(respond, h2::Reason::REFUSED_STREAM)).await, Some(NOT_SENT));
}

#[tokio::test]
async fn a_stream_that_the_peer_reset_was_sent() {
    let sent = Some(Verdict::transient().delivery(Delivery::Sent));
    assert_eq!(by_both(|respond, _| reset(respond, h2::Reason::INTERNAL_ERROR)).await, sent);
    assert_eq!(by_both(|respond, _| reset(respond, h2::Reason::CANCEL)).await, sent);
}

#[tokio::test]
async fn enhance_your_calm_is_throttling() {
    let throttled = Some(Verdict::throttled());
    assert_eq!(by_both(|respond, _| reset(respond, h2::Reason::ENHANCE_YOUR_CALM)).await, throttled);
}

#[tokio::test]
async fn http_1_1_required_is_permanent() {
    let permanent = Some(Verdict::permanent().health(Health::Unhealthy));
    assert_eq!(by_both(|respond, _| reset(respond, h2::Reason::HTTP_1_1_REQUIRED)).await, permanent);
}

#[tokio::test]
async fn an_abrupt_end_leaves_delivery_unknown() {
    let abrupt: Answer = |_, connection| connection.abrupt_shutdown(h2::Reason::INTERNAL_ERROR);
    let Some(Verdict::Failure(failure)) = by_both(abrupt).await else { panic!("the error is recognised") };
    assert_eq!(failure.delivery(), Delivery::Unknown);
}

/// An HTTP/2 frame, written without an HTTP/2 library.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

/// A server that sends a GOAWAY with this last stream and this reason, and then closes the
/// connection without a response.
async fn goes_away(mut far: DuplexStream, last_stream: u8, reason: u8) {
    far.write_all(&frame(4, 0, &[])).await.unwrap();
    let _ = far.read(&mut [0; 4096]).await;
    // By then, the client has sent all its requests.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let _ = far.read(&mut [0; 4096]).await;
    far.write_all(&frame(7, 0, &[0, 0, 0, last_stream, 0, 0, 0, reason])).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
}

/// h2 reports a GOAWAY for the streams above the last one that the peer processed, and for no
/// others. The verdict depends on this.
#[tokio::test(start_paused = true)]
async fn after_goaway_streams_above_the_last_are_not_sent() {
    let (near, far) = duplex(4096);
    let server = tokio::spawn(goes_away(far, 1, 0));
    let (sender, connection) = h2::client::handshake(near).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let (first, _) = sender.send_request(Request::new(()), true).unwrap();
    let mut sender = sender.ready().await.unwrap();
    let (second, _) = sender.send_request(Request::new(()), true).unwrap();
    let (first, second) = tokio::join!(first, second);
    server.await.unwrap();

    let second = second.unwrap_err();
    assert!(second.is_go_away() && second.is_remote(), "{second:?}");
    assert_eq!(said(second), Some(NOT_SENT));

    let first = first.unwrap_err();
    assert!(!first.is_go_away(), "{first:?}");
    assert_eq!(said(first), Some(Verdict::transient()), "the request may have been processed");

    let never_opened = sender.ready().await.expect_err("the connection ended");
    assert!(never_opened.is_go_away(), "{never_opened:?}");
    assert_eq!(said(never_opened), Some(NOT_SENT));
}

/// hyper's errors don't show which streams were processed. After hyper's client has sent a request,
/// it checks once more whether the connection takes requests. It returns an error of this check as
/// the outcome of the request, although the request's stream is open. (`tests/long_haul` has seen
/// this on several threads, rarely.)
#[tokio::test(start_paused = true)]
async fn after_goaway_hyper_does_not_know_which_streams_were_sent() {
    let (near, far) = duplex(4096);
    tokio::spawn(goes_away(far, 0, 0));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let error = sender.send_request(Request::new(Empty::<Bytes>::new())).await.unwrap_err();
    let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    assert!(h2.is_some_and(|h2| h2.is_go_away() && h2.is_remote()), "{error:?}");
    assert_eq!(said(error), Some(Verdict::transient()));
}

#[tokio::test(start_paused = true)]
async fn any_other_goaway_leaves_delivery_unknown() {
    for (reason, verdict) in [(2, Verdict::transient()), (11, Verdict::throttled())] {
        let (near, far) = duplex(4096);
        tokio::spawn(goes_away(far, 0, reason));
        let (sender, connection) = h2::client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(Request::new(()), true).unwrap();
        let error = response.await.unwrap_err();
        assert!(error.is_go_away() && error.is_remote(), "{error:?}");
        assert_eq!(said(error), Some(verdict));
    }
}

/// The request isn't valid in HTTP/2. h2 reports this before it sends anything.
#[tokio::test]
async fn an_invalid_http2_request_is_the_callers_mistake() {
    let (near, far) = duplex(4096);
    tokio::spawn(serve(far, |_, _| {}));
    let (sender, connection) = h2::client::handshake(near).await.unwrap();
    tokio::spawn(connection);
    let no_host = Request::builder().version(http::Version::HTTP_2).uri("/").body(()).unwrap();
    let connection_header = Request::builder().uri("http://a/").header("connection", "close").body(()).unwrap();
    for request in [no_host, connection_header] {
        let what = format!("{request:?}");
        let mut sender = sender.clone().ready().await.unwrap();
        let error = sender.send_request(request, true).map(drop).unwrap_err();
        assert_eq!(said(error), Some(Verdict::Neutral), "{what}");
    }
}

/// The client may not open a stream yet. It sends a second request without waiting until it may,
/// and h2 rejects this request without opening a stream.
#[tokio::test]
async fn a_stream_that_could_not_be_opened_is_not_sent() {
    let (near, _far) = duplex(4096);
    let (mut sender, _connection) =
        h2::client::Builder::new().initial_max_send_streams(0).handshake::<_, Bytes>(near).await.unwrap();
    let request = || Request::get("http://a/").body(()).unwrap();
    let _first = sender.send_request(request(), true).unwrap();
    let error = sender.send_request(request(), true).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "user error: rejected");
    assert_eq!(said(error), Some(NOT_SENT));
}

#[test]
fn a_local_reset_proves_nothing() {
    for reason in [h2::Reason::NO_ERROR, h2::Reason::REFUSED_STREAM, h2::Reason::ENHANCE_YOUR_CALM, h2::Reason::CANCEL]
    {
        assert_eq!(said(h2::Error::from(reason)), Some(Verdict::transient()), "{reason:?}, sent by this side");
    }
}

#[test]
fn a_response_is_not_an_error() {
    let response = Response::new(());
    assert_eq!(Classifier::<(), _, Infallible>::classify(&ErrorClassifier, &(), Ok(&response)), Verdict::Success);
}
