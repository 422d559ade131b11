use crate::Verdict;

/// The result of a classifier's closure: a [`Verdict`], or an `Option<Verdict>`, of which `None` is
/// no opinion.
///
/// ```
/// use std::io;
/// use tower_recourse::{RetryConfig, Verdict};
///
/// let always = RetryConfig::default().classify_errors(|_: &io::Error| Verdict::permanent());
/// let sometimes = RetryConfig::default()
///     .classify_errors(|error: &io::Error| (error.kind() == io::ErrorKind::NotFound).then(Verdict::permanent));
/// # let _ = (always, sometimes);
/// ```
#[diagnostic::on_unimplemented(
    message = "a classifier's closure returns a `Verdict` or an `Option<Verdict>`, not `{Self}`",
    label = "this closure doesn't return a `Verdict`",
    note = "for a predicate on the error: `.classify_errors(|error: &MyError| error.is_fatal().then(Verdict::permanent))`"
)]
pub trait IntoOpinion {
    /// Converts the result to an opinion.
    fn into_opinion(self) -> Option<Verdict>;
}

impl IntoOpinion for Verdict {
    fn into_opinion(self) -> Option<Verdict> {
        Some(self)
    }
}

impl IntoOpinion for Option<Verdict> {
    fn into_opinion(self) -> Option<Verdict> {
        self
    }
}
