//! JSON in which no text can end a line or control a terminal.

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::is_plain;

/// Compact JSON in which every character that isn't plain is escaped. Whatever JSON itself requires
/// is escaped by serde_json.
struct Sanitizing;

impl Formatter for Sanitizing {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain_from = 0;
        for (at, char) in fragment.char_indices().filter(|&(_, char)| !is_plain(char)) {
            writer.write_all(&fragment.as_bytes()[plain_from..at])?;
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain_from = at + char.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain_from..])
    }
}

/// Appends a value to a text as compact JSON.
pub(crate) fn append(value: &impl Serialize, to: &mut Vec<u8>) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(to, Sanitizing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize::{json_len, tests::HOSTILE};
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut bytes = Vec::new();
        append(&text, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn hostile_characters_are_escaped_in_json() {
        let line = written(HOSTILE);
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), HOSTILE);
    }

    #[test]
    fn readable_text_stays_as_it_is_in_json() {
        let text = "Zürich, Δt ≥ 5 µs, 東京, 🦀";
        assert_eq!(written(text), format!("\"{text}\""));
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_and_has_the_length_that_was_counted(text in any::<String>()) {
            let line = written(&text);
            prop_assert_eq!(&serde_json::from_str::<String>(&line).unwrap(), &text);
            prop_assert_eq!(line.len() - 2, text.chars().map(json_len).sum::<usize>());
        }
    }
}
