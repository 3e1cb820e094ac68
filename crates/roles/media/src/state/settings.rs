//! What all legs of one process share.

use super::InbandDtmf;
use offhook_rtc::Identity;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What all legs share.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The DTLS certificate.
    pub identity: Identity,
    /// The addresses that descriptions name, the preferred one first; never empty.
    pub advertised: Arc<[IpAddr]>,
    /// How long a party may be silent before it is reported.
    pub silent_after: Option<Duration>,
    /// Whether a held party hears our music when its partner sends nothing.
    pub hold_music: bool,
    /// When keys are listened for in what a party says.
    pub inband_dtmf: InbandDtmf,
    /// The load of a thread, as a share of its time from 0 to 1, above which it takes on no transcoding and
    /// no mixing; `None` for no limit.
    pub load_max: Option<f64>,
}

/// The ports of one leg.
#[derive(Debug, Clone)]
pub struct LegAddresses {
    /// Where the sockets can be reached, the preferred address first; never empty.
    pub advertised: Arc<[IpAddr]>,
    /// The port of the RTP socket.
    pub rtp_port: u16,
    /// The port of the RTCP socket.
    pub rtcp_port: u16,
}

impl LegAddresses {
    /// The address of the connection line.
    pub(crate) fn advertised(&self) -> IpAddr {
        *self.advertised.first().expect("there is at least one address")
    }

    /// The RTP socket at every address.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = SocketAddr> {
        self.advertised.iter().map(|ip| SocketAddr::new(*ip, self.rtp_port))
    }
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The clock that all else is measured with.
    pub now: Instant,
    /// The wall clock, since 1970; RTCP names it (RFC 3550 6.4.1).
    pub unix_time: Duration,
}
