//! Health probes in the background.

use std::{convert::Infallible, task::Poll, time::Duration};

use super::{calls::rejected, circuit::Circuit};
use crate::{
    Classifier, FailureInfo, FailureKind,
    breaker::{micros::micros, permit::Permit, rejection::BreakerError, state::State, transition::AdmissionKind},
    call_context::result_note,
    observe::ErrorText,
};

impl<C> Circuit<C> {
    /// Probes with an async function, forever. It calls the function as soon as the open time is
    /// over, and again until the circuit is closed. It resumes when the circuit opens again. Spawn
    /// this future in a tokio runtime.
    ///
    /// Probes have no interval of their own. A probe that fails reopens the circuit, and the next
    /// probe follows after the open time. If [several](crate::breaker::Probes::successes) successes
    /// are needed, the next probe follows 1 ms after a success. It also follows 1 ms after a
    /// neutral probe. If your function is expensive, let it wait first. If the
    /// [lease](crate::breaker::Probes::lease) of a probe is over before the probe ends, it is
    /// dropped and counts as a failure.
    ///
    /// # Cancel safety
    ///
    /// Drop the future to stop it. A probe in flight is dropped with it.
    pub async fn run_health_probe<Fut, Res, Err>(&self, mut function: impl FnMut() -> Fut) -> Infallible
    where
        Fut: Future<Output = Result<Res, Err>>,
        C: Classifier<(), Res, Err>,
        Err: 'static,
    {
        loop {
            let wait = match self.state() {
                // An opened circuit stays open for about the base time, so a check at this interval
                // is early enough.
                State::Closed => self.tenant.settings.load().open_for.base(),
                State::Open => self.retry_in().unwrap_or(Duration::MAX),
                State::HalfOpen => match self.probe_within_lease(&mut function).await {
                    Err(BreakerError::Rejected(rejection)) => rejection.retry_in().unwrap_or(Duration::MAX),
                    _ => Duration::ZERO,
                },
            };
            // At most 1 s, because the state may change at any time by a reset or a change of the
            // mode. At least 1 ms, because a neutral probe or an open time of zero would otherwise
            // cause a busy loop.
            let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(1));
            tokio::time::sleep(wait.clamp(shortest, longest)).await;
        }
    }

    /// Makes a [`probe`](Self::probe) and waits for it while its lease lasts. When the lease is
    /// over, the probe is a failure. When a new generation has begun, the probe is dropped.
    async fn probe_within_lease<Fut, Res, Err>(&self, function: impl FnOnce() -> Fut) -> Result<(), BreakerError<Err>>
    where
        Fut: Future<Output = Result<Res, Err>>,
        C: Classifier<(), Res, Err>,
        Err: 'static,
    {
        let mut permit = self.acquire(AdmissionKind::Probe).map_err(rejected)?;
        let began = self.tenant.now(&self.tenant.settings.load());
        let mut call = Box::pin(function());
        let mut next_look = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
        let result = std::future::poll_fn(|cx| {
            permit.attribute_panics(true);
            let (polled, note) = result_note::poll(call.as_mut(), cx);
            permit.attribute_panics(polled.is_ready());
            if let Poll::Ready(result) = polled {
                return Poll::Ready(Ok((result, note)));
            }
            while next_look.as_mut().poll(cx).is_ready() {
                let left = match self.lease_left(&permit, began) {
                    Lease::Left(left) => left.clamp(Duration::from_millis(1), Duration::from_secs(1)),
                    over => return Poll::Ready(Err(over)),
                };
                next_look.as_mut().reset(tokio::time::Instant::now() + left);
            }
            Poll::Pending
        })
        .await;
        match result {
            Ok((result, note)) => self.end(permit, result, note).map(drop),
            Err(over) => {
                drop(call);
                match over {
                    Lease::Over => {
                        let error = Some(ErrorText::text("the lease of the probe is over"));
                        permit.failure_with(FailureInfo::new(FailureKind::TimedOut).with_error(error));
                    }
                    Lease::Left(_) | Lease::OfAnotherGeneration => drop(permit),
                }
                Ok(())
            }
        }
    }

    fn lease_left(&self, permit: &Permit, began: u64) -> Lease {
        let tenant = &*self.tenant;
        let word = tenant.core.cell.load();
        if !permit.belongs_to(word.generation) {
            return Lease::OfAnotherGeneration;
        }
        let settings = tenant.settings.load();
        let until = match word.state() {
            // The interval may be shorter than a health check takes.
            State::HalfOpen if settings.probes.trickles() => began.saturating_add(micros(settings.lease)),
            _ => tenant.core.cell.timer_ends_at(word).unwrap_or(u64::MAX),
        };
        match until.saturating_sub(tenant.now(&settings)) {
            0 => Lease::Over,
            left => Lease::Left(Duration::from_micros(left)),
        }
    }
}

/// The rest of a probe's lease.
enum Lease {
    Left(Duration),
    Over,
    OfAnotherGeneration,
}
