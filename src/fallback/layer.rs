use std::{borrow::Cow, sync::Arc};

use tower_layer::Layer;

use super::{
    backup::PrimaryFailure,
    backup_kinds::{BackupFn, ServiceBackup, Value, WithRequest},
    error_merge::{KeepBoth, KeepPrimary, MergeWith},
    reporter::Reporter,
    service::Fallback,
};
use crate::{
    Classifier, Name,
    classify::{
        self, BoxClassifier, ErrorClassifier, ErrorClassifierFn, IntoOpinion, MemoClassifierFn, only_when::OnlyWhen,
    },
    observe::Observer,
};

/// Wraps a service in a fallback. See the [module](crate::fallback).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`classify`](Self::classify), [`when`](Self::when), … | [`ErrorClassifier`]: every error is a failure, every response a success | only your code knows which responses are failures |
/// | [`merge_errors`](Self::merge_errors) | [`KeepBoth`]: a [`FallbackError`](super::FallbackError) with both errors | no error is lost |
/// | [`name`](Self::name) | `fallback` | |
/// | [`observe`](Self::observe) | with the feature `tracing`, an observer that logs | an unnoticed fallback hides an outage |
///
/// # Clone
///
/// A clone has a clone of the backup, and the same observers.
#[derive(Debug, Clone)]
pub struct FallbackLayer<B, C = ErrorClassifier, Merge = KeepBoth> {
    pub(super) backup: B,
    pub(super) classifier: C,
    pub(super) merge: Merge,
    pub(super) reporter: Arc<Reporter>,
}

impl<S> FallbackLayer<ServiceBackup<S>> {
    /// Calls another service, with a clone of the request that is made before the primary is
    /// called.
    pub fn new(backup: S) -> Self {
        Self::with(ServiceBackup(backup))
    }
}

impl<T> FallbackLayer<Value<T>> {
    /// Answers with a clone of a value. The request isn't copied.
    pub fn value(value: T) -> Self {
        Self::with(Value(Arc::new(value)))
    }
}

impl<F> FallbackLayer<BackupFn<F>> {
    /// Calls a function of the failure. The request isn't copied.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{FallbackLayer, fallback::PrimaryFailure};
    ///
    /// let layer = FallbackLayer::from_fn(|failed: PrimaryFailure<'_, String, io::Error>| {
    ///     let answer = format!("not now: {}", failed.cause);
    ///     async move { Ok::<_, io::Error>(answer) }
    /// });
    /// # let _ = layer;
    /// ```
    pub fn from_fn<Fut, Res, Err, BackupErr>(function: F) -> Self
    where
        F: Fn(PrimaryFailure<'_, Res, Err>) -> Fut,
        Fut: Future<Output = Result<Res, BackupErr>>,
    {
        Self::with(BackupFn(function))
    }
}

impl<F> FallbackLayer<WithRequest<F>> {
    /// Calls a function of the request and the failure, with a clone of the request that is made
    /// before the primary is called.
    pub fn with_request<Fut, Req, Res, Err, BackupErr>(function: F) -> Self
    where
        F: Fn(Req, PrimaryFailure<'_, Res, Err>) -> Fut,
        Fut: Future<Output = Result<Res, BackupErr>>,
    {
        Self::with(WithRequest(function))
    }
}

impl<B> FallbackLayer<B> {
    /// Uses a custom [`Backup`](super::Backup).
    pub fn with(backup: B) -> Self {
        Self { backup, classifier: ErrorClassifier, merge: KeepBoth, reporter: Arc::default() }
    }
}

impl<B, C, Merge> FallbackLayer<B, C, Merge> {
    /// Sets the name that events contain. `fallback` unless set.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        let reporter = Arc::make_mut(&mut self.reporter);
        reporter.name = name.into().with_labels_of(&reporter.name);
        self
    }

    /// Adds a label, which observers and metrics receive with the name. Replaces the value if the
    /// label exists.
    pub fn label(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let reporter = Arc::make_mut(&mut self.reporter);
        reporter.name = reporter.name.clone().with_label(name, value);
        self
    }

    /// Classifies the primary's outcomes by a closure: `|outcome: Result<&Res, &Err>| …`. A failure
    /// of any kind calls the backup.
    pub fn classify<F, Res, Err, V>(self, classify: F) -> FallbackLayer<B, classify::ClassifierFn<F, Res, Err>, Merge>
    where
        F: Fn(Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::outcomes(classify))
    }

