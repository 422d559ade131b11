//! The programs of the pages in `src/coming_from`.
//!
//! `cargo test --doc` compiles and runs them with the crates that they come from. Each page shows
//! pairs of programs, and both programs of a pair assert the same behaviour. The documentation of
//! tower-recourse includes the same files, without testing them, because its own tests don't depend
//! on these crates.

macro_rules! pages {
    ($($page:ident)*) => { $(
        #[doc = include_str!(concat!("../../../src/coming_from/", stringify!($page), ".md"))]
        pub mod $page {}
    )* };
}

pages! { backoff backon tower_retry failsafe recloser tower_resilience seatbelt aws_sdk grpc_service_config reqwest_retry reqwest comparison }
