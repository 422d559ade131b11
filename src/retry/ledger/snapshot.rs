/// What a [`Ledger`](super::Ledger) has counted, as plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The retries of all keys.
    pub in_all: u64,
    /// The retries of each key that is known; the one whose last retry is longest ago comes first.
    pub keys: Vec<(String, u32)>,
}

impl Snapshot {
    /// Counts from elsewhere.
    pub fn new(in_all: u64, keys: Vec<(String, u32)>) -> Self {
        Self { in_all, keys }
    }
}

/// Counts don't age: what was used up before a restart is used up after it.
#[cfg(feature = "store")]
impl crate::store::Persist for super::Ledger {
    type Snapshot = Snapshot;

    fn snapshot(&self) -> Snapshot {
        Self::snapshot(self)
    }

    fn restore(&self, snapshot: Snapshot, _age: std::time::Duration) {
        Self::restore(self, snapshot);
    }
}
