use std::fmt;

use super::{Classifier, FailureDescription, classifier::forward_classifier, failure_text::known_text};
use crate::observe::ErrorText;

/// Shows the errors of your own type in events. It classifies like the classifier that it wraps.
/// `display_errors` of each configuration applies it.
///
/// Without it, a layer can't read an error of a type that this crate doesn't know, and events
/// contain the name of the type. With it, they contain what the error's
/// [`Display`](fmt::Display) writes, escaped and cut at 256 bytes. The sources of the error are
/// left out. The text of other errors doesn't change: of errors of known types, such as boxed
/// errors, of rejections, and of errors that the wrapped classifier describes.
///
/// ```
/// use std::fmt;
/// use tower_recourse::{RetryConfig, RetryLayer, Verdict, observe::Event};
///
/// enum DbError { Deadlock, UniqueViolation }
///
/// impl fmt::Display for DbError {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str(match self {
///             Self::Deadlock => "deadlock detected",
///             Self::UniqueViolation => "duplicate key",
///         })
///     }
/// }
///
/// let config = RetryConfig::default()
///     .retries(0)
///     .classify_errors(|error: &DbError| matches!(error, DbError::Deadlock).then(Verdict::transient))
///     .display_errors()
///     .observe(|event: &Event<'_>| {
///         if let Event::RetryStopped { failure: Some(failure), .. } = event {
///             assert_eq!(failure.to_string(), "transient: deadlock detected");
///         }
///     });
/// let retry = RetryLayer::new(config);
/// assert!(retry.run_blocking(|_| Err::<(), _>(DbError::Deadlock)).is_err());
/// ```
///
/// *When not to use it*: if the error's text may contain secrets, such as a URL with a token.
/// Events are logged. Implement
/// [`Classifier::describe_failure`](crate::Classifier::describe_failure) instead.
#[derive(Debug, Clone, Copy, Default)]
pub struct Displayed<C>(pub C);

impl<C, Req, Res, Err> Classifier<Req, Res, Err> for Displayed<C>
where
    C: Classifier<Req, Res, Err>,
    Err: fmt::Display + 'static,
{
    forward_classifier!(|self| self.0);

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        let description = self.0.describe_failure(outcome);
        match outcome {
            Err(error) if description.error.is_none() => {
                description.error(known_text(error).unwrap_or_else(|| ErrorText::display(error)))
            }
            _ => description,
        }
    }
}
