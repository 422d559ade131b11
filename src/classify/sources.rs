/// What reads errors, for an error type of your own: [`Errors`](super::Errors), or [`Messages`](crate::classify) (feature
/// `text`), along the chain of its sources.
///
/// Alone these look into the error types that they know by name, such as boxed errors. Of an enum of yours, or the error of another
/// crate (reqwest's), they don't know what it wraps; but if it is a [`std::error::Error`], it tells them.
///
/// ```
/// use std::{error::Error, fmt, io};
/// use tower_recourse::{RetryConfig, classify::{Errors, Sources}};
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
/// // A refused connection is known for one, and is transient.
/// let config = RetryConfig::default().classifier(Sources(Errors));
/// # let _ = config;
/// ```
///
/// That a request wasn't sent is never concluded through an error type of your own, as its client may have made several calls: see
/// [`Errors`](super::Errors).
#[derive(Debug, Clone, Copy, Default)]
pub struct Sources<C>(pub C);
