use std::{convert::Infallible, task::Poll, time::Duration};

use super::{calls::rejected, circuit::Circuit};
use crate::{
    Classifier,
    breaker::{micros::micros, permit::Permit, rejection::BreakerError, state::State, transition::AdmissionKind},
    call_context::result_note,
};

impl<C> Circuit<C> {
    /// Probes with an async function, for ever: as soon as the open time is over, again and again until the circuit is closed, and
    /// again when it has opened. To be spawned beside the service, where there is a tokio runtime.
    ///
    /// There is no interval: a probe that fails opens the circuit, and the open time is the pause before the next. One that succeeds, where
    /// [several](super::Probes::successes) are needed, or says nothing, is followed by another after a millisecond. A function that is
    /// dear, or whose answers are to lie further apart, waits before it asks. A probe that hangs is dropped, and is a failure, when its
    /// [lease](super::Probes::lease) is over.
    ///
    /// # Cancel safety
    ///
    /// It ends by being dropped; a probe that is on its way is dropped with it.
    pub async fn keep_probing<F, T, E>(&self, mut function: impl FnMut() -> F) -> Infallible
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
    {
        loop {
            let wait = match self.state() {
                // Once open, it is so for about the base time: looking as often is soon enough.
                State::Closed => self.tenant.settings.load().open_for.base(),
                State::Open => self.retry_in().unwrap_or(Duration::MAX),
                State::HalfOpen => match self.probe_within_lease(&mut function).await {
                    Err(BreakerError::Rejected(rejection)) => rejection.retry_in().unwrap_or(Duration::MAX),
                    _ => Duration::ZERO,
                },
            };
            // Not longer, as it may be reset or steered at any time; and never at once: a probe that says nothing, or an open
            // time of nothing, would otherwise turn this into a loop that leaves its thread to nobody else.
            let (shortest, longest) = (Duration::from_millis(1), Duration::from_secs(1));
            tokio::time::sleep(wait.clamp(shortest, longest)).await;
        }
    }

    /// [`probe`](Self::probe), for as long as it has its slot. One that hangs beyond its lease is a failure; one whose circuit has moved
    /// on is of no use any more.
    async fn probe_within_lease<F, T, E>(&self, function: impl FnOnce() -> F) -> Result<(), BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classifier<(), T, E>,
        E: 'static,
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
                    Lease::Over => permit.failure(),
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
            // Its interval may be shorter than a health check takes.
            State::HalfOpen if settings.probes.trickles() => began.saturating_add(micros(settings.lease)),
            _ => tenant.core.cell.timer_ends_at(word).unwrap_or(u64::MAX),
        };
        match until.saturating_sub(tenant.now(&settings)) {
            0 => Lease::Over,
            left => Lease::Left(Duration::from_micros(left)),
        }
    }
}

/// How long a probe still has its slot.
enum Lease {
    Left(Duration),
    Over,
    OfAnotherGeneration,
}
