//! Circuits whose type doesn't contain a classifier.

use std::sync::Arc;

use super::circuit::Circuit;

/// In place of a classifier: a circuit with it can be watched and controlled, and can't classify
/// outcomes. See [`CircuitHandle`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoClassifier;

/// A [`Circuit`] without its classifier, whose type has a short name. [`Circuit::handle`] makes it.
///
/// It reads stats, resets and controls the circuit, issues [permits](Circuit::try_acquire) and
/// persists its state. To put a layer on it, or to call a function through it, state the classifier
/// with [`classified_by`](Circuit::classified_by). Without one, such code doesn't compile, so that
/// the classifier of a preset isn't lost unnoticed.
///
/// ```
/// use tower_recourse::{BreakerConfig, BreakerLayer, Circuit, State, Verdict, breaker::CircuitHandle};
///
/// /// For example, the state of an axum router.
/// struct AppState {
///     upstream: CircuitHandle,
/// }
///
/// let config = BreakerConfig::default().classify_errors(|_: &std::io::Error| Some(Verdict::transient()));
/// let circuit = Circuit::new(config);
/// let layer = BreakerLayer::on(&circuit); // with the classifier of the config
/// let state = AppState { upstream: circuit.handle() };
/// assert_eq!(state.upstream.state(), State::Closed);
/// # let _ = layer;
/// ```
pub type CircuitHandle = Circuit<NoClassifier>;

impl<C> Circuit<C> {
    /// The same circuit without its classifier, to store, watch and control it.
    pub fn handle(&self) -> CircuitHandle {
        self.classified_by(NoClassifier)
    }

    /// The same circuit with another classifier: for a layer around a service with other types, or
    /// for a [`CircuitHandle`]. Layers that are already on the circuit keep theirs.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{BreakerConfig, Circuit, classify::ErrorClassifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let handle = Circuit::new(BreakerConfig::default().name("disk")).handle();
    ///
    /// let circuit = handle.classified_by(ErrorClassifier);
    /// let failed = circuit.call(async || Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut))).await;
    /// assert!(failed.is_err());
    /// assert_eq!(handle.stats().failures_in_a_row, 1);
    /// # }
    /// ```
    pub fn classified_by<NewC>(&self, classifier: NewC) -> Circuit<NewC> {
        Circuit { tenant: Arc::clone(&self.tenant), classifier }
    }
}
