//! Verdicts by text: which rule wins, what is read, and the lists that ship.

use std::{
    error::Error,
    fmt, io,
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Invalid, Sent, Verdict,
    classify::{self, Errors, Messages, Sources},
};

use crate::fixed_numbers::FixedNumbers as _;

type BoxError = Box<dyn Error + Send + Sync>;

fn said<E: fmt::Display + 'static>(messages: &Messages, error: E) -> Option<Verdict> {
    Classifier::<(), (), E>::opinion(messages, &(), Err(&error))
}

fn judged(messages: &Messages, text: &str) -> Verdict {
    Classifier::<(), (), String>::classify(messages, &(), Err(&text.to_owned()))
}

/// A verdict for every place of a list, each another one.
fn verdict(place: usize) -> Verdict {
    Verdict::transient().retry_after(std::time::Duration::from_secs(place as u64))
}

fn list(patterns: &[&str]) -> Result<Messages, Invalid> {
    Messages::new(patterns.iter().enumerate().map(|(place, &pattern)| (pattern, verdict(place))))
}

#[test]
fn the_first_of_the_list_wins_wherever_it_is_in_the_text() {
    let messages = list(&["b", "a", "c"]).unwrap();
    assert_eq!(said(&messages, "a, then b"), Some(verdict(0)));
    assert_eq!(said(&messages, "b, then a"), Some(verdict(0)));
    assert_eq!(said(&messages, "c, then a"), Some(verdict(1)));
    assert_eq!(said(&messages, "d"), None);
}

#[test]
fn an_exception_stands_before_its_rule() {
    let messages = list(&["node not found", "not found"]).unwrap();
    assert_eq!(said(&messages, "Node Not Found: b-7"), Some(verdict(0)));
    assert_eq!(said(&messages, "no, not found"), Some(verdict(1)));
    assert_eq!(said(&messages, "not found, since its node not found"), Some(verdict(0)), "it is about the whole text");
}

#[test]
fn ascii_case_is_nothing_and_any_other_is_something() {
    let messages = list(&["TimeOut", "café", "ΣΗΜΑ"]).unwrap();
    assert_eq!(said(&messages, "tImEoUt"), Some(verdict(0)));
    assert_eq!(said(&messages, "CAFé"), Some(verdict(1)));
    assert_eq!(said(&messages, "CAFÉ"), None);
    assert_eq!(said(&messages, "ΣΗΜΑ"), Some(verdict(2)));
    assert_eq!(said(&messages, "σημα"), None);
}

