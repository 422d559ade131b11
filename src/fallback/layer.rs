use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    Failed, Fallback,
    backup::{FromFn, ServiceBackup, Value, WithRequest},
    on_failure::{Both, Joined},
};
use crate::{
    Classifier, Name, Verdict,
    classify::{self, Errors, FromErrorFn, FromMemoFn, IntoOpinion},
    observe::{Observer, Observers},
};

/// Puts a fallback around a service.
///
/// # Clone
///
/// A clone has a clone of the backup, and the same observers.
#[derive(Debug, Clone)]
pub struct FallbackLayer<B, C = Errors, J = Both> {
    pub(super) backup: B,
    pub(super) classifier: C,
    pub(super) on_failure: J,
    pub(super) about: Arc<About>,
}

/// What only matters once the primary has failed.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub(super) name: Name,
    pub(super) observers: Observers,
}

impl<B> FallbackLayer<ServiceBackup<B>> {
    /// Another service answers. It gets a clone of the request, made before the primary is called.
    pub fn new(backup: B) -> Self {
        Self::with(ServiceBackup(backup))
    }
}

impl<T> FallbackLayer<Value<T>> {
    /// A clone of this value is the answer. The request isn't kept.
    pub fn value(value: T) -> Self {
        Self::with(Value(Arc::new(value)))
    }
}

impl<F> FallbackLayer<FromFn<F>> {
    /// A function of what went wrong makes the answer. The request isn't kept.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{FallbackLayer, fallback::Failed};
    ///
    /// let layer = FallbackLayer::from_fn(|failed: Failed<'_, String, io::Error>| {
    ///     let answer = format!("not now: {}", failed.cause);
    ///     async move { Ok::<_, io::Error>(answer) }
    /// });
    /// # let _ = layer;
    /// ```
    pub fn from_fn<Fut, Res, Err, E>(function: F) -> Self
    where
        F: Fn(Failed<'_, Res, Err>) -> Fut,
        Fut: Future<Output = Result<Res, E>>,
    {
        Self::with(FromFn(function))
    }
}

impl<F> FallbackLayer<WithRequest<F>> {
    /// A function of the request and of what went wrong makes the answer. It gets a clone of the request, made before the
    /// primary is called.
    pub fn with_request<Fut, Req, Res, Err, E>(function: F) -> Self
    where
        F: Fn(Req, Failed<'_, Res, Err>) -> Fut,
        Fut: Future<Output = Result<Res, E>>,
    {
        Self::with(WithRequest(function))
    }
}

impl<B> FallbackLayer<B> {
    /// A [`Backup`](super::Backup) of one's own.
    pub fn with(backup: B) -> Self {
        let about = About { name: Name::literal("fallback"), observers: Observers::default() };
        Self { backup, classifier: Errors, on_failure: Both, about: Arc::new(about) }
    }
}

impl<B, C, J> FallbackLayer<B, C, J> {
    /// The name in events. `fallback` unless set.
    pub fn name(mut self, name: impl Into<Name>) -> Self {
        Arc::make_mut(&mut self.about).name = name.into();
        self
    }

    /// Judges the primary's outcomes by a closure: `|outcome: Result<&Res, &Err>| …`. The backup is asked for a failure of
    /// any kind.
    pub fn classify<F, Res, Err, V>(self, judge: F) -> FallbackLayer<B, classify::FromFn<F>, J>
    where
        F: Fn(Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::outcomes(judge))
    }

    /// Judges errors by a closure, and takes responses for successes: `|error: &Err| …`. See
    /// [`classify::errors`](crate::classify::errors).
    pub fn classify_errors<F, Err, V>(self, judge: F) -> FallbackLayer<B, FromErrorFn<F>, J>
    where
        F: Fn(&Err) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::errors(judge))
    }

    /// Judges outcomes by a closure that knows what another one remembered of the request: `|request: &Req| memo`, and
    /// `|memo: &Memo, outcome: Result<&Res, &Err>| …`. See [`classify::with_memo`](crate::classify::with_memo).
    pub fn classify_with<M, F, Req, Memo, Res, Err, V>(
        self,
        remember: M,
        judge: F,
    ) -> FallbackLayer<B, FromMemoFn<M, F>, J>
    where
        M: Fn(&Req) -> Memo,
        F: Fn(&Memo, Result<&Res, &Err>) -> V,
        V: IntoOpinion,
    {
        self.classifier(classify::with_memo(remember, judge))
    }

    /// Asks the backup when this says so: `|outcome: Result<&Res, &Err>| -> bool`. A breaker's rejection needs no line, unless another
    /// fallback was asked for it in vain.
    pub fn when<F, Res, Err>(self, asked: F) -> FallbackLayer<B, Asked<F>, J>
    where
        F: Fn(Result<&Res, &Err>) -> bool,
    {
        self.classifier(Asked(asked))
    }

    /// Judges the primary's outcomes by a [`Classifier`].
    pub fn classifier<D>(self, classifier: D) -> FallbackLayer<B, D, J> {
        FallbackLayer { backup: self.backup, classifier, on_failure: self.on_failure, about: self.about }
    }

    /// Makes one error of both when the backup has failed too, the primary's before the backup's, so that the service's error type
    /// stays what it is. For ladders, whose every rung then has the same one:
    ///
    /// ```
    /// use std::{convert::Infallible, io};
    /// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
    /// use tower_recourse::FallbackLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let down = |_: u32| async { Err::<u32, _>(io::Error::from(io::ErrorKind::ConnectionRefused)) };
    /// let worth_asking = |outcome: Result<&u32, &io::Error>| outcome.is_err_and(|e| e.kind() != io::ErrorKind::InvalidInput);
    ///
    /// let mut ladder = ServiceBuilder::new()
    ///     .layer(FallbackLayer::value(0).when(worth_asking).join_errors(|primary, _: Infallible| primary))
    ///     .layer(FallbackLayer::new(service_fn(down)).when(worth_asking).join_errors(|_, replica| replica))
    ///     .service(service_fn(down));
    /// let answer: Result<u32, io::Error> = ladder.ready().await.unwrap().call(1).await;
    /// assert_eq!(answer.unwrap(), 0);
    /// # }
    /// ```
    pub fn join_errors<F, Err, E>(self, join: F) -> FallbackLayer<B, C, Joined<F>>
    where
        F: Fn(Err, E) -> Err,
    {
        FallbackLayer { backup: self.backup, classifier: self.classifier, on_failure: Joined(join), about: self.about }
    }

    /// One more observer of its events.
    pub fn observe(mut self, observer: impl Observer) -> Self {
        Arc::make_mut(&mut self.about).observers.add(observer);
        self
    }

    /// No observers, the default one included.
    pub fn unobserved(mut self) -> Self {
        Arc::make_mut(&mut self.about).observers.clear();
        self
    }
}

impl<S, B: Clone, C: Clone, J: Clone> Layer<S> for FallbackLayer<B, C, J> {
    type Service = Fallback<S, B, C, J>;

    fn layer(&self, primary: S) -> Self::Service {
        Fallback::new(primary, self)
    }
}

/// A predicate of one's own as a classifier. See [`FallbackLayer::when`].
#[derive(Clone, Copy)]
pub struct Asked<F>(F);

impl<F, Req, Res, Err> Classifier<Req, Res, Err> for Asked<F>
where
    F: Fn(Result<&Res, &Err>) -> bool,
{
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &Err>) -> Verdict {
        if (self.0)(outcome) { Verdict::transient() } else { Verdict::Success }
    }
}

impl<F> fmt::Debug for Asked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a predicate")
    }
}
