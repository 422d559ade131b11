//! Verdicts by text: which pattern wins, which text is read, and the built-in lists.

use std::{
    error::Error,
    fmt, io,
    sync::atomic::{AtomicUsize, Ordering},
};

use proptest::prelude::*;
use tower_recourse::{
    BreakerConfig, BreakerError, Circuit, Classifier, Delivery, Health, InvalidConfig, Verdict,
    classify::{self, ErrorClassifier, ErrorMessages, FollowSources},
};

use crate::fixed_numbers::FixedNumbers as _;

type BoxError = Box<dyn Error + Send + Sync>;

fn opinion<E: fmt::Display + 'static>(messages: &ErrorMessages, error: E) -> Option<Verdict> {
    Classifier::<(), (), E>::opinion(messages, &(), Err(&error))
}

fn judged(messages: &ErrorMessages, text: &str) -> Verdict {
    Classifier::<(), (), String>::classify(messages, &(), Err(&text.to_owned()))
}

/// A different verdict for each place in a list.
fn verdict(place: usize) -> Verdict {
    Verdict::transient().retry_after(std::time::Duration::from_secs(place as u64))
}

fn list(patterns: &[&str]) -> Result<ErrorMessages, InvalidConfig> {
    ErrorMessages::new(patterns.iter().enumerate().map(|(place, &pattern)| (pattern, verdict(place))))
}

#[test]
fn the_first_pattern_of_the_list_wins_wherever_it_occurs() {
    let messages = list(&["b", "a", "c"]).unwrap();
    assert_eq!(opinion(&messages, "a, then b"), Some(verdict(0)));
    assert_eq!(opinion(&messages, "b, then a"), Some(verdict(0)));
    assert_eq!(opinion(&messages, "c, then a"), Some(verdict(1)));
    assert_eq!(opinion(&messages, "d"), None);
}

#[test]
fn an_exception_comes_before_its_rule() {
    let messages = list(&["node not found", "not found"]).unwrap();
    assert_eq!(opinion(&messages, "Node Not Found: b-7"), Some(verdict(0)));
    assert_eq!(opinion(&messages, "no, not found"), Some(verdict(1)));
    assert_eq!(opinion(&messages, "not found, since its node not found"), Some(verdict(0)), "the whole text counts");
}

#[test]
fn only_ascii_letters_match_in_either_case() {
    let messages = list(&["TimeOut", "café", "ΣΗΜΑ"]).unwrap();
    assert_eq!(opinion(&messages, "tImEoUt"), Some(verdict(0)));
    assert_eq!(opinion(&messages, "CAFé"), Some(verdict(1)));
    assert_eq!(opinion(&messages, "CAFÉ"), None);
    assert_eq!(opinion(&messages, "ΣΗΜΑ"), Some(verdict(2)));
    assert_eq!(opinion(&messages, "σημα"), None);
}

