use std::fmt;

/// What a circuit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum State {
    /// Calls are admitted, and counted.
    Closed,
    /// Calls are rejected until the open time is over.
    Open,
    /// A few calls are admitted as probes; what becomes of them decides.
    HalfOpen,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// Who decides about a circuit's state. A mode stays until it is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Mode {
    /// Its rules.
    #[default]
    Auto,
    /// Calls are rejected, whatever they would come to.
    ForcedOpen,
    /// Calls are admitted and counted, but never open it.
    ForcedClosed,
    /// Calls are admitted and counted; when a rule would open it, that is told, once until the next reset or
    /// another rule.
    MetricsOnly,
    /// Calls are admitted, and nothing is counted but the totals.
    Disabled,
}

impl Mode {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ForcedOpen => "forced open",
            Self::ForcedClosed => "forced closed",
            Self::MetricsOnly => "metrics only",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