#[test]
fn lists_that_cannot_be_meant_are_refused() {
    let refuse = |patterns: &[&str], message: &str| {
        assert_eq!(list(patterns).unwrap_err().to_string(), message);
    };
    refuse(&[], "`patterns` is [], but must be at least one");
    refuse(&["a", ""], r#"`pattern` is "", but must be at least one character"#);
    let different = "different from those before it, regardless of case";
    refuse(&["a", "b", "A"], &format!(r#"`pattern` is "A", but must be {different}"#));
    let before = "before every pattern that is a part of it";
    refuse(&["not found", "Node Not Found"], &format!(r#"`pattern` is "Node Not Found", but must be {before}"#));

    let same = [("reset", verdict(1)), ("connection reset", verdict(1))];
    assert!(Messages::new(same).is_ok(), "what changes nothing does no harm");
    assert!(list(&["é", "É"]).is_ok(), "these aren't the same");
}

#[derive(Debug)]
struct Wrap<E>(&'static str, E);

impl<E> fmt::Display for Wrap<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<E: Error + 'static> Error for Wrap<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.1)
    }
}

#[test]
fn sources_are_read_too_and_the_list_decides_between_them() {
    let messages = list(&["first", "second"]).unwrap();
    let chain = || Wrap("nothing", Wrap("the second", io::Error::other("the first")));
    assert_eq!(said::<BoxError>(&messages, Box::new(chain())), Some(verdict(0)));
    assert_eq!(said(&messages, chain()), None, "an error of one's own is only its own text");
    let along = Classifier::<(), (), Wrap<_>>::opinion(&Sources(messages), &(), Err(&chain()));
    assert_eq!(along, Some(verdict(0)));
}

#[test]
fn a_pattern_is_not_found_across_two_texts() {
    let messages = list(&["abcd"]).unwrap();
    assert_eq!(said::<BoxError>(&messages, Box::new(Wrap("ab", io::Error::other("cd")))), None);
}

#[test]
fn a_breaker_around_it_hides_nothing() {
    let messages = list(&["reset"]).unwrap();
    assert_eq!(said(&messages, BreakerError::Inner("reset")), Some(verdict(0)));
    assert_eq!(said(&messages, BreakerError::Inner("reset".to_owned())), Some(verdict(0)));
    assert_eq!(said::<BreakerError<BoxError>>(&messages, BreakerError::Inner("reset".into())), Some(verdict(0)));
}

#[tokio::test]
async fn a_rejection_is_one_whatever_its_text_says() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().name("network"));
    circuit.force_open();
    let rejection = circuit.admit().unwrap_err();
    let rejected = Some(Verdict::rejected(rejection.retry_in()));
    let messages = list(&["network"]).unwrap();
    assert_eq!(said::<BoxError>(&messages, Box::new(rejection.clone())), rejected);
    assert_eq!(said::<BoxError>(&messages, Box::new(Wrap("network", rejection.clone()))), rejected);
    let deep = Wrap("network", Wrap("network", Wrap("network", rejection)));
    assert_eq!(said::<BoxError>(&messages, Box::new(deep)), rejected);
}

/// Writes its text in pieces, and counts how much of it was asked for.
struct Pieces<'a> {
    text: &'a str,
    size: usize,
    written: &'a AtomicUsize,
}

impl fmt::Display for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut piece = String::new();
        for character in self.text.chars() {
            piece.push(character);
            if piece.len() >= self.size {
                f.write_str(&piece)?;
                self.written.fetch_add(piece.len(), Ordering::Relaxed);
                piece.clear();
            }
        }
        f.write_str(&piece)
    }
}

/// The same as an error, for what takes only those.
#[derive(Debug)]
struct Repeated(&'static str, usize, &'static AtomicUsize);

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.repeat(self.1);
        Pieces { text: &text, size: 100, written: self.2 }.fmt(f)
    }
}

impl Error for Repeated {}

#[test]
fn what_comes_after_64_kib_is_not_read() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let messages = list(&["end", "x"]).unwrap();
    let length = |bytes: usize| format!("{}end", "x".repeat(bytes - 3));
    assert_eq!(said(&messages, length(65_536)), Some(verdict(0)));
    assert_eq!(said(&messages, length(65_537)), Some(verdict(1)));

    let long = Repeated("0123456789", 1_000_000, &WRITTEN);
    assert_eq!(said(&messages, long), None);
    assert!(WRITTEN.load(Ordering::Relaxed) <= 65_536, "the text isn't even made to its end");
}

#[test]
fn the_bound_is_for_an_error_and_its_sources_together() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let messages = list(&["end"]).unwrap();
    let chain = |times| -> BoxError {
        let text: &'static str = "x".repeat(times).leak();
        Box::new(Wrap(text, Repeated("end", 1, &WRITTEN)))
    };
    assert_eq!(said(&messages, chain(65_533)), Some(verdict(0)));
    assert_eq!(said(&messages, chain(65_534)), None);
}

#[test]
fn nothing_is_allocated_to_judge() {
    let messages = Messages::node_jobs();
    let error: BoxError = Box::new(Wrap("the job failed", io::Error::other("Node Not Found: b-7")));
    let mut verdict = None;
    let counted = allocation_counter::measure(|| {
        verdict = Classifier::<(), (), BoxError>::opinion(&messages, &(), Err(&error));
    });
    assert_eq!((verdict, counted.count_total), (Some(Verdict::transient().idempotency_unknown()), 0));
}

