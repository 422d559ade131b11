use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use tokio::time::timeout;
use tower_recourse::{
    Cause,
    fallback::{Backup, PrimaryFailure},
    observe::ErrorText,
};

use super::{DeferError, Respond};
use crate::{JobState, NewJob, Queue, codec::Encode};

/// A backup for [`FallbackLayer`](tower_recourse::FallbackLayer): it stores the request in a queue
/// and answers at once. A [`Worker`](crate::Worker) sends the request later.
///
/// ```
/// use std::io;
/// use tower::{ServiceBuilder, service_fn};
/// use tower_recourse::{FallbackLayer, RetryConfig, RetryLayer};
/// use tower_recourse_defer::{Deferral, Json, Queue, Receipt, sqlite::SqliteQueue};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = SqliteQueue::options().open_in_memory().await?;
/// let encode = Json::keyed_by(|order: &u32| format!("order-{order}"));
/// let deferral = Deferral::new(queue.clone(), encode, |receipt: &Receipt| format!("later: {}", receipt.key()));
///
/// let mut service = ServiceBuilder::new()
///     .layer(FallbackLayer::with(deferral).name("defer"))
///     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
///     .service(service_fn(|_: u32| async { Err::<String, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) }));
///
/// assert_eq!(service.ready().await?.call(17).await?, "later: order-17");
/// assert_eq!(queue.counts().await?.waiting, 1);
/// # Ok(())
/// # }
/// ```
///
/// | setting | default | why |
/// |---|---|---|
/// | [`first_delay`](Self::first_delay) | 10 s | the first delay of the worker's default policy |
/// | [`defer_if`](Self::defer_if) | another attempt may succeed, and can do no harm | see there |
/// | [`timeout`](Self::timeout) | 5 s | a database that hangs must not hold the caller |
///
/// # What is stored
///
/// The job's first attempt is the failed call: with the default policy of the worker, 3 attempts
/// follow. If a breaker rejected the call, there was no attempt, and the job is due when the
/// circuit may admit a call.
///
/// A request that isn't [idempotent](Encode::is_idempotent) is stored only if it provably wasn't
/// processed: a breaker rejected the call, or a retry that was about to resend it. So a `POST`
/// without the header `Idempotency-Key` isn't stored after a failed attempt.
///
/// A key that the queue holds isn't stored again. The caller gets a receipt of the job that exists,
/// unless that job is a dead letter.
///
/// # Errors
///
/// If the request can't be stored, the caller gets the original error and a [`DeferError`]. A
/// failed *response* of the primary is returned as it is, and the event `FallbackFailed` has the
/// reason.
///
/// # Cancel safety
///
/// If the future is dropped, the job may be stored or not.
pub struct Deferral<Q, E, R> {
    queue: Q,
    encode: Arc<E>,
    respond: R,
    first_delay: Duration,
    timeout: Duration,
    defer_if: fn(&Cause) -> bool,
}

impl<Q, E, R> Deferral<Q, E, R> {
    /// Stores requests in `queue`. `respond` makes the response for the caller.
    pub fn new(queue: Q, encode: E, respond: R) -> Self {
        Self {
            queue,
            encode: Arc::new(encode),
            respond,
            first_delay: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            defer_if: may_succeed_later,
        }
    }

    /// The time until the job is due. A breaker's rejection, or a `Retry-After` that is too long
    /// for the caller, can make it longer: up to one day.
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// The longest time for the encoding and the queue together.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// After which failures requests are stored.
    ///
    /// By default, after all but these: `Permanent`, because another attempt fails in the same way;
    /// `UnsafeToResend` and `NotReplayable`, because the request may be processed already;
    /// `RetriesDisabled`, quotas and custom reasons, because someone decided against more attempts.
    ///
    /// A call without an inner retry fails with [`Cause::Failure`]. It is stored whatever the
    /// failure was, so let the classifier of the `FallbackLayer` return a success for errors that
    /// another attempt can't mend.
    pub fn defer_if(mut self, defer_if: fn(&Cause) -> bool) -> Self {
        self.defer_if = defer_if;
        self
    }
}

fn may_succeed_later(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Failure
            | Cause::AttemptsExhausted { .. }
            | Cause::Rejected { .. }
            | Cause::RetryRejected { .. }
            | Cause::Budget
            | Cause::Deadline
            | Cause::RetryAfterTooLong { .. }
    )
}

/// The longest delay that an upstream can request. A worker's policy has the same limit.
const LONGEST_REQUESTED: Duration = Duration::from_secs(86_400);

/// Whether the request provably wasn't processed: a breaker rejected it, or an inner retry was
/// about to send it again.
fn is_unprocessed(cause: &Cause) -> bool {
    matches!(cause, Cause::Rejected { .. } | Cause::RetryRejected { .. } | Cause::Budget)
}

impl<Q, E, R, Req, Res, Err> Backup<Req, Res, Err> for Deferral<Q, E, R>
where
    Q: Queue,
    E: Encode<Req> + Send + Sync + 'static,
    R: Respond<Res> + Send + 'static,
    Req: Clone + Send + 'static,
    Err: fmt::Display,
{
    type Stored = Req;
    type Error = DeferError;
    type Future = Pin<Box<dyn Future<Output = Result<Res, DeferError>> + Send>>;

    fn store(&self, request: &Req) -> Req {
        request.clone()
    }

    fn answer(self, request: Req, failed: PrimaryFailure<'_, Res, Err>) -> Self::Future {
        let cause = failed.cause;
        let why = match failed.outcome {
            Err(error) => format!("{cause}: {}", ErrorText::display(error)),
            Ok(_) => cause.to_string(),
        };
        Box::pin(async move {
            let Self { queue, encode, respond, first_delay, timeout: longest, defer_if } = self;
            if !defer_if(&cause) {
                return Err(DeferError::NotDeferrable(cause));
            }
            if !is_unprocessed(&cause) && !encode.is_idempotent(&request) {
                return Err(DeferError::NotDeferrable(Cause::UnsafeToResend));
            }
            let least = match cause {
                Cause::Rejected { retry_in } | Cause::RetryRejected { retry_in } => retry_in.unwrap_or_default(),
                Cause::RetryAfterTooLong { requested } => requested,
                _ => Duration::ZERO,
            };
            let due_in = first_delay.max(least.min(LONGEST_REQUESTED));
            let put = async {
                let (key, payload) = encode.encode(request).await.map_err(DeferError::Codec)?;
                let job = NewJob::new(key, payload).due_in(due_in).failed(u32::from(!cause.is_rejection()), &why);
                let receipt = queue.put(&job).await.map_err(DeferError::Queue)?;
                if !receipt.is_new() {
                    let known = queue.status(receipt.key()).await.map_err(DeferError::Queue)?;
                    if let Some(JobState::Dead { reason }) = known.map(|known| known.state) {
                        return Err(DeferError::Dead(reason));
                    }
                }
                Ok(receipt)
            };
            let receipt = timeout(longest, put).await.map_err(|_| DeferError::TimedOut)??;
            Ok(respond.respond(&receipt))
        })
    }
}

impl<Q: Clone, E, R: Clone> Clone for Deferral<Q, E, R> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), encode: Arc::clone(&self.encode), respond: self.respond.clone(), ..*self }
    }
}

impl<Q: fmt::Debug, E, R> fmt::Debug for Deferral<Q, E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferral")
            .field("queue", &self.queue)
            .field("first_delay", &self.first_delay)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
