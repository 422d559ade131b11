//! The type errors that users will meet, and what they are told: where the service is handed to somebody who wants one.
//!
//! Where a method is called on it instead (`.call`, `.ready`), the compiler says that there is no such method, and not why.
//! The messages are those of the stable toolchain of the day.

#[test]
fn what_does_not_fit_says_what_would() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
