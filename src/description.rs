//! A configuration as text, setting by setting.

use std::{any, borrow::Cow, fmt, time::Duration};

use crate::{Label, Name};

/// The settings of a configuration as data: pairs of a setting's name and its value as text with
/// units, in a fixed order. `describe()` of a configuration returns it. `Display` shows one setting
/// per line.
///
/// Use it to compare a configuration with a snapshot in a test, to log it at the start, or to show
/// it to an operator:
///
/// ```
/// # #[cfg(feature = "breaker")] {
/// use tower_recourse::{BreakerConfig, breaker::OpenDuration};
/// use std::time::Duration;
///
/// let config = BreakerConfig::default().open_for(OpenDuration::fixed(Duration::from_secs(30)));
/// let description = config.describe();
/// assert_eq!(description.value("open_for"), Some("30s"));
/// assert!(description.to_string().contains("probes: one per open time, the first success closes\n"));
/// # }
/// ```
///
/// A description contains every setting; `labels` is left out if there are none. Closures, custom
/// classifiers and custom budgets are shown by the name of their type or as `custom`. A new version
/// of this crate may add settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    settings: Vec<(Cow<'static, str>, String)>,
}

// Only layers with a configuration use these.
#[cfg_attr(not(all(feature = "retry", feature = "breaker")), allow(dead_code))]
impl Description {
    pub(crate) const fn new() -> Self {
        Self { settings: Vec::new() }
    }

    pub(crate) fn add(&mut self, setting: impl Into<Cow<'static, str>>, value: impl fmt::Display) {
        self.settings.push((setting.into(), value.to_string()));
    }

    /// Adds the name of a layer, and its labels if it has any.
    pub(crate) fn add_name(&mut self, name: &Name) {
        self.add("name", name);
        let labels: Vec<_> = name.labels().iter().map(Label::to_string).collect();
        if !labels.is_empty() {
            self.add("labels", labels.join(", "));
        }
    }

    /// Adds a setting that may be unset.
    pub(crate) fn add_optional(&mut self, setting: &'static str, value: Option<impl fmt::Display>) {
        match value {
            Some(value) => self.add(setting, value),
            None => self.add(setting, "none"),
        }
    }

    pub(crate) fn add_time(&mut self, setting: &'static str, value: Duration) {
        self.add(setting, format_args!("{value:?}"));
    }

    pub(crate) fn add_optional_time(&mut self, setting: &'static str, value: Option<Duration>) {
        self.add_optional(setting, value.map(|value| format!("{value:?}")));
    }

    /// Adds the seed of the random numbers.
    pub(crate) fn add_seed(&mut self, seed: Option<u64>) {
        match seed {
            Some(seed) => self.add("seed", seed),
            None => self.add("seed", "random"),
        }
    }
}

impl Description {
    /// The settings, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(setting, value)| (setting.as_ref(), value.as_str()))
    }

    /// The value of a setting.
    pub fn value(&self, setting: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == setting).map(|(_, value)| value)
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(setting, value)| writeln!(f, "{setting}: {value}"))
    }
}

/// The name of a type without paths and type parameters. A closure is called `a closure`.
#[cfg_attr(not(any(feature = "retry", feature = "breaker")), allow(dead_code))]
pub(crate) fn type_name<T: ?Sized>() -> &'static str {
    let full = any::type_name::<T>();
    let outer = full.split('<').next().unwrap_or(full);
    match outer.rsplit("::").next().unwrap_or(outer) {
        name if name.contains("{{closure}}") => "a closure",
        name => name,
    }
}

/// A number and the noun that it counts, such as `1 call` or `20 calls`.
#[cfg_attr(not(any(feature = "retry", feature = "breaker")), allow(dead_code))]
pub(crate) fn counted(number: impl fmt::Display, one: &str, many: &str) -> String {
    let number = number.to_string();
    let noun = if number == "1" { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_agrees_with_its_number() {
        let calls = |number: u32| counted(number, "call", "calls");
        assert_eq!([calls(0), calls(1), calls(20)], ["0 calls", "1 call", "20 calls"]);
    }

    fn name_of<T>(_: &T) -> &'static str {
        type_name::<T>()
    }

    #[test]
    fn types_are_shown_without_paths_and_parameters() {
        assert_eq!(name_of(&Some(std::io::ErrorKind::Other)), "Option");
        assert_eq!(name_of(&std::io::ErrorKind::Other), "ErrorKind");
        assert_eq!(name_of(&|| ()), "a closure");
        assert_eq!(name_of(&3_u8), "u8");
    }
}
