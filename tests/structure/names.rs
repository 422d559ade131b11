//! Finds tests with long names.

use std::{mem::take, path::Path};

use proc_macro2::{TokenStream, TokenTree};

const MAX_LENGTH: usize = 60;

/// Describes each test whose name is too long.
pub(crate) fn long_names(file: &Path, text: &str) -> Vec<String> {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut names = Vec::new();
    add_tests(tokens, &mut names);
    names.retain(|name| name.len() > MAX_LENGTH);
    names.iter().map(|name| format!("{}: `{name}` has {} characters", file.display(), name.len())).collect()
}

/// Adds the names of the functions with a `test` attribute, macro arguments included.
fn add_tests(tokens: TokenStream, names: &mut Vec<String>) {
    let (mut is_test, mut is_after_fn, mut is_after_hash) = (false, false, false);
    for token in tokens {
        let (was_hash, was_fn) = (take(&mut is_after_hash), take(&mut is_after_fn));
        match token {
            TokenTree::Punct(punct) => is_after_hash = punct.as_char() == '#',
            TokenTree::Group(group) if was_hash => is_test |= is_test_attribute(group.stream()),
            TokenTree::Group(group) => {
                add_tests(group.stream(), names);
                is_test = false;
            }
            TokenTree::Ident(name) if was_fn && take(&mut is_test) => names.push(name.to_string()),
            TokenTree::Ident(word) => is_after_fn = word == "fn",
            TokenTree::Literal(_) => {}
        }
    }
}

/// Whether an attribute is `test`, or a path whose last segment is `test`.
fn is_test_attribute(attribute: TokenStream) -> bool {
    let path = attribute.into_iter().take_while(|token| !matches!(token, TokenTree::Group(_)));
    path.last().is_some_and(|last| matches!(last, TokenTree::Ident(name) if name == "test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_of_a_test_is_a_fault() {
        let (long, short) = ("x".repeat(61), "y".repeat(60));
        let text = format!(
            "#[test] fn {short}() {{}} fn {long}() {{}} #[cfg(test)] mod tests {{
                #[tokio::test(start_paused = true)] async fn {long}() {{}}
                proptest! {{ #![config(1)] #[test] fn {long}(a in 0..1) {{}} }}
            }}"
        );
        let fault = format!("a.rs: `{long}` has 61 characters");
        assert_eq!(long_names(Path::new("a.rs"), &text), [fault.clone(), fault]);
    }
}
