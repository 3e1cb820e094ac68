//! The answer to an offer (RFC 3264 6, RFC 8829 5.3, RFC 9143 7.3).

use crate::attribute::{Direction, ExtensionMap, Setup};
use crate::codec::Encoding;
use crate::crypto::Crypto;
use crate::description::{Line, MediaDescription, MediaKind, Protocol, SessionDescription};
use crate::negotiation::{
    DtlsRole, LocalMedia, Negotiated, NegotiatedCodec, NegotiationError, Security, Transport,
};
use crate::section::{DTMF_EVENTS, Remote, beside_speech};

/// Answers an offer: the first audio section that can be accepted is, every other is rejected.
///
/// Codecs and keys follow the offer's order, payload types are the offer's, the protection is
/// what the section's profile asks for.
/// Keys in a section of a plain profile are optional and are used when this side has keys too.
pub fn answer(
    offer: &SessionDescription,
    local: &LocalMedia,
) -> Result<(SessionDescription, Negotiated), NegotiationError> {
    let is_audio =
        |section: &MediaDescription| section.kind == MediaKind::Audio && section.is_in_use();
    let mut first_error = None;
    for (index, section) in offer.media.iter().enumerate() {
        if !is_audio(section) {
            continue;
        }
        let remote = Remote::new(offer, index, section);
        match accept(&remote, local) {
            Ok(accepted) => return Ok((accepted.describe(&remote, local), accepted.negotiated)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or(NegotiationError::NoAudio))
}

/// What is said about the section that is accepted.
struct Accepted {
    negotiated: Negotiated,
    /// The line of the offer whose suite and tag are taken.
    crypto: Option<Crypto>,
}

fn accept(remote: &Remote<'_>, local: &LocalMedia) -> Result<Accepted, NegotiationError> {
    let (transport, crypto) = choose_transport(remote, local)?;
    let codecs = choose_codecs(remote, local)?;
    let beside = |encoding, is_wanted, fmtp| {
        if is_wanted { choose_beside_speech(remote, encoding, &codecs, fmtp) } else { Vec::new() }
    };
    let events = beside(Encoding::TelephoneEvent, local.telephone_event, DTMF_EVENTS);
    let noise = beside(Encoding::ComfortNoise, local.comfort_noise, "");
    let negotiated = Negotiated {
        section: remote.index,
        mid: transport.mid,
        bundled: transport.bundled,
        protocol: transport.protocol,
        direction: transport.direction,
        telephone_events: events,
        comfort_noise: noise,
        codecs,
        remote_rtp: transport.remote_rtp,
        remote_rtcp: transport.remote_rtcp,
        rtcp_mux: transport.rtcp_mux,
        ice: transport.ice,
        security: transport.security,
        ptime_ms: remote.section.ptime_ms(),
        max_ptime_ms: remote.section.max_ptime_ms(),
        extensions: choose_extensions(remote, local),
        remote_ssrcs: remote.ssrcs(),
    };
    Ok(Accepted { negotiated, crypto })
}

/// How the media of the peer's section travels, with the line of its offer whose suite and tag are taken.
pub(crate) fn choose_transport(
    remote: &Remote<'_>,
    local: &LocalMedia,
) -> Result<(Transport, Option<Crypto>), NegotiationError> {
    let protocol = remote.section.protocol.clone();
    let (security, crypto) = choose_security(remote, local)?;
    let rtcp_mux = local.rtcp_mux && remote.has_rtcp_mux();
    let remote_rtp = remote.rtp_address();
    let transport = Transport {
        mid: remote.section.mid().map(str::to_owned),
        bundled: remote.bundle().is_some(),
        protocol,
        direction: local.direction.and(remote.direction().reversed()),
        remote_rtp,
        remote_rtcp: if rtcp_mux { remote_rtp } else { remote.rtcp_address() },
        rtcp_mux,
        ice: remote.ice(local.ice.is_some()),
        security,
    };
    Ok((transport, crypto))
}

fn choose_codecs(
    remote: &Remote<'_>,
    local: &LocalMedia,
) -> Result<Vec<NegotiatedCodec>, NegotiationError> {
    let mut codecs = Vec::new();
    for (format, payload_type) in remote.formats() {
        let known = local.codecs.iter().find(|codec| codec.format == format);
        if let Some(codec) = known.filter(|_| format.is_speech()) {
            codecs.push(NegotiatedCodec {
                format,
                send_payload_type: payload_type,
                receive_payload_type: payload_type,
                remote_fmtp: remote.fmtp(payload_type),
                local_fmtp: codec.fmtp.clone(),
            });
        }
    }
    codecs.truncate(local.answer_codecs_max.max(1));
    if codecs.is_empty() {
        return Err(NegotiationError::NoCommonCodec);
    }
    Ok(codecs)
}

fn choose_beside_speech(
    remote: &Remote<'_>,
    encoding: Encoding,
    speech: &[NegotiatedCodec],
    fmtp: &str,
) -> Vec<NegotiatedCodec> {
    let chosen = beside_speech(encoding, &remote.formats(), speech).into_iter();
    let chosen = chosen.map(|(format, payload_type)| NegotiatedCodec {
        format,
        send_payload_type: payload_type,
        receive_payload_type: payload_type,
        remote_fmtp: remote.fmtp(payload_type),
        local_fmtp: fmtp.to_owned(),
    });
    chosen.collect()
}

fn choose_security(
    remote: &Remote<'_>,
    local: &LocalMedia,
) -> Result<(Security, Option<Crypto>), NegotiationError> {
    let dtls = || choose_dtls(remote, local).map(|security| (security, None));
    let sdes = || choose_sdes(remote, local).map(|(security, line)| (security, Some(line)));
    let chosen = match &remote.section.protocol {
        Protocol::DtlsSavp | Protocol::DtlsSavpf => dtls(),
        Protocol::RtpSavp | Protocol::RtpSavpf => sdes().or_else(dtls),
        Protocol::RtpAvp | Protocol::RtpAvpf => {
            let chosen = dtls().or_else(sdes);
            Some(chosen.unwrap_or((Security::Plain, None)))
        }
        Protocol::Other(name) => {
            return Err(NegotiationError::UnsupportedProtocol(name.clone()));
        }
    };
    chosen.ok_or(NegotiationError::SecurityUnavailable)
}

fn choose_dtls(remote: &Remote<'_>, local: &LocalMedia) -> Option<Security> {
    local.fingerprint.as_ref()?;
    let fingerprints = remote.fingerprints();
    if fingerprints.is_empty() {
        return None;
    }
    let role = match remote.setup() {
        Some(Setup::Passive) => DtlsRole::Client,
        // An offer without the attribute means active (RFC 4145 4.1).
        Some(Setup::Active) | None => DtlsRole::Server,
        Some(Setup::ActPass | Setup::HoldConn) => local.dtls_role.unwrap_or(DtlsRole::Server),
    };
    Some(Security::Dtls { fingerprints, role })
}

fn choose_sdes(remote: &Remote<'_>, local: &LocalMedia) -> Option<(Security, Crypto)> {
    let sdes = local.sdes.as_ref()?;
    let mut lines = remote.crypto();
    let line = lines.find(|line| sdes.suites.contains(&line.suite))?;
    let security =
        Security::Sdes { suite: line.suite, send: sdes.key(line.suite), receive: line.key.clone() };
    Some((security, line))
}

fn choose_extensions(remote: &Remote<'_>, local: &LocalMedia) -> Vec<ExtensionMap> {
    let offered = remote.section.extension_maps().into_iter();
    let known = offered.filter(|extension| local.extensions.contains(&extension.uri));
    let answered = known.map(|extension| ExtensionMap {
        direction: extension.direction.map(Direction::reversed),
        ..extension
    });
    answered.collect()
}

impl Accepted {
    fn describe(&self, remote: &Remote<'_>, local: &LocalMedia) -> SessionDescription {
        let offer = remote.description;
        let negotiated = &self.negotiated;
        let mut description = SessionDescription::of_local(local, negotiated.ice.is_some());
        if let (true, Some(mid)) = (negotiated.bundled, &negotiated.mid) {
            let group = Line::attribute("group", &format!("BUNDLE {mid}"));
            description.lines.push(group);
        }
        let sections = offer.media.iter().enumerate().map(|(index, section)| {
            if index == negotiated.section {
                self.describe_audio(section, local)
            } else {
                section.rejected()
            }
        });
        description.media = sections.collect();
        description
    }

    fn describe_audio(&self, offered: &MediaDescription, local: &LocalMedia) -> MediaDescription {
        let negotiated = &self.negotiated;
        let mut section = MediaDescription {
            kind: MediaKind::Audio,
            port: local.port,
            port_count: None,
            protocol: offered.protocol.clone(),
            formats: Vec::new(),
            lines: Vec::new(),
        };
        let beside = negotiated.telephone_events.iter().chain(&negotiated.comfort_noise);
        for codec in negotiated.codecs.iter().chain(beside) {
            section.push_format(codec.format, codec.receive_payload_type, &codec.local_fmtp);
        }
        if let Some(ptime_ms) = local.ptime_ms {
            section.push_attribute("ptime", &ptime_ms.to_string());
        }
        if let Some(mid) = &negotiated.mid {
            section.push_attribute("mid", mid);
        }
        section.push_direction(negotiated.direction);
        describe_transport(&mut section, &negotiated.transport(), self.crypto.as_ref(), local);
        section.push_extensions(&negotiated.extensions);
        if let Some(stream) = &local.stream {
            section.push_stream(stream);
        }
        section
    }
}

/// What an answer says of the transport that was chosen.
pub(crate) fn describe_transport(
    section: &mut MediaDescription,
    transport: &Transport,
    offered: Option<&Crypto>,
    local: &LocalMedia,
) {
    section.push_rtcp(local, transport.rtcp_mux);
    if let (Some(remote), Some(ice)) = (&transport.ice, &local.ice) {
        section.push_ice(ice, remote.trickle);
    }
    match (&transport.security, offered, &local.fingerprint) {
        (Security::Sdes { send, .. }, Some(offered), _) => {
            let line = Crypto {
                key: send.clone(),
                lifetime: None,
                session_parameters: Vec::new(),
                ..offered.clone()
            };
            section.push_attribute("crypto", &line.to_string());
        }
        (Security::Dtls { role, .. }, _, Some(fingerprint)) => {
            section.push_dtls(fingerprint, role.setup());
        }
        _ => {}
    }
}

impl MediaDescription {
    /// The section refused: port 0, its formats and `mid` kept (RFC 3264 6, RFC 8829 5.3.1).
    pub(crate) fn rejected(&self) -> Self {
        let mut section = Self {
            kind: self.kind.clone(),
            port: 0,
            port_count: None,
            protocol: self.protocol.clone(),
            formats: self.formats.clone(),
            lines: Vec::new(),
        };
        if let Some(mid) = self.mid() {
            section.push_attribute("mid", mid);
        }
        section.push_direction(Direction::Inactive);
        section
    }
}
