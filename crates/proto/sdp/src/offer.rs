//! Making an offer and taking its answer (RFC 3264 5 and 8, RFC 8829 5.2).

use crate::attribute::{Direction, ExtensionMap, Fingerprint, Setup};
use crate::codec::{AudioFormat, Encoding};
use crate::crypto::Crypto;
use crate::description::{Line, MediaDescription, MediaKind, Protocol, SessionDescription};
use crate::negotiation::{
    DtlsRole, LocalCodec, LocalMedia, LocalSdes, Negotiated, NegotiatedCodec, NegotiationError,
    OfferPolicy, OfferSecurity, Security, Transport,
};
use crate::section::{DTMF_EVENTS, Remote, beside_speech};

/// The `mid` of the audio section in an offer that starts a session.
const FIRST_MID: &str = "0";
/// Where the search for a free payload type begins.
const DYNAMIC_PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 96..=127;
/// The payload type phones expect telephone-event at.
const TELEPHONE_EVENT_PAYLOAD_TYPE: u8 = 101;

/// The offer that starts a session.
pub fn offer(
    local: &LocalMedia,
    policy: &OfferPolicy,
) -> Result<SessionDescription, NegotiationError> {
    let keys = Keys::choose(local, policy)?;
    let mid = (policy.security == OfferSecurity::Dtls).then_some(FIRST_MID);
    let mut description = SessionDescription::of_local(local, local.ice.is_some());
    if let Some(mid) = mid {
        description.push_bundle(mid);
    }
    let section = describe_audio(local, policy, &keys, mid, None);
    description.media.push(section);
    Ok(description)
}

/// An offer within a session: `previous` is this side's description that is in force.
///
/// Section order, `mid`s, the bundle and the payload types stay as they are.
pub fn offer_again(
    previous: &SessionDescription,
    local: &LocalMedia,
    policy: &OfferPolicy,
) -> Result<SessionDescription, NegotiationError> {
    let keys = Keys::choose(local, policy)?;
    let (index, before) = previous.audio().ok_or(NegotiationError::NoAudio)?;
    let mid = before.mid();
    let mut description = SessionDescription::of_local(local, local.ice.is_some());
    let is_bundled = Remote::new(previous, index, before).bundle().is_some();
    if let (true, Some(mid)) = (is_bundled, mid) {
        description.push_bundle(mid);
    }
    let sections = previous.media.iter().enumerate();
    let sections = sections.map(|(place, section)| {
        if place == index {
            describe_audio(local, policy, &keys, mid, Some(before))
        } else {
            section.rejected()
        }
    });
    description.media = sections.collect();
    Ok(description)
}

