//! The requests and the faults of the server. All of them follow from a seed.

/// How a request is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Get,
    /// PUT with a body of known length.
    Put,
    /// PUT with a body in chunks, of unknown length.
    PutStreamed,
    /// PUT with a body that announces more than the retry stores.
    PutLarge,
    /// Not idempotent: must never be executed twice.
    Post,
    PostWithKey,
}

/// What the server does with a request. It closes the connection only where a variant says so.
///
/// In HTTP/2, other faults replace those that consist of bytes: see [`by_http2`](Self::by_http2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    /// The request never arrived.
    Unseen,
    /// No fault: 200 with the expected response.
    None,
    // From here on: faults for every request.
    Is500,
    Is502,
    Is503,
    Is504,
    /// 429 with `Retry-After: 0`.
    Throttled,
    /// 429 with `Retry-After: 1`.
    ThrottledASecond,
    /// 503 with a `Retry-After` in the past.
    ThrottledInThePast,
    /// 503 with a `Retry-After` of 31,700 years.
    ThrottledForEver,
    /// Resets the connection after the request was read.
    ResetBeforeHeaders,
    /// Resets the connection within the response head.
    ResetInHeaders,
    /// Resets the connection within the body of a 200.
    ResetInBody,
    /// Closes the connection within the body of a 200.
    CloseInBody,
    /// 200, and then closes the connection without announcing it.
    CloseAfter,
    /// 200, and then closes the connection as announced.
    CloseAsSaid,
    /// No response until the client closes the connection.
    Slow,
    /// A response that arrives byte by byte, without end.
    SlowLoris,
    /// 100, and then 503.
    Continue503,
    /// 503 with a body without end.
    Endless503,
    /// Bytes that aren't HTTP.
    Garbage,
    /// Refuses the stream without processing it.
    Refused,
    // From here on: faults for requests with a body.
    /// 200 after only the head was read. The body is read afterwards.
    Early200,
    /// The same with 503.
    Early503,
    /// 503 after only the head was read. Then the connection is closed, and the rest of the body is
    /// lost.
    Early503Close,
}

impl Fault {
    /// The first and the last fault of two ranges: for every request, and for requests with a body.
    /// The second range includes the first.
    const FOR_ALL: (u8, u8) = (Self::Is500 as u8, Self::Refused as u8);
    const WITH_BODY: (u8, u8) = (Self::Is500 as u8, Self::Early503Close as u8);

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (Self::WITH_BODY.0..=Self::WITH_BODY.1).map(Self::from)
    }

    /// The status of the response, or `None` if there is none. Even with a status, the response may
    /// not arrive.
    pub(crate) fn status(self) -> Option<u16> {
        Some(match self {
            Self::None | Self::ResetInBody | Self::CloseInBody => 200,
            Self::CloseAfter | Self::CloseAsSaid | Self::Early200 => 200,
            Self::Is500 => 500,
            Self::Is502 => 502,
            Self::Is504 => 504,
            Self::Is503 | Self::ThrottledInThePast | Self::ThrottledForEver | Self::Continue503 => 503,
            Self::Endless503 | Self::Early503 | Self::Early503Close => 503,
            Self::Throttled | Self::ThrottledASecond => 429,
            Self::Unseen | Self::Refused | Self::ResetBeforeHeaders | Self::ResetInHeaders => return None,
            Self::Slow | Self::SlowLoris | Self::Garbage => return None,
        })
    }

    /// Whether the response may be lost, because the connection ends before or while it is read.
    pub(crate) fn loses_answers(self) -> bool {
        matches!(self, Self::ResetInBody | Self::CloseInBody | Self::Early503Close)
    }

    /// The fault that replaces this one in HTTP/1, which can't refuse a stream.
    pub(crate) fn by_http1(self) -> Self {
        if self == Self::Refused { Self::ResetBeforeHeaders } else { self }
    }

    /// The fault that replaces this one in HTTP/2. A connection that ends with an error would end
    /// other requests too, and the account would have to know which.
    pub(crate) fn by_http2(self) -> Self {
        match self {
            Self::ResetInHeaders | Self::Garbage => Self::Refused,
            Self::CloseInBody => Self::ResetInBody,
            Self::CloseAsSaid => Self::CloseAfter,
            Self::SlowLoris => Self::Slow,
            Self::Continue503 => Self::Is503,
            other => other,
        }
    }

    /// Whether the response reports throttling: 429, or 503 with a `Retry-After`.
    pub(crate) fn is_throttling(self) -> bool {
        use Fault::{Throttled, ThrottledASecond, ThrottledForEver, ThrottledInThePast};
        matches!(self, Throttled | ThrottledASecond | ThrottledInThePast | ThrottledForEver)
    }

    pub(crate) fn breaks_bodies(self) -> bool {
        matches!(self, Self::ResetInBody | Self::CloseInBody)
    }
}

