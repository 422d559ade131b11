use std::{fmt, marker::PhantomData};

#[cfg(feature = "breaker")]
use crate::BreakerError;
use crate::{Classifier, Verdict};

/// A predicate as a classifier: `true` is a transient failure, `false` a success. See
/// [`FallbackLayer::when`](crate::FallbackLayer::when).
///
/// It also classifies `BreakerError<Err>`, by the service's own error. A rejection is a failure.
pub struct OnlyWhen<F, Res, Err>(F, PhantomData<fn(&Res, &Err)>);

impl<F, Res, Err> OnlyWhen<F, Res, Err> {
    pub(crate) fn new(predicate: F) -> Self {
        Self(predicate, PhantomData)
    }
}

impl<F, Req, Res, Err> Classifier<Req, Res, Err> for OnlyWhen<F, Res, Err>
where
    F: Fn(Result<&Res, &Err>) -> bool,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        if (self.0)(outcome) { Verdict::transient() } else { Verdict::Success }
    }
}

#[cfg(feature = "breaker")]
impl<F, Req, Res, Err> Classifier<Req, Res, BreakerError<Err>> for OnlyWhen<F, Res, Err>
where
    F: Fn(Result<&Res, &Err>) -> bool,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &BreakerError<Err>>) -> Verdict {
        let outcome = match outcome {
            Ok(response) => Ok(response),
            Err(BreakerError::Inner(error)) => Err(error),
            Err(BreakerError::Rejected(rejection)) => return Verdict::rejected(rejection.retry_in()),
        };
        Classifier::<Req, Res, Err>::classify(self, &(), outcome)
    }
}

impl<F: Clone, Res, Err> Clone for OnlyWhen<F, Res, Err> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<F: Copy, Res, Err> Copy for OnlyWhen<F, Res, Err> {}

impl<F, Res, Err> fmt::Debug for OnlyWhen<F, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnlyWhen(..)")
    }
}
