//! Reads `google.rpc.RetryInfo` from the status details in `grpc-status-details-bin`.
//!
//! The header contains a `google.rpc.Status`, whose details are `google.protobuf.Any`s, one of
//! which may be a `RetryInfo`. This module reads the four messages on the path to the delay, and
//! skips all other fields.

use std::time::Duration;

use ::http::HeaderMap;
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const DETAILS: &str = "grpc-status-details-bin";

/// Longer headers are ignored. HTTP/2 implementations usually limit all headers together to this
/// size.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// The gRPC specification allows binary headers with and without padding.
const BASE64: GeneralPurpose = {
    let either = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&STANDARD, either)
};

/// The delay that the status details ask for. `None` if there is none, or if the details can't be
/// parsed: invalid details don't invalidate the status.
pub(super) fn delay(headers: &HeaderMap) -> Option<Duration> {
    let mut lines = headers.get_all(DETAILS).iter();
    let details = lines.next().filter(|details| details.len() <= MAX_HEADER_BYTES)?;
    if lines.next().is_some() {
        return None;
    }
    find_in_status(&BASE64.decode(details).ok()?).ok().flatten()
}

/// The bytes aren't Protocol Buffers, or aren't the expected message.
struct Malformed;

type Parsed<T> = Result<T, Malformed>;

/// `google.rpc.Status`: the first `RetryInfo` among its details (field 3).
fn find_in_status(status: &[u8]) -> Parsed<Option<Duration>> {
    let mut fields = FieldReader(status);
    let mut delay = None;
    while let Some((number, value)) = fields.next()? {
        if let (3, Value::Bytes(any), None) = (number, value, delay) {
            delay = find_in_any(any)?;
        }
    }
    Ok(delay)
}

/// `google.protobuf.Any`: a type URL (field 1), whose last segment is the message's name, and the
/// message (field 2).
fn find_in_any(any: &[u8]) -> Parsed<Option<Duration>> {
    let mut fields = FieldReader(any);
    let (mut type_url, mut message): (&[u8], &[u8]) = (&[], &[]);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => type_url = bytes,
            (2, Value::Bytes(bytes)) => message = bytes,
            _ => {}
        }
    }
    if type_url.ends_with(b"/google.rpc.RetryInfo") { find_in_retry_info(message) } else { Ok(None) }
}

/// `google.rpc.RetryInfo`: `retry_delay` (field 1).
fn find_in_retry_info(info: &[u8]) -> Parsed<Option<Duration>> {
    let mut fields = FieldReader(info);
    let mut delay = None;
    while let Some((number, value)) = fields.next()? {
        if let (1, Value::Bytes(bytes)) = (number, value) {
            delay = Some(parse_duration(bytes)?);
        }
    }
    Ok(delay)
}

/// `google.protobuf.Duration`: seconds (field 1) and nanoseconds (field 2).
fn parse_duration(duration: &[u8]) -> Parsed<Duration> {
    const MAX_SECONDS: u64 = 315_576_000_000;
    let mut fields = FieldReader(duration);
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Number(number)) => seconds = number,
            (2, Value::Number(number)) => nanos = number,
            _ => {}
        }
    }
    // A negative number is encoded as a large unsigned one.
    let nanos = u32::try_from(nanos).ok().filter(|&nanos| nanos < 1_000_000_000).ok_or(Malformed)?;
    if seconds > MAX_SECONDS { Err(Malformed) } else { Ok(Duration::new(seconds, nanos)) }
}

/// The fields of a message that haven't been read yet.
struct FieldReader<'a>(&'a [u8]);

/// The value of a field.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> FieldReader<'a> {
    fn next(&mut self) -> Parsed<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.bytes(8).map(|_| Value::Other)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Other)?,
            // Groups, which these messages never contain.
            _ => return Err(Malformed),
        };
        Ok(Some((key >> 3, value)))
    }

    /// Reads a varint: seven bits per byte, lowest bits first. The highest bit of a byte is set if
    /// more bytes follow.
    fn varint(&mut self) -> Parsed<u64> {
        let mut number = 0;
        for place in 0..10 {
            let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            // Only one bit of the tenth byte fits into 64 bits.
            if place == 9 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    fn bytes(&mut self, length: u64) -> Parsed<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| Malformed)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRY_INFO: &[u8] = b"\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x07";

    #[test]
    fn a_status_with_a_retry_info_has_its_delay() {
        assert!(matches!(find_in_status(RETRY_INFO), Ok(Some(delay)) if delay == Duration::from_secs(7)));
    }

    proptest! {
        /// The parser reads, skips or rejects any bytes, and never reads past the end of the input.
        #[test]
        fn any_bytes_are_read_without_a_panic(
            before in prop::collection::vec(any::<u8>(), 0..40),
            at in 0..RETRY_INFO.len(),
            byte in any::<u8>(),
        ) {
            let _ = find_in_status(&before);
            let mut changed = RETRY_INFO.to_vec();
            changed[at] = byte;
            let _ = find_in_status(&changed);
            let _ = find_in_status(&[before, changed].concat());
        }
    }
}
