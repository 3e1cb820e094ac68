//! Addresses between IPv4, IPv6 and the kernel's form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of the longer of the kernel's two forms, `struct sockaddr_in6`.
pub(super) const NAME_BYTES: usize = size_of::<libc::sockaddr_in6>();

/// An IPv4 address that came through an IPv6 socket is an IPv4 address.
#[must_use]
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The address in the form that a socket bound to `bound` can send to.
#[must_use]
pub fn reachable_from(bound: IpAddr, to: SocketAddr) -> SocketAddr {
    match (bound, to.ip()) {
        (IpAddr::V6(_), IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
        _ => to,
    }
}

/// Reads the kernel's form.
pub(super) fn from_name(name: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*name.first_chunk()?);
    let port = u16::from_be_bytes(*name.get(2..)?.first_chunk()?);
    let ip = match i32::from(family) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(*name.get(4..)?.first_chunk::<4>()?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(*name.get(8..)?.first_chunk::<16>()?)),
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, port)))
}

/// Writes the kernel's form; how long it is.
pub(super) fn to_name(address: SocketAddr, name: &mut [u8; NAME_BYTES]) -> u32 {
    let family = match address {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let family = u16::try_from(family).expect("address families are small numbers");
    name[..2].copy_from_slice(&family.to_ne_bytes());
    name[2..4].copy_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(address) => {
            name[4..8].copy_from_slice(&address.ip().octets());
            name[8..16].fill(0);
            16
        }
        SocketAddr::V6(address) => {
            name[4..8].copy_from_slice(&address.flowinfo().to_ne_bytes());
            name[8..24].copy_from_slice(&address.ip().octets());
            name[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
            28
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fit_the_family_of_the_socket() {
        let v4: SocketAddr = "192.0.2.1:9".parse().unwrap();
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:9".parse().unwrap();
        assert_eq!(canonical(mapped), v4);
        assert_eq!(reachable_from("::".parse().unwrap(), v4), mapped);
        assert_eq!(reachable_from("0.0.0.0".parse().unwrap(), v4), v4);
    }

    #[test]
    fn the_kernels_form_is_read_as_it_is_written() {
        for text in ["192.0.2.1:9", "[2001:db8::7]:50000"] {
            let address: SocketAddr = text.parse().unwrap();
            let mut name = [0xff; NAME_BYTES];
            let length = usize::try_from(to_name(address, &mut name)).unwrap();
            assert_eq!(from_name(&name[..length]), Some(address));
            assert_eq!(from_name(&name[..length.min(5)]), None);
        }
        assert_eq!(from_name(&[0; NAME_BYTES]), None);
    }
}
