//! Parses and validates the JSON document.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    json_field::JsonField,
    method_name::MethodName,
    retry_policy::{MethodConfig, RetryPolicy},
};
use crate::{InvalidConfig, grpc::Code, retry::RetryThrottle};

/// The fields that gRPC defines, whether this crate uses them or not.
const ROOT: &[&str] =
    &["methodConfig", "retryThrottling", "loadBalancingConfig", "loadBalancingPolicy", "healthCheckConfig"];
const METHOD_CONFIG: &[&str] = &[
    "name",
    "timeout",
    "waitForReady",
    "maxRequestMessageBytes",
    "maxResponseMessageBytes",
    "retryPolicy",
    "hedgingPolicy",
];
const RETRY_POLICY: &[&str] = &[
    "maxAttempts",
    "initialBackoff",
    "maxBackoff",
    "backoffMultiplier",
    "retryableStatusCodes",
    "perAttemptRecvTimeout",
];
const RETRY_THROTTLING: &[&str] = &["maxTokens", "tokenRatio"];

pub(super) struct ParsedConfig {
    pub(super) methods: Vec<(MethodName, MethodConfig)>,
    pub(super) throttle: Option<RetryThrottle>,
    /// The paths of the fields that gRPC doesn't define. It ignores them (proposal A21).
    pub(super) unknown: Vec<String>,
}

pub(super) fn parse(json: &str) -> Result<ParsedConfig, InvalidConfig> {
    let root: Value = serde_json::from_str(json)
        .map_err(|error| InvalidConfig::in_document("service config".to_owned(), error.to_string(), "valid JSON"))?;
    let root = JsonField::root(&root);
    if !root.value.is_some_and(Value::is_object) {
        return Err(root.invalid("an object"));
    }
    let mut names = HashSet::new();
    let mut methods = Vec::new();
    let mut unknown = root.unknown(ROOT);
    for method_config in root.field("methodConfig").items()? {
        let config = MethodConfig {
            retry: method_config.field("retryPolicy").optional().map(retry_policy).transpose()?,
            timeout: method_config.field("timeout").optional().map(|timeout| timeout.duration()).transpose()?,
        };
        unknown.extend(method_config.unknown(METHOD_CONFIG));
        unknown.extend(method_config.field("retryPolicy").unknown(RETRY_POLICY));
        for name in method_config.field("name").items()? {
            let method = method_name(&name)?;
            if !names.insert(format!("{method:?}")) {
                return Err(name.invalid("unique"));
            }
            methods.push((method, config.clone()));
        }
    }
    unknown.extend(root.field("retryThrottling").unknown(RETRY_THROTTLING));
    let throttle = root.field("retryThrottling").optional().map(retry_throttling).transpose()?;
    Ok(ParsedConfig { methods, throttle, unknown })
}

fn method_name(object: &JsonField<'_>) -> Result<MethodName, InvalidConfig> {
    if !object.value.is_some_and(Value::is_object) {
        return Err(object.invalid("an object"));
    }
    // gRPC ignores unknown fields. A misspelt `service` would then select all methods.
    object.only(&["service", "method"], "left out: a name has only the fields `service` and `method`")?;
    let (service, method) = (object.field("service").string()?, object.field("method").string()?);
    if service.is_some_and(|service| service.starts_with('/') || service.ends_with('/')) {
        return Err(object
            .field("service")
            .invalid("a name without a slash before or after it, such as \"shop.Prices\""));
    }
    if method.is_some_and(|method| method.contains('/')) {
        return Err(object.field("method").invalid("a name without a slash, such as \"Get\""));
    }
    match (service, method) {
        (None, None) => Ok(MethodName::Any),
        (None, Some(_)) => Err(object.field("service").invalid("present, because `method` is")),
        (Some(service), None) => Ok(MethodName::Service(service.to_owned())),
        (Some(service), Some(method)) => {
            Ok(MethodName::Method { service: service.to_owned(), method: method.to_owned() })
        }
    }
}

fn retry_policy(object: JsonField<'_>) -> Result<RetryPolicy, InvalidConfig> {
    let max_attempts = object.field("maxAttempts");
    let attempts = max_attempts.value.and_then(Value::as_u64).filter(|&attempts| attempts > 1);
    let multiplier = object.field("backoffMultiplier");
    Ok(RetryPolicy {
        max_attempts: u32::try_from(attempts.ok_or_else(|| max_attempts.invalid("a whole number above 1"))?)
            .unwrap_or(u32::MAX),
        initial_backoff: object.field("initialBackoff").duration()?,
        max_backoff: object.field("maxBackoff").duration()?,
        multiplier: multiplier.positive_number().ok_or_else(|| multiplier.invalid("a number above 0"))?,
        codes: codes(&object.field("retryableStatusCodes"))?,
    })
}

fn codes(list: &JsonField<'_>) -> Result<Vec<Code>, InvalidConfig> {
    let items = list.items()?;
    if items.is_empty() {
        return Err(list.invalid("a list of at least one code"));
    }
    let code = |item: &JsonField<'_>| {
        let code = match item.value? {
            Value::String(name) => Code::from_name(name),
            Value::Number(number) => number.as_u64().and_then(Code::from_number),
            _ => None,
        };
        code.filter(|&code| code != Code::Ok)
    };
    items.iter().map(|item| code(item).ok_or_else(|| item.invalid("the name or number of an error code"))).collect()
}

fn retry_throttling(object: JsonField<'_>) -> Result<RetryThrottle, InvalidConfig> {
    let (tokens, ratio) = (object.field("maxTokens"), object.field("tokenRatio"));
    let whole = tokens.value.and_then(Value::as_u64).and_then(|tokens| u32::try_from(tokens).ok());
    let throttle = whole.and_then(|tokens| RetryThrottle::max_tokens(tokens).ok());
    let throttle = throttle.ok_or_else(|| tokens.invalid("a whole number within 1..=1000"))?;
    // A6 uses three decimals, so `RetryThrottle::ratio` rejects a ratio below 0.001.
    let earned = ratio.positive_number().and_then(|ratio| throttle.ratio(ratio).ok());
    earned.ok_or_else(|| ratio.invalid("a number of at least 0.001"))
}
