/// The counts of a [`Ledger`](super::Ledger) as plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// The retries of all keys.
    pub in_all: u64,
    /// The retries of each key that is remembered; the one whose last retry is the oldest comes
    /// first.
    pub keys: Vec<(String, u32)>,
}

impl Snapshot {
    /// Makes a snapshot of counts from another source.
    pub fn new(in_all: u64, keys: Vec<(String, u32)>) -> Self {
        Self { in_all, keys }
    }
}
