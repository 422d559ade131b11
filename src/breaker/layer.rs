use tower_layer::Layer;

use crate::{
    breaker::{
        circuit::Circuit,
        config::BreakerConfig,
        rejection::{KeepError, NotReady, RejectWithError, RejectWithResponse, Rejection},
        service::Breaker,
    },
    classify::ErrorClassifier,
};

/// A layer that puts a breaker around a service. All services that one layer makes share one
/// circuit.
///
/// # Clone
///
/// A clone uses the same circuit.
#[derive(Debug, Clone)]
pub struct BreakerLayer<C = ErrorClassifier, Reject = RejectWithError> {
    circuit: Circuit<C>,
    on_rejection: Reject,
}

impl<C> BreakerLayer<C> {
    /// Makes a breaker with a new circuit.
    pub fn new(config: BreakerConfig<C>) -> Self {
        Self { circuit: Circuit::new(config), on_rejection: RejectWithError }
    }
}

impl<C: Clone> BreakerLayer<C> {
    /// Makes a breaker on an existing circuit, to share or watch it.
    pub fn on(circuit: &Circuit<C>) -> Self {
        Self { circuit: circuit.clone(), on_rejection: RejectWithError }
    }
}

impl<C, Reject> BreakerLayer<C, Reject> {
    /// Answers rejected calls with the response that `respond` returns. The error type stays that
    /// of the service, so `Infallible` stays `Infallible`.
    ///
    /// ```
    /// use tower_recourse::{BreakerConfig, BreakerLayer, Rejection};
    ///
    /// let layer = BreakerLayer::new(BreakerConfig::default())
    ///     .respond_when_open(|rejection: &Rejection| format!("come back in {:?}", rejection.retry_in()));
    /// # let _ = layer;
    /// ```
    pub fn respond_when_open<Function, Res>(self, respond: Function) -> BreakerLayer<C, RejectWithResponse<Function>>
    where
        Function: Fn(&Rejection) -> Res,
    {
        BreakerLayer { circuit: self.circuit, on_rejection: RejectWithResponse(respond) }
    }

    /// Fails rejected calls with the service's own error type, made from the [`Rejection`]. So the
    /// error type stays that of the service, and one closure over it classifies for all layers.
    ///
    /// The error type has to implement `From<Rejection>`. `BoxError`, `io::Error`, and this crate's
    /// `reqwest::Error` do.
    ///
    /// ```
    /// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
    /// use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, Rejection};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let circuit = Circuit::new(BreakerConfig::default());
    /// let service = ServiceBuilder::new()
    ///     .load_shed()            // needs an error type that converts into `BoxError`
    ///     .layer(BreakerLayer::on(&circuit).keep_error())
    ///     .service(service_fn(|id: u32| async move { Ok::<_, BoxError>(id) }));
    ///
    /// circuit.force_open();
    /// let error: BoxError = service.oneshot(1).await.unwrap_err();
    /// assert!(error.is::<Rejection>());
    /// # }
    /// ```
    ///
    /// An error type of your own gets a variant:
    ///
    /// ```
    /// # use std::{error::Error, fmt, io};
    /// use tower_recourse::{BreakerConfig, Rejection, classify::{self, ErrorClassifier, FollowSources}};
    ///
    /// #[derive(Debug)]
    /// enum CallError {
    ///     Io(io::Error),
    ///     Rejected(Rejection), // with thiserror: `#[error(transparent)] Rejected(#[from] Rejection)`
    /// }
    ///
    /// impl From<Rejection> for CallError {
    ///     fn from(rejection: Rejection) -> Self {
    ///         Self::Rejected(rejection)
    ///     }
    /// }
    ///
    /// impl Error for CallError {
    ///     fn source(&self) -> Option<&(dyn Error + 'static)> {
    ///         Some(match self {
    ///             Self::Io(error) => error,
    ///             Self::Rejected(rejection) => rejection,
    ///         })
    ///     }
    /// }
    ///
    /// // Finds the rejection in the sources, also behind a queue such as `tower::buffer`.
    /// let config = BreakerConfig::default().classifier(FollowSources(ErrorClassifier));
    /// # let _ = config;
    /// # impl fmt::Display for CallError {
    /// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{self:?}") }
    /// # }
    /// # fn check<C: classify::Classifier<(), (), CallError>>(_: &BreakerConfig<C>) {}
    /// # check(&config);
    /// ```
    ///
    /// With a closure alone, the layers around recognise the rejection of such a type in the poll
    /// in which the breaker returns it. If a queue, a task or a `map_err` is in between, the
    /// classifier has to inspect the sources: see [`classify`](crate::classify#rejections).
    ///
    /// # When not to use it
    ///
    /// - If callers should be forced by the type to handle rejections: keep [`RejectWithError`].
    /// - If the error type can't hold a [`Rejection`], as with `Infallible`:
    ///   [`respond_when_open`](Self::respond_when_open).
    pub fn keep_error(self) -> BreakerLayer<C, KeepError> {
        BreakerLayer { circuit: self.circuit, on_rejection: KeepError }
    }

    /// Makes services that aren't ready while the circuit rejects, so that a load balancer uses
    /// another one. The error type stays that of the service.
    ///
    /// A ready service holds a permit. If it isn't called, it keeps the permit, and with it the
    /// slot of a probe, until it is dropped.
    pub fn wait_when_open(self) -> BreakerLayer<C, NotReady> {
        BreakerLayer { circuit: self.circuit, on_rejection: NotReady }
    }

    /// Sets how rejected calls are answered. The default is [`RejectWithError`].
    pub fn on_rejection<Other>(self, on_rejection: Other) -> BreakerLayer<C, Other> {
        BreakerLayer { circuit: self.circuit, on_rejection }
    }

    /// Returns the circuit.
    pub fn circuit(&self) -> &Circuit<C> {
        &self.circuit
    }
}

impl<S, C: Clone, Reject: Clone> Layer<S> for BreakerLayer<C, Reject> {
    type Service = Breaker<S, C, Reject>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, self.circuit.clone(), self.on_rejection.clone())
    }
}
