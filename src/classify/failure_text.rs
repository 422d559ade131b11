//! The details of a failed outcome, for events.

use std::any::Any;

use super::{Classifier, ErrorClassifier, inspect::inspect};
use crate::{FailureInfo, FailureKind, Verdict, observe::ErrorText};

/// The details of an outcome that a classifier classified as a failure of this kind. Outlined, so
/// that calls without a failure don't pay for it.
#[cold]
#[inline(never)]
pub(crate) fn failure_info<'a, C, Req, Res, Err: 'static>(
    classifier: &C,
    kind: FailureKind,
    outcome: Result<&'a Res, &'a Err>,
) -> FailureInfo<'a>
where
    C: Classifier<Req, Res, Err>,
{
    let description = classifier.describe_failure(outcome);
    let error = description.error.or_else(|| outcome.err().map(error_text));
    FailureInfo::new(kind).with_status(description.status).with_error(error)
}

/// The details of an error that no classifier has seen. Its kind is what [`ErrorClassifier`]
/// returns for it, or transient.
#[cfg_attr(not(any(feature = "fallback", feature = "http")), allow(dead_code))]
pub(crate) fn unclassified_failure_info<Err: 'static>(error: &Err) -> FailureInfo<'_> {
    let kind = match ErrorClassifier::judge(error) {
        Verdict::Failure(failure) => failure.kind(),
        Verdict::Success | Verdict::Neutral | Verdict::ClientError => FailureKind::Transient,
    };
    FailureInfo::new(kind).with_error(Some(error_text(error)))
}

/// The text of an error whose type this crate knows, of a string, or of a rejection; otherwise the
/// name of its type.
fn error_text<Err: 'static>(error: &Err) -> ErrorText<'_> {
    known_text(error).unwrap_or_else(ErrorText::type_name::<Err>)
}

/// The text of an error whose type this crate knows, of a string, or of a rejection.
pub(super) fn known_text<Err: 'static>(error: &Err) -> Option<ErrorText<'_>> {
    if let Some(error) = inspect(error) {
        return Some(ErrorText::error(error));
    }
    let string = string_as::<String>(error).or_else(|| string_as::<&'static str>(error));
    string.or_else(|| rejection_text(error))
}

/// The text of a rejection in an error of any type for which a breaker has rejected a call.
fn rejection_text(error: &dyn Any) -> Option<ErrorText<'_>> {
    #[cfg(feature = "breaker")]
    if let Some(rejection) = super::evidence::rejection_of(error) {
        return Some(ErrorText::error(rejection));
    }
    let _ = error;
    None
}

/// A string of this type, or the error of a breaker around a service with that error type.
fn string_as<Text: AsRef<str> + 'static>(error: &dyn Any) -> Option<ErrorText<'_>> {
    #[cfg(feature = "breaker")]
    match error.downcast_ref::<crate::BreakerError<Text>>() {
        Some(crate::BreakerError::Inner(text)) => return Some(ErrorText::text(text.as_ref())),
        Some(crate::BreakerError::Rejected(rejection)) => return Some(ErrorText::error(rejection)),
        None => {}
    }
    error.downcast_ref::<Text>().map(|text| ErrorText::text(text.as_ref()))
}
