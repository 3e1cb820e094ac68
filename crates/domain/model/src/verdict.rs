use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// Why audio was missing or one-way on a leg, or why none could be agreed on: what was seen, and what to
/// change. There is none for a leg whose audio came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum AudioVerdict {
    /// The party's description names private addresses only, ours are public, and nothing came.
    PrivateAddress {
        /// The addresses.
        addresses: Vec<SocketAddr>,
    },
    /// No check of ICE came through on any pair of candidates.
    UnreachableCandidates {
        /// The party's candidates.
        tried: Vec<SocketAddr>,
    },
    /// The DTLS handshake failed, so that there were no keys.
    DtlsFailed {
        /// The alert, or the reason.
        reason: String,
    },
    /// Packets came under payload types that were not agreed on.
    CodecMismatch {
        /// The last such payload type.
        payload_type: u8,
        /// How many packets came so.
        packets: u64,
        /// The codec that was agreed on.
        agreed: String,
    },
    /// Packets came that the agreed keys do not fit.
    WrongKeys {
        /// How many.
        packets: u64,
    },
    /// Packets came from an address that is not the party's.
    WrongSource {
        /// Where the party's packets were expected from.
        expected: Option<SocketAddr>,
        /// Where they came from.
        seen: SocketAddr,
        /// How many.
        packets: u64,
    },
    /// The two descriptions have no speech codec in common, so that the call was refused.
    NoCommonCodec {
        /// The codecs of the party's description.
        theirs: Vec<String>,
        /// Ours.
        ours: Vec<String>,
    },
    /// The party's description asks for a protection that we do not have, or lacks one that is needed.
    NoCommonProtection {
        /// The profile and keys of the party's description.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// The party's device refused every offer as not acceptable.
    OffersRefused {
        /// The SIP status of the last refusal.
        status: u16,
        /// What was offered, one entry for each offer.
        offers: Vec<String>,
    },
    /// Nothing at all came from the party.
    NothingReceived {
        /// Where our packets went.
        sent_to: Option<SocketAddr>,
        /// How many.
        packets_sent: u64,
        /// For how many seconds the party might have been sending.
        seconds: u64,
    },
    /// The party sent packets, and each that was looked into held silence.
    SilentSender {
        /// How many packets came.
        packets: u64,
    },
}

