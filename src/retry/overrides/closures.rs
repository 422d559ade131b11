//! Closures as overrides.

use std::{fmt, marker::PhantomData};

use super::{Override, OverrideDecision, Proposal};
use crate::classify::ServiceError;

/// A closure over a proposal and an outcome. See
/// [`RetryLayer::override_decision`](super::super::RetryLayer::override_decision).
pub struct OverrideFn<F, Res, Err>(F, PhantomData<fn(&Res, &Err)>);

/// A closure over a proposal and an error. See
/// [`RetryLayer::override_on_error`](super::super::RetryLayer::override_on_error).
pub struct OverrideOnErrorFn<F, Err>(F, PhantomData<fn(&Err)>);

impl<F, Res, Err> OverrideFn<F, Res, Err> {
    pub(super) fn new(closure: F) -> Self {
        Self(closure, PhantomData)
    }
}

impl<F, Err> OverrideOnErrorFn<F, Err> {
    pub(super) fn new(closure: F) -> Self {
        Self(closure, PhantomData)
    }
}

impl<F, Res, Err, Outer> OverrideDecision<Res, Outer> for OverrideFn<F, Res, Err>
where
    F: Fn(&Proposal<'_>, Result<&Res, &Err>) -> Option<Override>,
    Outer: ServiceError<Err>,
{
    fn override_decision(&self, proposal: &Proposal<'_>, outcome: Result<&Res, &Outer>) -> Option<Override> {
        match outcome {
            Ok(response) => (self.0)(proposal, Ok(response)),
            Err(error) => (self.0)(proposal, Err(error.service_error()?)),
        }
    }
}

impl<F, Res, Err, Outer> OverrideDecision<Res, Outer> for OverrideOnErrorFn<F, Err>
where
    F: Fn(&Proposal<'_>, &Err) -> Option<Override>,
    Outer: ServiceError<Err>,
{
    fn override_decision(&self, proposal: &Proposal<'_>, outcome: Result<&Res, &Outer>) -> Option<Override> {
        (self.0)(proposal, outcome.err()?.service_error()?)
    }
}

impl<F: Clone, Res, Err> Clone for OverrideFn<F, Res, Err> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<F: Clone, Err> Clone for OverrideOnErrorFn<F, Err> {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl<F, Res, Err> fmt::Debug for OverrideFn<F, Res, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OverrideFn(..)")
    }
}

impl<F, Err> fmt::Debug for OverrideOnErrorFn<F, Err> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OverrideOnErrorFn(..)")
    }
}
