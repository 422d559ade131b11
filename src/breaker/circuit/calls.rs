use super::circuit::Circuit;
use crate::{
    Classifier,
    breaker::{
        call::{AtOnce, CallState},
        permit::Permit,
        rejection::{BreakerError, Rejection},
        transition::AdmissionKind,
    },
    call_context::result_note::{self, Note},
    classify::evidence::{examine, recognise},
};

impl<C> Circuit<C> {
    /// Calls an async function if the circuit lets it, and counts what becomes of it: the config's classifier judges.
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] without calling the function, or its own error as [`BreakerError::Inner`].
    ///
    /// # Cancel safety
    ///
    /// Dropped while the function runs, the call counts as neither a success nor a failure. A panic of the function is
    /// a failure.
    pub async fn call<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let permit = self.admit().map_err(rejected)?;
        self.call_with(permit, function).await
    }

    /// [`call`](Self::call), for a function that blocks.
    ///
    /// ```
    /// use std::fs;
    /// use tower_recourse::{BreakerConfig, Circuit};
    ///
    /// let circuit = Circuit::new(BreakerConfig::default().name("disk"));
    /// assert!(circuit.call_blocking(|| fs::read("no such file")).is_err());
    /// assert_eq!(circuit.stats().failures_in_a_row, 1);
    /// ```
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] without calling the function, or its own error as [`BreakerError::Inner`]. A panic of the function is
    /// a failure.
    pub fn call_blocking<T, E>(&self, function: impl FnOnce() -> Result<T, E>) -> Result<T, BreakerError<E>>
    where
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let permit = self.admit().map_err(rejected)?;
        let (result, note) = result_note::call(function);
        self.end(permit, result, note)
    }

    /// Calls an async function as a probe of one's own, if the circuit wants one now: for circuits whose
    /// [probes](super::Probes::of_ones_own) aren't users' requests. While the circuit is closed, it is a call like any other.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn probe<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let permit = self.acquire(AdmissionKind::Probe).map_err(rejected)?;
        self.call_with(permit, function).await
    }

    async fn call_with<F, T, E>(&self, mut permit: Permit, function: impl FnOnce() -> F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let mut call = std::pin::pin!(function());
        let (result, note) = std::future::poll_fn(|cx| {
            permit.attribute_panics(true);
            let (polled, note) = result_note::poll(call.as_mut(), cx);
            permit.attribute_panics(polled.is_ready());
            polled.map(|result| (result, note))
        })
        .await;
        self.end(permit, result, note)
    }

    /// Ends the call of a function by what it came to. The memo is made only now: one that is held while the function runs names
    /// `E`, and if there is a lifetime in that, as in `Box<dyn Error>`, the compiler can't see that the call may be spawned.
    pub(super) fn end<T, E>(&self, permit: Permit, result: Result<T, E>, note: Note) -> Result<T, BreakerError<E>>
    where
        C: Classifier<(), T, E>,
        E: 'static,
    {
        let report = examine(&result, note, |outcome| self.classifier.origin(outcome));
        CallState::new(permit, &self.classifier, self.classifier.memo(&()), AtOnce)
            .classify_and_end(&result, report.as_ref());
        if report.is_some_and(|how| how.is_held) {
            recognise::<E>();
        }
        result_note::forward_mapped(result, report, |result| result.map_err(BreakerError::Inner))
    }
}

/// The error of a function that wasn't called.
pub(super) fn rejected<E: 'static>(rejection: Rejection) -> BreakerError<E> {
    recognise::<E>();
    BreakerError::Rejected(rejection)
}
