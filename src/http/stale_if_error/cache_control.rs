use ::http::{
    HeaderMap,
    header::{CACHE_CONTROL, PRAGMA},
};

use crate::http::header_time::parse_number;

/// The directives of `Cache-Control` that matter to this layer. If a directive occurs several
/// times, the strictest one counts. If the header can't be parsed, it counts as `no-store`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CacheControl {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) private: bool,
    pub(super) public: bool,
    /// `must-revalidate`, `proxy-revalidate`, or `s-maxage`, which includes the latter
    /// (RFC 9111, 5.2.2.10).
    pub(super) must_revalidate: bool,
    /// Times in seconds. 0 if the value can't be parsed.
    pub(super) max_age: Option<u64>,
    pub(super) s_maxage: Option<u64>,
    pub(super) stale_if_error: Option<u64>,
}

impl CacheControl {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut this = Self::default();
        if !headers.contains_key(CACHE_CONTROL) {
            this.no_cache =
                headers.get_all(PRAGMA).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"no-cache"));
        }
        for value in headers.get_all(CACHE_CONTROL) {
            if this.read(value.as_bytes()).is_none() {
                this.no_store = true;
            }
        }
        this
    }

    /// `None` if this isn't a list of directives.
    fn read(&mut self, mut list: &[u8]) -> Option<()> {
        loop {
            list = list.trim_ascii_start();
            match list {
                [] => return Some(()),
                [b',', rest @ ..] => {
                    list = rest;
                    continue;
                }
                _ => {}
            }
            let (name, rest) = split_token(list)?;
            let (value, rest) = match rest {
                [b'=', rest @ ..] => split_value(rest).map(|(value, rest)| (Some(value), rest))?,
                _ => (None, rest),
            };
            list = rest.trim_ascii_start();
            if !matches!(list, [] | [b',', ..]) {
                return None;
            }
            self.apply(name, value);
        }
    }

    fn apply(&mut self, name: &[u8], value: Option<&[u8]>) {
        let is = |directive: &str| name.eq_ignore_ascii_case(directive.as_bytes());
        self.no_store |= is("no-store");
        // A field name as the value restricts these two to that field. Here they always apply to
        // the whole response, which is stricter.
        self.no_cache |= is("no-cache");
        self.private |= is("private");
        self.public |= is("public");
        self.must_revalidate |= is("must-revalidate") || is("proxy-revalidate") || is("s-maxage");
        let times = [
            ("max-age", &mut self.max_age),
            ("s-maxage", &mut self.s_maxage),
            ("stale-if-error", &mut self.stale_if_error),
        ];
        for (directive, time) in times {
            if is(directive) {
                let seconds = value.and_then(parse_seconds).unwrap_or(0);
                *time = Some(time.map_or(seconds, |time| time.min(seconds)));
            }
        }
    }
}

fn parse_seconds(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok().and_then(parse_number)
}

/// Splits a token off (RFC 9110, 5.6.2). `None` if it is empty.
fn split_token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let length = text.iter().position(|byte| !is_token(byte)).unwrap_or(text.len());
    (length > 0).then(|| text.split_at(length))
}

/// Splits a token or the content of a quoted string off. `None` if it is neither.
fn split_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let [b'"', quoted @ ..] = text else { return split_token(text) };
    let mut bytes = quoted.iter().enumerate();
    while let Some((place, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((&quoted[..place], &quoted[place + 1..])),
            // The next byte is escaped.
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parse(values: &[&str]) -> CacheControl {
        let headers = values.iter().map(|value| (CACHE_CONTROL, HeaderValue::from_str(value).unwrap()));
        CacheControl::of(&headers.collect())
    }

    #[test]
    fn directives_are_parsed_as_the_rfc_defines_them() {
        let none = CacheControl::default();
        let stale = |seconds| CacheControl { stale_if_error: Some(seconds), ..none };
        for (value, expected) in [
            ("", none),
            (" ,, ,", none),
            ("immutable, foo=bar, x=\"a,no-store\"", none),
            ("x=\"\\\", no-store\"", none),
            ("No-Store", CacheControl { no_store: true, ..none }),
            ("no-store=1", CacheControl { no_store: true, ..none }),
            ("no-cache=\"set-cookie, x\"", CacheControl { no_cache: true, ..none }),
            ("private=\"x\",public", CacheControl { private: true, public: true, ..none }),
            ("must-revalidate", CacheControl { must_revalidate: true, ..none }),
            ("proxy-revalidate", CacheControl { must_revalidate: true, ..none }),
            ("s-maxage=9", CacheControl { must_revalidate: true, s_maxage: Some(9), ..none }),
            ("max-age=60 ,\tstale-if-error=\"5\"", CacheControl { max_age: Some(60), ..stale(5) }),
            ("stale-if-error=99999999999999999999999", stale(u64::MAX)),
        ] {
            assert_eq!(parse(&[value]), expected, "{value}");
        }
    }

    #[test]
    fn the_strictest_reading_counts() {
        let none = CacheControl::default();
        let zero = CacheControl { max_age: Some(0), ..none };
        for value in ["max-age", "max-age=-1", "max-age=1.5", "max-age=x", "max-age=\"\"", "max-age=\"\\5\""] {
            assert_eq!(parse(&[value]), zero, "{value}");
        }
        let no_store = CacheControl { no_store: true, ..none };
        for value in ["=1", "foo=", "foo bar", "foo = bar", "foo=\"", "foo=\"\\\"", "foo=a b", ";", "(x)", "a=\"b\"c"] {
            assert_eq!(parse(&[value]), no_store, "{value}");
        }
        assert!(parse(&["max-age=60;stale-if-error=9"]).no_store);
        assert_eq!(parse(&["max-age=9, max-age=8", "max-age=10"]), CacheControl { max_age: Some(8), ..none });
        assert_eq!(parse(&["max-age=9", "no-store"]), CacheControl { max_age: Some(9), ..no_store });
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        let mut headers = HeaderMap::from_iter([(PRAGMA, HeaderValue::from_static("No-Cache"))]);
        assert!(CacheControl::of(&headers).no_cache);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        assert!(!CacheControl::of(&headers).no_cache);
    }

    proptest! {
        #[test]
        fn no_input_panics(value in prop::collection::vec(prop::sample::select(&b"no-store=\"\\, 1;\x80"[..]), 0..40)) {
            let value = HeaderValue::from_bytes(&value).unwrap();
            CacheControl::of(&HeaderMap::from_iter([(CACHE_CONTROL, value)]));
        }

        #[test]
        fn no_store_counts_among_all_other_directives(before in "[a-z]{1,9}(=[a-z0-9]{1,9})?", after in "[ -~]{0,20}") {
            let value = format!("{before},no-store,{after}");
            prop_assert!(parse(&[&value]).no_store);
        }
    }
}