impl From<u8> for Fault {
    fn from(number: u8) -> Self {
        use Fault::*;
        [
            Unseen,
            None,
            Is500,
            Is502,
            Is503,
            Is504,
            Throttled,
            ThrottledASecond,
            ThrottledInThePast,
            ThrottledForEver,
            ResetBeforeHeaders,
            ResetInHeaders,
            ResetInBody,
            CloseInBody,
            CloseAfter,
            CloseAsSaid,
            Slow,
            SlowLoris,
            Continue503,
            Endless503,
            Garbage,
            Refused,
            Early200,
            Early503,
            Early503Close,
        ][usize::from(number)]
    }
}

/// The percentage of attempts with a fault.
const FAULTY: u64 = 5;

/// Bodies are sections of this array.
static PATTERN: [u8; 128 << 10] = {
    let mut pattern = [0; 128 << 10];
    let mut place = 0;
    while place < pattern.len() {
        pattern[place] = (place % 251) as u8;
        place += 1;
    }
    pattern
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
}

impl Plan {
    pub(crate) fn kind(self, id: u32) -> Kind {
        match self.random(id, 1) % 1_000 {
            0..450 => Kind::Get,
            450..600 => Kind::Put,
            600..750 => Kind::PutStreamed,
            750..752 => Kind::PutLarge,
            752..880 => Kind::Post,
            _ => Kind::PostWithKey,
        }
    }

    /// Whether the request uses HTTP/2, as one in ten does.
    pub(crate) fn is_http2(self, id: u32) -> bool {
        self.random(id, 2) % 10 == 0
    }

    pub(crate) fn body(self, id: u32) -> &'static [u8] {
        let random = self.random(id, 3) as usize;
        let length = match self.kind(id) {
            Kind::Get => 0,
            Kind::PutLarge => 100 << 10,
            _ if random % 50 == 0 => 10_000 + random % 50_000,
            _ => random % 1_000,
        };
        &PATTERN[id as usize % 251..][..length]
    }

    /// What the server does with a request that has arrived `before` times before.
    pub(crate) fn fault(self, id: u32, before: u8) -> Fault {
        let random = self.random(id, 16 + u64::from(before));
        if random % 100 >= FAULTY {
            return Fault::None;
        }
        let (first, last) = if self.body(id).is_empty() { Fault::FOR_ALL } else { Fault::WITH_BODY };
        Fault::from(first + (random / 100 % u64::from(last - first + 1)) as u8)
    }

    /// The body of a success.
    pub(crate) fn response(self, id: u32) -> String {
        let padding = self.random(id, 4) as usize % 300;
        format!("the answer to {id}, which brought {} bytes{}", self.body(id).len(), ".".repeat(padding))
    }

    /// splitmix64.
    pub(crate) fn random(self, id: u32, salt: u64) -> u64 {
        let mut z = self.seed.wrapping_add((u64::from(id) << 8 | salt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
