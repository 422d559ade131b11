//! The settings of a breaker: the public config, and its internal form [`Settings`].

mod breaker_config;
mod cancelled_calls;
mod describe;
mod display_errors;
mod label;
mod open_context;
mod open_duration;
mod probes;
mod register;
mod registration;
mod settings;
mod throttle;
mod throttled_calls;
mod trip_rule;
mod validate;
mod window;

pub use breaker_config::BreakerConfig;
pub use cancelled_calls::CancelledCalls;
pub use open_context::OpenContext;
pub use open_duration::OpenDuration;
pub use probes::Probes;
pub use throttle::AdaptiveThrottle;
pub use throttled_calls::ThrottledCalls;
pub use trip_rule::TripRule;
pub use window::Window;

pub(crate) use settings::Settings;
