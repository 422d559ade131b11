use std::{
    error::Error,
    fmt::{self, Write},
};

/// Whether the text of an error begins with this: for kinds that its crate shows in no other way. It reads no more text than that.
pub(super) fn begins_with(error: &dyn Error, prefix: &str) -> bool {
    let mut expected = Expected { rest: prefix.as_bytes() };
    // It ends with an error as soon as enough is written, or something else is.
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

    /// Written in pieces, and without an end.
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
    fn a_text_is_read_as_far_as_it_matters() {
        for (prefix, begins) in
            [("", true), ("on", true), ("on and on and", true), ("on and off", false), ("off", false)]
        {
            assert_eq!(begins_with(&Endless, prefix), begins, "{prefix}");
        }
        let short: Box<dyn Error> = "on".into();
        assert!(!begins_with(&*short, "on and on"));
    }
}
