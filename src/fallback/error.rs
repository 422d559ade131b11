use std::{convert::Infallible, error::Error, fmt};

use crate::{
    Cause,
    boxed_error::{IntoBoxError, WrapBoxError},
    sanitize,
};

/// The error of a service with a fallback.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FallbackError<E, B> {
    /// The primary failed, and the backup wasn't called, because the outcome wasn't classified as a
    /// failure.
    Primary(E),
    /// The primary and the backup failed.
    Both {
        /// The primary's error.
        primary: E,
        /// The backup's error.
        backup: B,
        /// Why the backup was called.
        cause: Cause,
    },
}

impl<E, B> FallbackError<E, B> {
    /// The primary's error.
    pub fn primary(&self) -> &E {
        match self {
            Self::Primary(primary) | Self::Both { primary, .. } => primary,
        }
    }

    /// Takes the primary's error.
    pub fn into_primary(self) -> E {
        match self {
            Self::Primary(primary) | Self::Both { primary, .. } => primary,
        }
    }

    /// The backup's error, if the backup was called.
    pub fn backup(&self) -> Option<&B> {
        match self {
            Self::Primary(_) => None,
            Self::Both { backup, .. } => Some(backup),
        }
    }
}

impl<E, B> FallbackError<E, B>
where
    B: fmt::Debug + fmt::Display + Send + Sync + 'static,
{
    /// Converts into tower's boxed error.
    ///
    /// If only the primary failed, this is the primary's error. If both failed, it is an error that
    /// displays both, with the primary's as its source.
    ///
    /// A `FallbackError` around a boxed error, or around a `BreakerError` with a boxed error,
    /// doesn't implement `Error`, because a boxed error doesn't. Use
    /// `.map_err(FallbackError::into_boxed)` in place of `.map_err(BoxError::from)`:
    ///
    /// ```
    /// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
    /// use tower_recourse::{
    ///     BreakerConfig, BreakerLayer, FallbackError, FallbackLayer, RetryConfig, RetryLayer,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), BoxError> {
    /// let client = service_fn(|id: u32| async move { Ok::<_, BoxError>(format!("item {id}")) });
    /// let service = ServiceBuilder::new()
    ///     .map_err(FallbackError::into_boxed)
    ///     .layer(FallbackLayer::value("no item".to_owned()))
    ///     .layer(RetryLayer::new(RetryConfig::default().idempotent()))
    ///     .layer(BreakerLayer::new(BreakerConfig::default()))
    ///     .service(client);
    /// assert_eq!(service.oneshot(7).await?, "item 7");
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_boxed<Kind>(self) -> BoxError
    where
        E: IntoBoxError<Kind>,
    {
        match self {
            Self::Primary(primary) => primary.into_box_error(),
            Self::Both { primary, backup, cause } => {
                let primary = primary.into_box_error();
                Box::new(BothFailed(FallbackError::Both { primary, backup, cause }))
            }
        }
    }
}

impl<B> WrapBoxError for FallbackError<BoxError, B>
where
    B: fmt::Debug + fmt::Display + Send + Sync + 'static,
{
    fn unwrap_boxed(self) -> BoxError {
        self.into_boxed()
    }
}

impl<E, B> WrapBoxError for FallbackError<E, B>
where
    E: WrapBoxError,
    B: fmt::Debug + fmt::Display + Send + Sync + 'static,
{
    fn unwrap_boxed(self) -> BoxError {
        self.into_boxed()
    }
}

/// Both errors, of which the primary's is boxed. Unlike a `FallbackError` around a boxed error, it
/// implements `Error`.
#[derive(Debug)]
struct BothFailed<B>(FallbackError<BoxError, B>);

impl<B: fmt::Display> fmt::Display for BothFailed<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<B: fmt::Debug + fmt::Display> Error for BothFailed<B> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&**self.0.primary())
    }
}

/// [`Primary`](Self::Primary) displays the primary's error. [`Both`](Self::Both) displays both
/// errors and the cause: `connection refused (all 4 attempts failed), and the fallback failed: not
/// in the cache`. There, each error is escaped and cut at 1,024 bytes.
impl<E: fmt::Display, B: fmt::Display> fmt::Display for FallbackError<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Primary(primary) => primary.fmt(f),
            Self::Both { primary, backup, cause } => {
                let (primary, backup) = (sanitize::message(primary), sanitize::message(backup));
                match cause {
                    Cause::Failure => write!(f, "{primary}, and the fallback failed: {backup}"),
                    cause => write!(f, "{primary} ({cause}), and the fallback failed: {backup}"),
                }
            }
        }
    }
}

/// The source is the primary's error.
impl<E: Error + 'static, B: fmt::Debug + fmt::Display> Error for FallbackError<E, B> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.primary())
    }
}

/// If the primary can't fail, the service can't, either. axum requires `Infallible` as the error
/// type.
impl<B> From<FallbackError<Infallible, B>> for Infallible {
    fn from(error: FallbackError<Infallible, B>) -> Self {
        error.into_primary()
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
