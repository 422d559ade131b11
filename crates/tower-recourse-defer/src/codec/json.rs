use std::{fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use super::{CodecError, Decode, Encode};
use crate::{ClaimedJob, InvalidValue, JobKey};

/// Requests of a type with serde's traits, as JSON.
///
/// A later version of the program must be able to read the payloads of earlier ones: add fields
/// with `#[serde(default)]` only, and don't rename them.
pub struct Json<T, F = RandomKeys> {
    key: F,
    request: PhantomData<fn(T) -> T>,
}

/// Each request gets a random key, so no two requests are one job.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomKeys;

impl<T> Json<T> {
    /// Random keys.
    pub fn new() -> Self {
        Self { key: RandomKeys, request: PhantomData }
    }

    /// Takes the key from the request.
    pub fn keyed_by<F, Key>(key: F) -> Json<T, F>
    where
        F: Fn(&T) -> Key,
        Key: Into<String>,
    {
        Json { key, request: PhantomData }
    }
}

impl<T> Default for Json<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, F: Clone> Clone for Json<T, F> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), request: PhantomData }
    }
}

impl<T, F> fmt::Debug for Json<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(..)")
    }
}

/// The key of a request.
pub trait KeyOf<T> {
    /// Makes the key.
    ///
    /// # Errors
    ///
    /// If the key is invalid.
    fn key_of(&self, request: &T) -> Result<JobKey, InvalidValue>;
}

impl<T> KeyOf<T> for RandomKeys {
    fn key_of(&self, _: &T) -> Result<JobKey, InvalidValue> {
        Ok(JobKey::random())
    }
}

impl<T, F, Key> KeyOf<T> for F
where
    F: Fn(&T) -> Key,
    Key: Into<String>,
{
    fn key_of(&self, request: &T) -> Result<JobKey, InvalidValue> {
        JobKey::new(self(request))
    }
}

impl<T, F> Encode<T> for Json<T, F>
where
    T: Serialize + Send,
    F: KeyOf<T> + Sync,
{
    async fn encode(&self, request: T) -> Result<(JobKey, Vec<u8>), CodecError> {
        let key = self.key.key_of(&request).map_err(CodecError::new)?;
        Ok((key, serde_json::to_vec(&request).map_err(CodecError::new)?))
    }
}

impl<T, F> Decode for Json<T, F>
where
    T: DeserializeOwned + 'static,
    F: Send + Sync + 'static,
{
    type Request = T;

    fn decode(&self, job: &ClaimedJob) -> Result<T, CodecError> {
        serde_json::from_slice(&job.payload).map_err(CodecError::new)
    }
}
