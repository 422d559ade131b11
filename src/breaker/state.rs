use std::fmt;

/// The state of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum State {
    /// The circuit admits calls and records their outcomes.
    Closed,
    /// The circuit rejects calls until the open time is over.
    Open,
    /// The circuit admits a few calls as probes. Their outcomes close or reopen it.
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

/// The mode of a circuit: whether its rules or an operator control its state. A mode stays in
/// effect until it is changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "store", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Mode {
    /// The rules of the config change the state.
    #[default]
    Auto,
    /// The circuit rejects every call.
    ForcedOpen,
    /// The circuit admits every call and records its outcome. No rule opens it.
    ForcedClosed,
    /// The circuit admits every call and records its outcome. When a rule would open it, it emits
    /// [`Event::CircuitWouldOpen`](crate::observe::Event::CircuitWouldOpen) instead, once until the
    /// next reset or change of rules.
    MetricsOnly,
    /// The circuit admits every call and records only totals.
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
