mod lists;
mod pattern_set;
mod rules;
mod scan;

use std::{any::Any, error::Error, fmt, sync::Arc};

use self::rules::Rules;
use super::{Classifier, Origin, Sources, evidence, inspect::inspect};
use crate::{Invalid, Verdict};

/// Judges errors by their text: a list of patterns, each with a verdict. A last resort, for errors that say what they are in
/// their text and nowhere else.
///
/// **The first rule of the list that is found anywhere wins**, wherever in the text it is, and in whichever text. So an exception
/// stands before what it is an exception from:
///
/// ```
/// use tower_recourse::{Classifier, Verdict, classify::Messages};
///
/// let messages = Messages::new([
///     ("node not found", Verdict::transient()),
///     ("not found", Verdict::permanent()),
/// ])?;
///
/// let judge = |error: &str| Classifier::<(), (), String>::opinion(&messages, &(), Err(&error.to_owned()));
/// assert_eq!(judge("Node not found: b-7"), Some(Verdict::transient()));
/// assert_eq!(judge("key not found"), Some(Verdict::permanent()));
/// assert_eq!(judge("disk full"), None);
/// # Ok::<(), tower_recourse::Invalid>(())
/// ```
///
/// A rule is about the text as a whole: `key not found, as its node not found` is transient by this list.
///
/// # What is read
///
/// The `Display` of the error, and of each of its sources, where the error is one that can be looked into (see
/// [`Errors`](super::Errors); for an error type of your own, [`Sources`]). Each text is gone through once, however many
/// patterns there are, while it is being written: nothing is allocated. A pattern isn't found across two texts. Reading ends after
/// 64 KiB in all, or 64 sources; what comes later isn't seen.
///
/// Upper and lower case of ASCII letters are the same. Anything else is compared byte for byte: `É` isn't `é`. A pattern is found
/// inside words and numbers too: `disk` in `diskette`, `503` in `15034`.
///
/// # No opinion, and a default
///
/// An error in which nothing is found is left to the next of a [chain](super::first). Where there is none, it is transient, or
/// what [`otherwise`](Self::otherwise) says. Of responses it has no opinion.
///
/// A breaker's rejection is one, whatever its text says.
///
/// # Idempotency
///
/// The verdicts of your own rules are believed: a rule that says `Verdict::transient()` allows a retry to send the request again. The
/// ready-made lists ([`service_calls`](Self::service_calls), [`node_jobs`](Self::node_jobs)) don't know your requests, so they mark
/// their failures as [`idempotency_unknown`](Verdict::idempotency_unknown), as [`Errors`](super::Errors) does. Use them with
/// `RetryConfig::idempotent` or [`Idempotent`](super::Idempotent).
///
/// *When not to use it*: when the type of the error knows better. Then that comes first:
/// `classify::first(Errors).or(Messages::service_calls())`. And never alone where others write the text: whoever can put `not
/// found` in an error can stop its retries.
///
/// # Clone
///
/// A clone shares the list.
#[derive(Clone)]
pub struct Messages {
    rules: Arc<Rules>,
    otherwise: Verdict,
}

impl Messages {
    /// A list of patterns, each with its verdict.
    ///
    /// # Errors
    ///
    /// If the list, or a pattern, is empty; if a pattern is there twice; or if one can never win, since an earlier one with another
    /// verdict is found wherever it is: `not found` before `node not found`.
    pub fn new<P: AsRef<str>>(rules: impl IntoIterator<Item = (P, Verdict)>) -> Result<Self, Invalid> {
        let rules = Rules::new(rules)?;
        Ok(Self { rules: Arc::new(rules), otherwise: Verdict::transient().idempotency_unknown() })
    }

    /// The verdict on errors in which nothing is found, if no other classifier of a chain follows. Unless set: transient, with the
    /// mark [`idempotency_unknown`](Verdict::idempotency_unknown).
    pub fn otherwise(mut self, verdict: Verdict) -> Self {
        self.otherwise = verdict;
        self
    }

    fn judge<Err: fmt::Display + 'static>(&self, error: &Err) -> Option<Verdict> {
        if let Some(error) = inspect(error) {
            return self.rules.verdict_on_chain(error);
        }
        match text_in_breaker(error) {
            Some(text) => self.rules.verdict_on_text(text),
            None => self.rules.verdict_on_text(error),
        }
    }

    fn by_default<Res, Err>(&self, outcome: Result<&Res, &Err>) -> Verdict {
        if outcome.is_ok() { Verdict::Success } else { self.otherwise }
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for Messages
where
    Err: fmt::Display + 'static,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        outcome.err().and_then(|error| self.judge(error)).unwrap_or_else(|| self.by_default(outcome))
    }

    /// What the texts say. Nothing of a response.
    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(|error| self.judge(error))
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for Sources<Messages>
where
    Err: Error + 'static,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        outcome
            .err()
            .and_then(|error| self.0.rules.verdict_on_chain(error))
            .unwrap_or_else(|| self.0.by_default(outcome))
    }

    fn opinion(&self, (): &(), outcome: Result<&Res, &Err>) -> Option<Verdict> {
        outcome.err().and_then(|error| self.0.rules.verdict_on_chain(error))
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        outcome.err().map_or(Origin::Unknown, |error| evidence::of_chain(error))
    }
}

/// Plain text as an error, behind a breaker: it is no source of the breaker's error, as it is no `Error`.
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

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages")
            .field("patterns", &self.rules.len())
            .field("otherwise", &self.otherwise)
            .finish_non_exhaustive()
    }
}
