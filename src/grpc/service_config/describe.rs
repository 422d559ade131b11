//! A service config as text.

use super::{
    config::ServiceConfig,
    retry_policy::{MethodConfig, RetryPolicy},
};
use crate::{Description, description::counted, sanitize};

/// The settings of the base that the service config replaces per method.
const PER_METHOD: [&str; 4] = ["retries", "backoff", "throttled_backoff", "classifier"];

impl<Timeout> ServiceConfig<Timeout> {
    /// The settings as text, for snapshots in tests, for logs and for dashboards: the methods in
    /// the order in which they are matched, the [unknown fields](Self::unknown_fields), and the
    /// settings that all methods share, as in
    /// [`RetryConfig::describe`](crate::RetryConfig::describe).
    ///
    /// ```
    /// use tower_recourse::{InvalidConfig, RetryConfig};
    ///
    /// let config = RetryConfig::from_service_config(r#"{
    ///     "methodConfig": [{ "name": [{ "service": "shop.Prices" }], "timeout": "2s" }]
    /// }"#)?;
    /// let description = config.describe();
    /// assert_eq!(description.value("shop.Prices/*"), Some("no retries, timeout 2s"));
    /// assert_eq!(description.value("other methods"), Some("no retries"));
    /// # Ok::<(), InvalidConfig>(())
    /// ```
    pub fn describe(&self) -> Description {
        let mut described = Description::new();
        for (name, config) in self.methods() {
            // The names come from outside.
            described.add(sanitize::message(name).to_string(), method(config, self.attempt_limit()));
        }
        described.add("other methods", "no retries");
        let unknown = self.unknown_fields().join(", ");
        described.add_optional("unknown_fields", Some(unknown).filter(|unknown| !unknown.is_empty()));
        for (setting, value) in self.base().describe().iter().filter(|(setting, _)| !PER_METHOD.contains(setting)) {
            described.add(setting.to_owned(), value);
        }
        described
    }
}

fn method(config: &MethodConfig, max_attempts: u32) -> String {
    let timeout = config.timeout.map(|timeout| format!(", timeout {timeout:?}")).unwrap_or_default();
    let Some(policy) = &config.retry else { return format!("no retries{timeout}") };
    let RetryPolicy { max_attempts: _, initial_backoff, max_backoff, multiplier, codes } = policy;
    let attempts = counted(policy.attempts(max_attempts), "attempt", "attempts");
    let codes: Vec<&str> = codes.iter().map(|code| code.name()).collect();
    let codes = codes.join(" ");
    format!("{attempts} at {codes}, backoff {initial_backoff:?} × {multiplier} up to {max_backoff:?}{timeout}")
}
