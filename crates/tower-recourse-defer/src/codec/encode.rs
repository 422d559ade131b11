use super::CodecError;
use crate::JobKey;

/// Makes a payload of a request.
pub trait Encode<Req> {
    /// Encodes a request, and returns the job's key and the payload.
    ///
    /// Return the same key for requests that are the same work: deferring a key twice is one job.
    ///
    /// # Errors
    ///
    /// If the request can't be encoded. It isn't deferred then.
    fn encode(&self, request: Req) -> impl Future<Output = Result<(JobKey, Vec<u8>), CodecError>> + Send;
}
