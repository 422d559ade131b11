//! The payload: the head as a line of JSON, and the body.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use serde::{Deserialize, Serialize};

use crate::codec::CodecError;

/// The version of the format.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    method: String,
    uri: String,
    /// Names and values. A character of a value is a byte of the header.
    headers: Vec<(String, String)>,
}

pub(super) fn encode(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>, CodecError> {
    let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    let head = Head {
        v: VERSION,
        method: method.to_string(),
        uri: uri.to_string(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
    };
    let mut payload = serde_json::to_vec(&head).map_err(CodecError::new)?;
    payload.push(b'\n');
    payload.extend_from_slice(body);
    Ok(payload)
}

pub(super) fn decode(payload: &[u8]) -> Result<Request<Bytes>, CodecError> {
    let end = payload.iter().position(|byte| *byte == b'\n').ok_or_else(|| CodecError::new("the head has no end"))?;
    let (head, body) = payload.split_at(end);
    let head: Head = serde_json::from_slice(head).map_err(CodecError::new)?;
    if head.v != VERSION {
        return Err(CodecError::new(format_args!("version {} of the format isn't supported", head.v)));
    }
    let mut request = Request::new(Bytes::copy_from_slice(&body[1..]));
    *request.method_mut() = head.method.parse().map_err(CodecError::new)?;
    *request.uri_mut() = head.uri.parse().map_err(CodecError::new)?;
    for (name, value) in head.headers {
        let bytes = value.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>().map_err(CodecError::new)?;
        let value = HeaderValue::from_bytes(&bytes).map_err(CodecError::new)?;
        request.headers_mut().append(name.parse::<HeaderName>().map_err(CodecError::new)?, value);
    }
    Ok(request)
}
