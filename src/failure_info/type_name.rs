//! The name of a type without the paths of modules.

use std::fmt;

/// Writes a name from [`std::any::type_name`] without the paths of modules, also in its type
/// parameters.
pub(super) fn write_short(full: &str, f: &mut dyn fmt::Write) -> fmt::Result {
    let mut rest = full;
    while !rest.is_empty() {
        let (path, after) = rest.split_at(rest.find(|char| !is_in_path(char)).unwrap_or(rest.len()));
        f.write_str(path.rsplit("::").next().unwrap_or(path))?;
        let (between, next) = after.split_at(after.find(is_in_path).unwrap_or(after.len()));
        f.write_str(between)?;
        rest = next;
    }
    Ok(())
}

/// Braces are part of a path: a type that is declared in a closure is in `{{closure}}`.
fn is_in_path(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | ':' | '{' | '}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_name_is_shown_without_paths() {
        let short = |full| {
            let mut short = String::new();
            write_short(full, &mut short).map(|()| short)
        };
        for (full, expected) in [
            ("my::CallError", "CallError"),
            ("tower_recourse::breaker::BreakerError<my::CallError>", "BreakerError<CallError>"),
            ("alloc::boxed::Box<dyn core::error::Error + core::marker::Send>", "Box<dyn Error + Send>"),
            ("my::tests::{{closure}}::Oops", "Oops"),
            ("(a::B, [c::D; 3], &e::F<'_>)", "(B, [D; 3], &F<'_>)"),
            ("u8", "u8"),
            ("()", "()"),
        ] {
            assert_eq!(short(full).as_deref(), Ok(expected));
        }
    }
}
