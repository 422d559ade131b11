/// The counts of a [`RetryQuota`](super::RetryQuota) as plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct QuotaSnapshot {
    /// The retries of all keys.
    pub total: u64,
    /// The retries of each key that is remembered; the one whose last retry is the oldest comes
    /// first.
    pub keys: Vec<(String, u32)>,
}

impl QuotaSnapshot {
    /// Makes a snapshot of counts from another source.
    pub fn new(total: u64, keys: Vec<(String, u32)>) -> Self {
        Self { total, keys }
    }
}
