//! The fields that lines of all layers have. Each is made only if the subscriber wants the line.

use std::{borrow::Cow, fmt, time::Duration};

use tracing::field::{DebugValue, debug};

use crate::{FailureInfo, Name, observe::ResponseStatus, sanitize::name_str, time::ShownTime};

/// The fields of a failure. Without one, there are none.
#[derive(Clone, Copy)]
pub(super) struct FailureFields<'a>(pub(super) Option<FailureInfo<'a>>);

impl FailureFields<'_> {
    pub(super) fn kind(self) -> Option<&'static str> {
        self.0.map(|failure| failure.kind.label())
    }

    /// `ErrorText` escapes the text and cuts it.
    pub(super) fn error(self) -> Option<String> {
        self.0.and_then(|failure| failure.error).map(|error| error.to_string())
    }

    pub(super) fn http_status(self) -> Option<u16> {
        match self.0?.status? {
            ResponseStatus::Http(code) => Some(code),
            ResponseStatus::Grpc(_) => None,
        }
    }

    /// The name of the code, such as `UNAVAILABLE`, or the number of a code without a name.
    pub(super) fn grpc_status(self) -> Option<Cow<'static, str>> {
        let status = self.0?.status?;
        match status {
            ResponseStatus::Grpc(code) => Some(status.grpc_name().map_or_else(|| code.to_string().into(), Cow::from)),
            ResponseStatus::Http(_) => None,
        }
    }

    pub(super) fn duration(self) -> Option<Duration> {
        self.0?.duration
    }
}

pub(super) fn time(time: Option<Duration>) -> Option<DebugValue<ShownTime>> {
    time.map(|time| debug(ShownTime(time)))
}

/// A text as a string, which a subscriber puts between quotes.
pub(super) fn text(text: Option<impl fmt::Display>) -> Option<String> {
    text.map(|text| text.to_string())
}

/// The labels in one field: `team=payments region=eu`. `None` without labels.
pub(super) fn labels(name: &Name) -> Option<String> {
    let shown: Vec<_> =
        name.labels().iter().map(|label| format!("{}={}", label.name(), name_str(label.value()))).collect();
    (!shown.is_empty()).then(|| shown.join(" "))
}

/// The key of a keyed circuit.
pub(super) fn circuit_key(name: &Name) -> Option<Cow<'_, str>> {
    name.key().map(name_str)
}
