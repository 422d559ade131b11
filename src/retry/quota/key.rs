//! Keys come from outside, so what is stored of them is bounded.

use std::fmt::{self, Display, Write};

/// The longest key, in bytes.
const LONGEST: usize = 256;

/// The part of a key that is stored.
pub(super) fn cut(key: &str) -> &str {
    up_to(key, LONGEST)
}

/// A key as text, cut while it is formatted. A `Display` that never ends or that fails does no
/// harm.
pub(super) fn written(key: &impl Display) -> String {
    let mut text = Cut { text: String::new(), is_full: false };
    // If the key's `Display` fails, the text before the failure is the key.
    let _ = write!(text, "{key}");
    text.text
}

struct Cut {
    text: String,
    is_full: bool,
}

impl Write for Cut {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.is_full {
            return Err(fmt::Error);
        }
        let fits = up_to(piece, LONGEST - self.text.len());
        self.text.push_str(fits);
        // Nothing may follow a character that didn't fit.
        self.is_full = fits.len() < piece.len();
        if self.is_full { Err(fmt::Error) } else { Ok(()) }
    }
}

fn up_to(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}
