/// Makes [`ErrorClassifier`](super::ErrorClassifier), or [`ErrorMessages`](crate::classify)
/// (feature `text`), follow the sources of an error type of your own.
///
/// Alone, these classifiers inspect only error types that they know by name, such as boxed errors.
/// They can't see what an enum of yours, or the error of another crate such as reqwest, wraps. If
/// the type is a [`std::error::Error`], this wrapper calls its
/// [`source`](std::error::Error::source).
///
/// ```
/// use std::{error::Error, fmt, io};
/// use tower_recourse::{RetryConfig, classify::{ErrorClassifier, FollowSources}};
///
/// #[derive(Debug)]
/// enum StoreError {
///     Socket(io::Error),
///     Full,
/// }
///
/// impl fmt::Display for StoreError {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the store failed")
///     }
/// }
///
/// impl Error for StoreError {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         match self {
///             Self::Socket(socket) => Some(socket),
///             Self::Full => None,
///         }
///     }
/// }
///
/// // A refused connection in a `StoreError` is recognised, and is transient.
/// let config = RetryConfig::default().classifier(FollowSources(ErrorClassifier));
/// # let _ = config;
/// ```
///
/// It never concludes that a request wasn't sent, because the client behind your error type may
/// have made several calls: see [`ErrorClassifier`](super::ErrorClassifier).
#[derive(Debug, Clone, Copy, Default)]
pub struct FollowSources<C>(pub C);
