//! The future of [`Retry`](super::Retry).

use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tokio::time::Sleep;
use tower_service::Service;

use super::{
    Policy, RequestReplay,
    last_outcome::LastOutcome,
    request_context::{BeforeCall, PreAttempt, RequestContext},
    stored_copy::StoredCopy,
};
use crate::Attempt;

pin_project! {
    /// The future of one request, with all its attempts and the waits between them.
    ///
    /// `Fut` is the future of the inner service. The type `Ctx` is private. The future is `Sync`,
    /// even if its parts aren't.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped at any point. The drop cancels the attempt that is under way, and gives
    /// back what the request holds in the budget and the quota.
    // The type has neither bounds nor projections: the compiler can't prove them in a spawned task
    // for types that contain a lifetime, such as a boxed error (`tests/stack/spawned.rs`).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<Fut, Ctx> {
        pub(super) context: SyncWrapper<Ctx>,
        pub(super) attempt: Attempt,
        // The call of the current attempt. `None` before it.
        #[pin]
        pub(super) call: SyncWrapper<Option<Fut>>,
        // The delay before the attempt, and then the limit of its time.
        #[pin]
        pub(super) timer: Option<Sleep>,
    }
}

/// The future of a request of type `Req` to a service `S`.
pub(super) type FutureOf<S, Source, Shared, P, Replay, Req> = ResponseFuture<
    <S as Service<<Replay as RequestReplay<Req>>::Request>>::Future,
    RequestContext<
        P,
        Shared,
        <P as Policy<
            Req,
            <S as Service<<Replay as RequestReplay<Req>>::Request>>::Response,
            <S as Service<<Replay as RequestReplay<Req>>::Request>>::Error,
        >>::State,
        Source,
        StoredCopy<Replay, <Replay as RequestReplay<Req>>::Stored, Req>,
        BeforeCall<
            PreAttempt<<Replay as RequestReplay<Req>>::Prepare, <Replay as RequestReplay<Req>>::Request>,
            LastOutcome<
                <S as Service<<Replay as RequestReplay<Req>>::Request>>::Response,
                <S as Service<<Replay as RequestReplay<Req>>::Request>>::Error,
            >,
        >,
    >,
>;
