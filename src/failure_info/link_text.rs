//! The text of one error of a chain, without the parts that may contain secrets.

use std::{error::Error, fmt};

/// How many links of a chain of sources are shown.
pub(super) const MAX_LINKS: usize = 8;

/// Writes the text of an error, without its sources. Its own `Display` is used, except:
///
/// - the URL of a reqwest error, also of a source, is left out, because its query may contain a
///   secret;
/// - of a tonic status, only the code and the message are written: the `Display` of some versions
///   also contains the metadata.
pub(super) fn write(error: &(dyn Error + 'static), f: &mut dyn fmt::Write) -> fmt::Result {
    #[cfg(feature = "reqwest")]
    if let Some(url) = reqwest_url(error) {
        return f.write_str(&error.to_string().replace(&format!(" for url ({url})"), ""));
    }
    #[cfg(feature = "tonic")]
    if let Some(status) = error.downcast_ref::<::tonic::Status>() {
        return write!(f, "{:?}: {}", status.code(), status.message());
    }
    write!(f, "{error}")
}

/// The URL of the first reqwest error in the chain: an error around it may repeat its text.
#[cfg(feature = "reqwest")]
fn reqwest_url<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a ::reqwest::Url> {
    let mut link = error;
    for _ in 0..MAX_LINKS {
        if let Some(error) = link.downcast_ref::<::reqwest::Error>() {
            return error.url();
        }
        link = link.source()?;
    }
    None
}

/// Writes a percent-encoded text decoded, as gRPC encodes messages. Bytes that aren't UTF-8 are
/// replaced.
pub(super) fn write_decoded(text: &str, f: &mut dyn fmt::Write) -> fmt::Result {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    f.write_str(&String::from_utf8_lossy(&bytes))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
