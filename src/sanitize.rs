//! Makes text from outside safe to show in a log, an error or a label.
//!
//! The text is escaped, so that it can't end a line or control a terminal, and cut, so that its
//! length is bounded. Sanitizing a text twice changes nothing.

#[cfg(any(feature = "audit", feature = "store"))]
pub(crate) mod json;

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

/// Marks the end of a text that was cut.
const ELLIPSIS: char = '…';

/// The longest name or key, in bytes as shown.
const NAME: usize = 256;
/// The longest message.
const MESSAGE: usize = 1024;
/// The longest line of a log.
const LINE: usize = 16 << 10;
/// The longest path. Common systems allow no longer one.
const PATH: usize = 4096;

/// A name or a key.
pub(crate) fn name<T: fmt::Display>(text: T) -> Sanitized<T> {
    Sanitized { text, longest: NAME, is_quoted: false }
}

/// A name or a key as a string. It is only copied if it has to be changed.
pub(crate) fn name_str(text: &str) -> Cow<'_, str> {
    if text.len() <= NAME && text.chars().all(is_plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(name(text).to_string())
    }
}

/// A name, a key or a value between quotes, as `Debug` shows a string.
pub(crate) fn quoted<T: fmt::Display>(text: T) -> Sanitized<T> {
    Sanitized { text, longest: NAME, is_quoted: true }
}

/// A message, such as the text of another crate's error.
pub(crate) fn message<T: fmt::Display>(text: T) -> Sanitized<T> {
    Sanitized { text, longest: MESSAGE, is_quoted: false }
}

/// A line of a log, which may contain paths and messages.
pub(crate) fn line<T: fmt::Display>(text: T) -> Sanitized<T> {
    Sanitized { text, longest: LINE, is_quoted: false }
}

/// A path between quotes.
pub(crate) fn path(path: &std::path::Path) -> Sanitized<std::path::Display<'_>> {
    Sanitized { text: path.display(), longest: PATH, is_quoted: true }
}

/// A text whose `Display` and `Debug` are escaped and cut.
#[derive(Clone, Copy)]
pub(crate) struct Sanitized<T> {
    text: T,
    longest: usize,
    is_quoted: bool,
}

impl<T: fmt::Display> fmt::Display for Sanitized<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, longest, is_quoted } = self;
        let quote = if *is_quoted { "\"" } else { "" };
        f.write_str(quote)?;
        let mut writer = Writer { to: f, room: *longest, is_quoted: *is_quoted, state: State::Open };
        // An error means that the text was cut, that the formatter failed, or that the text's own
        // `Display` failed. In the last case, the text ends there.
        let _ = write!(writer, "{text}");
        match writer.state {
            State::Open => {}
            State::Cut => f.write_char(ELLIPSIS)?,
            State::Broken => return Err(fmt::Error),
        }
        f.write_str(quote)
    }
}

impl<T: fmt::Display> fmt::Debug for Sanitized<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Writer<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    /// How many bytes may still be written.
    room: usize,
    is_quoted: bool,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The text is longer than allowed.
    Cut,
    /// The formatter failed.
    Broken,
}

impl Writer<'_, '_> {
    fn put(&mut self, text: &str) -> fmt::Result {
        self.to.write_str(text).inspect_err(|_| self.state = State::Broken)
    }
}

impl fmt::Write for Writer<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.state != State::Open {
            return Err(fmt::Error);
        }
        // Consecutive plain characters are written in one piece.
        let mut plain_from = 0;
        for (at, char) in text.char_indices() {
            let is_shown = is_plain(char) && !(self.is_quoted && matches!(char, '"' | '\\'));
            let len = if is_shown { char.len_utf8() } else { char.escape_debug().len() };
            let Some(room) = self.room.checked_sub(len) else {
                self.put(&text[plain_from..at])?;
                self.state = State::Cut;
                return Err(fmt::Error);
            };
            self.room = room;
            if !is_shown {
                self.put(&text[plain_from..at])?;
                let mut escaped = [0; 10];
                self.put(escape(char, &mut escaped))?;
                plain_from = at + char.len_utf8();
            }
        }
        self.put(&text[plain_from..])
    }
}

/// `\n`, `\u{1b}`: at most 10 ASCII characters.
fn escape(char: char, to: &mut [u8; 10]) -> &str {
    let mut len = 0;
    for (place, ascii) in to.iter_mut().zip(char.escape_debug()) {
        *place = ascii as u8;
        len += 1;
    }
    std::str::from_utf8(&to[..len]).unwrap_or_default()
}

