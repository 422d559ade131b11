use std::fmt;

/// The methods that a `methodConfig` applies to. The derived order sorts specific names before
/// general ones, and the first name that matches applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MethodName {
    Method { service: String, method: String },
    Service(String),
    Any,
}

/// Such as `shop.Prices/Get`, `shop.Prices/*` and `*`.
impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method { service, method } => write!(f, "{service}/{method}"),
            Self::Service(service) => write!(f, "{service}/*"),
            Self::Any => f.write_str("*"),
        }
    }
}

impl MethodName {
    /// Whether a request path, `/package.Service/Method`, matches.
    pub(super) fn matches(&self, path: &str) -> bool {
        let called = path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
        match (self, called) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Service(service), Some((called_service, _))) => service == called_service,
            (Self::Method { service, method }, Some((called_service, called_method))) => {
                service == called_service && method == called_method
            }
        }
    }
}
