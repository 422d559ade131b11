//! `tower::retry` with the policies that its documentation shows: a number of attempts, with and
//! without a `TpsBudget`.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use tower::{
    Layer,
    retry::{
        Policy, Retry, RetryLayer,
        budget::{Budget, TpsBudget},
    },
};

use crate::upstream::{Answer, Request};

pub fn without_budget<S>(inner: S) -> Retry<Attempts, S> {
    RetryLayer::new(Attempts { left: 2 }).layer(inner)
}

pub fn with_budget<S>(inner: S) -> Retry<Budgeted, S> {
    RetryLayer::new(Budgeted { attempts: Attempts { left: 2 }, budget: Arc::default() }).layer(inner)
}

#[derive(Debug, Clone)]
pub struct Attempts {
    left: u32,
}

impl<E> Policy<Request, u64, E> for Attempts {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Request, result: &mut Result<u64, E>) -> Option<Ready<()>> {
        match result {
            Ok(_) => None,
            Err(_) => {
                self.left = self.left.checked_sub(1)?;
                Some(ready(()))
            }
        }
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(*request)
    }
}

#[derive(Debug, Clone)]
pub struct Budgeted {
    attempts: Attempts,
    budget: Arc<TpsBudget>,
}

impl Policy<Request, u64, crate::upstream::Down> for Budgeted {
    type Future = Ready<()>;

    fn retry(&mut self, request: &mut Request, result: &mut Answer) -> Option<Ready<()>> {
        match result {
            Ok(_) => {
                self.budget.deposit();
                None
            }
            Err(_) => {
                let again = self.attempts.retry(request, result)?;
                self.budget.withdraw().then_some(again)
            }
        }
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(*request)
    }
}