#[test]
fn impossible_lists_are_invalid() {
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
    assert!(ErrorMessages::new(same).is_ok(), "a redundant rule is allowed");
    assert!(list(&["é", "É"]).is_ok(), "these differ");
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
fn sources_are_read_and_the_order_of_the_list_decides() {
    let messages = list(&["first", "second"]).unwrap();
    let chain = || Wrap("nothing", Wrap("the second", io::Error::other("the first")));
    assert_eq!(opinion::<BoxError>(&messages, Box::new(chain())), Some(verdict(0)));
    assert_eq!(opinion(&messages, chain()), None, "a custom error has only its own text");
    let along = Classifier::<(), (), Wrap<_>>::opinion(&FollowSources(messages), &(), Err(&chain()));
    assert_eq!(along, Some(verdict(0)));
}

#[test]
fn a_pattern_is_not_found_across_two_texts() {
    let messages = list(&["abcd"]).unwrap();
    assert_eq!(opinion::<BoxError>(&messages, Box::new(Wrap("ab", io::Error::other("cd")))), None);
}

#[test]
fn a_breaker_around_it_hides_no_text() {
    let messages = list(&["reset"]).unwrap();
    assert_eq!(opinion(&messages, BreakerError::Inner("reset")), Some(verdict(0)));
    assert_eq!(opinion(&messages, BreakerError::Inner("reset".to_owned())), Some(verdict(0)));
    assert_eq!(opinion::<BreakerError<BoxError>>(&messages, BreakerError::Inner("reset".into())), Some(verdict(0)));
}

#[tokio::test]
async fn a_rejection_is_recognised_whatever_its_text() {
    let circuit = Circuit::new(BreakerConfig::default().fixed().name("network"));
    circuit.force_open();
    let rejection = circuit.try_acquire().unwrap_err();
    let rejected = Some(Verdict::rejected(rejection.retry_in()));
    let messages = list(&["network"]).unwrap();
    assert_eq!(opinion::<BoxError>(&messages, Box::new(rejection.clone())), rejected);
    assert_eq!(opinion::<BoxError>(&messages, Box::new(Wrap("network", rejection.clone()))), rejected);
    let deep = Wrap("network", Wrap("network", Wrap("network", rejection)));
    assert_eq!(opinion::<BoxError>(&messages, Box::new(deep)), rejected);
}

/// Writes its text in pieces and counts how much was written.
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

/// An error with this text, repeated and written in pieces.
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
fn text_after_64_kib_is_not_read() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let messages = list(&["end", "x"]).unwrap();
    let length = |bytes: usize| format!("{}end", "x".repeat(bytes - 3));
    assert_eq!(opinion(&messages, length(65_536)), Some(verdict(0)));
    assert_eq!(opinion(&messages, length(65_537)), Some(verdict(1)));

    let long = Repeated("0123456789", 1_000_000, &WRITTEN);
    assert_eq!(opinion(&messages, long), None);
    assert!(WRITTEN.load(Ordering::Relaxed) <= 65_536, "the text isn't written to its end");
}

#[test]
fn the_bound_covers_an_error_and_its_sources() {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let messages = list(&["end"]).unwrap();
    let chain = |times| -> BoxError {
        let text: &'static str = "x".repeat(times).leak();
        Box::new(Wrap(text, Repeated("end", 1, &WRITTEN)))
    };
    assert_eq!(opinion(&messages, chain(65_533)), Some(verdict(0)));
    assert_eq!(opinion(&messages, chain(65_534)), None);
}

#[test]
fn classifying_allocates_nothing() {
    let messages = ErrorMessages::node_jobs();
    let error: BoxError = Box::new(Wrap("the job failed", io::Error::other("Node Not Found: b-7")));
    let mut verdict = None;
    let counted = allocation_counter::measure(|| {
        verdict = Classifier::<(), (), BoxError>::opinion(&messages, &(), Err(&error));
    });
    assert_eq!((verdict, counted.count_total), (Some(Verdict::transient().idempotency_unknown()), 0));
}

#[test]
fn a_text_counts_up_to_a_formatting_error() {
    struct Broken;
    impl fmt::Display for Broken {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("reset")?;
            Err(fmt::Error)
        }
    }
    assert_eq!(opinion(&list(&["reset"]).unwrap(), Broken), Some(verdict(0)));
}

#[test]
fn an_endless_chain_is_cut() {
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
    assert_eq!(opinion::<BoxError>(&list(&["end"]).unwrap(), Box::new(Endless)), None);
}

#[test]
fn no_opinion_differs_from_a_default() {
    let messages = list(&["reset"]).unwrap().otherwise(Verdict::permanent());
    assert_eq!(opinion(&messages, "what?"), None);
    assert_eq!(judged(&messages, "what?"), Verdict::permanent());
    assert_eq!(judged(&list(&["reset"]).unwrap(), "what?"), Verdict::transient().idempotency_unknown());
    let response = Classifier::<(), u8, String>::classify(&messages, &(), Ok(&1));
    assert_eq!(response, Verdict::Success);
    assert_eq!(Classifier::<(), u8, String>::opinion(&messages, &(), Ok(&1)), None);
}

/// Permanent for this request, and for others.
const UNHEALTHY: Verdict = Verdict::permanent().health(Health::Unhealthy);

