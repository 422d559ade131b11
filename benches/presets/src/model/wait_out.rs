//! Waits out short rejections within a request's first milliseconds.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tower::Service;
use tower_recourse::BreakerError;

use super::trickle::Trickle;
use crate::{
    random::{Purpose, Random},
    upstream::{Request, Response},
};

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The longest rejection that is waited out.
    pub longest: Duration,
    /// The wait must end within this time after the request's arrival.
    pub window: Duration,
}

/// A request extension: when the request arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived(pub Instant);

#[derive(Clone)]
pub struct WaitOut<S> {
    settings: Settings,
    random: Arc<Mutex<Random>>,
    inner: Trickle<S>,
}

impl<S> WaitOut<S> {
    pub fn new(settings: Settings, seed: u64, inner: Trickle<S>) -> Self {
        Self { settings, random: Arc::new(Mutex::new(Random::new(Purpose::WaitOut, seed))), inner }
    }
}

impl<S> Service<Request> for WaitOut<S>
where
    S: Service<Request, Response = Response, Error = io::Error, Future: Send + 'static> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = BreakerError<io::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Settings { longest, window } = self.settings;
        let random = self.random.clone();
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let ends = request.extensions().get().map_or(Instant::now(), |&Arrived(at)| at) + window;
        Box::pin(async move {
            loop {
                let result = inner.call(request.clone()).await;
                let Err(BreakerError::Rejected(_)) = &result else { return result };
                let retry_in = inner.retry_in();
                let spread = 0.01 + 0.09 * random.lock().unwrap_or_else(PoisonError::into_inner).unit();
                let wait = retry_in + Duration::from_secs_f64(spread);
                if retry_in > longest || Instant::now() + wait >= ends {
                    return result;
                }
                sleep(wait).await;
                poll_fn(|context| inner.poll_ready(context)).await?;
            }
        })
    }
}
