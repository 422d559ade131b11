//! Retries of an async function that borrows what it captures: [`RetryLayer::run_lending`] and
//! [`RetryLayer::run_with`].

use super::{
    Policy, RetryLayer,
    attempt_time::first_attempt,
    lending_flow::{AttemptFn, Lending, LendingTo, run_attempts},
};
use crate::Attempt;

// `State`: see `run`.
impl<P, Replay> RetryLayer<P, Replay> {
    /// [`run`](Self::run) for an async closure that lends what it captures to the attempt, such as
    /// a `&mut` client.
    ///
    /// ```
    /// use std::io;
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// struct Client { calls: u32 }
    ///
    /// impl Client {
    ///     async fn transfer(&mut self) -> io::Result<u32> {
    ///         self.calls += 1;
    ///         if self.calls < 3 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(self.calls) }
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> io::Result<()> {
    /// let retry = RetryLayer::new(RetryConfig::default().idempotent());
    /// let mut client = Client { calls: 0 };
    /// assert_eq!(retry.run_lending(async |_| client.transfer().await).await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`run`](Self::run) doesn't accept such a closure: the future of an attempt may not borrow
    /// from an `FnMut` closure.
    ///
    /// | use | if |
    /// |---|---|
    /// | [`run`](Self::run) | the closure changes nothing that it captures, or its future borrows nothing of that |
    /// | `run_lending` | the closure changes what it captures, and the caller's future needn't be `Send` |
    /// | [`run_with`](Self::run_with) | the same, in a spawned task or a handler of axum |
    ///
    /// *When not to use it*: in a spawned task or a handler, if the closure borrows its captures.
    /// The compiler can't prove yet that such a future is `Send`
    /// ([rust#110338](https://github.com/rust-lang/rust/issues/110338)), and reports a
    /// "higher-ranked lifetime error", or that an implementation "is not general enough". A closure
    /// that owns its captures (`async move |_| …`) compiles there.
    ///
    /// # Errors
    ///
    /// Same as [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Same as [`run`](Self::run).
    pub fn run_lending<F, Res, Err, State>(
        &self,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, Replay, F, Res, Err, State>
    where
        P: Policy<(), Res, Err, State = State>,
        F: AsyncFnMut(Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        self.run_lending_for(&(), function)
    }

    /// [`run_lending`](Self::run_lending) with a request for the classifier and the
    /// [quota](super::quota). The function doesn't get the request.
    ///
    /// # Errors
    ///
    /// Same as [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Same as [`run`](Self::run).
    pub fn run_lending_for<Req, F, Res, Err, State>(
        &self,
        request: &Req,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, Replay, Req, F, Res, Err, State>
    where
        P: Policy<Req, Res, Err, State = State>,
        F: AsyncFnMut(Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        self.run_attempts(request, Lending(function))
    }

    /// [`run`](Self::run) for an async closure that needs a value as `&mut`, such as a database
    /// client. Each attempt gets the value. This also compiles in spawned tasks and in handlers of
    /// axum.
    ///
    /// ```
    /// use std::{io, sync::Arc};
    /// use tower_recourse::{RetryConfig, RetryLayer};
    ///
    /// struct Client { balance: u32, calls: u32 }
    ///
    /// impl Client {
    ///     async fn deposit(&mut self, amount: u32) -> io::Result<u32> {
    ///         self.calls += 1;
    ///         if self.calls < 3 { return Err(io::ErrorKind::ConnectionReset.into()) }
    ///         self.balance += amount;
    ///         Ok(self.balance)
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> io::Result<()> {
    /// let retry = Arc::new(RetryLayer::new(RetryConfig::default().idempotent()));
    /// let task = tokio::spawn(async move {
    ///     let (mut client, amount) = (Client { balance: 0, calls: 0 }, 5);
    ///     retry.run_with(&mut client, async move |client, _| client.deposit(amount).await).await
    /// });
    /// assert_eq!(task.await??, 5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In a future that must be `Send`, the closure must own its captures (`async move`). If it
    /// needs something borrowed besides, put both into the value:
    /// `run_with(&mut (client, path), async |(client, path), _| …)`.
    ///
    /// *When not to use it*: if the function needs nothing as `&mut`. Use [`run`](Self::run), which
    /// has no such limits.
    ///
    /// # Errors
    ///
    /// Same as [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Same as [`run`](Self::run). If an attempt is dropped, because its time is over or because
    /// this future is dropped, the value stays as the attempt has left it.
    #[doc(alias = "run_mut")]
    pub fn run_with<'a, T, F, Res, Err, State>(
        &self,
        value: &'a mut T,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<'a, P, Replay, T, F, Res, Err, State>
    where
        P: Policy<(), Res, Err, State = State>,
        T: ?Sized,
        F: AsyncFnMut(&mut T, Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        self.run_with_for(&(), value, function)
    }

    /// [`run_with`](Self::run_with) with a request for the classifier and the
    /// [quota](super::quota). The function doesn't get the request.
    ///
    /// # Errors
    ///
    /// Same as [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// Same as [`run_with`](Self::run_with).
    pub fn run_with_for<'a, Req, T, F, Res, Err, State>(
        &self,
        request: &Req,
        value: &'a mut T,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<'a, P, Replay, Req, T, F, Res, Err, State>
    where
        P: Policy<Req, Res, Err, State = State>,
        T: ?Sized,
        F: AsyncFnMut(&mut T, Attempt) -> Result<Res, Err>,
        Err: 'static,
    {
        self.run_attempts(request, LendingTo(value, function))
    }

    fn run_attempts<Req, F, Res, Err, State>(
        &self,
        request: &Req,
        function: F,
    ) -> impl Future<Output = Result<Res, Err>> + use<P, Replay, Req, F, Res, Err, State>
    where
        P: Policy<Req, Res, Err, State = State>,
        F: AttemptFn<Output = Result<Res, Err>>,
        Err: 'static,
    {
        let policy = self.policy.shard();
        let state = policy.start(request);
        let first = first_attempt(&*policy, &state, true).of_function();
        run_attempts::<_, _, Req, _, _, _>(policy, state, first, function)
    }
}
