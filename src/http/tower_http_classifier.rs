//! Classifiers of tower-http. Each tower-http version has its own traits, so a macro defines the
//! same type once per version.

/// Defines `TowerHttpClassifier` for one version of tower-http. The caller has that version in
/// scope as `tower_http`.
macro_rules! classes {
    ($(#[$doc:meta])*) => {
        use std::fmt;

        use ::http::{Request, Response};
        use ::http_body::Body;
        use tower_http::classify::{ClassifiedResponse, ClassifyResponse, MakeClassifier};

        use crate::{
            Classifier, Delivery, Verdict,
            classify::{DrainFuture, ErrorClassifier, FailureDescription, Origin, RejectionMark},
            http::{RequestMemo, drain, first_frame, rejection_mark, retry_after},
            time::Instant,
        };

        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct TowerHttpClassifier<M, F> {
            make: M,
            to_verdict: F,
        }

        impl<M: MakeClassifier, F: Fn(&M::FailureClass) -> Verdict> TowerHttpClassifier<M, F> {
            /// `make` makes a classifier for each request; `to_verdict` turns its failure classes
            /// into verdicts.
            pub fn new(make: M, to_verdict: F) -> Self {
                Self { make, to_verdict }
            }
        }

        impl<M, F, ReqBody, ResBody, Err> Classifier<Request<ReqBody>, Response<ResBody>, Err> for TowerHttpClassifier<M, F>
        where
            M: MakeClassifier,
            M::Classifier: Clone,
            F: Fn(&M::FailureClass) -> Verdict,
            ResBody: Body + Send + 'static,
            ResBody::Data: Send,
            Err: 'static,
        {
            type Memo = (RequestMemo, M::Classifier);

            fn memo(&self, request: &Request<ReqBody>) -> Self::Memo {
                (RequestMemo::of(request), self.make.make_classifier(request))
            }

            fn memo_without_retry(&self, request: &Request<ReqBody>) -> Self::Memo {
                (RequestMemo::UNREAD, self.make.make_classifier(request))
            }

            fn classify(&self, (request, classifier): &Self::Memo, outcome: Result<&Response<ResBody>, &Err>) -> Verdict {
                let verdict = match outcome {
                    Ok(response) => match classifier.clone().classify_response(response) {
                        ClassifiedResponse::Ready(Err(class)) => {
                            let verdict = (self.to_verdict)(&class).delivery(Delivery::Sent);
                            let verdict = match response.status().is_server_error() {
                                true => verdict.unhealthy_if_permanent(),
                                false => verdict,
                            };
                            let delay = retry_after::requested_delay(response.status(), response.headers());
                            delay.map_or(verdict, |delay| verdict.retry_after(delay))
                        }
                        _ => first_frame::verdict(response).unwrap_or(Verdict::Success),
                    },
                    Err(error) => ErrorClassifier::judge(error),
                };
                request.mark(verdict)
            }

            fn deadline(&self, (request, _): &Self::Memo) -> Option<Instant> {
                request.deadline
            }

            fn discard(&self, outcome: Result<Response<ResBody>, Err>) -> Result<DrainFuture, Result<Response<ResBody>, Err>> {
                outcome.map(|response| drain::drain_body(response.into_body())).map_err(Err)
            }

            #[inline]
            fn origin(&self, outcome: Result<&Response<ResBody>, &Err>) -> Origin {
                rejection_mark::origin(outcome)
            }

            fn describe_failure<'a>(&self, outcome: Result<&'a Response<ResBody>, &'a Err>) -> FailureDescription<'a> {
                FailureDescription::of_http(outcome.ok().map(|response| response.status()))
            }

            fn rejection_mark(&self) -> Option<RejectionMark<Response<ResBody>>> {
                Some(rejection_mark::mark_rejection)
            }
        }

        impl<M: fmt::Debug, F> fmt::Debug for TowerHttpClassifier<M, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("TowerHttpClassifier").field("make", &self.make).finish_non_exhaustive()
            }
        }
    };
}

/// tower-http 0.7.
#[cfg(feature = "tower-http")]
pub(super) mod v07 {
    classes! {
        /// Classifies responses with a classifier of tower-http, such as the one that your
        /// `TraceLayer` uses. A closure turns its failure classes into verdicts.
        ///
        /// ```
        /// use tower_http::classify::{ServerErrorsAsFailures, ServerErrorsFailureClass, SharedClassifier};
        /// use tower_recourse::{RetryConfig, Verdict, http::TowerHttpClassifier};
        ///
        /// let make = SharedClassifier::new(ServerErrorsAsFailures::new());
        /// let config = RetryConfig::http().classifier(TowerHttpClassifier::new(make, |class: &ServerErrorsFailureClass| match class {
        ///     ServerErrorsFailureClass::StatusCode(status) if status.as_u16() == 501 => Verdict::permanent(),
        ///     _ => Verdict::transient(),
        /// }));
        /// # let _ = config;
        /// ```
        ///
        /// Everything else works as with [`StatusClassifier`](crate::http::StatusClassifier):
        /// [`ErrorClassifier`] classifies errors, a failure carries the delay that the server asks
        /// for, requests that aren't idempotent are resent only if they weren't sent, and the retry
        /// honours a [`Deadline`](crate::http::Deadline).
        ///
        /// A breaker counts a permanent failure with a status of 5xx as a failure, unless the
        /// verdict states its [`health`](Verdict::health).
        ///
        /// A response that tower-http's classifier can classify only at the end of its stream
        /// counts as a success, because its head shows no failure.
    }
}

/// tower-http 0.6.
#[cfg(feature = "tower-http-06")]
pub(super) mod v06 {
    use tower_http_06 as tower_http;

    classes! {
        /// Classifies responses with a classifier of tower-http 0.6. For the details, and for
        /// tower-http 0.7, see `TowerHttpClassifier` in [`http`](crate::http).
        ///
        /// ```
        /// use tower_http_06::classify::{ServerErrorsAsFailures, ServerErrorsFailureClass, SharedClassifier};
        /// use tower_recourse::{RetryConfig, Verdict, http::tower_http_06::TowerHttpClassifier};
        ///
        /// let make = SharedClassifier::new(ServerErrorsAsFailures::new());
        /// let classes = TowerHttpClassifier::new(make, |_: &ServerErrorsFailureClass| Verdict::transient());
        /// let config = RetryConfig::http().classifier(classes);
        /// # let _ = config;
        /// ```
    }
}
