//! Permits: permission to make one call.

mod failure_details;
mod outcome;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod permit;
mod record;
#[cfg(all(test, not(recourse_loom)))]
mod tests;

pub use permit::Permit;
