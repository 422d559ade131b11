/// The result of an outlined function. The padding makes it larger than the value that it contains.
///
/// [`start_call`](super::start_call::start_call) builds the future of a call inline, or gets it
/// from an outlined function. If both results had the same type, the compiler would give them one
/// stack slot. Then the inline path would build its future in memory and copy it on every call. A
/// call through all three layers takes 424 instructions with this type, and 474 without it
/// (`benches/instructions`, row `stack`).
pub(crate) struct OutOfLine<T> {
    value: T,
    _padding: usize,
}

impl<T> OutOfLine<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        Self { value, _padding: 0 }
    }

    #[inline]
    pub(crate) fn into_inner(self) -> T {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlined_value_is_larger_than_an_inline_one() {
        assert!(size_of::<OutOfLine<[usize; 3]>>() > size_of::<[usize; 3]>());
    }
}
