/// Why a REGISTER changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// `Contact: *` with an Expires other than 0 (RFC 3261 section 10.3 step 6).
    #[error("Contact * needs Expires 0")]
    WildcardWithoutRemoval,
    /// Older than the REGISTER of the same Call-ID that made the binding (step 7).
    #[error("CSeq is older than that of the binding")]
    OutOfOrder,
    /// A contact is no URI that could be called.
    #[error("Contact cannot be called")]
    UnusableContact,
    /// More contacts in one request than one address-of-record may have.
    #[error("Too many contacts")]
    TooManyContacts,
    /// A contact wants to last shorter than is allowed.
    #[error("Interval Too Brief")]
    IntervalTooBrief {
        /// The shortest that is allowed, for the Min-Expires header, in seconds.
        min_s: u32,
    },
}

impl Rejection {
    /// The status of the response; the reason phrase is this error's text.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::WildcardWithoutRemoval | Self::OutOfOrder | Self::UnusableContact => 400,
            Self::TooManyContacts => 403,
            Self::IntervalTooBrief { .. } => 423,
        }
    }
}
