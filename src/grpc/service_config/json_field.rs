//! A value of the JSON document, and its path for error texts.

use std::time::Duration;

use serde_json::Value;

use crate::{InvalidConfig, sanitize};

/// A value and its path. The value is `None` if the field is missing or null.
#[derive(Clone)]
pub(super) struct JsonField<'a> {
    path: String,
    pub(super) value: Option<&'a Value>,
}

impl<'a> JsonField<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value: Some(value) }
    }

    /// The field of an object.
    pub(super) fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, value: self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null()) }
    }

    /// The paths of the object's fields that aren't in `known`, escaped and cut, because the names
    /// come from outside.
    pub(super) fn unknown(&self, known: &[&str]) -> Vec<String> {
        let fields = self.value.and_then(Value::as_object).into_iter().flat_map(|object| object.keys());
        fields
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| sanitize::message(self.field(name).path).to_string())
            .collect()
    }

    /// `None` if the value is missing.
    pub(super) fn optional(self) -> Option<Self> {
        self.value.is_some().then_some(self)
    }

    /// The items of a list. A missing field counts as an empty list.
    pub(super) fn items(&self) -> Result<Vec<Self>, InvalidConfig> {
        let Some(value) = self.value else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.invalid("a list"))?;
        let item = |(index, value)| Self { path: format!("{}[{index}]", self.path), value: Some(value) };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// An empty string counts as missing.
    pub(super) fn string(&self) -> Result<Option<&'a str>, InvalidConfig> {
        let Some(value) = self.value else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.invalid("a string"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    pub(super) fn positive_number(&self) -> Option<f64> {
        self.value?.as_f64().filter(|number| number.is_finite() && *number > 0.0)
    }

    pub(super) fn duration(&self) -> Result<Duration, InvalidConfig> {
        let duration =
            self.value.and_then(Value::as_str).and_then(parse_duration).filter(|duration| !duration.is_zero());
        duration.ok_or_else(|| self.invalid("a duration above 0, such as \"1.5s\""))
    }

    /// An error if the object has a field that isn't in `known`.
    pub(super) fn only(&self, known: &[&str], allowed: &'static str) -> Result<(), InvalidConfig> {
        let fields = self.value.and_then(Value::as_object).into_iter().flat_map(|object| object.keys());
        match fields.into_iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(self.field(name).invalid(allowed)),
            None => Ok(()),
        }
    }

    /// An error with the path and the value of this field.
    pub(super) fn invalid(&self, allowed: &'static str) -> InvalidConfig {
        let mut value = self.value.map_or_else(|| "missing".to_owned(), Value::to_string);
        // The document comes from outside, so the length of the error text is bounded.
        if let Some((end, _)) = value.char_indices().nth(100) {
            value.truncate(end);
        }
        let path = if self.path.is_empty() { "service config" } else { &self.path };
        InvalidConfig::in_document(path.to_owned(), value, allowed)
    }
}

/// Parses a duration in proto3's JSON form: seconds with up to nine decimals, and `s`. The integer
/// part may be empty, as in grpc-go's `.01s`.
fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (whole, part) = match number.split_once('.') {
        Some(("", part)) => ("0", part),
        Some(both) => both,
        None => (number, "0"),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 9 {
        return None;
    }
    let nanos: u32 = format!("{part:0<9}").parse().ok()?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}
