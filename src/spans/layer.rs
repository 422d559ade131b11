use tower_layer::Layer;

use super::{
    make_span::{DefaultAttemptSpan, DefaultRequestSpan},
    role::Role,
    service::Spanned,
};
use crate::{
    Classifier, Name,
    classify::{BoxClassifier, ErrorClassifier},
};

/// Gives each request a span. Put it outside of the retry and the fallback. See the
/// [module](crate::spans).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`name`](Self::name) | `request` | |
/// | [`make_span`](Self::make_span) | [`request_span`](super::request_span) with the name | it declares all [fields](crate::spans#fields) |
/// | [`classifier`](Self::classifier) | [`ErrorClassifier`]: an error is a failure, and a response only if a retry inside reports it as one | only your code knows which responses are failures |
///
/// # Clone
///
/// A clone has clones of the closure and the classifier.
#[derive(Debug, Clone)]
pub struct RequestSpanLayer<M = DefaultRequestSpan, C = ErrorClassifier> {
    make_span: M,
    classifier: C,
}

impl RequestSpanLayer {
    /// Spans with the name `request`.
    pub fn new() -> Self {
        Self { make_span: DefaultRequestSpan(Name::literal("request")), classifier: ErrorClassifier }
    }
}

impl Default for RequestSpanLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> RequestSpanLayer<DefaultRequestSpan, C> {
    /// Sets the name of the operation. It is the span's name in OpenTelemetry (`otel.name`), and
    /// `resilience.pipeline.name`. The name is escaped and cut at 256 bytes. `request` unless set.
    ///
    /// Choose a name with few values, such as `prices`: OpenTelemetry groups spans by name.
    pub fn name(self, name: impl Into<Name>) -> Self {
        Self { make_span: DefaultRequestSpan(name.into()), ..self }
    }
}

/// Gives each attempt a span. Put it inside the retry, and outside of the breaker. See the
/// [module](crate::spans).
///
/// | setting | default | why |
/// |---|---|---|
/// | [`make_span`](Self::make_span) | a span `attempt` with the fields of [`attempt_span`](super::attempt_span) | it declares all [fields](crate::spans#fields) |
/// | [`classifier`](Self::classifier) | [`ErrorClassifier`]: an error is a failure, and a response isn't | only your code knows which responses are failures |
///
/// # Clone
///
/// A clone has clones of the closure and the classifier.
#[derive(Debug, Clone)]
pub struct AttemptSpanLayer<M = DefaultAttemptSpan, C = ErrorClassifier> {
    make_span: M,
    classifier: C,
}

impl AttemptSpanLayer {
    /// Spans with the name `attempt`.
    pub fn new() -> Self {
        Self { make_span: DefaultAttemptSpan, classifier: ErrorClassifier }
    }
}

impl Default for AttemptSpanLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings that both layers have, and how they wrap a service.
macro_rules! settings {
    ($layer:ident, $role:expr) => {
        impl<M, C> $layer<M, C> {
            /// Makes the spans by a closure: `|request: &Req| Span`. It runs for each call, before
            /// the service is called. The layer records the [fields](crate::spans#fields) that the
            /// span declares.
            pub fn make_span<N>(self, make_span: N) -> $layer<N, C> {
                $layer { make_span, classifier: self.classifier }
            }

            /// Decides by a [`Classifier`] which results are failures. Use the classifier of the
            /// retry, such as `http::StatusClassifier`, so that a response with the status 503
            /// marks its span as failed.
            pub fn classifier<D>(self, classifier: D) -> $layer<M, D> {
                $layer { make_span: self.make_span, classifier }
            }

            /// Replaces the type of the classifier by [`BoxClassifier`], which has a name. Then the
            /// type of the layer can be written down.
            pub fn boxed_classifier<Req, Res, Err>(self) -> $layer<M, BoxClassifier<Req, Res, Err>>
            where
                C: Classifier<Req, Res, Err, Memo: Send + 'static> + Send + Sync + 'static,
            {
                $layer { make_span: self.make_span, classifier: BoxClassifier::new(self.classifier) }
            }
        }

        impl<S, M: Clone, C: Clone> Layer<S> for $layer<M, C> {
            type Service = Spanned<S, M, C>;

            fn layer(&self, inner: S) -> Self::Service {
                Spanned::new(inner, $role, self.make_span.clone(), self.classifier.clone())
            }
        }
    };
}

settings!(RequestSpanLayer, Role::Request);
settings!(AttemptSpanLayer, Role::Attempt);
