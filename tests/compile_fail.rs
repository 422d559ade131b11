//! The type errors that users meet most, and the compiler's messages, where the service is passed
//! to a function that takes a service.
//!
//! If the user calls a method of the service instead (`.call`, `.ready`), the compiler reports only
//! that the method doesn't exist. The messages are those of Rust 1.95.

#[test]
fn type_errors_have_helpful_messages() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
