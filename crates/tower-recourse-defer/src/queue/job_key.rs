use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
};

use tower_recourse::observe::ErrorText;

use super::InvalidValue;

const MAX_BYTES: usize = 256;

/// The key of a job: its identity in the queue, and the receipt that its caller gets.
///
/// A queue stores each key once. Pass the key to the upstream as its idempotency key, because a job
/// may run more than once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey(String);

impl JobKey {
    /// Makes a key.
    ///
    /// # Errors
    ///
    /// If it is empty, has more than 256 bytes, or contains other characters than visible ASCII.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidValue> {
        let key = key.into();
        let is_valid = (1..=MAX_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        match is_valid {
            true => Ok(Self(key)),
            false => Err(InvalidValue::new("key", format_args!("{key:?}"), "1 to 256 visible ASCII characters")),
        }
    }

    /// A key from the table. It isn't checked: a row that was changed by hand must not stop the
    /// others.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn stored(key: String) -> Self {
        Self(key)
    }

    /// Makes a random key of 32 hexadecimal digits. Another party can't guess it.
    pub fn random() -> Self {
        // The keys of `RandomState` are random, and its hash of a counter depends on them.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let half = |part: u8| RandomState::new().hash_one((count, part, std::process::id()));
        Self(format!("{:016x}{:016x}", half(0), half(1)))
    }

    /// The key as a segment of a URL's path: all characters but letters, digits and `-._~` are
    /// percent-encoded.
    pub fn to_path_segment(&self) -> String {
        let encode = |byte: u8| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        self.0.bytes().map(encode).collect()
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As [`JobKey::new`].
impl FromStr for JobKey {
    type Err = InvalidValue;

    fn from_str(key: &str) -> Result<Self, InvalidValue> {
        Self::new(key)
    }
}

/// The key. One that was changed by hand in the table is escaped.
impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => f.write_str(&self.0),
            false => ErrorText::text(&self.0).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_of_at_most_256_bytes() {
        assert_eq!(JobKey::new("order-17").unwrap().as_str(), "order-17");
        for invalid in ["", "a b", "a\nb", "ä", &"x".repeat(257)] {
            let error = JobKey::new(invalid).unwrap_err();
            assert_eq!((error.field(), error.allowed()), ("key", "1 to 256 visible ASCII characters"));
            assert!(!error.to_string().contains('\n') && error.to_string().len() < 400);
        }
    }

    #[test]
    fn a_segment_of_a_path_is_percent_encoded() {
        assert_eq!(JobKey::new("a/b?c#d%-._~").unwrap().to_path_segment(), "a%2Fb%3Fc%23d%25-._~");
    }

    #[test]
    fn a_key_that_was_changed_by_hand_is_escaped() {
        assert_eq!(JobKey("a\nb\u{1b}".to_owned()).to_string(), r"a\nb\u{1b}");
    }

    #[test]
    fn random_keys_differ() {
        let keys: std::collections::HashSet<_> = (0..1000).map(|_| JobKey::random()).collect();
        assert_eq!(keys.len(), 1000);
    }
}
