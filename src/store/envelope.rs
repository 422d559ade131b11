//! The file format: JSON with a version and a checksum around the parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    sanitize::{self, json},
    time::Wall,
};

/// The version that is written. Files with a later version aren't read.
const VERSION: u64 = 1;

/// The parts by name. Parts that this run hasn't registered are kept, byte for byte.
pub(super) type SavedParts = BTreeMap<String, SavedPart>;

/// The state of one part, and when its snapshot was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SavedPart {
    pub(super) saved_at: Wall,
    pub(super) state: Box<RawValue>,
}

/// Why a file can't be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Damaged(String),
    /// The file has a later version.
    Future(u64),
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    version: u64,
    saved_at: Wall,
    /// CRC-32 of the parts as they are written, in hexadecimal.
    checksum: String,
    #[serde(borrow)]
    parts: &'a RawValue,
}

/// The part of the format that all versions share.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

pub(super) fn encode(parts: &SavedParts, saved_at: Wall) -> serde_json::Result<Vec<u8>> {
    let parts = raw(parts)?;
    let envelope = Envelope { version: VERSION, saved_at, checksum: checksum(&parts), parts: &parts };
    let mut bytes = Vec::new();
    json::append(&envelope, &mut bytes)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A value as JSON in which text from outside, such as a key, can't control the terminal that shows
/// the file.
pub(super) fn raw(value: &impl Serialize) -> serde_json::Result<Box<RawValue>> {
    let mut bytes = Vec::new();
    json::append(value, &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(serde::ser::Error::custom)?;
    RawValue::from_string(text)
}

pub(super) fn decode(bytes: &[u8]) -> Result<SavedParts, Unusable> {
    let damaged = |error: serde_json::Error| Unusable::Damaged(sanitize::message(error).to_string());
    match serde_json::from_slice(bytes).map_err(damaged)? {
        Versioned { version: VERSION } => {}
        Versioned { version: 0 } => return Err(Unusable::Damaged("version 0 doesn't exist".to_owned())),
        Versioned { version } => return Err(Unusable::Future(version)),
    }
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(damaged)?;
    if envelope.checksum != checksum(envelope.parts) {
        return Err(Unusable::Damaged("the checksum doesn't match".to_owned()));
    }
    serde_json::from_str(envelope.parts.get()).map_err(damaged)
}

fn checksum(parts: &RawValue) -> String {
    format!("{:08x}", crc32fast::hash(parts.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_parts() -> SavedParts {
        let part =
            |state: &str| SavedPart { saved_at: Wall::now(), state: RawValue::from_string(state.to_owned()).unwrap() };
        [("a", r#"{"count":12345678901234567890,"share":0.10}"#), ("b \"\n", "[1, 2]")]
            .map(|(name, state)| (name.to_owned(), part(state)))
            .into()
    }

    fn contents(parts: &SavedParts) -> Vec<(String, Wall, String)> {
        parts.iter().map(|(name, part)| (name.clone(), part.saved_at, part.state.get().to_owned())).collect()
    }

    #[test]
    fn parts_are_read_back_byte_for_byte() {
        let parts = some_parts();
        let bytes = encode(&parts, Wall::now()).unwrap();
        assert_eq!(contents(&decode(&bytes).unwrap()), contents(&parts));
    }

    #[test]
    fn a_later_version_is_recognised_by_its_number() {
        assert_eq!(decode(br#"{"version":2,"all":"else"}"#).unwrap_err(), Unusable::Future(2));
        assert!(matches!(decode(br#"{"version":0}"#).unwrap_err(), Unusable::Damaged(_)));
        assert!(matches!(decode(b"").unwrap_err(), Unusable::Damaged(_)));
    }

    proptest! {
        #[test]
        fn a_truncated_file_is_never_accepted(at in 0..10_000_usize) {
            let bytes = encode(&some_parts(), Wall::now()).unwrap();
            // The final line feed isn't needed.
            prop_assert!(decode(&bytes[..at % (bytes.len() - 1)]).is_err());
        }

        #[test]
        fn parts_with_a_flipped_bit_are_never_accepted(at in 0..10_000_usize, bit in 0..8_u32) {
            let parts = some_parts();
            let mut bytes = encode(&parts, Wall::now()).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
            // The checksum doesn't cover the date in the envelope, which is only for a human
            // reader.
            if let Ok(read) = decode(&bytes) {
                prop_assert_eq!(contents(&read), contents(&parts));
            }
        }
    }
}
