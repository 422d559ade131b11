//! What the circuit of a batch stops, and what the operator is told of it.

use std::io;

use tower_recourse::{
    Circuit, Classifier, Delivery, State, Verdict,
    classify::ErrorClassifier,
    observe::{Audit, Event, Observer},
};

/// While the circuit is open, no failure is tried again, whatever it is; otherwise the error's type says.
pub(crate) struct Judge(pub(crate) Circuit);

impl<Req, Res> Classifier<Req, Res, io::Error> for Judge {
    type Memo = ();

    fn memo(&self, _: &Req) {}

    fn classify(&self, (): &(), outcome: Result<&Res, &io::Error>) -> Verdict {
        match outcome {
            // The attempt was made, and its retry counts.
            Err(_) if self.0.state() == State::Open => Verdict::rejected(None).delivery(Delivery::Unknown),
            _ => Classifier::<Req, _, _>::classify(&ErrorClassifier, &(), outcome),
        }
    }
}

/// Tells what happens to the circuit.
pub(crate) fn operator(id: String, audit: Audit, console: impl Fn(&str) + Send + Sync + 'static) -> impl Observer {
    move |event: &Event<'_>| match *event {
        Event::CircuitOpened { failures_in_a_row, .. } => {
            let what = match failures_in_a_row {
                0 => "stopped in an earlier run, and not resumed since".to_owned(),
                failures => format!("{failures} failures in a row"),
            };
            let how = "Mend the cause, and call `resume`; the next item that succeeds resumes it too";
            let message = format!("batch `{id}` tries nothing again: {what}. {how}");
            audit.record("circuit_opened", |entry| {
                entry.count("failures_in_a_row", failures_in_a_row.into()).message(&message)
            });
            console(&message);
        }
        Event::CircuitClosed { .. } => {
            audit.record("circuit_closed", |entry| entry);
            console(&format!("batch `{id}` tries again"));
        }
        _ => {}
    }
}
