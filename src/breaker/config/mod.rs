//! The settings of a breaker: the public config, and its internal form [`Settings`].

mod breaker_config;
mod cancelled_calls;
mod open_context;
mod open_duration;
mod probes;
mod settings;
mod throttle;
mod throttled_calls;
mod trip_rule;
mod window;

pub use breaker_config::BreakerConfig;
pub use cancelled_calls::Dropped;
pub use open_context::Opening;
pub use open_duration::OpenFor;
pub use probes::Probes;
pub use throttle::Throttle;
pub use throttled_calls::ThrottledCalls;
pub use trip_rule::OpenRule;
pub use window::Window;

pub(crate) use settings::Settings;