    /// Classifies errors by a closure, `|error: &Err| …`; every response is a success. See
    /// [`classify::errors`](crate::classify::errors).
    pub fn classify_errors<F, Err, V>(self, classify: F) -> FallbackLayer<B, ErrorClassifierFn<F, Err>, Merge>
    where
        F: Fn(&Err) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::errors(classify))
    }

    /// Classifies outcomes by two closures, one of which reads the request before the call:
    /// `|request: &Req| memo`, and `|memo: &Memo, outcome: Result<&Res, &Err>| …`. See
    /// [`classify::with_memo`](crate::classify::with_memo).
    pub fn classify_with_request<M, F, Req, Memo, Res, Err, V>(
        self,
        remember: M,
        classify: F,
    ) -> FallbackLayer<B, MemoClassifierFn<M, F, Memo, Res, Err>, Merge>
    where
        M: Fn(&Req) -> Memo,
        F: Fn(&Memo, Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::with_memo(remember, classify))
    }

    /// Calls the backup if a predicate returns `true`: `|outcome: Result<&Res, &Err>| -> bool`.
    ///
    /// A breaker's rejection calls the first fallback around the breaker without this predicate. If
    /// that fallback fails, the predicate of the next one decides.
    pub fn when<F, Res, Err>(self, predicate: F) -> FallbackLayer<B, OnlyWhen<F, Res, Err>, Merge>
    where
        F: Fn(Result<&Res, &Err>) -> bool,
    {
        self.classifier(OnlyWhen::new(predicate))
    }

    /// Classifies the primary's outcomes by a [`Classifier`](crate::Classifier).
    pub fn classifier<D>(self, classifier: D) -> FallbackLayer<B, D, Merge> {
        FallbackLayer { backup: self.backup, classifier, merge: self.merge, reporter: self.reporter }
    }

    /// Replaces the type of the classifier by [`BoxClassifier`], which has a name. Then the type of
    /// the layer can be written down.
    pub fn boxed_classifier<Req, Res, Err>(self) -> FallbackLayer<B, BoxClassifier<Req, Res, Err>, Merge>
    where
        C: Classifier<Req, Res, Err, Memo: Send + 'static> + Send + Sync + 'static,
    {
        FallbackLayer {
            backup: self.backup,
            classifier: BoxClassifier::new(self.classifier),
            merge: self.merge,
            reporter: self.reporter,
        }
    }

    /// Merges the errors into one of the primary's type if both fail: `|primary, backup| …`.
    ///
    /// The service's error type then stays that of the primary, so several fallbacks can be stacked
    /// with one error type:
    ///
    /// ```
    /// use std::{convert::Infallible, io};
    /// use tower::{ServiceBuilder, service_fn};
    /// use tower_recourse::FallbackLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let down = |_: u32| async { Err::<u32, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) };
    /// let is_outage = |outcome: Result<&u32, &io::Error>| outcome.is_err_and(|e| e.kind() != io::ErrorKind::InvalidInput);
    ///
    /// let mut ladder = ServiceBuilder::new()
    ///     .layer(FallbackLayer::value(0).when(is_outage).merge_errors(|primary, _: Infallible| primary))
    ///     .layer(FallbackLayer::new(service_fn(down)).when(is_outage).merge_errors(|_, replica| replica))
    ///     .service(service_fn(down));
    /// let answer: Result<u32, io::Error> = ladder.ready().await.unwrap().call(1).await;
    /// assert_eq!(answer.unwrap(), 0);
    /// # }
    /// ```
    pub fn merge_errors<F, Err, BackupErr>(self, merge: F) -> FallbackLayer<B, C, MergeWith<F>>
    where
        F: Fn(Err, BackupErr) -> Err,
    {
        self.merge(MergeWith(merge))
    }

    /// Returns the primary's error if both fail, so that the service's error type stays that of the
    /// primary. The event [`FallbackFailed`](crate::observe::Event::FallbackFailed) doesn't contain
    /// the backup's error, so use this only if that error isn't needed: for backups that can't
    /// fail, or that log their errors themselves.
    pub fn keep_primary_error(self) -> FallbackLayer<B, C, KeepPrimary> {
        self.merge(KeepPrimary)
    }

    #[cfg(feature = "last-good")]
    pub(crate) fn classifier_ref(&self) -> &C {
        &self.classifier
    }

    #[cfg(feature = "last-good")]
    pub(crate) fn backup<NewB>(self, backup: NewB) -> FallbackLayer<NewB, C, Merge> {
        FallbackLayer { backup, classifier: self.classifier, merge: self.merge, reporter: self.reporter }
    }

    fn merge<M>(self, merge: M) -> FallbackLayer<B, C, M> {
        FallbackLayer { backup: self.backup, classifier: self.classifier, merge, reporter: self.reporter }
    }

    /// Adds an observer. State the type of a closure's argument: `|event: &Event<'_>| …`.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        Arc::make_mut(&mut self.reporter).observers.add(observer);
        self
    }

    /// Removes all observers, including the default one.
    pub fn without_observers(mut self) -> Self {
        Arc::make_mut(&mut self.reporter).observers.clear();
        self
    }
}

impl<S, B: Clone, C: Clone, Merge: Clone> Layer<S> for FallbackLayer<B, C, Merge> {
    type Service = Fallback<S, B, C, Merge>;

    fn layer(&self, primary: S) -> Self::Service {
        let Self { backup, classifier, merge, reporter } = self;
        #[cfg(feature = "metrics")]
        reporter.enter_registry();
        Fallback::new(primary, backup.clone(), classifier.clone(), merge.clone(), Arc::clone(reporter))
    }
}
