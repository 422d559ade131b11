//! Names, keys and errors from outside: whatever they contain, they can't forge a log line or
//! another message.

use std::{convert::Infallible, error::Error, fmt};

use tower::{ServiceBuilder, service_fn};
use tower_recourse::{BreakerConfig, BreakerError, CallReport, Cause, Circuit, FallbackError, FallbackLayer, Name};

use crate::fixed_numbers::FixedNumbers as _;

/// Line breaks, terminal controls, marks that change the direction of text, and a line and a field
/// in the format of our log.
const HOSTILE: &str = "a\nERROR circuit opened\r\n\u{1b}[2J\u{9b}31m\u{2028}\u{202e}\u{0} attempt=99 \"} forged=\"1";

fn hostile() -> String {
    format!("{HOSTILE}{}", "x".repeat(1 << 20))
}

/// Checks that the text contains no line break and no terminal control, and that its length is
/// bounded.
#[track_caller]
fn is_harmless(shown: &str) {
    let start: String = shown.chars().take(200).collect();
    assert!(shown.len() < 4 << 10, "{} bytes: {start:?}", shown.len());
    for char in shown.chars() {
        assert!(char == '…' || (' '..='~').contains(&char), "{char:?} in {start:?}");
    }
    assert!(!shown.contains(HOSTILE));
}

#[track_caller]
fn all_is_harmless(shown: impl fmt::Display + fmt::Debug) {
    is_harmless(&format!("{shown}"));
    is_harmless(&format!("{shown:?}"));
}

/// An error of another crate that quotes text from outside.
#[derive(Debug)]
struct Quotes(String);

impl fmt::Display for Quotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Quotes {}

#[test]
fn a_rejection_shows_a_hostile_circuit_name_escaped() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers().name(hostile()));
    circuit.force_open();
    let rejection = circuit.try_acquire().unwrap_err();
    assert!(rejection.to_string().starts_with(r"circuit `a\nERROR circuit opened\r\n\u{1b}[2J"), "{rejection}");
    assert_eq!(rejection.name().as_str(), hostile(), "the name itself is unchanged");
    all_is_harmless(&rejection);
    all_is_harmless(rejection.name());
    all_is_harmless(BreakerError::<Infallible>::Rejected(rejection.clone()));
    is_harmless(&BreakerError::<Infallible>::Rejected(rejection).source().unwrap().to_string());
    is_harmless(&format!("{:?}", circuit.stats()));
    is_harmless(&format!("{circuit:?}"));
}

#[test]
fn an_ordinary_name_is_shown_unchanged() {
    for name in ["payments", "db/shard-7", "Zürich 東京", "a\\b"] {
        assert_eq!(Name::from(name).to_string(), name);
        assert_eq!(format!("{:?}", Name::from(name)), format!("{name:?}"));
    }
}

#[test]
fn a_fallback_error_shows_both_hostile_errors_escaped() {
    let cause = Cause::AttemptsExhausted { attempts: 3 };
    let error = FallbackError::Both { primary: Quotes(hostile()), backup: Quotes(hostile()), cause };
    let shown = error.to_string();
    assert!(shown.starts_with(r"a\nERROR"), "{shown:.200}");
    assert!(shown.contains(r" (all 3 attempts failed), and the fallback failed: a\nERROR"), "{shown}");
    is_harmless(&shown);
    assert_eq!(error.backup().unwrap().0, hostile(), "the error itself is unchanged");
}

#[tokio::test]
async fn a_report_shows_a_hostile_fallback_name_escaped() {
    let backup = service_fn(|()| async { Ok::<_, Infallible>(()) });
    let layer = FallbackLayer::new(backup).name(HOSTILE);
    let service = ServiceBuilder::new()
        .layer(tower_recourse::report::ReportLayer)
        .layer(layer)
        .service(service_fn(|()| async { Err::<(), _>(Quotes(String::new())) }));
    let how: CallReport = service.oneshot(()).await.unwrap().report;
    is_harmless(&how.to_string());
}

#[cfg(feature = "keyed")]
#[test]
fn the_circuit_of_a_hostile_key_has_a_short_escaped_name() {
    use tower_recourse::breaker::keyed::CircuitRegistry;

    let circuits = CircuitRegistry::new(BreakerConfig::default().fixed().without_observers().name("hosts")).named();
    let circuit = circuits.get(&hostile());
    circuit.force_open();
    let rejection = circuit.try_acquire().unwrap_err();
    all_is_harmless(&rejection);
    assert!(rejection.name().as_str().len() < 300, "a key of a megabyte isn't stored a second time");
    is_harmless(&format!("{circuits:?}"));
}

