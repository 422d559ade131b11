//! Parses a page into its dependencies and code blocks, as a reader sees them.

use std::{fs, io, path::Path};

/// A Markdown file, or the module documentation of a Rust file.
pub struct Page {
    /// The path from the root of the repository, with `/` as the separator.
    pub path: String,
    pub parts: Vec<Part>,
    /// The faults that are found without compiling.
    pub faults: Vec<String>,
}

/// Code blocks with the same dependencies.
#[derive(Default)]
pub struct Part {
    /// The content of the `toml` block.
    pub dependencies: String,
    pub blocks: Vec<Block>,
    /// The name of its package.
    pub package: String,
}

/// A Rust block.
pub struct Block {
    /// The line of the file in which it begins, counted from 1.
    pub line: usize,
    pub must_fail: bool,
    /// The block consists of tests.
    pub has_tests: bool,
    /// The lines that the rendered page shows.
    pub shown: String,
}

impl Page {
    pub fn read(root: &Path, path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        let path = path.strip_prefix(root).expect("the path is below the root").to_string_lossy().replace('\\', "/");
        let lines: Vec<(usize, String)> = if path.ends_with(".rs") {
            text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, documentation(line)?))).collect()
        } else {
            text.lines().enumerate().map(|(at, line)| (at + 1, line.to_owned())).collect()
        };
        Ok(Self::parse(path, &lines))
    }

    pub fn has_code(&self) -> bool {
        self.parts.iter().any(|part| !part.blocks.is_empty())
    }

    fn parse(path: String, lines: &[(usize, String)]) -> Self {
        let mut page = Self { path, parts: vec![Part::default()], faults: Vec::new() };
        let mut lines = lines.iter();
        while let Some((line, text)) = lines.next() {
            let Some(info) = text.trim_start().strip_prefix("```") else { continue };
            let content: Vec<&str> = lines
                .by_ref()
                .map(|(_, text)| text.as_str())
                .take_while(|text| !text.trim_start().starts_with("```"))
                .collect();
            page.add(*line, info.trim(), &content);
        }
        if page.has_code() && page.parts[0].dependencies.is_empty() {
            page.faults.push(format!("{}: the page has code, but no `toml` block with its dependencies", page.path));
        }
        page.parts.retain(|part| !part.blocks.is_empty());
        let name = page.path.trim_end_matches(".md").trim_end_matches(".rs").trim_end_matches("/mod");
        let name = name.replace('/', "-").to_lowercase();
        for (at, part) in page.parts.iter_mut().enumerate() {
            part.package = format!("page-{name}-{}", at + 1);
        }
        page
    }

    fn add(&mut self, line: usize, info: &str, content: &[&str]) {
        let is_table = |text: &&str| ["[dependencies]", "[dev-dependencies]"].contains(text);
        if info == "toml" && content.iter().any(is_table) {
            if !self.parts.last().is_some_and(|part| part.dependencies.is_empty()) {
                self.parts.push(Part::default());
            }
            // A binary can't use development dependencies.
            self.last().dependencies = content.join("\n").replace("[dev-dependencies]", "[dependencies]");
            return;
        }
        let tags: Vec<&str> = info.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
        if !tags
            .iter()
            .all(|tag| ["rust", "no_run", "should_panic", "compile_fail", "ignore", "test_harness"].contains(tag))
        {
            return; // A block in another language.
        }
        if tags.contains(&"ignore") {
            self.faults.push(format!("{}:{line}: the block is ignored, so no test compiles it", self.path));
        }
        if self.path == "README.md" && content.iter().any(|text| is_hidden(text)) {
            self.faults
                .push(format!("{}:{line}: the block has hidden lines, which are visible outside rustdoc", self.path));
        }
        let shown = content.iter().filter(|text| !is_hidden(text)).map(|text| text.replacen("##", "#", escaped(text)));
        let shown = shown.collect::<Vec<_>>().join("\n");
        let (must_fail, has_tests) = (tags.contains(&"compile_fail"), tags.contains(&"test_harness"));
        self.last().blocks.push(Block { line, must_fail, has_tests, shown });
    }

    fn last(&mut self) -> &mut Part {
        self.parts.last_mut().expect("a page begins with a part")
    }
}

impl Block {
    /// The block as a program.
    pub fn program(&self) -> String {
        let shown = &self.shown;
        if self.has_tests {
            // Without the attributes of tests: the compiler doesn't check tests of a binary.
            let functions = shown.replace("#[test]\n", "");
            let functions = functions.replace("#[tokio::test(", "#[tokio::main(flavor = \"current_thread\", ");
            return format!("#![allow(unused)]\nfn main() {{}}\n{functions}\n");
        }
        if shown.contains("fn main()") {
            return format!("#![allow(unused)]\n{shown}\n");
        }
        format!(
            "#![allow(unused)]\nfn main() {{}}\nasync fn paste() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {{\n{shown}\nOk(())\n}}\n"
        )
    }
}

/// Returns the text of a line of module documentation.
fn documentation(line: &str) -> Option<String> {
    if let Some(text) = line.strip_prefix("//!") {
        return Some(text.strip_prefix(' ').unwrap_or(text).to_owned());
    }
    // A fence that depends on a feature. Without the feature, the block is ignored.
    (line.starts_with("#![cfg_attr(") && line.ends_with("doc = \"```\")]")).then(|| "```".to_owned())
}

fn is_hidden(line: &str) -> bool {
    let line = line.trim_start();
    line == "#" || line.starts_with("# ")
}

/// The number of `##` at the beginning of a line that rustdoc shows as `#`: one or zero.
fn escaped(line: &str) -> usize {
    usize::from(line.trim_start().starts_with("##"))
}
