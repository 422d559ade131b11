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
