/// What a span covers: a request with all its attempts, or one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Request,
    Attempt,
}
