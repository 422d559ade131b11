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

            /// The code's name in the gRPC specification, such as `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    /// Success.
    Ok = 0, "OK";
    /// The operation was cancelled, usually by the caller.
    Cancelled = 1, "CANCELLED";
    /// An error without a more specific code. Also stands for a missing or unknown code.
    Unknown = 2, "UNKNOWN";
    /// The request is invalid, whatever the state of the system is.
    InvalidArgument = 3, "INVALID_ARGUMENT";
    /// The deadline passed before the call ended.
    DeadlineExceeded = 4, "DEADLINE_EXCEEDED";
    /// The requested entity doesn't exist.
    NotFound = 5, "NOT_FOUND";
    /// The entity to create exists already.
    AlreadyExists = 6, "ALREADY_EXISTS";
    /// The caller isn't allowed to execute the operation.
    PermissionDenied = 7, "PERMISSION_DENIED";
    /// A quota is used up, or the server is overloaded.
    ResourceExhausted = 8, "RESOURCE_EXHAUSTED";
    /// The system isn't in the state that the operation requires.
    FailedPrecondition = 9, "FAILED_PRECONDITION";
    /// The operation was aborted, for example by a concurrent transaction. Retry the whole
    /// transaction.
    Aborted = 10, "ABORTED";
    /// The request goes past the valid range, such as a read past the end of a file.
    OutOfRange = 11, "OUT_OF_RANGE";
    /// The server doesn't implement or support the method.
    Unimplemented = 12, "UNIMPLEMENTED";
    /// An internal error: an invariant of the system is broken.
    Internal = 13, "INTERNAL";
    /// The service is currently unavailable.
    Unavailable = 14, "UNAVAILABLE";
    /// Unrecoverable data loss or corruption.
    DataLoss = 15, "DATA_LOSS";
    /// The request has no valid credentials.
    Unauthenticated = 16, "UNAUTHENTICATED";
}

impl Code {
    /// Returns the code with this number, 0 to 16.
    pub fn from_number(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number).copied())
    }

    /// Returns the code with this name, such as `NOT_FOUND`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of codes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CodeSet(u32);

impl CodeSet {
    pub(super) const fn with(self, code: Code) -> Self {
        Self(self.0 | 1 << code as u32)
    }

    pub(super) const fn contains(self, code: Code) -> bool {
        self.0 & 1 << code as u32 != 0
    }
}

impl FromIterator<Code> for CodeSet {
    fn from_iter<I: IntoIterator<Item = Code>>(codes: I) -> Self {
        codes.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for CodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Code::ALL.into_iter().filter(|&code| self.contains(code))).finish()
    }
}
