//! The pair of sockets of one leg.

use crate::ports::PortPool;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::Instant;

/// Pairs that are tried for one leg before it is refused; others than we may hold ports of the range.
const BIND_ATTEMPTS_MAX: usize = 64;

/// RTP and RTCP.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) bound: IpAddr,
}

/// No pair of ports can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no pair of ports is free")]
pub(crate) struct Exhausted;

impl Sockets {
    /// Opens a pair of the pool. A pair that somebody else holds is skipped and tried again later.
    pub(crate) fn open(
        bound: IpAddr,
        pool: &mut PortPool,
        now: Instant,
    ) -> Result<(Self, u16), Exhausted> {
        for _ in 0..BIND_ATTEMPTS_MAX {
            let port = pool.take(now).ok_or(Exhausted)?;
            match Self::bind(bound, port, port + 1) {
                Ok(sockets) => return Ok((sockets, port)),
                Err(error) => {
                    tracing::debug!(%error, port, "a pair of ports is skipped");
                    pool.release(port, now);
                }
            }
        }
        Err(Exhausted)
    }

    /// Opens two ports that the kernel chooses.
    pub(crate) fn open_any(bound: IpAddr) -> Result<Self, Exhausted> {
        Self::bind(bound, 0, 0).map_err(|_| Exhausted)
    }

    /// Opens these two ports.
    ///
    /// # Errors
    /// When somebody else holds one of them.
    pub(crate) fn open_at(bound: IpAddr, rtp: u16, rtcp: u16) -> io::Result<Self> {
        Self::bind(bound, rtp, rtcp)
    }

    fn bind(bound: IpAddr, rtp: u16, rtcp: u16) -> io::Result<Self> {
        let open = |port| {
            let socket = UdpSocket::bind((bound, port))?;
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>(socket)
        };
        Ok(Self { rtp: open(rtp)?, rtcp: open(rtcp)?, bound })
    }

    /// The type of service of what they send (RFC 2474).
    pub(crate) fn set_type_of_service(&self, value: u8) -> io::Result<()> {
        for socket in [&self.rtp, &self.rtcp] {
            if self.bound.is_ipv4() {
                rustix::net::sockopt::set_ip_tos(socket, value)?;
            } else {
                rustix::net::sockopt::set_ipv6_tclass(socket, value.into())?;
            }
        }
        Ok(())
    }

    /// The ports of both.
    pub(crate) fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((self.rtp.local_addr()?.port(), self.rtcp.local_addr()?.port()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_pair_that_somebody_holds_is_skipped() {
        let held = Sockets::open_any(LOOPBACK).unwrap();
        let port = held.ports().unwrap().0 & !1;
        let mut pool = PortPool::new(port, port.saturating_add(2), 1);
        let now = Instant::now();
        assert_eq!(Sockets::open(LOOPBACK, &mut pool, now).unwrap_err(), Exhausted);
        assert_eq!(pool.available(), 1);
    }
}
