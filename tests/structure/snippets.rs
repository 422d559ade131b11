//! Finds documented gRPC stacks whose breaker returns errors that a gRPC client can't interpret.

use std::path::Path;

/// Describes each breaker layer in a documented gRPC stack that doesn't set the answer to rejected
/// calls. Its error would reach the caller as UNKNOWN.
pub(crate) fn breakers_without_a_status(file: &Path, text: &str) -> Vec<String> {
    let stacks = code_blocks(text).into_iter().filter(|block| block.contains("Config::grpc()"));
    let breakers = stacks.flat_map(|block| {
        let statements: Vec<String> = block.split(';').flat_map(|part| part.split(".layer(")).map(one_line).collect();
        statements.into_iter().filter(|statement| statement.contains("BreakerLayer::"))
    });
    let answers = ["on_rejection(", "respond_when_open(", "wait_when_open("];
    let faulty = breakers.filter(|statement| !answers.iter().any(|answer| statement.contains(answer)));
    faulty.map(|statement| format!("{}: `{statement}` has no `on_rejection`", file.display())).collect()
}

fn one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The code between fences, in Markdown and in the doc comments of Rust.
fn code_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("//!").or_else(|| line.strip_prefix("///")).unwrap_or(line).trim_start();
        let is_fence = line.starts_with("```") || line.contains("doc = \"```\"");
        match &mut block {
            Some(_) if is_fence => blocks.extend(block.take()),
            Some(code) => {
                code.push_str(line);
                code.push('\n');
            }
            None if is_fence => block = Some(String::new()),
            None => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_grpc_breaker_without_an_answer_is_a_fault() {
        let stack = |breaker: &str| {
            let code = format!("/// let a = b\n///     .layer(RetryLayer::new(RetryConfig::grpc()))\n{breaker}");
            format!("/// Text.\n#[cfg_attr(x, doc = \"```\")]\n#[cfg_attr(y, doc = \"```ignore\")]\n{code}/// ```\n")
        };
        let found = |text: &str| breakers_without_a_status(Path::new("a.rs"), text);
        let faulty = stack("///     .layer(BreakerLayer::on(&circuit))\n///     .layer(PeekLayer::new());\n");
        assert_eq!(found(&faulty), ["a.rs: `BreakerLayer::on(&circuit))` has no `on_rejection`"]);
        let right = stack("///     .layer(BreakerLayer::on(&circuit)\n///         .on_rejection(Unavailable));\n");
        assert_eq!(found(&right), [""; 0]);
        let outside = "fn f() { BreakerLayer::new(BreakerConfig::grpc()); }";
        assert_eq!(found(outside), [""; 0]);
    }
}