/// Whether a character may be shown unchanged. These may not: control characters (including C1),
/// line ends that JSON allows, characters that change the direction of text or are invisible, and
/// combining accents.
pub(crate) fn is_plain(char: char) -> bool {
    match char {
        ' '..='~' => true,
        _ if char.is_ascii() => false,
        // The standard library's table of printable characters.
        _ => char.escape_debug().len() == 1,
    }
}

/// The text, cut at a number of bytes, counted as JSON encodes it, and whether it was cut. The
/// characters aren't escaped. Formatting stops at the limit, so a message of a megabyte costs no
/// more than a short one.
pub(crate) fn cut(text: impl fmt::Display, longest: usize) -> (String, bool) {
    let mut cut = Cut { text: String::new(), room: longest, is_full: false };
    let _ = write!(cut, "{text}");
    if cut.is_full {
        cut.text.push(ELLIPSIS);
    }
    (cut.text, cut.is_full)
}

/// A name or a key for storage.
pub(crate) fn cut_name(text: impl fmt::Display) -> String {
    cut(text, NAME).0
}

struct Cut {
    text: String,
    room: usize,
    is_full: bool,
}

impl fmt::Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            match self.room.checked_sub(json_len(char)) {
                Some(room) if !self.is_full => self.room = room,
                _ => {
                    self.is_full = true;
                    return Err(fmt::Error);
                }
            }
            self.text.push(char);
        }
        Ok(())
    }
}

/// How many bytes a character takes in a JSON string.
pub(crate) fn json_len(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ if is_plain(char) => char.len_utf8(),
        _ => 6 * char.len_utf16(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Line ends, terminal controls, direction marks, invisible characters, and combining accents.
    pub(crate) const HOSTILE: &str = "\n\r\u{b}\u{c}\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{2028}\u{2029}\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{e0041}\u{300}";

    #[test]
    fn hostile_characters_are_shown_as_escapes() {
        for shown in [name(HOSTILE).to_string(), quoted(HOSTILE).to_string(), message(HOSTILE).to_string()] {
            assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{shown}");
            assert!(
                shown.contains(r"\n\r\u{b}") && shown.contains(r"\u{1b}[2J") && shown.contains(r"\u{202e}"),
                "{shown}"
            );
        }
    }

    #[test]
    fn readable_text_is_unchanged() {
        let text = r#"Zürich, Δt ≥ 5 µs, 東京, 🦀, C:\path, "so""#;
        assert_eq!(name(text).to_string(), text);
        assert_eq!(quoted(text).to_string(), format!("{text:?}"));
    }

    #[test]
    fn a_text_whose_display_fails_ends_there() {
        struct Fails;
        impl fmt::Display for Fails {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("begun")?;
                Err(fmt::Error)
            }
        }
        assert_eq!(name(Fails).to_string(), "begun");
        assert_eq!(cut(Fails, 100), ("begun".to_owned(), false));
    }

    #[test]
    fn a_text_without_end_is_cut() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("on and ")?;
                }
            }
        }
        assert_eq!(name(Endless).to_string().len(), NAME + ELLIPSIS.len_utf8());
        assert!(message(Endless).to_string().ends_with(ELLIPSIS));
    }

    proptest! {
        #[test]
        fn any_text_fits_its_limit_and_is_escaped_once(text in any::<String>(), longest in 0..100_usize) {
            let shown = Sanitized { text: &text, longest, is_quoted: false }.to_string();
            prop_assert!(shown.len() <= longest + ELLIPSIS.len_utf8());
            prop_assert!(shown.chars().all(is_plain));
            let whole = message(&text).to_string();
            prop_assert_eq!(message(&whole).to_string(), whole);
        }

        #[test]
        fn a_cut_text_is_a_prefix_that_fits(text in any::<String>(), longest in 0..200_usize) {
            let (cut, is_cut) = cut(&text, longest);
            let kept = if is_cut { cut.strip_suffix(ELLIPSIS).unwrap() } else { &cut };
            prop_assert!(text.starts_with(kept));
            prop_assert!(kept.chars().map(json_len).sum::<usize>() <= longest);
            prop_assert_eq!(is_cut, kept != text);
        }
    }
}