#[test]
fn a_text_that_ends_in_an_error_counts_as_far_as_it_was_written() {
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("reset")?;
            Err(fmt::Error)
        }
    }
    assert_eq!(said(&list(&["reset"]).unwrap(), Broken), Some(verdict(0)));
}

#[test]
fn a_chain_without_an_end_has_one() {
    #[derive(Debug)]
    struct Endless;
    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("on and on")
        }
    }
    impl Error for Endless {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Endless)
        }
    }
    assert_eq!(said::<BoxError>(&list(&["end"]).unwrap(), Box::new(Endless)), None);
}

#[test]
fn no_opinion_and_a_default_are_two_things() {
    let messages = list(&["reset"]).unwrap().otherwise(Verdict::permanent());
    assert_eq!(said(&messages, "what?"), None);
    assert_eq!(judged(&messages, "what?"), Verdict::permanent());
    assert_eq!(judged(&list(&["reset"]).unwrap(), "what?"), Verdict::transient().idempotency_unknown());
    let response = Classifier::<(), u8, String>::classify(&messages, &(), Ok(&1));
    assert_eq!(response, Verdict::Success);
    assert_eq!(Classifier::<(), u8, String>::opinion(&messages, &(), Ok(&1)), None);
}

#[test]
fn in_a_chain_the_type_may_know_better_than_the_text() {
    let chain = classify::first(Errors).or(Messages::service_calls());
    let judged = |error: BoxError| Classifier::<(), (), BoxError>::classify(&chain, &((), ()), Err(&error));
    let missing = io::Error::new(io::ErrorKind::NotFound, "connection file not found");
    assert_eq!(judged(Box::new(missing)), Verdict::permanent());
    assert_eq!(
        judged(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused))),
        Verdict::transient().sent(Sent::No).idempotency_unknown()
    );
    assert_eq!(judged("connection lost".into()), Verdict::transient().idempotency_unknown());
    assert_eq!(judged("what?".into()), Verdict::permanent());
}

#[test]
fn the_list_of_what_clients_of_services_say() {
    let messages = Messages::service_calls();
    for (text, verdict) in [
        ("Connection lost", Verdict::transient()),
        ("Timeout after 30 s", Verdict::timed_out()),
        ("network is down", Verdict::transient()),
        ("Rate limit reached", Verdict::throttled()),
        ("Too Many Requests", Verdict::throttled()),
        ("status 429", Verdict::throttled()),
        ("a temporary fault", Verdict::transient()),
        ("service unavailable", Verdict::transient()),
        ("status 503", Verdict::transient()),
        ("out of memory", Verdict::permanent()),
        ("disk full", Verdict::permanent()),
        ("resource exhausted", Verdict::permanent()),
        ("division by zero", Verdict::permanent()),
        ("", Verdict::permanent()),
        // Its order: what may pass goes before what doesn't.
        ("resource temporarily unavailable", Verdict::transient()),
        ("connection to the disk server", Verdict::transient()),
    ] {
        assert_eq!(judged(&messages, text), marked(verdict), "{text}");
    }
}

