//! The labels of a layer's metrics.

use std::{borrow::Cow, sync::Arc};

use ::metrics::{Label, SharedString};

use super::METRICS;
use crate::{Name, sanitize};

/// Labels that exporters add, besides those of the metrics themselves.
const RESERVED: [&str; 4] = ["name", "key", "le", "quantile"];

/// The label `name`, and the labels of the layer. A label whose name isn't valid or has another
/// meaning is renamed; of two with one name, the first one stays.
pub(crate) fn labels_of(name: &Name) -> Vec<Label> {
    // Room for the labels of the metric.
    let mut labels = Vec::with_capacity(3 + name.labels().len());
    labels.push(match name.as_literal() {
        Some(literal) => Label::new("name", static_value(literal)),
        None => Label::new("name", value(name.as_str())),
    });
    for label in name.labels() {
        let label_name = valid_name(label.name());
        if labels.iter().all(|other| other.key() != label_name) {
            labels.push(Label::new(label_name, value(label.value())));
        }
    }
    labels
}

/// A label of the metric itself.
pub(crate) fn label(name: &'static str, value: &'static str) -> Label {
    Label::new(name, static_value(value))
}

/// A value from outside, escaped and cut. It is shared, because recorders clone the labels.
pub(crate) fn value(text: &str) -> SharedString {
    Arc::<str>::from(sanitize::name_str(text)).into()
}

fn static_value(text: &'static str) -> SharedString {
    sanitize::name_str(text).into()
}

/// A name that Prometheus accepts and that no metric uses: `label_` is put before other names, and
/// invalid characters become `_`.
fn valid_name(name: &'static str) -> Cow<'static, str> {
    let is_valid = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let is_used = RESERVED.contains(&name) || METRICS.iter().any(|metric| metric.labels.contains(&name));
    let begins_well = name.starts_with(|first: char| !first.is_ascii_digit()) && !name.starts_with("__");
    if begins_well && !is_used && name.chars().all(is_valid) {
        return Cow::Borrowed(name);
    }
    let prefix = if begins_well && !is_used { "" } else { "label_" };
    let valid: String = name.chars().map(|char| if is_valid(char) { char } else { '_' }).collect();
    // A replaced character may make the name one that is used.
    let prefix = if RESERVED.contains(&valid.as_str()) || valid.starts_with("__") { "label_" } else { prefix };
    Cow::Owned(format!("{prefix}{valid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: Name) -> Vec<(String, String)> {
        labels_of(&name).iter().map(|label| (label.key().to_owned(), label.value().to_owned())).collect()
    }

    #[test]
    fn the_labels_of_a_layer_follow_its_name() {
        let labels = shown(Name::from("a").with_label("team", "x").with_label("zone", "1"));
        assert_eq!(labels, [("name", "a"), ("team", "x"), ("zone", "1")].map(|(k, v)| (k.into(), v.into())));
    }

    #[test]
    fn label_names_are_valid_and_unique() {
        for (given, valid) in [
            ("team", "team"),
            ("Team-1", "Team_1"),
            ("1st", "label_1st"),
            ("__name__", "label___name__"),
            ("-_x", "label___x"),
            ("", "label_"),
            ("name", "label_name"),
            ("state", "label_state"),
            ("le", "label_le"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(valid_name(given), valid);
        }
        let labels = shown(Name::from("a").with_label("a.b", "first").with_label("a-b", "second"));
        assert_eq!(labels[1..], [("a_b".to_owned(), "first".to_owned())]);
    }

    #[test]
    fn values_are_escaped_and_cut() {
        let labels = shown(Name::from(format!("a\n{}", "x".repeat(1_000))).with_label("team", "\u{202e}"));
        assert!(labels[0].1.starts_with("a\\nx") && labels[0].1.len() < 300, "{labels:?}");
        assert_eq!(labels[1].1, "\\u{202e}");
    }
}
