//! The most frequent type errors, and the compiler's messages for them. The examples pass the
//! service to a function with the bound `Service`.
//!
//! For a method call on the service (`.call`, `.ready`), the compiler reports only that the method
//! doesn't exist. The messages are those of Rust 1.95.

#[test]
fn type_errors_have_helpful_messages() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
