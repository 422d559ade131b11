//! The labels of a layer's metrics.

use std::{borrow::Cow, sync::Arc};

use ::metrics::{Label, SharedString};

use crate::{Name, sanitize};

/// Labels that a layer can't have: those of metrics, and those that exporters add.
const RESERVED: [&str; 12] =
    ["name", "key", "le", "quantile", "state", "mode", "outcome", "from", "to", "attempt", "reason", "cause"];

/// The label `name`, and the labels of the layer, sorted by name. A label whose name isn't valid or
/// has another meaning is renamed; of two with one name, the first one stays.
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
    // In one order. Otherwise two layers with the same labels in different orders would have series
    // that are equal for a recorder or for Prometheus, and the one would overwrite the other.
    labels[1..].sort_unstable_by(|a, b| a.key().cmp(b.key()));
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
    let begins_well = |name: &str| name.starts_with(|first: char| !first.is_ascii_digit()) && !name.starts_with("__");
    if name.chars().all(is_valid) && begins_well(name) && !RESERVED.contains(&name) {
        return Cow::Borrowed(name);
    }
    let valid: String = name.chars().map(|char| if is_valid(char) { char } else { '_' }).collect();
    let is_free = begins_well(&valid) && !RESERVED.contains(&valid.as_str());
    Cow::Owned(if is_free { valid } else { format!("label_{valid}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::METRICS;

    fn shown(name: Name) -> Vec<(String, String)> {
        labels_of(&name).iter().map(|label| (label.key().to_owned(), label.value().to_owned())).collect()
    }

    #[test]
    fn the_labels_of_a_layer_follow_its_name() {
        let labels = shown(Name::from("a").with_label("team", "x").with_label("zone", "1"));
        assert_eq!(labels, [("name", "a"), ("team", "x"), ("zone", "1")].map(|(k, v)| (k.into(), v.into())));
    }

    #[test]
    fn the_order_of_a_layers_labels_makes_no_other_series() {
        let (team, zone) = (("team", "x"), ("zone", "1"));
        let name = |[first, second]: [(&'static str, &'static str); 2]| {
            Name::from("a").with_label(first.0, first.1).with_label(second.0, second.1)
        };
        assert_eq!(labels_of(&name([team, zone])), labels_of(&name([zone, team])));
    }

    #[test]
    fn the_labels_of_metrics_are_reserved() {
        let of_metrics = METRICS.iter().flat_map(|metric| metric.labels);
        assert!(of_metrics.into_iter().all(|label| RESERVED.contains(label)));
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
