//! Text from outside, made harmless: it is cut, and nothing in it can end a line or speak to a terminal.

use std::{
    fmt::{self, Write as _},
    io,
};

use serde_json::ser::Formatter;

/// What follows a text that was cut.
const ELLIPSIS: char = '…';

/// A text of at most so many bytes *as it will be written*, and whether it was cut. What is beyond isn't even made: a message
/// of a megabyte costs no more than a short one.
pub(super) fn cut(text: impl fmt::Display, longest: usize) -> (String, bool) {
    let mut cut = Cut { text: String::new(), room: longest };
    let is_cut = write!(cut, "{text}").is_err();
    if is_cut {
        cut.text.push(ELLIPSIS);
    }
    (cut.text, is_cut)
}

struct Cut {
    text: String,
    room: usize,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.room = self.room.checked_sub(written_len(char)).ok_or(fmt::Error)?;
            self.text.push(char);
        }
        Ok(())
    }
}

/// How many bytes it takes within a JSON string.
fn written_len(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ if is_plain(char) => char.len_utf8(),
        _ => 6 * char.len_utf16(),
    }
}

/// Whether it shows as itself. Controls of the terminal (C1 among them), line ends that JSON allows, marks that turn the direction of
/// text or are invisible, and accents that heap up on what is before them, don't.
fn is_plain(char: char) -> bool {
    match char {
        ' '..='~' => true,
        _ if char.is_ascii() => false,
        // The standard library's table of what isn't printable.
        _ => char.escape_debug().len() == 1,
    }
}

/// Compact JSON in which all that isn't plain is escaped; what JSON itself asks for is escaped by serde_json.
pub(super) struct Harmless;

impl Formatter for Harmless {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    fn written(text: &str) -> String {
        let mut bytes = Vec::new();
        text.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Harmless)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_could_forge_a_line_or_a_terminal_command_is_escaped() {
        let hostile = "\n\r\u{b}\u{c}\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{e0041}\u{300}";
        let line = written(hostile);
        assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), hostile);
    }

    #[test]
    fn what_people_write_stays_readable() {
        let text = "Zürich, Δt ≥ 5 µs, 東京, 🦀";
        assert_eq!(written(text), format!("\"{text}\""));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_json_and_its_length_was_known(text in any::<String>()) {
            let line = written(&text);
            prop_assert_eq!(&serde_json::from_str::<String>(&line).unwrap(), &text);
            prop_assert_eq!(line.len() - 2, text.chars().map(written_len).sum::<usize>());
        }

        #[test]
        fn a_cut_text_is_a_beginning_of_it_and_fits(text in any::<String>(), longest in 0..200_usize) {
            let (cut, is_cut) = cut(&text, longest);
            let kept = if is_cut { cut.strip_suffix(ELLIPSIS).unwrap() } else { &cut };
            prop_assert!(text.starts_with(kept));
            prop_assert!(kept.chars().map(written_len).sum::<usize>() <= longest);
            prop_assert_eq!(is_cut, kept != text);
        }
    }
}
