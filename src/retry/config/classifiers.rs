//! Setters for the classifier.

use super::super::RetryConfig;
use crate::{
    Classifier,
    classify::{self, BoxClassifier, ClassifierFn, ErrorClassifierFn, IntoOpinion, MemoClassifierFn},
};

impl<C, Timeout, Quota, Replay> RetryConfig<C, Timeout, Quota, Replay> {
    /// Classifies outcomes with a closure: `|outcome: Result<&Res, &Err>| …`. See
    /// [`classify::outcomes`](crate::classify::outcomes).
    pub fn classify<F, Res, Err, V>(self, judge: F) -> RetryConfig<ClassifierFn<F, Res, Err>, Timeout, Quota, Replay>
    where
        F: Fn(Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::outcomes(judge))
    }

    /// Classifies errors with a closure: `|error: &Err| …`. Every response is a success. See
    /// [`classify::errors`](crate::classify::errors).
    pub fn classify_errors<F, Err, V>(self, judge: F) -> RetryConfig<ErrorClassifierFn<F, Err>, Timeout, Quota, Replay>
    where
        F: Fn(&Err) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::errors(judge))
    }

    /// Classifies outcomes with two closures: `|request: &Req| memo` remembers what is needed of
    /// the request, and `|memo: &Memo, outcome: Result<&Res, &Err>| …` classifies. See
    /// [`classify::with_memo`](crate::classify::with_memo).
    pub fn classify_with_request<Remember, F, Req, Memo, Res, Err, V>(
        self,
        remember: Remember,
        judge: F,
    ) -> RetryConfig<MemoClassifierFn<Remember, F, Memo, Res, Err>, Timeout, Quota, Replay>
    where
        Remember: Fn(&Req) -> Memo,
        F: Fn(&Memo, Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::with_memo(remember, judge))
    }

    /// Classifies outcomes with a [`Classifier`](crate::Classifier). It can use the request, too.
    /// Default: [`ErrorClassifier`](crate::classify::ErrorClassifier).
    pub fn classifier<NewC>(self, classifier: NewC) -> RetryConfig<NewC, Timeout, Quota, Replay> {
        RetryConfig {
            settings: self.settings,
            on_timeout: self.on_timeout,
            classifier,
            quota: self.quota,
            replay: self.replay,
        }
    }

    /// Replaces the type of the classifier by [`BoxClassifier`], which has a name. Then the type of
    /// the config can be written down.
    pub fn boxed_classifier<Req, Res, Err>(self) -> RetryConfig<BoxClassifier<Req, Res, Err>, Timeout, Quota, Replay>
    where
        C: Classifier<Req, Res, Err, Memo: Send + 'static> + Send + Sync + 'static,
    {
        RetryConfig {
            settings: self.settings,
            on_timeout: self.on_timeout,
            classifier: BoxClassifier::new(self.classifier),
            quota: self.quota,
            replay: self.replay,
        }
    }
}
