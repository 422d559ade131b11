use std::{
    error::Error,
    fmt::{self, Write},
};

/// Whether the text of an error starts with `prefix`. Used for kinds of error that the error's
/// crate exposes only in the text. It formats no more text than it needs.
pub(super) fn starts_with(error: &dyn Error, prefix: &str) -> bool {
    let mut expected = Expected { rest: prefix.as_bytes() };
    // `Expected` ends the formatting with an error when the prefix is complete or differs.
    let _ = write!(expected, "{error}");
    expected.rest.is_empty()
}

struct Expected<'a> {
    rest: &'a [u8],
}

impl Write for Expected<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let compared = text.len().min(self.rest.len());
        let (now, later) = self.rest.split_at(compared);
        if now != &text.as_bytes()[..compared] {
            return Err(fmt::Error);
        }
        self.rest = later;
        if later.is_empty() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes its text in pieces, and never ends.
    #[derive(Debug)]
    struct Endless;

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("on ")?;
            loop {
                f.write_str("and ")?;
                f.write_str("on ")?;
            }
        }
    }

    impl Error for Endless {}

    #[test]
    fn no_more_text_is_formatted_than_the_prefix_needs() {
        for (prefix, starts) in
            [("", true), ("on", true), ("on and on and", true), ("on and off", false), ("off", false)]
        {
            assert_eq!(starts_with(&Endless, prefix), starts, "{prefix}");
        }
        let short: Box<dyn Error> = "on".into();
        assert!(!starts_with(&*short, "on and on"));
    }
}
