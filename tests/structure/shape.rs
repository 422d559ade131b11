//! Finds code in a `mod.rs`, and long files.

use std::path::Path;

use syn::{Item, Meta};

/// The number of lines that a file may have before its tests.
const MAX_LINES: usize = 300;

/// Describes a `mod.rs` with items other than `mod` and `use`. Test modules are allowed.
pub(crate) fn code_in_mod_rs(file: &Path, text: &str) -> Vec<String> {
    if file.file_name().is_none_or(|name| name != "mod.rs") {
        return Vec::new();
    }
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_allowed = |item: &Item| match item {
        Item::Use(_) => true,
        Item::Mod(module) => {
            // A page is an empty module that includes its text.
            let is_empty = module.content.as_ref().is_none_or(|(_, items)| items.is_empty());
            is_empty || is_test(&module.attrs)
        }
        _ => false,
    };
    let code = parsed.items.iter().filter(|item| !is_allowed(item)).count();
    if code == 0 { Vec::new() } else { vec![format!("{}: {code} items other than `mod` and `use`", file.display())] }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string().contains("test"))
    })
}

/// Describes a file that is too long. An inline test module at its end doesn't count.
pub(crate) fn too_long(file: &Path, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_attribute = |line: &str| line.starts_with("#[cfg(test") || line.starts_with("#[cfg(all(test");
    let is_start = |pair: &[&str]| is_attribute(pair[0]) && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    let length = lines.windows(2).position(is_start).unwrap_or(lines.len());
    if length <= MAX_LINES {
        return Vec::new();
    }
    vec![format!("{}: {length} lines before its tests, {MAX_LINES} are allowed", file.display())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_a_mod_rs_is_a_fault() {
        let text = "//! Docs.\nmod a;\npub use a::A;\npub mod page {}\n#[cfg(test)]\nmod tests { fn f() {} }\n";
        assert!(code_in_mod_rs(Path::new("x/mod.rs"), text).is_empty());
        let with_code = format!("{text}struct S;\nmod inline {{ fn f() {{}} }}\n");
        let found = code_in_mod_rs(Path::new("x/mod.rs"), &with_code);
        assert_eq!(found, ["x/mod.rs: 2 items other than `mod` and `use`"]);
        assert!(code_in_mod_rs(Path::new("x/other.rs"), &with_code).is_empty());
    }

    #[test]
    fn a_long_file_is_a_fault_and_its_tests_do_not_count() {
        let file = Path::new("a.rs");
        let tests = "#[cfg(test)]\nmod tests {\n}\n";
        let declared = "#[cfg(test)]\nmod tests;\n";
        assert!(too_long(file, &("\n".repeat(300) + tests)).is_empty());
        assert_eq!(too_long(file, &("\n".repeat(301) + tests)), ["a.rs: 301 lines before its tests, 300 are allowed"]);
        assert_eq!(too_long(file, &(declared.to_owned() + &"\n".repeat(299))).len(), 1);
    }
}
