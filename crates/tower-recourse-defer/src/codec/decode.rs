use std::fmt;

use super::CodecError;
use crate::ClaimedJob;

/// Makes the request of a claimed job. A worker calls it before each attempt.
///
/// A closure `|job: &ClaimedJob| -> Result<Request, Error>` implements it. Use it to put the job's
/// key into the request, as the idempotency key for the upstream.
pub trait Decode: Send + Sync + 'static {
    /// The request.
    type Request;

    /// Decodes the payload.
    ///
    /// # Errors
    ///
    /// If the payload is damaged, or from a version of the program that this one can't read. The
    /// job then becomes a dead letter.
    fn decode(&self, job: &ClaimedJob) -> Result<Self::Request, CodecError>;
}

impl<F, Req, Err> Decode for F
where
    F: Fn(&ClaimedJob) -> Result<Req, Err> + Send + Sync + 'static,
    Err: fmt::Display,
{
    type Request = Req;

    fn decode(&self, job: &ClaimedJob) -> Result<Req, CodecError> {
        self(job).map_err(CodecError::new)
    }
}
