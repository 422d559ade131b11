//! The most frequent mistakes, and the compiler's messages for them. Most examples call a service
//! as the docs do, by `ready` and `call`, or by `oneshot`.
//!
//! The first message of each example states what is wrong. `src/cookbook/compile_errors.md` lists
//! the cures. The messages are those of Rust 1.95.

#[test]
fn type_errors_have_helpful_messages() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
