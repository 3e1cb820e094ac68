//! What the edge calls itself, and which addresses are its own.

use offhook_model::{Directory, Transport};
use offhook_sip::Host;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Always a name of this machine.
const LOCALHOST: &str = "localhost";

/// The addresses under which devices reach the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// Host name or IP address.
    pub host: String,
    /// Ports by transport; a transport without a listener of its own has none.
    pub ports: Vec<(Transport, u16)>,
    /// Further host names of this server, in any case.
    pub host_names: Vec<String>,
    /// Further IP addresses of this server.
    pub addresses: Vec<IpAddr>,
}

/// Answers whether a host is ours and prints our own address.
#[derive(Debug, Clone)]
pub(super) struct Names {
    host: String,
    ports: Vec<(Transport, u16)>,
    host_names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Names {
    pub(super) fn new(advertised: Advertised) -> Self {
        let Advertised { host, ports, host_names, mut addresses } = advertised;
        let mut host_names: Vec<_> = host_names.iter().map(|name| folded(name)).collect();
        let host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => {
                addresses.push(ip);
                bracketed(ip)
            }
            Err(_) => {
                host_names.push(folded(&host));
                host
            }
        };
        Self { host, ports, host_names, addresses }
    }

    /// `host:port` for Via's sent-by.
    pub(super) fn sent_by(&self, transport: Transport) -> String {
        let mut text = self.host.clone();
        if let Some(port) = self.port(transport) {
            write!(text, ":{port}").expect("writing to a String cannot fail");
        }
        text
    }

    /// A Route or Record-Route value that leads back here and on along the flow that `token` names.
    pub(super) fn route(&self, token: &str, transport: Transport) -> String {
        let sent_by = self.sent_by(transport);
        format!("<sip:{token}@{sent_by};transport={};lr>", transport.uri_token())
    }

    fn port(&self, transport: Transport) -> Option<u16> {
        let found = self.ports.iter().find(|(listened, _)| *listened == transport);
        found.map(|(_, port)| *port)
    }

    /// Whether a request for that host is for us.
    pub(super) fn is_ours(&self, host: Host<'_>, directory: &Directory) -> bool {
        if let Some(ip) = host.ip() {
            let ip = ip.to_canonical();
            return ip.is_loopback() || self.addresses.contains(&ip);
        }
        let Some(name) = host.name().map(folded) else {
            return false;
        };
        name == LOCALHOST || name == folded(&directory.domain) || self.host_names.contains(&name)
    }
}

/// Host names are compared without regard to case and to the dot that ends a full name.
fn folded(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(host: &str) -> Names {
        Names::new(Advertised {
            host: host.to_owned(),
            ports: vec![(Transport::Udp, 5060)],
            host_names: vec!["PBX.example.org".to_owned()],
            addresses: vec!["192.0.2.9".parse().unwrap()],
        })
    }

    #[test]
    fn our_own_hosts_are_known_in_every_spelling() {
        let directory = Directory { domain: "offhook.local".to_owned(), ..Directory::default() };
        let names = names("192.0.2.1");
        let is_ours = |host| names.is_ours(Host::parse(host).unwrap(), &directory);
        for host in
            ["offhook.local", "OFFHOOK.local.", "localhost", "127.0.0.1", "127.9.9.9", "[::1]"]
        {
            assert!(is_ours(host), "{host}");
        }
        for host in ["pbx.example.org", "192.0.2.1", "192.0.2.9", "[::ffff:192.0.2.9]"] {
            assert!(is_ours(host), "{host}");
        }
        for host in ["example.org", "192.0.2.2", "offhook.local.example.org", "[2001:db8::1]"] {
            assert!(!is_ours(host), "{host}");
        }
    }

    #[test]
    fn our_address_is_printed_as_uris_demand() {
        assert_eq!(names("[2001:db8::1]").sent_by(Transport::Udp), "[2001:db8::1]:5060");
        assert_eq!(names("pbx").route("t", Transport::Wss), "<sip:t@pbx;transport=ws;lr>");
    }
}
