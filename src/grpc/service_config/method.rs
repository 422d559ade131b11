/// Which methods a `methodConfig` is for. In this order, the first that fits a method is taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Method { service: String, method: String },
    Service(String),
    Any,
}

impl Name {
    /// Whether a path is of these: `/package.Service/Method`.
    pub(super) fn fits(&self, path: &str) -> bool {
        let called = path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
        match (self, called) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Service(service), Some((called, _))) => service == called,
            (Self::Method { service, method }, Some(called)) => (&**service, &**method) == called,
        }
    }
}
