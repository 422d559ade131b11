use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $number:literal, $name:literal;)*) => {
        /// A status code of [gRPC](https://grpc.io/docs/guides/status-codes/).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Code {
            $($(#[$doc])* $code = $number,)*
        }

        impl Code {
            const ALL: [Self; 17] = [$(Self::$code),*];

            /// Its name as the standard writes it: `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// It went well.
    Ok = 0, "OK";
    /// The caller gave up.
    Cancelled = 1, "CANCELLED";
    /// Anything that has no code of its own, and what comes without a code.
    Unknown = 2, "UNKNOWN";
    /// The request makes no sense.
    InvalidArgument = 3, "INVALID_ARGUMENT";
    /// It took too long.
    DeadlineExceeded = 4, "DEADLINE_EXCEEDED";
    /// There is no such thing.
    NotFound = 5, "NOT_FOUND";
    /// There is one already.
    AlreadyExists = 6, "ALREADY_EXISTS";
    /// The caller may not.
    PermissionDenied = 7, "PERMISSION_DENIED";
    /// A quota is used up, or a server is full.
    ResourceExhausted = 8, "RESOURCE_EXHAUSTED";
    /// The system isn't in the state that it takes.
    FailedPrecondition = 9, "FAILED_PRECONDITION";
    /// Somebody else was faster: to be tried again from further up.
    Aborted = 10, "ABORTED";
    /// Past the end.
    OutOfRange = 11, "OUT_OF_RANGE";
    /// There is no such method.
    Unimplemented = 12, "UNIMPLEMENTED";
    /// Something is broken.
    Internal = 13, "INTERNAL";
    /// Not there at the moment.
    Unavailable = 14, "UNAVAILABLE";
    /// Data is lost for good.
    DataLoss = 15, "DATA_LOSS";
    /// Who is the caller?
    Unauthenticated = 16, "UNAUTHENTICATED";
}

impl Code {
    /// The code with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number).copied())
    }

    /// The code with this name: `NOT_FOUND`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the codes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Codes(u32);

impl Codes {
    pub(super) const fn with(self, code: Code) -> Self {
        Self(self.0 | 1 << code as u32)
    }

    pub(super) const fn contains(self, code: Code) -> bool {
        self.0 & 1 << code as u32 != 0
    }
}

impl FromIterator<Code> for Codes {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        codes.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Code::ALL.into_iter().filter(|&code| self.contains(code))).finish()
    }
}