#[test]
fn in_a_chain_the_type_comes_before_the_text() {
    let chain = classify::first(ErrorClassifier).or(ErrorMessages::service_calls());
    let judged = |error: BoxError| Classifier::<(), (), BoxError>::classify(&chain, &((), ()), Err(&error));
    let missing = io::Error::new(io::ErrorKind::NotFound, "connection file not found");
    assert_eq!(judged(Box::new(missing)), Verdict::permanent());
    assert_eq!(
        judged(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused))),
        Verdict::transient().delivery(Delivery::NotSent).idempotency_unknown()
    );
    assert_eq!(judged("connection lost".into()), Verdict::transient().idempotency_unknown());
    assert_eq!(judged("what?".into()), UNHEALTHY);
}

#[test]
fn the_built_in_list_for_service_clients() {
    let messages = ErrorMessages::service_calls();
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
        ("out of memory", UNHEALTHY),
        ("disk full", UNHEALTHY),
        ("resource exhausted", UNHEALTHY),
        ("division by zero", UNHEALTHY),
        ("", UNHEALTHY),
        // Transient texts come before permanent ones.
        ("resource temporarily unavailable", Verdict::transient()),
        ("connection to the disk server", Verdict::transient()),
    ] {
        assert_eq!(judged(&messages, text), marked(verdict), "{text}");
    }
}

#[test]
fn the_built_in_list_for_jobs_on_nodes() {
    let messages = ErrorMessages::node_jobs();
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
        ("division by zero", UNHEALTHY),
        // "node not found" is an exception to the pattern "not found". An earlier pattern of the
        // list wins over both.
        ("node not found: b-7", Verdict::transient()),
        ("connection: host not found", Verdict::permanent()),
        ("invalid job: node not found", Verdict::permanent()),
    ] {
        assert_eq!(judged(&messages, text), marked(verdict), "{text}");
    }
}

/// Adds what the built-in lists add to retryable failures: they don't know whether a request is
/// idempotent.
fn marked(verdict: Verdict) -> Verdict {
    if verdict == Verdict::permanent() || verdict == UNHEALTHY { verdict } else { verdict.idempotency_unknown() }
}

#[test]
fn custom_rules_may_allow_a_retry() {
    let own = ErrorMessages::new([("reset", Verdict::transient())]).unwrap();
    assert_eq!(opinion(&own, "connection reset".to_owned()), Some(Verdict::transient()));
    assert_eq!(judged(&own.otherwise(Verdict::transient()), "what?"), Verdict::transient());
}

/// The reference for the matcher: searches each pattern in each text.
fn naive(patterns: &[String], texts: &[String]) -> Option<usize> {
    let found =
        |pattern: &String| texts.iter().any(|text| text.to_ascii_lowercase().contains(&pattern.to_ascii_lowercase()));
    patterns.iter().position(found)
}

/// Nested errors with these texts, each written in pieces.
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
    /// Few letters, so that patterns overlap, contain each other and occur in many places.
    #[test]
    fn the_matcher_equals_a_search_for_each_pattern(
        patterns in prop::collection::vec("[abAé]{1,4}", 1..8),
        texts in prop::collection::vec("[abABéÉ]{0,24}", 1..4),
        piece in 1usize..6,
    ) {
        let made = ErrorMessages::new(patterns.iter().enumerate().map(|(place, pattern)| (pattern, verdict(place))));
        let lower: Vec<String> = patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
        let refused = (0..lower.len()).any(|place| lower[..place].iter().any(|earlier| lower[place].contains(earlier)));
        prop_assert_eq!(made.is_err(), refused, "{:?}", made);
        if let Ok(messages) = made {
            let error: BoxError = Texts::new(&texts, piece).unwrap();
            prop_assert_eq!(opinion(&messages, error), naive(&patterns, &texts).map(verdict));
        }
    }

    /// All rules have the same verdict, so an earlier rule may cover a later one.
    #[test]
    fn the_matcher_finds_patterns_that_occur(
        patterns in prop::collection::hash_set("[ab]{1,5}", 1..10),
        text in "[abA]{0,40}",
    ) {
        let patterns: Vec<String> = patterns.into_iter().collect();
        let messages = ErrorMessages::new(patterns.iter().map(|pattern| (pattern, Verdict::throttled()))).unwrap();
        let found = naive(&patterns, std::slice::from_ref(&text)).map(|_| Verdict::throttled());
        prop_assert_eq!(opinion(&messages, text), found);
    }
}
