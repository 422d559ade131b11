use super::Classifier;
use crate::Verdict;

/// A closure over `Result<&Res, &Err>` as a classifier.
#[derive(Clone, Copy)]
pub struct FromFn<F>(pub(crate) F);

impl<F, Req, Res, Err> Classifier<Req, Res, Err> for FromFn<F>
where
    F: Fn(Result<&Res, &Err>) -> Verdict,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        (self.0)(outcome)
    }
}

impl<F> std::fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a closure")
    }
}