#[test]
fn the_list_of_what_jobs_on_nodes_say() {
    let messages = Messages::node_jobs();
    for (text, verdict) in [
        ("Validation failed", Verdict::permanent()),
        ("invalid input", Verdict::permanent()),
        ("key not found", Verdict::permanent()),
        ("unauthorized", Verdict::permanent()),
        ("forbidden", Verdict::permanent()),
        ("Bad Request", Verdict::permanent()),
        ("malformed header", Verdict::permanent()),
        ("missing required field", Verdict::permanent()),
        ("connection lost", Verdict::transient()),
        ("timeout", Verdict::timed_out()),
        ("unavailable", Verdict::transient()),
        ("temporary fault", Verdict::transient()),
        ("network is down", Verdict::transient()),
        ("refused", Verdict::transient()),
        ("host unreachable", Verdict::transient()),
        ("no route to host", Verdict::transient()),
        ("Connection reset by peer", Verdict::transient()),
        ("broken pipe", Verdict::transient()),
        ("node offline", Verdict::transient()),
        ("division by zero", Verdict::permanent()),
        // The exception that the list was made for, and the order that it keeps.
        ("node not found: b-7", Verdict::transient()),
        ("connection: host not found", Verdict::permanent()),
        ("invalid job: node not found", Verdict::permanent()),
    ] {
        assert_eq!(judged(&messages, text), marked(verdict), "{text}");
    }
}

/// The ready-made lists don't know whether a request is idempotent.
fn marked(verdict: Verdict) -> Verdict {
    if verdict == Verdict::permanent() { verdict } else { verdict.idempotency_unknown() }
}

#[test]
fn your_own_rules_are_believed_to_allow_a_retry() {
    let own = Messages::new([("reset", Verdict::transient())]).unwrap();
    assert_eq!(said(&own, "connection reset".to_owned()), Some(Verdict::transient()));
    assert_eq!(judged(&own.otherwise(Verdict::transient()), "what?"), Verdict::transient());
}

/// What the matcher must be equal to: every pattern looked for in every text, one after the other.
fn naive(patterns: &[String], texts: &[String]) -> Option<usize> {
    let found =
        |pattern: &String| texts.iter().any(|text| text.to_ascii_lowercase().contains(&pattern.to_ascii_lowercase()));
    patterns.iter().position(found)
}

/// Errors one within another, with these texts, each in pieces.
#[derive(Debug)]
struct Texts {
    text: String,
    piece: usize,
    inside: Option<Box<Texts>>,
}

impl Texts {
    fn new(texts: &[String], piece: usize) -> Option<Box<Self>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Self { text: text.clone(), piece, inside: Self::new(rest, piece) }))
    }
}

impl fmt::Display for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = AtomicUsize::new(0);
        write!(f, "{}", Pieces { text: &self.text, size: self.piece, written: &written })
    }
}

impl Error for Texts {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inside.as_ref().map(|inside| &**inside as _)
    }
}

proptest! {
    /// Few letters, so that patterns overlap, contain one another, and are there in many places.
    #[test]
    fn it_is_equal_to_looking_for_each_pattern(
        patterns in prop::collection::vec("[abAé]{1,4}", 1..8),
        texts in prop::collection::vec("[abABéÉ]{0,24}", 1..4),
        piece in 1usize..6,
    ) {
        let made = Messages::new(patterns.iter().enumerate().map(|(place, pattern)| (pattern, verdict(place))));
        let lower: Vec<String> = patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
        let refused = (0..lower.len()).any(|place| lower[..place].iter().any(|earlier| lower[place].contains(earlier)));
        prop_assert_eq!(made.is_err(), refused, "{:?}", made);
        if let Ok(messages) = made {
            let error: BoxError = Texts::new(&texts, piece).unwrap();
            prop_assert_eq!(said(&messages, error), naive(&patterns, &texts).map(verdict));
        }
    }

    /// Where rules may be covered by earlier ones, since they say the same.
    #[test]
    fn it_finds_something_where_there_is_something(
        patterns in prop::collection::hash_set("[ab]{1,5}", 1..10),
        text in "[abA]{0,40}",
    ) {
        let patterns: Vec<String> = patterns.into_iter().collect();
        let messages = Messages::new(patterns.iter().map(|pattern| (pattern, Verdict::throttled()))).unwrap();
        let found = naive(&patterns, std::slice::from_ref(&text)).map(|_| Verdict::throttled());
        prop_assert_eq!(said(&messages, text), found);
    }
}
