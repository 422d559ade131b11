mod lists;
mod pattern_set;
mod rules;
mod scan;

use std::{any::Any, error::Error, fmt, sync::Arc};

use self::rules::Rules;
use super::{Classifier, FailureDescription, FollowSources, Origin, evidence, inspect::inspect};
use crate::{InvalidConfig, Verdict, observe::ErrorText};

/// Classifies errors by matching their text against a list of patterns, each with a verdict. A last
/// resort, for errors that only their text identifies.
///
/// **The first rule of the list whose pattern occurs decides**, wherever it occurs in the error's
/// text or in that of a source. So put an exception before the rule that it restricts:
///
/// ```
/// use tower_recourse::{Classifier, Verdict, classify::ErrorMessages};
///
/// let messages = ErrorMessages::new([
///     ("node not found", Verdict::transient()),
///     ("not found", Verdict::permanent()),
/// ])?;
///
/// let opinion = |error: &str| Classifier::<(), (), String>::opinion(&messages, &(), Err(&error.to_owned()));
/// assert_eq!(opinion("Node not found: b-7"), Some(Verdict::transient()));
/// assert_eq!(opinion("key not found"), Some(Verdict::permanent()));
/// assert_eq!(opinion("disk full"), None);
/// # Ok::<(), tower_recourse::InvalidConfig>(())
/// ```
///
/// The first matching pattern decides for the whole text: with this list, `key not found, as its
/// node not found` is transient.
///
/// # What is read
///
/// The `Display` of the error and of each of its sources, if the error's type can be inspected (see
/// [`ErrorClassifier`](super::ErrorClassifier); for an error type of your own, use
/// [`FollowSources`]). Each text is read once while it is formatted, however many patterns there
/// are, and nothing is allocated. A pattern doesn't match across two texts. Reading ends after 64
/// KiB in total, or 64 links; the rest is ignored.
///
/// ASCII letters match in either case. Other characters are compared byte for byte: `É` doesn't
/// match `é`. A pattern also matches inside words and numbers: `disk` in `diskette`, `503` in
/// `15034`.
///
/// # No opinion, and the default
///
/// An error in which no pattern is found is left to the next classifier of a [chain](super::first).
/// Without a next one, it is transient, or what [`otherwise`](Self::otherwise) sets. This
/// classifier has no opinion on responses.
///
/// A breaker's rejection is a rejection, whatever its text.
///
/// # Idempotency
///
/// The verdicts of your own rules are used unchanged: a rule with `Verdict::transient()` allows a
/// retry to send the request again. The included lists ([`service_calls`](Self::service_calls),
/// [`node_jobs`](Self::node_jobs)) don't know your requests, so they mark their failures as
/// [`idempotency_unknown`](Verdict::idempotency_unknown), as
/// [`ErrorClassifier`](super::ErrorClassifier) does. Use them with `RetryConfig::idempotent` or
/// [`IdempotencyCheck`](super::IdempotencyCheck).
///
/// # When not to use it
///
/// - The error's type shows more than its text. Let the type decide first:
///   `classify::first(ErrorClassifier).or(ErrorMessages::service_calls())`.
/// - The text comes from outside, and this is the only classifier: a peer that puts `not found`
///   into an error prevents retries.
///
/// # Clone
///
/// A clone shares the list.
#[derive(Clone)]
pub struct ErrorMessages {
    rules: Arc<Rules>,
    otherwise: Verdict,
}

impl ErrorMessages {
    /// Makes a classifier from a list of patterns, each with its verdict.
    ///
    /// # Errors
    ///
    /// If the list or a pattern is empty, if a pattern occurs twice, or if a rule can never decide
    /// because an earlier pattern with another verdict is a part of its pattern, as `not found` is
    /// of `node not found`.
    pub fn new<P: AsRef<str>>(rules: impl IntoIterator<Item = (P, Verdict)>) -> Result<Self, InvalidConfig> {
        let rules = Rules::new(rules)?;
        Ok(Self { rules: Arc::new(rules), otherwise: Verdict::transient().idempotency_unknown() })
    }

    /// Sets the verdict on errors in which no pattern is found, if no other classifier of a chain
    /// follows. Unless set, it is a transient failure marked as
    /// [`idempotency_unknown`](Verdict::idempotency_unknown).
    pub fn otherwise(mut self, verdict: Verdict) -> Self {
        self.otherwise = verdict;
        self
    }

    fn opinion_on<Err: fmt::Display + 'static>(&self, error: &Err) -> Option<Verdict> {
        if let Some(error) = inspect(error) {
            return self.rules.verdict_on_chain(error);
        }
        match text_in_breaker(error) {
            Some(text) => self.rules.verdict_on_text(text),
            None => self.rules.verdict_on_text(error),
        }
    }

    fn default_for<Res, Err>(&self, outcome: Result<&Res, &Err>) -> Verdict {
        if outcome.is_ok() { Verdict::Success } else { self.otherwise }
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for ErrorMessages
where
    Err: fmt::Display + 'static,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        outcome.err().and_then(|error| self.opinion_on(error)).unwrap_or_else(|| self.default_for(outcome))
    }

    /// An opinion on errors with a known text, and none on responses.
    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(|error| self.opinion_on(error))
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        match outcome {
            // The layers show the chain of an error that they can inspect.
            Err(error) if inspect(error).is_none() => FailureDescription::new().error(ErrorText::display(error)),
            _ => FailureDescription::new(),
        }
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for FollowSources<ErrorMessages>
where
    Err: Error + 'static,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        outcome
            .err()
            .and_then(|error| self.0.rules.verdict_on_chain(error))
            .unwrap_or_else(|| self.0.default_for(outcome))
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(|error| self.0.rules.verdict_on_chain(error))
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        outcome.err().map_or(Origin::Unknown, |error| evidence::of_chain(error))
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        match outcome {
            Ok(_) => FailureDescription::new(),
            Err(error) => FailureDescription::new().error(ErrorText::error(error)),
        }
    }
}

/// The text of a breaker's error that wraps a string. A string isn't an `Error`, so it isn't a
/// source of the breaker's error.
fn text_in_breaker(error: &dyn Any) -> Option<&str> {
    #[cfg(feature = "breaker")]
    {
        use crate::BreakerError::{self, Inner};
        if let Some(Inner(text)) = error.downcast_ref::<BreakerError<String>>() {
            return Some(text);
        }
        if let Some(Inner(text)) = error.downcast_ref::<BreakerError<&'static str>>() {
            return Some(text);
        }
    }
    let _ = error;
    None
}

impl fmt::Debug for ErrorMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorMessages")
            .field("patterns", &self.rules.len())
            .field("otherwise", &self.otherwise)
            .finish_non_exhaustive()
    }
}
