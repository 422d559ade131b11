//! The status and the text with which classifiers describe a failure for events.

use std::{error::Error, fmt, io};

use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Verdict,
    classify::{
        self, BoxClassifier, ConflictClassifier, ErrorClassifier, ErrorMessages, FailureDescription, FollowSources,
        IdempotencyCheck, ThroughBreaker,
    },
    observe::{ErrorText, ResponseStatus},
};

#[derive(Debug)]
struct Wrapped(io::Error);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store failed")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn wrapped() -> Wrapped {
    Wrapped(io::Error::other("disk full"))
}

/// A classifier that describes every error as `described`.
#[derive(Clone, Copy)]
struct Describes;

impl<Req, Res, Err> Classifier<Req, Res, Err> for Describes {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), _: Result<&Res, &Err>) -> Verdict {
        Verdict::transient()
    }

    fn describe_failure<'a>(&self, _: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        FailureDescription::new().status(ResponseStatus::Http(418)).error(ErrorText::text("described"))
    }
}

fn shown(description: FailureDescription<'_>) -> (Option<ResponseStatus>, Option<String>) {
    (description.status, description.error.map(|error| error.to_string()))
}

fn of_error<Err>(classifier: impl Classifier<(), (), Err>, error: &Err) -> (Option<ResponseStatus>, Option<String>) {
    shown(classifier.describe_failure(Err(error)))
}

#[test]
fn wrappers_forward_the_description() {
    let described = (Some(ResponseStatus::Http(418)), Some("described".to_owned()));
    let error = wrapped();
    assert_eq!(of_error::<Wrapped>(&Describes, &error), described);
    assert_eq!(of_error(BoxClassifier::<(), (), Wrapped>::new(Describes), &error), described);
    assert_eq!(of_error(classify::first(Describes), &error), described);
    assert_eq!(of_error(classify::first(ErrorClassifier).or(Describes), &error), described);
    let refined = classify::first(Describes).refine(|verdict: Verdict, _: Result<&(), &Wrapped>| verdict);
    assert_eq!(of_error(refined, &error), described);
    let refined = classify::first(Describes).refine(|verdict: Verdict, _: Result<&(), &Wrapped>| verdict);
    assert_eq!(of_error(refined, &BreakerError::Inner(wrapped())), described);
    assert_eq!(of_error(IdempotencyCheck::new(Describes, |(): &()| true), &error), described);
    assert_eq!(of_error(ThroughBreaker(Describes), &BreakerError::Inner(wrapped())), described);
}

#[test]
fn a_chain_completes_a_description_by_the_next_one() {
    let chain = classify::first(FollowSources(ErrorClassifier)).or(Describes);
    let expected = (Some(ResponseStatus::Http(418)), Some("the store failed: disk full".to_owned()));
    assert_eq!(of_error(chain, &wrapped()), expected);
}

#[test]
fn errors_are_described_with_their_sources() {
    let chain = (None, Some("the store failed: disk full".to_owned()));
    assert_eq!(of_error(FollowSources(ErrorClassifier), &wrapped()), chain);
    assert_eq!(of_error(FollowSources(ErrorMessages::service_calls()), &wrapped()), chain);
    let text = (None, Some("the store failed".to_owned()));
    assert_eq!(of_error(ErrorMessages::service_calls(), &wrapped()), text);
    // The layers take the text of an error that they can inspect.
    assert_eq!(of_error(ErrorClassifier, &wrapped().0), (None, None));
    assert_eq!(of_error(ConflictClassifier::new(|_: &Wrapped| true), &wrapped()), (None, None));
}

#[test]
fn a_rejection_is_described_by_its_text() {
    let circuit = Circuit::new(BreakerConfig::default());
    circuit.force_open();
    let error = circuit.call_blocking(|| Ok::<(), Wrapped>(())).unwrap_err();
    let (status, text) = of_error(ThroughBreaker(Describes), &error);
    let BreakerError::Rejected(rejection) = &error else { panic!("{error:?}") };
    assert_eq!((status, text), (None, Some(rejection.to_string())));
}
