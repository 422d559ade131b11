use std::{borrow::Cow, fmt};

/// Why a job is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadReason {
    /// The failure is permanent: another attempt would fail in the same way.
    Permanent,
    /// All attempts were made and failed.
    AttemptsExhausted,
    /// The payload can't be decoded.
    Unreadable,
    /// Several claims in a row ended without an outcome: the job probably kills its worker.
    Crashed,
    /// Another reason, by its label: that of a [`Cause`](tower_recourse::Cause).
    Other(Cow<'static, str>),
}

impl DeadReason {
    /// A short, stable name, which queues store.
    pub fn label(&self) -> &str {
        match self {
            Self::Permanent => "permanent",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Unreadable => "unreadable",
            Self::Crashed => "crashed",
            Self::Other(label) => label,
        }
    }

    /// The reason with this label.
    pub fn from_label(label: impl Into<Cow<'static, str>>) -> Self {
        let label = label.into();
        match &*label {
            "permanent" => Self::Permanent,
            "attempts_exhausted" => Self::AttemptsExhausted,
            "unreadable" => Self::Unreadable,
            "crashed" => Self::Crashed,
            _ => Self::Other(label),
        }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
