//! One party's media transport: ICE, DTLS, SRTP and symmetric RTP over packets handed in and out.
//!
//! [`Peer`] takes the datagrams of a media section's one or two sockets, tells the protocols apart
//! (RFC 7983), answers STUN and DTLS by itself and gives back RTP and RTCP in the clear; what is sent is
//! protected in place. What was negotiated with the party comes in as a [`Remote`], and may come again.
//! As a server it is an ICE lite agent, and a full one where the party is lite.
//! DTLS is spoken by `dimpl`, or by OpenSSL for parties with RSA certificates.
//!
//! It opens no socket, negotiates nothing and looks at no payload: codecs, jitter buffers and RTCP
//! reports are for its user. It does not gather reflexive or relayed candidates. Time comes in as an
//! argument, except that OpenSSL times the repetition of its own flights; randomness comes in as bytes,
//! except for the keys that the cryptographic libraries draw themselves.

mod channel;
mod demux;
mod dtls;
mod ice;
mod identity;
mod latch;
mod peer;
mod protection;
mod remote;

pub use demux::{PacketKind, packet_kind};
pub use dtls::{DtlsError, DtlsStack};
pub use ice::{ICE_TIMEOUT, IceCredentials, IceLocal, IceRemote};
pub use identity::{HANDSHAKE_TIMEOUT, Identity, IdentityError};
pub use latch::SourceRule;
pub use peer::{Component, Incoming, Output, Peer, PeerConfig, PeerSnapshot, Protected, Refusal};
pub use protection::{KeyError, MasterKey, PROTECTION_BYTES_MAX};
pub use remote::{Remote, Security};
