//! How requests become payloads, and payloads requests.

mod decode;
mod encode;
mod error;
mod json;

pub use decode::Decode;
pub use encode::Encode;
pub use error::CodecError;
pub use json::Json;
