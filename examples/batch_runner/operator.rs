//! The classifier that stops retries while the circuit is open, and the messages for the operator.

use std::io;

use tower_recourse::{
    Circuit, Classifier, Delivery, State, Verdict,
    classify::ErrorClassifier,
    observe::{Audit, Event, Observer},
};

/// Classifies every failure as a rejection while the circuit is open, and by the error's type
/// otherwise.
pub(crate) struct StopWhileOpen(pub(crate) Circuit);

impl<Req, Res> Classifier<Req, Res, io::Error> for StopWhileOpen {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &io::Error>) -> Verdict {
        match outcome {
            // `Delivery::Unknown`, because the attempt was made.
            Err(_) if self.0.state() == State::Open => Verdict::rejected(None).delivery(Delivery::Unknown),
            _ => Classifier::<Req, _, _>::classify(&ErrorClassifier, &(), outcome),
        }
    }
}

/// Reports changes of the circuit to the audit log and the operator.
pub(crate) fn operator(id: String, audit: Audit, console: impl Fn(&str) + Send + Sync + 'static) -> impl Observer {
    move |event: &Event<'_>| match *event {
        Event::CircuitOpened { failures_in_a_row, .. } => {
            let what = match failures_in_a_row {
                0 => "stopped in an earlier run and not resumed since".to_owned(),
                failures => format!("{failures} failures in a row"),
            };
            let how = "Fix the cause and call `resume`; the next successful item also resumes retries";
            let message = format!("batch `{id}` makes no retries: {what}. {how}");
            audit.record("circuit_opened", |entry| {
                entry.count("failures_in_a_row", failures_in_a_row.into()).message(&message)
            });
            console(&message);
        }
        Event::CircuitClosed { .. } => {
            audit.record("circuit_closed", |entry| entry);
            console(&format!("batch `{id}` resumes retries"));
        }
        _ => {}
    }
}
