//! Prints the public API of a crate, one item per line, from the JSON that rustdoc writes.
//!
//! `just api` compares this list with `public-api.txt`, and `just api-update` writes that file. The
//! library is the one behind `cargo public-api`, so the lines have the same format.

use std::{env, error::Error};

/// Parts of lines that don't matter to users: auto traits for unwinding and for the compiler, and
/// code that `pin_project!` generates.
const LEFT_OUT: [&str; 5] =
    ["::Freeze for ", "::RefUnwindSafe for ", "::UnsafeUnpin for ", "::UnwindSafe for ", "::__private::"];

fn main() -> Result<(), Box<dyn Error>> {
    let json = env::args_os().nth(1).ok_or("usage: tower-recourse-public-api RUSTDOC_JSON")?;
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build()?;
    for item in api.items() {
        let line = item.to_string();
        if !LEFT_OUT.iter().any(|left_out| line.contains(left_out)) {
            println!("{line}");
        }
    }
    Ok(())
}
