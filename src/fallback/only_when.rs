use std::fmt;

use crate::{Classifier, Verdict};

/// A predicate as a classifier: `true` is a transient failure, `false` a success. See
/// [`FallbackLayer::when`](super::FallbackLayer::when).
#[derive(Clone, Copy)]
pub struct OnlyWhen<F>(pub(super) F);

impl<F, Req, Res, Err> Classifier<Req, Res, Err> for OnlyWhen<F>
where
    F: Fn(Result<&Res, &Err>) -> bool,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        if (self.0)(outcome) { Verdict::transient() } else { Verdict::Success }
    }
}

impl<F> fmt::Debug for OnlyWhen<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnlyWhen(..)")
    }
}
