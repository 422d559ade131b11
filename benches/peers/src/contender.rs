//! Who is measured, and at what.

use tower::Service;

use crate::upstream::{Request, call};

/// Makes so many calls, one after the other.
pub type Calls = Box<dyn FnMut(u64) + Send>;

pub const BARE: &str = "bare";
pub const OURS: &str = "tower-recourse";

pub struct Contender {
    pub name: &'static str,
    /// One for each thread.
    pub calls: Vec<Calls>,
    /// The size of a call's future.
    pub future: Option<usize>,
    /// What is done around the calls of a turn, and isn't measured.
    pub around: fn(&mut dyn FnMut()),
}

/// Of services that threads share: when each is cloned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloned {
    OnceAThread,
    OnceACall,
}

impl Contender {
    /// Something that is called, whatever it is.
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

    /// A service that so many threads share.
    pub fn shared<S>(name: &'static str, mut service: S, threads: usize, cloned: Cloned) -> Self
    where
        S: Service<Request> + Clone + Send + 'static,
    {
        let future = Some(size_of_val(&service.call(7)));
        let thread = |mut own: S| match cloned {
            Cloned::OnceAThread => Self::of(name, move || call(&mut own, 7)),
            Cloned::OnceACall => Self::of(name, move || call(&mut own.clone(), 7)),
        };
        let calls = (0..threads).flat_map(|_| thread(service.clone()).calls).collect();
        Self { calls, future, ..Self::of(name, || ()) }
    }
}

/// Contenders for the same thing: the bare service first, then ours, then the others.
pub struct Case {
    pub name: &'static str,
    pub threads: usize,
    /// Calls are made in multiples of this.
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
