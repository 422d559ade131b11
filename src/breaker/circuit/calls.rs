//! Calls of functions through a circuit.

use super::circuit::Circuit;
use crate::{
    Classifier,
    breaker::{
        call::{CallState, OnResponse},
        permit::Permit,
        rejection::{BreakerError, Rejection},
        transition::AdmissionKind,
    },
    call_context::result_note::{self, Note},
    classify::evidence::{examine, recognise},
};

impl<C> Circuit<C> {
    /// Calls an async function if the circuit admits the call. The config's classifier classifies
    /// its outcome.
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] if the circuit rejects the call; the function isn't called then.
    /// [`BreakerError::Inner`] with the function's error.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped while the function runs, the call counts as
    /// [`BreakerConfig::on_cancelled`](crate::BreakerConfig::on_cancelled) defines. A panic of the
    /// function is a failure.
    pub async fn call<Fut, Res, Err>(&self, function: impl FnOnce() -> Fut) -> Result<Res, BreakerError<Err>>
    where
        Fut: Future<Output = Result<Res, Err>>,
        C: Classifier<(), Res, Err>,
        Err: 'static,
    {
        let permit = self.try_acquire().map_err(rejected)?;
        self.call_with(permit, function).await
    }

    /// Calls a blocking function, like [`call`](Self::call).
    ///
    /// ```
    /// use std::fs;
    /// use tower_recourse::{BreakerConfig, Circuit};
    ///
    /// let circuit = Circuit::new(BreakerConfig::default().name("disk"));
    /// assert!(circuit.call_blocking(|| fs::read("no such file")).is_err());
    /// assert_eq!(circuit.stats().failures_in_a_row, 0, "the disk works");
    /// ```
    ///
    /// # Errors
    ///
    /// [`BreakerError::Rejected`] if the circuit rejects the call; the function isn't called then.
    /// [`BreakerError::Inner`] with the function's error. A panic of the function is a failure.
    pub fn call_blocking<Res, Err>(&self, function: impl FnOnce() -> Result<Res, Err>) -> Result<Res, BreakerError<Err>>
    where
        C: Classifier<(), Res, Err>,
        Err: 'static,
    {
        let permit = self.try_acquire().map_err(rejected)?;
        let (result, note) = result_note::call(function);
        self.end(permit, result, note)
    }

    /// Calls an async function as a health probe, if the circuit admits a probe now. Use it with
    /// circuits that [don't admit requests as probes](crate::breaker::Probes::external_only). While
    /// the circuit is closed, this is an ordinary call.
    ///
    /// # Errors
    ///
    /// The errors of [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped while the function runs, the probe counts as for
    /// [`call`](Self::call).
    pub async fn probe<Fut, Res, Err>(&self, function: impl FnOnce() -> Fut) -> Result<Res, BreakerError<Err>>
    where
        Fut: Future<Output = Result<Res, Err>>,
        C: Classifier<(), Res, Err>,
        Err: 'static,
    {
        let permit = self.acquire(AdmissionKind::Probe).map_err(rejected)?;
        self.call_with(permit, function).await
    }

    async fn call_with<Fut, Res, Err>(
        &self,
        mut permit: Permit,
        function: impl FnOnce() -> Fut,
    ) -> Result<Res, BreakerError<Err>>
    where
        Fut: Future<Output = Result<Res, Err>>,
        C: Classifier<(), Res, Err>,
        Err: 'static,
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

    /// Classifies the result and ends the permit. Creates the memo here: held across the `await`,
    /// it would put `Err` into the future's type. For an `Err` such as `Box<dyn Error>`, the
    /// compiler then can't prove that the future is `Send`.
    pub(super) fn end<Res, Err>(
        &self,
        permit: Permit,
        result: Result<Res, Err>,
        note: Note,
    ) -> Result<Res, BreakerError<Err>>
    where
        C: Classifier<(), Res, Err>,
        Err: 'static,
    {
        let report = examine(&result, note, |outcome| self.classifier.origin(outcome));
        CallState::new(permit, &self.classifier, self.classifier.memo_without_retry(&()), OnResponse)
            .classify_and_end(&result, report.as_ref());
        if report.is_some_and(|how| how.holds_rejection) {
            recognise::<Err>();
        }
        result_note::forward_mapped(result, report, |result| result.map_err(BreakerError::Inner))
    }
}

/// Makes the error of a rejected call.
pub(super) fn rejected<Err: 'static>(rejection: Rejection) -> BreakerError<Err> {
    recognise::<Err>();
    BreakerError::Rejected(rejection)
}
