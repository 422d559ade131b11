//! The service of a keyed breaker.

use std::{
    fmt,
    hash::Hash,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::layer::KeyedBreakerLayer;
use crate::{
    Classifier,
    breaker::{
        admission::Entry,
        call::OnResponse,
        circuit::Circuit,
        future,
        rejection::OnRejection,
        service::{call_inner, start_call_outlined},
    },
    readiness::Readiness,
    reservation::Releaser,
};

impl<S, KeyFn, Key, C, Reject> Layer<S> for KeyedBreakerLayer<KeyFn, Key, C, Reject>
where
    Self: Clone,
{
    type Service = KeyedBreaker<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        KeyedBreaker { inner, layer: self.clone(), readiness: Readiness::default(), releaser: Releaser::default() }
    }
}

/// A service with one circuit per key. Made by [`KeyedBreakerLayer`].
///
/// It is ready when the inner service is, because the circuit isn't known before the request.
///
/// If a call is rejected, the inner service releases what it has reserved for the call, as with
/// [`Breaker`](crate::breaker::Breaker).
///
/// # Clone
///
/// A clone uses the same circuits.
#[derive(Clone)]
pub struct KeyedBreaker<S, L> {
    inner: S,
    layer: L,
    readiness: Readiness,
    releaser: Releaser<S>,
}

crate::service::call_methods!(KeyedBreaker<S, L>);

impl<S, KeyFn, Key, C, Reject, Req> Service<Req> for KeyedBreaker<S, KeyedBreakerLayer<KeyFn, Key, C, Reject>>
where
    S: Service<Req>,
    S::Error: Send + 'static,
    KeyFn: Fn(&Req) -> Key,
    Key: Hash + Eq + Clone,
    C: Classifier<Req, S::Response, S::Error> + Clone,
    Reject: OnRejection<S::Response, S::Error> + Clone,
{
    type Response = S::Response;
    type Error = Reject::Error;
    type Future = future::Future<S, C, Reject, Req, OnResponse>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.readiness.poll(&mut self.inner, |inner| self.releaser.release(inner), cx).map(Ok)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        const { assert!(!Reject::WAITS, "a keyed breaker can't wait: only the request names its circuit") };
        let Self { inner, layer, readiness, releaser } = self;
        let KeyedBreakerLayer { key, circuits, on_rejection } = layer;
        let circuit = Circuit::of(circuits.tenant(&key(&request)), circuits.classifier.clone());
        match circuit.admit_fast() {
            Some(permit) if !readiness.has_failed() => call_inner(&circuit, permit, inner, OnResponse, request),
            permit => {
                let admitted = permit.map_or_else(|| circuit.try_acquire(), Ok);
                start_call_outlined(
                    Entry { admitted, readiness, releaser },
                    &circuit,
                    inner,
                    on_rejection,
                    OnResponse,
                    request,
                )
                .into_inner()
            }
        }
    }
}

impl<S: fmt::Debug, L: fmt::Debug> fmt::Debug for KeyedBreaker<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBreaker").field("inner", &self.inner).field("layer", &self.layer).finish_non_exhaustive()
    }
}