impl AudioVerdict {
    /// The word that is stored, shown and counted.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::PrivateAddress { .. } => "private_address",
            Self::UnreachableCandidates { .. } => "unreachable_candidates",
            Self::DtlsFailed { .. } => "dtls_failed",
            Self::CodecMismatch { .. } => "codec_mismatch",
            Self::WrongKeys { .. } => "wrong_keys",
            Self::WrongSource { .. } => "wrong_source",
            Self::NoCommonCodec { .. } => "no_common_codec",
            Self::NoCommonProtection { .. } => "no_common_protection",
            Self::OffersRefused { .. } => "offers_refused",
            Self::NothingReceived { .. } => "nothing_received",
            Self::SilentSender { .. } => "silent_sender",
        }
    }

    /// What was seen, as a sentence.
    #[must_use]
    pub fn evidence(&self) -> String {
        match self {
            Self::PrivateAddress { addresses } => format!(
                "The party described only private addresses ({}) and no packet came.",
                list(addresses)
            ),
            Self::UnreachableCandidates { tried } if tried.is_empty() => {
                "The party described no candidate that can be reached, and no check of its own came."
                    .to_owned()
            }
            Self::UnreachableCandidates { tried } => {
                format!("No ICE check came through to or from {}.", list(tried))
            }
            Self::DtlsFailed { reason } => format!("The DTLS handshake failed: {reason}."),
            Self::CodecMismatch { payload_type, packets, agreed } => format!(
                "{packets} packets came with payload types such as {payload_type}, while {agreed} was \
                 agreed on."
            ),
            Self::WrongKeys { packets } => {
                format!("{packets} packets came that the agreed SRTP keys do not open.")
            }
            Self::WrongSource { expected: Some(expected), seen, packets } => {
                format!("{packets} packets came from {seen} and were refused; {expected} is the party.")
            }
            Self::WrongSource { expected: None, seen, packets } => {
                format!("{packets} packets came from {seen}, which is not the party, and were refused.")
            }
            Self::NoCommonCodec { theirs, ours } => {
                format!("The party has {}, this side {}.", any(theirs), any(ours))
            }
            Self::NoCommonProtection { theirs, ours } => {
                format!("The party's description says {theirs}; this side has {ours}.")
            }
            Self::OffersRefused { status, offers } => {
                format!("The device answered {status} to what was offered: {}.", any(offers))
            }
            Self::NothingReceived { sent_to, packets_sent, seconds } => {
                let to = sent_to.map(|to| format!(" to {to}")).unwrap_or_default();
                format!("No packet came within {seconds} s; {packets_sent} were sent{to}.")
            }
            Self::SilentSender { packets } => {
                format!("{packets} packets came, and all that were looked into held silence.")
            }
        }
    }

    /// What to change.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::PrivateAddress { .. } => {
                "Let the device learn its public address (STUN, or the router's address in its settings), \
                 or give it ICE; check that no SIP ALG rewrites its SDP."
            }
            Self::UnreachableCandidates { .. } => {
                "Open the media ports (UDP) of the server's firewall and name its public address in \
                 media.advertise; the device's network must let UDP out."
            }
            Self::DtlsFailed { .. } => {
                "Check that nothing between the two changes the SDP's fingerprint, and that the device \
                 speaks DTLS 1.2 with an SRTP profile."
            }
            Self::CodecMismatch { .. } => {
                "The device sends a codec it did not agree on: check its codec list, and that nothing \
                 between rewrites payload types."
            }
            Self::WrongKeys { .. } => {
                "The SDES keys of the two descriptions differ from those in use: check that nothing \
                 between changes a=crypto lines, and that a re-INVITE was followed by both sides."
            }
            Self::WrongSource { .. } => {
                "Another device or a NAT with changing ports sends to this port: let the device keep one \
                 port, or use SRTP, which is recognised by its keys."
            }
            Self::NoCommonCodec { .. } => {
                "Allow a codec in the device's settings that both sides have: PCMU and PCMA are known \
                 everywhere."
            }
            Self::NoCommonProtection { .. } => {
                "Let the device use SDES with one of the suites named here, DTLS-SRTP, or plain RTP; a \
                 profile with SAVP needs keys, which an intermediary may have taken out."
            }
            Self::OffersRefused { .. } => {
                "Compare the device's codecs and its setting for encrypted media with what was offered, and \
                 allow one of them."
            }
            Self::NothingReceived { .. } => {
                "Open the media ports (UDP) on the way from the device to the server, and check that \
                 media.advertise names an address the device can reach."
            }
            Self::SilentSender { .. } => {
                "The device is muted, has the wrong microphone, or was not allowed to use it."
            }
        }
    }
}

impl fmt::Display for AudioVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names of a list, which may be empty.
fn any(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn list(addresses: &[SocketAddr]) -> String {
    let texts: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_begins_with_the_word_that_is_shown() {
        let address: SocketAddr = "10.0.0.7:4000".parse().expect("an address");
        let verdicts = [
            AudioVerdict::PrivateAddress { addresses: vec![address] },
            AudioVerdict::UnreachableCandidates { tried: vec![address, address] },
            AudioVerdict::UnreachableCandidates { tried: vec![] },
            AudioVerdict::DtlsFailed {
                reason: "the peer sent the alert bad_certificate".to_owned(),
            },
            AudioVerdict::CodecMismatch { payload_type: 18, packets: 3, agreed: "PCMU".to_owned() },
            AudioVerdict::NoCommonCodec { theirs: vec!["G729".to_owned()], ours: vec![] },
            AudioVerdict::NoCommonProtection { theirs: "RTP/SAVP".to_owned(), ours: String::new() },
            AudioVerdict::OffersRefused { status: 488, offers: vec!["RTP/AVP".to_owned()] },
            AudioVerdict::WrongKeys { packets: 3 },
            AudioVerdict::WrongSource { expected: None, seen: address, packets: 3 },
            AudioVerdict::WrongSource { expected: Some(address), seen: address, packets: 3 },
            AudioVerdict::NothingReceived { sent_to: Some(address), packets_sent: 3, seconds: 9 },
            AudioVerdict::SilentSender { packets: 3 },
        ];
        for verdict in verdicts {
            let stored = serde_json::to_value(&verdict).expect("plain data");
            assert_eq!(stored["verdict"], verdict.as_str());
            assert_eq!(
                serde_json::from_value::<AudioVerdict>(stored).expect("plain data"),
                verdict
            );
            assert!(verdict.evidence().ends_with('.') && verdict.advice().ends_with('.'));
        }
    }
}
