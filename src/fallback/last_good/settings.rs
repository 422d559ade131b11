use std::sync::Arc;

/// Returns the weight of a response, such as its length in bytes.
pub(super) type Weigh<Res> = Arc<dyn Fn(&Res) -> u64 + Send + Sync>;
