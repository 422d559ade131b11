//! Parses and validates the JSON document. An error contains the path of the field.

use std::{collections::HashSet, time::Duration};

use serde_json::Value;

use super::{
    method::Name,
    retry_policy::{MethodConfig, RetryPolicy},
};
use crate::{InvalidConfig, grpc::Code, retry::RetryThrottle};

pub(super) struct Document {
    pub(super) methods: Vec<(Name, MethodConfig)>,
    pub(super) throttle: Option<RetryThrottle>,
}

/// A value and its path. The value is `None` if the field is missing or null.
#[derive(Clone)]
struct At<'a> {
    path: String,
    value: Option<&'a Value>,
}

pub(super) fn document(json: &str) -> Result<Document, InvalidConfig> {
    let root: Value = serde_json::from_str(json)
        .map_err(|error| InvalidConfig::at("service config".to_owned(), error.to_string(), "valid JSON"))?;
    let root = At { path: String::new(), value: Some(&root) };
    if !root.value.is_some_and(Value::is_object) {
        return Err(root.refused("an object"));
    }
    let mut names = HashSet::new();
    let mut methods = Vec::new();
    for method_config in root.field("methodConfig").items()? {
        let config = MethodConfig {
            retry: method_config.field("retryPolicy").if_there().map(retry_policy).transpose()?,
            timeout: method_config.field("timeout").if_there().map(|timeout| timeout.duration()).transpose()?,
        };
        for name in method_config.field("name").items()? {
            let read = method_name(&name)?;
            if !names.insert(format!("{read:?}")) {
                return Err(name.refused("unique"));
            }
            methods.push((read, config.clone()));
        }
    }
    let throttle = root.field("retryThrottling").if_there().map(retry_throttling).transpose()?;
    Ok(Document { methods, throttle })
}

fn method_name(at: &At<'_>) -> Result<Name, InvalidConfig> {
    if !at.value.is_some_and(Value::is_object) {
        return Err(at.refused("an object"));
    }
    let (service, method) = (at.field("service").text()?, at.field("method").text()?);
    match (service, method) {
        (None, None) => Ok(Name::Any),
        (None, Some(_)) => Err(at.field("service").refused("present, because `method` is")),
        (Some(service), None) => Ok(Name::Service(service.to_owned())),
        (Some(service), Some(method)) => Ok(Name::Method { service: service.to_owned(), method: method.to_owned() }),
    }
}

fn retry_policy(at: At<'_>) -> Result<RetryPolicy, InvalidConfig> {
    let max_attempts = at.field("maxAttempts");
    let attempts = max_attempts.value.and_then(Value::as_u64).filter(|&attempts| attempts > 1);
    let multiplier = at.field("backoffMultiplier");
    Ok(RetryPolicy {
        max_attempts: u32::try_from(attempts.ok_or_else(|| max_attempts.refused("a whole number above 1"))?)
            .unwrap_or(u32::MAX),
        initial_backoff: at.field("initialBackoff").duration()?,
        max_backoff: at.field("maxBackoff").duration()?,
        multiplier: multiplier.positive().ok_or_else(|| multiplier.refused("a number above 0"))?,
        codes: codes(&at.field("retryableStatusCodes"))?,
    })
}

fn codes(at: &At<'_>) -> Result<Vec<Code>, InvalidConfig> {
    let items = at.items()?;
    if items.is_empty() {
        return Err(at.refused("a list of at least one code"));
    }
    let code = |item: &At<'_>| {
        let code = match item.value? {
            Value::String(name) => Code::from_name(name),
            Value::Number(number) => number.as_u64().and_then(Code::from_number),
            _ => None,
        };
        code.filter(|&code| code != Code::Ok)
    };
    items.iter().map(|item| code(item).ok_or_else(|| item.refused("the name or number of an error code"))).collect()
}

fn retry_throttling(at: At<'_>) -> Result<RetryThrottle, InvalidConfig> {
    let (tokens, ratio) = (at.field("maxTokens"), at.field("tokenRatio"));
    let whole = tokens.value.and_then(Value::as_u64).and_then(|tokens| u32::try_from(tokens).ok());
    let throttle = whole.and_then(|tokens| RetryThrottle::max_tokens(tokens).ok());
    let throttle = throttle.ok_or_else(|| tokens.refused("a whole number within 1..=1000"))?;
    // A6 uses three decimals.
    let earned = ratio.positive().and_then(|ratio| throttle.ratio(ratio).ok());
    earned.ok_or_else(|| ratio.refused("a number of at least 0.001"))
}

impl<'a> At<'a> {
    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, value: self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null()) }
    }

    fn if_there(self) -> Option<Self> {
        self.value.is_some().then_some(self)
    }

    /// The items of a list. A missing field counts as an empty list.
    fn items(&self) -> Result<Vec<Self>, InvalidConfig> {
        let Some(value) = self.value else { return Ok(Vec::new()) };
        let list = value.as_array().ok_or_else(|| self.refused("a list"))?;
        let item = |(place, value)| Self { path: format!("{}[{place}]", self.path), value: Some(value) };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// An empty string counts as missing.
    fn text(&self) -> Result<Option<&'a str>, InvalidConfig> {
        let Some(value) = self.value else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.refused("a string"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn positive(&self) -> Option<f64> {
        self.value?.as_f64().filter(|number| number.is_finite() && *number > 0.0)
    }

    fn duration(&self) -> Result<Duration, InvalidConfig> {
        let duration = self.value.and_then(Value::as_str).and_then(duration).filter(|duration| !duration.is_zero());
        duration.ok_or_else(|| self.refused("a duration above 0, such as \"1.5s\""))
    }

    fn refused(&self, allowed: &'static str) -> InvalidConfig {
        let mut value = self.value.map_or_else(|| "missing".to_owned(), Value::to_string);
        // The document comes from outside, so the length of the error text is bounded.
        if let Some((end, _)) = value.char_indices().nth(100) {
            value.truncate(end);
        }
        let path = if self.path.is_empty() { "service config" } else { &self.path };
        InvalidConfig::at(path.to_owned(), value, allowed)
    }
}

/// Parses a duration in proto3's JSON form: seconds with up to nine decimals, and `s`. The integer
/// part may be empty, as in grpc-go's `.01s`.
fn duration(text: &str) -> Option<Duration> {
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
