//! The contenders and the cases in which they compete.

use tower::Service;

use crate::upstream::{Request, call};

/// Makes the given number of calls, one after another.
pub type Calls = Box<dyn FnMut(u64) + Send>;

pub const BARE: &str = "bare";
pub const OURS: &str = "tower-recourse";

pub struct Contender {
    pub name: &'static str,
    /// One element per thread.
    pub calls: Vec<Calls>,
    /// The size of a call's future, in bytes.
    pub future: Option<usize>,
    /// Wraps the calls of a turn; the time of the wrapper isn't measured.
    pub around: fn(&mut dyn FnMut()),
}

/// When a service that threads share is cloned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloned {
    PerThread,
    PerCall,
}

impl Contender {
    /// A contender that calls a function, not a service.
    pub fn of<T>(name: &'static str, mut once: impl FnMut() -> T + Send + 'static) -> Self {
        let calls = move |calls| {
            for _ in 0..calls {
                std::hint::black_box(once());
            }
        };
        Self { name, calls: vec![Box::new(calls)], future: None, around: |calls| calls() }
    }

    pub fn service<S>(name: &'static str, mut service: S) -> Self
    where
        S: Service<Request> + Send + 'static,
    {
        let future = size_of_val(&service.call(7));
        Self { future: Some(future), ..Self::of(name, move || call(&mut service, 7)) }
    }

    /// A service that `threads` threads share.
    pub fn shared<S>(name: &'static str, mut service: S, threads: usize, cloned: Cloned) -> Self
    where
        S: Service<Request> + Clone + Send + 'static,
    {
        let future = Some(size_of_val(&service.call(7)));
        let thread = |mut own: S| match cloned {
            Cloned::PerThread => Self::of(name, move || call(&mut own, 7)),
            Cloned::PerCall => Self::of(name, move || call(&mut own.clone(), 7)),
        };
        let calls = (0..threads).flat_map(|_| thread(service.clone()).calls).collect();
        Self { calls, future, ..Self::of(name, || ()) }
    }
}

/// Contenders for the same task: the bare service first, then tower-recourse, then the others.
pub struct Case {
    pub name: &'static str,
    pub threads: usize,
    /// The number of calls of a turn is a multiple of this.
    pub step: u64,
    contenders: Box<dyn FnOnce() -> Vec<Contender>>,
}

impl Case {
    pub fn new(name: &'static str, contenders: impl FnOnce() -> Vec<Contender> + 'static) -> Self {
        Self { name, threads: 1, step: 1, contenders: Box::new(contenders) }
    }

    pub fn in_steps_of(self, step: u64) -> Self {
        Self { step, ..self }
    }

    pub fn on_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    pub fn contenders(self) -> Vec<Contender> {
        (self.contenders)()
    }
}
