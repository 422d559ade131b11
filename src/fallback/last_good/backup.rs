use std::{
    error::Error,
    fmt,
    future::{Ready, ready},
    sync::Arc,
};

use super::store::Store;
use crate::fallback::{Backup, PrimaryFailure};

/// The backup of a [`LastGoodLayer`](super::LastGoodLayer).
pub struct LastGoodBackup<Res, Key> {
    pub(super) store: Arc<Store<Res>>,
    pub(super) key: Key,
}

/// There is no stored response, or it is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoStoredResponse;

impl fmt::Display for NoStoredResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no stored response")
    }
}

impl Error for NoStoredResponse {}

impl<Res, Key, Req, Err> Backup<Req, Res, Err> for LastGoodBackup<Res, Key>
where
    Res: Clone,
    Key: Fn(&Req) -> Option<String>,
{
    type Stored = Option<String>;
    type Error = NoStoredResponse;
    type Future = Ready<Result<Res, NoStoredResponse>>;

    fn store(&self, request: &Req) -> Option<String> {
        (self.key)(request)
    }

    fn answer(self, key: Option<String>, _: PrimaryFailure<'_, Res, Err>) -> Self::Future {
        ready(key.and_then(|key| self.store.find(&key)).ok_or(NoStoredResponse))
    }
}

impl<Res, Key: Clone> Clone for LastGoodBackup<Res, Key> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), key: self.key.clone() }
    }
}

impl<Res, Key> fmt::Debug for LastGoodBackup<Res, Key> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastGoodBackup").field("store", &self.store).finish_non_exhaustive()
    }
}
