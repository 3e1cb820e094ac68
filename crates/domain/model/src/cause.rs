use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a call ended: a cause value of ITU-T Q.850, as SIP's Reason header carries it (RFC 3326).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HangupCause(u8);

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl HangupCause {
            $($(#[$doc])* pub const $name: Self = Self($value);)*

            /// The trade's name for the cause, as FreeSWITCH and Asterisk write it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($value => $text,)*
                    _ => "UNSPECIFIED",
                }
            }
        }
    };
}

causes! {
    /// The number is not allocated.
    UNALLOCATED_NUMBER = 1, "UNALLOCATED_NUMBER";
    /// One of the parties hung up.
    NORMAL_CLEARING = 16, "NORMAL_CLEARING";
    /// The callee is busy.
    USER_BUSY = 17, "USER_BUSY";
    /// The callee's device did not respond at all.
    NO_USER_RESPONSE = 18, "NO_USER_RESPONSE";
    /// The callee was alerted and did not answer.
    NO_ANSWER = 19, "NO_ANSWER";
    /// The callee is not registered.
    SUBSCRIBER_ABSENT = 20, "SUBSCRIBER_ABSENT";
    /// The callee, or a rule, rejected the call.
    CALL_REJECTED = 21, "CALL_REJECTED";
    /// The call was sent from one place to the next too often.
    EXCHANGE_ROUTING_ERROR = 25, "EXCHANGE_ROUTING_ERROR";
    /// Another device of the callee has answered.
    NON_SELECTED_USER_CLEARING = 26, "NON_SELECTED_USER_CLEARING";
    /// The destination is out of order: the device cannot be reached, or is gone.
    DESTINATION_OUT_OF_ORDER = 27, "DESTINATION_OUT_OF_ORDER";
    /// The number is incomplete or malformed.
    INVALID_NUMBER_FORMAT = 28, "INVALID_NUMBER_FORMAT";
    /// Normal, unspecified.
    NORMAL_UNSPECIFIED = 31, "NORMAL_UNSPECIFIED";
    /// A temporary failure on our side or theirs.
    NORMAL_TEMPORARY_FAILURE = 41, "NORMAL_TEMPORARY_FAILURE";
    /// A limit was reached.
    SWITCH_CONGESTION = 42, "SWITCH_CONGESTION";
    /// The caller may not dial that number.
    OUTGOING_CALL_BARRED = 52, "OUTGOING_CALL_BARRED";
    /// No codec or media security in common.
    INCOMPATIBLE_DESTINATION = 88, "INCOMPATIBLE_DESTINATION";
    /// A timer expired: no ACK, a session that was not refreshed.
    RECOVERY_ON_TIMER_EXPIRE = 102, "RECOVERY_ON_TIMER_EXPIRE";
    /// A peer broke the protocol.
    PROTOCOL_ERROR = 111, "PROTOCOL_ERROR";
    /// Anything between networks.
    INTERWORKING = 127, "INTERWORKING";
    /// The party was handed over to another call. The number is ours, and no device hears it.
    ATTENDED_TRANSFER = 128, "ATTENDED_TRANSFER";
}

/// The highest number of Q.850.
const CODE_MAX: u8 = 127;

impl HangupCause {
    /// A cause by its number; `None` outside 1 to 127.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        (1..=CODE_MAX).contains(&code).then_some(Self(code))
    }

    /// The number of Q.850, or beyond 127 one of ours.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }

    /// The cause that a SIP final response stands for (RFC 3398 section 8.2.6.1).
    #[must_use]
    pub fn from_sip_status(status: u16) -> Self {
        match status {
            404 | 485 | 604 => Self::UNALLOCATED_NUMBER,
            486 | 600 => Self::USER_BUSY,
            403 | 603 => Self::CALL_REJECTED,
            408 => Self::NO_USER_RESPONSE,
            480 => Self::NO_ANSWER,
            484 => Self::INVALID_NUMBER_FORMAT,
            487 => Self::NORMAL_CLEARING,
            488 | 606 | 415 => Self::INCOMPATIBLE_DESTINATION,
            502 => Self::DESTINATION_OUT_OF_ORDER,
            503 => Self::NORMAL_TEMPORARY_FAILURE,
            400..=499 => Self::INTERWORKING,
            500..=699 => Self::NORMAL_TEMPORARY_FAILURE,
            _ => Self::NORMAL_UNSPECIFIED,
        }
    }

    /// The SIP final response that tells a caller of this cause (RFC 3398 section 7.2.4.1).
    #[must_use]
    pub fn sip_status(self) -> u16 {
        match self {
            Self::UNALLOCATED_NUMBER => 404,
            Self::USER_BUSY => 486,
            Self::NO_USER_RESPONSE => 408,
            Self::NO_ANSWER | Self::SUBSCRIBER_ABSENT => 480,
            Self::CALL_REJECTED => 603,
            Self::DESTINATION_OUT_OF_ORDER => 502,
            Self::EXCHANGE_ROUTING_ERROR => 483,
            Self::INVALID_NUMBER_FORMAT => 484,
            Self::OUTGOING_CALL_BARRED => 403,
            Self::INCOMPATIBLE_DESTINATION => 488,
            Self::SWITCH_CONGESTION | Self::NORMAL_TEMPORARY_FAILURE => 503,
            Self::NORMAL_CLEARING | Self::ATTENDED_TRANSFER => 487,
            _ => 500,
        }
    }

    /// A Reason header value (RFC 3326). What Q.850 has no number for is normal call clearing there.
    #[must_use]
    pub fn reason_header(self) -> String {
        if self.0 > CODE_MAX {
            return Self::NORMAL_CLEARING.reason_header();
        }
        format!("Q.850;cause={};text=\"{}\"", self.0, self.name())
    }
}

impl fmt::Display for HangupCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_busy_both_ways() {
        assert_eq!(HangupCause::from_sip_status(486), HangupCause::USER_BUSY);
        assert_eq!(HangupCause::USER_BUSY.sip_status(), 486);
        assert_eq!(HangupCause::USER_BUSY.reason_header(), "Q.850;cause=17;text=\"USER_BUSY\"");
    }

    #[test]
    fn a_device_is_told_no_number_of_ours() {
        let cause = HangupCause::ATTENDED_TRANSFER;
        assert_eq!(cause.reason_header(), HangupCause::NORMAL_CLEARING.reason_header());
    }

    #[test]
    fn a_code_outside_q850_is_refused() {
        assert_eq!(HangupCause::from_code(0), None);
        assert_eq!(HangupCause::from_code(200), None);
    }
}