#[cfg(feature = "grpc")]
#[test]
fn a_service_config_error_shows_a_hostile_value_escaped() {
    let escaped = serde_json::to_string(&hostile()).unwrap();
    for json in [
        format!(r#"{{"methodConfig": [{{"retryPolicy": {{"maxAttempts": {escaped}}}}}]}}"#),
        format!(r#"{{"retryThrottling": {escaped}}}"#),
        format!(r#"{{"methodConfig": [{{"name": [{{"service": {escaped}}}, {{"service": {escaped}}}]}}]}}"#),
        escaped,
        hostile(),
    ] {
        let invalid = tower_recourse::RetryConfig::from_service_config(&json).unwrap_err();
        all_is_harmless(&invalid);
        is_harmless(invalid.value());
        is_harmless(invalid.field());
    }
}

#[cfg(feature = "grpc")]
#[test]
fn responses_to_clients_do_not_contain_the_circuit_name() {
    use tower_recourse::breaker::OnRejection;

    let circuit = Circuit::new(BreakerConfig::default().fixed().without_observers().name(hostile()));
    circuit.force_open();
    let rejection = || circuit.try_acquire().unwrap_err();
    let unavailable = tower_recourse::http::Unavailable;
    let http = OnRejection::<http::Response<String>, Infallible>::reject(&unavailable, rejection()).unwrap();
    is_harmless(http.body());
    assert!(!http.body().contains("ERROR"));
    let unavailable = tower_recourse::grpc::Unavailable;
    let grpc = OnRejection::<http::Response<String>, Infallible>::reject(&unavailable, rejection()).unwrap();
    is_harmless(grpc.headers()["grpc-message"].to_str().unwrap());
    for value in http.headers().values().chain(grpc.headers().values()) {
        assert!(!value.to_str().unwrap().contains("ERROR"));
    }
}

/// The same checks for the log.
#[cfg(feature = "tracing")]
mod log {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use tower::Layer;
    use tower_recourse::{
        BreakerLayer, RetryConfig, RetryLayer,
        retry::{Backoff, RetryQuota},
    };
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// The events that a subscriber receives: the text of each field.
    #[derive(Clone, Default)]
    struct Received(Arc<Mutex<Vec<EventFields>>>);

    type EventFields = Vec<(&'static str, String)>;

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Received {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            struct Fields(EventFields);
            impl tracing::field::Visit for Fields {
                fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                    self.0.push((field.name(), value.to_owned()));
                }

                fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                    self.0.push((field.name(), format!("{value:?}")));
                }
            }
            let mut fields = Fields(Vec::new());
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0);
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hostile_names_and_keys_cannot_forge_log_lines() {
        let (received, written) = (Received::default(), Written::default());
        let writer = written.clone();
        let lines =
            tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(received.clone()).with(lines));

        let circuit = Circuit::new(BreakerConfig::default().fixed().name(hostile()).label("team", hostile()));
        circuit.try_acquire().unwrap().failure();
        circuit.force_open();
        circuit.try_acquire().unwrap_err();
        circuit.reset();
        let breaker = BreakerLayer::new(BreakerConfig::default().fixed().name(hostile()));
        let backoff = Backoff::fixed(Duration::from_secs(1));
        let config = RetryConfig::default().idempotent().retries(1).backoff(backoff).name(hostile());
        let retry = RetryLayer::new(config.clone().quota(&RetryQuota::new(), |_: &()| hostile()));
        let broken = service_fn(|()| async { Err::<(), _>(Quotes(String::new())) });
        let backup = service_fn(|()| async { Err::<(), _>(Quotes(hostile())) });
        let fallback = FallbackLayer::new(backup).name(hostile());
        let stack = ServiceBuilder::new().layer(fallback).layer(retry).layer(breaker).service(broken);
        stack.oneshot(()).await.unwrap_err();
        let rejected = RetryLayer::new(config).layer(BreakerLayer::on(&circuit).layer(broken));
        circuit.force_open();
        rejected.oneshot(()).await.unwrap_err();
        drop(guard);

        let received = received.0.lock().unwrap();
        let kinds: Vec<_> =
            received.iter().map(|fields| &*fields.iter().find(|(name, _)| *name == "message").unwrap().1).collect();
        for kind in [
            "circuit was forced open by the program, rejecting calls",
            "circuit mode was changed by the program",
            "attempt failed, retrying after the delay",
            "request failed, no further attempt",
            "primary failed, the fallback calls its backup",
            "the fallback's backup failed after the primary had failed",
        ] {
            assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
        }
        for (field, value) in received.iter().flatten() {
            is_harmless(value);
            assert!(*field == "message" || !value.contains('\n'), "{field}");
        }
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let shown: Vec<_> = written.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(shown.len(), received.len(), "one line per event");
        for line in shown {
            is_harmless(line);
            // A forged field would be outside all quotes. Of the parts between quotes, every second
            // one is outside.
            let outside: String = line.replace(r#"\""#, "").split('"').step_by(2).collect();
            assert!(!outside.contains("attempt=99") && !outside.contains("forged"), "{line}");
        }
    }
}
