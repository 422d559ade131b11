//! The spans in a log of text.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::format::FmtSpan;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Spans that don't succeed are shown with the text of their error.
#[test]
fn the_text_of_an_error_forges_no_field() {
    record();
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let text = r#"down" recourse.outcome="success"}: forged"#;
    tracing::subscriber::with_default(subscriber, || {
        let mut service = RequestSpanLayer::new().name("prices").layer(Script::new([fail::<(), _>(text)]));
        let mut call = tokio_test::task::spawn(async { service.ready().await?.call(()).await });
        assert!(call.poll().is_ready());
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let shown = r#"recourse.outcome="failure" error.type="transient" otel.status_code="ERROR" otel.status_description="down\" recourse.outcome=\"success\"}: forged"}"#;
    assert!(log.contains(shown), "{log}");
    // Values that aren't known leave no gap.
    assert!(!log.contains("  recourse"), "{log}");
}
