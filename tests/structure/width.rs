//! Finds lines of comments and Markdown that are wider than 100 columns.
//!
//! Tables, code blocks, HTML, link definitions, and lines that are one long word are exempt.

use std::path::Path;

const MAX_COLUMNS: usize = 100;

/// Describes each line of a file that is too wide.
pub(crate) fn wide_lines(file: &Path, text: &str) -> Vec<String> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let prose: fn(&str) -> Option<&str> = match file.extension().and_then(|extension| extension.to_str()) {
        Some("md") => |line| Some(line.trim_start()),
        Some("rs") => rust_comment,
        Some("toml" | "yml" | "py") => hash_comment,
        None if matches!(name, "justfile" | "run") => hash_comment,
        _ => return Vec::new(),
    };
    let mut is_code = false;
    let mut wide = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some(prose) = prose(line) else {
            is_code = false;
            continue;
        };
        let is_fence = prose.starts_with("```");
        is_code ^= is_fence;
        let columns = line.chars().count();
        if columns > MAX_COLUMNS && !is_code && !is_fence && !is_exempt(prose) && can_be_wrapped(line, prose) {
            wide.push(format!("{}:{number}: {columns} columns", file.display()));
        }
    }
    wide
}

/// The text of a comment line, or of a comment at the end of a line of code.
fn rust_comment(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    if let Some(comment) = trimmed.strip_prefix("//") {
        return Some(comment.trim_start_matches(['/', '!']).trim_start());
    }
    let (code, comment) = line.rsplit_once(" // ")?;
    let is_in_string = code.matches('"').count() % 2 == 1;
    (!is_in_string).then_some(comment)
}

fn hash_comment(line: &str) -> Option<&str> {
    Some(line.trim_start().strip_prefix('#')?.trim_start_matches(['#', '!']).trim_start())
}

fn is_exempt(prose: &str) -> bool {
    let is_link_definition = prose.starts_with('[') && prose.contains("]: ");
    prose.starts_with(['|', '<']) || is_link_definition
}

/// Whether a word of the line, other than its first, begins within the allowed columns.
fn can_be_wrapped(line: &str, prose: &str) -> bool {
    let text = prose.trim_start_matches(['-', '*', '>', ' ']);
    let start = line.chars().count() - text.chars().count();
    text.chars().take(MAX_COLUMNS.saturating_sub(start)).any(|it| it == ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(file: &str, text: &str) -> Vec<String> {
        let found = wide_lines(Path::new(file), text);
        found.iter().map(|fault| fault.split(':').nth(1).unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_wide_line_of_markdown_is_a_fault() {
        let words = "four ".repeat(21);
        let long_link = format!("[link](https://example.com/{})", "x".repeat(100));
        let text = format!(
            "{words}\n- {words}\n| {words}|\n```rust\n{words}\n```\n<p>{words}</p>\n[link]: {words}\n{long_link}\n\
             - {long_link}\nSee {long_link}\n{}\n",
            "x".repeat(100)
        );
        assert_eq!(numbers("a.md", &text), ["1", "2", "11"]);
    }

    #[test]
    fn a_wide_comment_is_a_fault() {
        let words = "four ".repeat(20);
        let text = format!(
            "//! {words}\n    /// {words}\n// {words}\nlet text = \"{words} // {words}\";\nf(); // {words}\n\
             /// ```\n/// {words}\n/// ```\n/// | {words}\nlet long = \"{words}\";\n"
        );
        assert_eq!(numbers("a.rs", &text), ["1", "2", "3", "5"]);
        assert_eq!(numbers("a.toml", &format!("a = 1\n## {words}\ntext = \"{words}\"\n")), ["2"]);
        assert_eq!(numbers(".ci/run", &format!("#!/bin/sh\n# {words}\necho {words}\n")), ["2"]);
    }

    #[test]
    fn columns_are_characters() {
        assert!(numbers("a.md", &"é ".repeat(50)).is_empty());
    }
}
