use super::CodecError;
use crate::JobKey;

/// Makes a payload of a request.
///
/// A [`Deferral`](crate::Deferral) calls it. Call it yourself to store a job without a failed call:
///
/// ```
/// use tower_recourse_defer::{Json, NewJob, Queue, codec::Encode};
///
/// # async fn f(queue: impl Queue) -> Result<(), Box<dyn std::error::Error>> {
/// let orders = Json::keyed_by(|order: &u32| format!("order-{order}"));
/// let (key, payload) = orders.encode(17).await?;
/// queue.put(&NewJob::new(key, payload)).await?;
/// # Ok(())
/// # }
/// ```
pub trait Encode<Req> {
    /// Encodes a request, and returns the job's key and the payload.
    ///
    /// Return the same key for requests that are the same work: deferring a key twice is one job.
    ///
    /// # Errors
    ///
    /// If the request can't be encoded. It isn't deferred then.
    fn encode(&self, request: Req) -> impl Future<Output = Result<(JobKey, Vec<u8>), CodecError>> + Send;

    /// Whether the upstream may process the request twice without harm. By default, yes: a durable
    /// job may run more than once.
    ///
    /// If not, a [`Deferral`](crate::Deferral) stores the request only if it provably wasn't
    /// processed.
    fn is_idempotent(&self, request: &Req) -> bool {
        let _ = request;
        true
    }
}