/// What an offer protects its media with.
pub(crate) enum Keys<'a> {
    None,
    Sdes(&'a LocalSdes),
    Dtls(&'a Fingerprint),
    Both(&'a LocalSdes, &'a Fingerprint),
}

impl<'a> Keys<'a> {
    pub(crate) fn choose(
        local: &'a LocalMedia,
        policy: &OfferPolicy,
    ) -> Result<Self, NegotiationError> {
        let keys = match policy.security {
            OfferSecurity::Plain => Some(Self::None),
            OfferSecurity::Sdes => local.sdes.as_ref().map(Self::Sdes),
            OfferSecurity::Dtls => local.fingerprint.as_ref().map(Self::Dtls),
            OfferSecurity::SdesOrDtls => {
                let keys = local.sdes.as_ref().zip(local.fingerprint.as_ref());
                keys.map(|(sdes, fingerprint)| Self::Both(sdes, fingerprint))
            }
        };
        keys.ok_or(NegotiationError::SecurityUnavailable)
    }

    fn describe(&self, section: &mut MediaDescription) {
        match self {
            Self::None => {}
            Self::Sdes(sdes) => section.push_crypto(sdes),
            Self::Dtls(fingerprint) => section.push_dtls(fingerprint, Setup::ActPass),
            Self::Both(sdes, fingerprint) => {
                section.push_crypto(sdes);
                section.push_dtls(fingerprint, Setup::ActPass);
            }
        }
    }
}

impl MediaDescription {
    fn push_crypto(&mut self, sdes: &LocalSdes) {
        for (tag, suite) in (1..).zip(sdes.suites.iter().copied()) {
            let line = Crypto::new(tag, suite, sdes.key(suite));
            self.push_attribute("crypto", &line.to_string());
        }
    }
}

impl SessionDescription {
    fn push_bundle(&mut self, mid: &str) {
        let group = format!("BUNDLE {mid}");
        self.lines.push(Line::attribute("group", &group));
    }
}

fn describe_audio(
    local: &LocalMedia,
    policy: &OfferPolicy,
    keys: &Keys<'_>,
    mid: Option<&str>,
    before: Option<&MediaDescription>,
) -> MediaDescription {
    let mut section = MediaDescription {
        kind: MediaKind::Audio,
        port: local.port,
        port_count: None,
        protocol: policy.protocol.clone(),
        formats: Vec::new(),
        lines: Vec::new(),
    };
    for format in formats(local, before) {
        section.push_format(format.format, format.payload_type, &format.fmtp);
    }
    if let Some(ptime_ms) = local.ptime_ms {
        section.push_attribute("ptime", &ptime_ms.to_string());
    }
    if let Some(mid) = mid {
        section.push_attribute("mid", mid);
    }
    section.push_direction(local.direction);
    describe_transport(&mut section, local, keys);
    section.push_extensions(&extensions(local, before));
    if let Some(stream) = &local.stream {
        section.push_stream(stream);
    }
    section
}

/// What an offer says of its transport.
pub(crate) fn describe_transport(
    section: &mut MediaDescription,
    local: &LocalMedia,
    keys: &Keys<'_>,
) {
    section.push_rtcp(local, local.rtcp_mux);
    if let Some(port) = local.rtcp_port.filter(|_| local.rtcp_mux && local.ice.is_none()) {
        section.push_attribute("rtcp", &port.to_string());
    }
    if let Some(ice) = &local.ice {
        section.push_ice(ice, false);
    }
    keys.describe(section);
}

/// The formats of an offer with payload types that do not collide; those in use stay.
fn formats(local: &LocalMedia, before: Option<&MediaDescription>) -> Vec<LocalCodec> {
    if let Some(formats) = &local.formats {
        return formats.clone();
    }
    let mut used: Vec<u8> = local.codecs.iter().map(|codec| codec.payload_type).collect();
    let in_use = payload_types(before);
    used.extend(in_use.iter().map(|(_, payload_type)| *payload_type));
    let mut formats: Vec<LocalCodec> = Vec::new();
    let mut push = |codec: LocalCodec| {
        let known = in_use.iter().find(|(format, _)| *format == codec.format);
        let is_free = |payload_type: u8| {
            let is_taken = |(_, taken): &(AudioFormat, u8)| *taken == payload_type;
            let mut formats = formats.iter();
            !in_use.iter().any(is_taken) && formats.all(|f| f.payload_type != payload_type)
        };
        let payload_type = match known {
            Some((_, payload_type)) => Some(*payload_type),
            None if is_free(codec.payload_type) => Some(codec.payload_type),
            None => DYNAMIC_PAYLOAD_TYPES.rev().find(|free| !used.contains(free) && is_free(*free)),
        };
        if let Some(payload_type) = payload_type {
            formats.push(LocalCodec { payload_type, ..codec });
        }
    };
    local.codecs.iter().cloned().for_each(&mut push);
    beside(local).into_iter().for_each(&mut push);
    formats
}

/// Telephone-event and comfort noise for each clock rate of the codecs.
fn beside(local: &LocalMedia) -> Vec<LocalCodec> {
    let mut clock_rates: Vec<u32> = Vec::new();
    for codec in &local.codecs {
        if !clock_rates.contains(&codec.format.clock_rate) {
            clock_rates.push(codec.format.clock_rate);
        }
    }
    // The rate that every phone knows gets the payload type that every phone expects.
    clock_rates.sort_unstable();
    let mut formats = Vec::new();
    for clock_rate in clock_rates {
        let entry = |encoding, payload_type, fmtp: &str| {
            let format = AudioFormat::new(encoding, clock_rate, 1);
            LocalCodec {
                format,
                payload_type: format.static_payload_type().unwrap_or(payload_type),
                fmtp: fmtp.to_owned(),
            }
        };
        if local.telephone_event {
            let payload_type = TELEPHONE_EVENT_PAYLOAD_TYPE;
            formats.push(entry(Encoding::TelephoneEvent, payload_type, DTMF_EVENTS));
        }
        if local.comfort_noise && clock_rate <= 16_000 {
            formats.push(entry(Encoding::ComfortNoise, *DYNAMIC_PAYLOAD_TYPES.end(), ""));
        }
    }
    formats
}

fn payload_types(before: Option<&MediaDescription>) -> Vec<(AudioFormat, u8)> {
    let maps = before.into_iter().flat_map(MediaDescription::rtpmaps);
    let known = maps.filter_map(|map| {
        let format = AudioFormat::from_rtpmap(&map)?;
        Some((format, map.payload_type))
    });
    known.collect()
}

/// The header extensions of an offer: ids in use stay, others get the next free one.
fn extensions(local: &LocalMedia, before: Option<&MediaDescription>) -> Vec<ExtensionMap> {
    /// Ids of one-byte header extensions (RFC 8285 4.2).
    const IDS: std::ops::RangeInclusive<u8> = 1..=14;
    let mut maps = before.map_or_else(Vec::new, MediaDescription::extension_maps);
    maps.retain(|map| local.extensions.contains(&map.uri));
    for uri in &local.extensions {
        let is_known = maps.iter().any(|map| map.uri == *uri);
        let free = IDS.clone().find(|id| maps.iter().all(|map| map.id != *id));
        if let (false, Some(id)) = (is_known, free) {
            maps.push(ExtensionMap { id, direction: None, uri: uri.clone() });
        }
    }
    maps
}

/// Takes the answer to an offer of this side.
pub fn accept_answer(
    offer: &SessionDescription,
    answer: &SessionDescription,
) -> Result<Negotiated, NegotiationError> {
    let (index, offered) = offer.audio().ok_or(NegotiationError::NoAudio)?;
    let section = answer.media.get(index).ok_or(NegotiationError::SectionMismatch)?;
    if section.kind != MediaKind::Audio {
        return Err(NegotiationError::SectionMismatch);
    }
    if !section.is_in_use() {
        return Err(NegotiationError::AudioRefused);
    }
    let local = Remote::new(offer, index, offered);
    let remote = Remote::new(answer, index, section);
    let codecs = accept_codecs(&local, &remote)?;
    let transport = accept_transport(&local, &remote)?;
    Ok(Negotiated {
        section: index,
        mid: transport.mid,
        bundled: transport.bundled,
        protocol: transport.protocol,
        direction: transport.direction,
        telephone_events: accept_beside(&local, &remote, Encoding::TelephoneEvent, &codecs),
        comfort_noise: accept_beside(&local, &remote, Encoding::ComfortNoise, &codecs),
        codecs,
        remote_rtp: transport.remote_rtp,
        remote_rtcp: transport.remote_rtcp,
        rtcp_mux: transport.rtcp_mux,
        ice: transport.ice,
        security: transport.security,
        ptime_ms: section.ptime_ms(),
        max_ptime_ms: section.max_ptime_ms(),
        extensions: accept_extensions(offered, section),
        remote_ssrcs: remote.ssrcs(),
    })
}

/// How the media of a section of ours travels after it was answered.
pub(crate) fn accept_transport(
    local: &Remote<'_>,
    remote: &Remote<'_>,
) -> Result<Transport, NegotiationError> {
    let offered = local.section;
    let rtcp_mux = offered.has_rtcp_mux() && remote.has_rtcp_mux();
    let remote_rtp = remote.rtp_address();
    Ok(Transport {
        mid: offered.mid().map(str::to_owned),
        bundled: local.bundle().is_some() && remote.bundle().is_some(),
        protocol: offered.protocol.clone(),
        direction: local.description.direction(offered).and(remote.direction().reversed()),
        remote_rtp,
        remote_rtcp: if rtcp_mux { remote_rtp } else { remote.rtcp_address() },
        rtcp_mux,
        ice: remote.ice(local.has_ice()),
        security: accept_security(local, remote)?,
    })
}

/// Formats of the answer that were offered: sent with the answer's payload types, received with
/// the offer's (RFC 3264 6.1).
fn paired_formats(local: &Remote<'_>, remote: &Remote<'_>) -> Vec<NegotiatedCodec> {
    let offered = local.formats();
    let answered = remote.formats().into_iter();
    let paired = answered.filter_map(|(format, send_payload_type)| {
        let (_, receive_payload_type) = *offered.iter().find(|(known, _)| *known == format)?;
        Some(NegotiatedCodec {
            format,
            send_payload_type,
            receive_payload_type,
            remote_fmtp: remote.fmtp(send_payload_type),
            local_fmtp: local.fmtp(receive_payload_type),
        })
    });
    paired.collect()
}

fn accept_codecs(
    local: &Remote<'_>,
    remote: &Remote<'_>,
) -> Result<Vec<NegotiatedCodec>, NegotiationError> {
    let mut codecs = paired_formats(local, remote);
    codecs.retain(|codec| codec.format.is_speech());
    if codecs.is_empty() {
        return Err(NegotiationError::NoCommonCodec);
    }
    Ok(codecs)
}

fn accept_beside(
    local: &Remote<'_>,
    remote: &Remote<'_>,
    encoding: Encoding,
    speech: &[NegotiatedCodec],
) -> Vec<NegotiatedCodec> {
    let kept = beside_speech(encoding, &remote.formats(), speech);
    let mut paired = paired_formats(local, remote);
    paired.retain(|codec| kept.iter().any(|(format, _)| *format == codec.format));
    paired
}

fn accept_security(local: &Remote<'_>, remote: &Remote<'_>) -> Result<Security, NegotiationError> {
    let is_optional = matches!(local.section.protocol, Protocol::RtpAvp | Protocol::RtpAvpf);
    let agreed = accept_dtls(local, remote).or_else(|| accept_sdes(local, remote));
    match agreed {
        Some(security) => Ok(security),
        None if is_optional => Ok(Security::Plain),
        None => Err(NegotiationError::SecurityUnavailable),
    }
}

fn accept_dtls(local: &Remote<'_>, remote: &Remote<'_>) -> Option<Security> {
    let fingerprints = remote.fingerprints();
    if local.fingerprints().is_empty() || fingerprints.is_empty() {
        return None;
    }
    let role = match remote.setup() {
        Some(Setup::Passive) => DtlsRole::Client,
        // An answerer should be active, and one that does not choose is taken for it.
        Some(Setup::Active | Setup::ActPass | Setup::HoldConn) | None => DtlsRole::Server,
    };
    Some(Security::Dtls { fingerprints, role })
}

fn accept_sdes(local: &Remote<'_>, remote: &Remote<'_>) -> Option<Security> {
    let answered = remote.crypto().next()?;
    let mut lines = local.crypto();
    let offered = lines.find(|line| line.tag == answered.tag && line.suite == answered.suite)?;
    Some(Security::Sdes { suite: answered.suite, send: offered.key, receive: answered.key })
}

fn accept_extensions(offered: &MediaDescription, section: &MediaDescription) -> Vec<ExtensionMap> {
    let offered = offered.extension_maps();
    let mut answered = section.extension_maps();
    answered.retain(|map| offered.iter().any(|o| o.uri == map.uri && o.id == map.id));
    for map in &mut answered {
        map.direction = map.direction.map(Direction::reversed);
    }
    answered
}
