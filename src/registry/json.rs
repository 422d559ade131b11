//! Values of JSON. A health endpoint needs only these, so it needs no dependency.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use crate::sanitize;

/// A name or a key as a JSON string: cut, and with every character escaped that isn't plain.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in sanitize::cut_name(self.0).chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                _ if sanitize::is_plain(char) => f.write_char(char)?,
                _ => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        f.write_char('"')
    }
}

/// Seconds with milliseconds as a JSON number, or `null`.
pub(super) struct Seconds(pub(super) Option<Duration>);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, "{:.3}", time.as_secs_f64()),
            None => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_one_string() {
        assert_eq!(Text("a\"b\\c\nd\u{1b}").to_string(), r#""a\"b\\c\u000ad\u001b""#);
        assert!(Text(&"x".repeat(100_000)).to_string().len() < 300);
    }

    #[test]
    fn unknown_durations_are_null() {
        assert_eq!(Seconds(Some(Duration::from_millis(1_500))).to_string(), "1.500");
        assert_eq!(Seconds(None).to_string(), "null");
    }
}
