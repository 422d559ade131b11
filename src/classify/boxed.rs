//! A classifier without a type of its own.

use std::{any::Any, fmt, sync::Arc};

use super::{Classifier, DrainFuture, FailureDescription, Origin};
use crate::{Verdict, time::Instant};

/// Any classifier for requests `Req` and outcomes `Result<Res, Err>`, such as a closure.
///
/// The type of a closure has no name. With a `BoxClassifier`, the types that contain a classifier
/// have names, so that they can be fields of a struct:
///
/// ```
/// use std::io;
/// use tower_recourse::{
///     BreakerConfig, BreakerError, BreakerLayer, RetryConfig, RetryLayer, Verdict, classify::BoxClassifier,
/// };
///
/// type Breaking = BreakerLayer<BoxClassifier<u64, String, io::Error>>;
/// type Retrying = RetryLayer<RetryConfig<BoxClassifier<u64, String, BreakerError<io::Error>>>>;
///
/// struct Layers {
///     breaker: Breaking,
///     retry: Retrying,
/// }
///
/// let not_found = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
/// let breaker = BreakerConfig::default()
///     .classify_errors(move |error: &io::Error| not_found(error).then_some(Verdict::Neutral))
///     .boxed_classifier();
/// let retry = RetryConfig::default()
///     .classify_errors(move |error: &BreakerError<io::Error>| {
///         matches!(error, BreakerError::Inner(error) if not_found(error)).then(Verdict::permanent)
///     })
///     .boxed_classifier();
/// let layers = Layers { breaker: BreakerLayer::new(breaker), retry: RetryLayer::new(retry) };
/// # let _ = (layers.breaker, layers.retry);
/// ```
///
/// # When not to use it
///
/// - If a stack is boxed as a whole, with tower's `BoxCloneSyncService`. The types of its layers
///   then don't appear.
/// - Where the classifier's type has a name: the default, those of the presets, and your own.
///
/// # Costs
///
/// Each method is a virtual call. The memo is boxed; a memo without a size, such as the `()` of the
/// closures over outcomes and errors, isn't allocated.
///
/// # Clone
///
/// A clone shares the classifier. It counts one reference.
pub struct BoxClassifier<Req, Res, Err>(Arc<dyn AnyClassifier<Req, Res, Err>>);

impl<Req, Res, Err> BoxClassifier<Req, Res, Err> {
    /// Boxes a classifier. The configurations and layers offer this as `boxed_classifier`.
    pub fn new<C>(classifier: C) -> Self
    where
        C: Classifier<Req, Res, Err, Memo: Send + 'static> + Send + Sync + 'static,
    {
        Self(Arc::new(classifier))
    }
}

impl<Req, Res, Err> Clone for BoxClassifier<Req, Res, Err> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Req, Res, Err> fmt::Debug for BoxClassifier<Req, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxClassifier").finish_non_exhaustive()
    }
}

/// The memo of a [`BoxClassifier`]. It belongs to the classifier that made it.
pub struct BoxMemo(Box<dyn Any + Send>);

impl BoxMemo {
    fn of<Memo: Send + 'static>(memo: Memo) -> Self {
        Self(Box::new(memo))
    }

    /// Panics if another classifier made the memo, which a layer never does.
    fn get<Memo: 'static>(&self) -> &Memo {
        self.0.downcast_ref().expect("this classifier made the memo")
    }
}

impl fmt::Debug for BoxMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxMemo").finish_non_exhaustive()
    }
}

/// [`Classifier`] without an associated type.
trait AnyClassifier<Req, Res, Err>: Send + Sync {
    fn memo(&self, request: &Req) -> BoxMemo;
    fn memo_without_retry(&self, request: &Req) -> BoxMemo;
    fn classify(&self, memo: &BoxMemo, outcome: Result<&Res, &Err>) -> Verdict;
    fn opinion(&self, memo: &BoxMemo, outcome: Result<&Res, &Err>) -> Option<Verdict>;
    fn deadline(&self, memo: &BoxMemo) -> Option<Instant>;
    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>>;
    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin;
    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a>;
    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<super::RejectionMark<Res>>;
}

impl<C, Req, Res, Err> AnyClassifier<Req, Res, Err> for C
where
    C: Classifier<Req, Res, Err, Memo: Send + 'static> + Send + Sync,
{
    fn memo(&self, request: &Req) -> BoxMemo {
        BoxMemo::of(self.memo(request))
    }

    fn memo_without_retry(&self, request: &Req) -> BoxMemo {
        BoxMemo::of(self.memo_without_retry(request))
    }

    fn classify(&self, memo: &BoxMemo, outcome: Result<&Res, &Err>) -> Verdict {
        self.classify(memo.get(), outcome)
    }

    fn opinion(&self, memo: &BoxMemo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        self.opinion(memo.get(), outcome)
    }

    fn deadline(&self, memo: &BoxMemo) -> Option<Instant> {
        self.deadline(memo.get())
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>> {
        self.discard(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.origin(outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        self.describe_failure(outcome)
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<super::RejectionMark<Res>> {
        self.rejection_mark()
    }
}

impl<Req, Res, Err> Classifier<Req, Res, Err> for BoxClassifier<Req, Res, Err> {
    type Memo = BoxMemo;

    fn memo(&self, request: &Req) -> BoxMemo {
        self.0.memo(request)
    }

    fn memo_without_retry(&self, request: &Req) -> BoxMemo {
        self.0.memo_without_retry(request)
    }

    fn classify(&self, memo: &BoxMemo, outcome: Result<&Res, &Err>) -> Verdict {
        self.0.classify(memo, outcome)
    }

    fn opinion(&self, memo: &BoxMemo, outcome: Result<&Res, &Err>) -> Option<Verdict> {
        self.0.opinion(memo, outcome)
    }

    fn deadline(&self, memo: &BoxMemo) -> Option<Instant> {
        self.0.deadline(memo)
    }

    fn discard(&self, outcome: Result<Res, Err>) -> Result<DrainFuture, Result<Res, Err>> {
        self.0.discard(outcome)
    }

    fn origin(&self, outcome: Result<&Res, &Err>) -> Origin {
        self.0.origin(outcome)
    }

    fn describe_failure<'a>(&self, outcome: Result<&'a Res, &'a Err>) -> FailureDescription<'a> {
        self.0.describe_failure(outcome)
    }

    #[cfg(feature = "breaker")]
    fn rejection_mark(&self) -> Option<super::RejectionMark<Res>> {
        self.0.rejection_mark()
    }
}
