//! Descriptions on their way through: what they say, and how they are edited.

use super::codecs::{self, Format};
use offhook_model::{IceRole, LegId, Security, SourceRule, Terms};
use offhook_ng::{Dtls, Flags, Ice, Sdes};
use offhook_sdp::{
    CryptoSuite, DescriptionEditor, EditedFormat, MediaDescription, MediaKind, PartEditor,
    Protocol, SessionDescription,
};
use std::net::IpAddr;

/// Attributes that belong to the transport and are ours to write.
const TRANSPORT_ATTRIBUTES: [&str; 15] = [
    "rtcp",
    "rtcp-mux",
    "rtcp-mux-only",
    "ice-lite",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "candidate",
    "end-of-candidates",
    "remote-candidates",
    "crypto",
    "fingerprint",
    "setup",
    "tls-id",
    "bundle-only",
];
/// The suites that we offer unless flags say otherwise, the preferred first.
const SDES_SUITES: [CryptoSuite; 3] = [
    CryptoSuite::AesCm128HmacSha1_80,
    CryptoSuite::AesCm256HmacSha1_80,
    CryptoSuite::AesCm128HmacSha1_32,
];
/// What stands for a user name or a session name that is replaced.
const REPLACED_NAME: &str = "-";

/// A description as it was said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) sdp: Vec<u8>,
    pub(super) description: SessionDescription,
    /// The audio section.
    pub(super) index: usize,
}

impl Said {
    /// Reads a description; the text says what is wrong with it.
    pub(super) fn read(sdp: Vec<u8>) -> Result<Self, String> {
        let description = SessionDescription::parse(&sdp);
        let description = description.map_err(|error| format!("Failed to parse SDP: {error}"))?;
        let in_use = description.audio().map(|(index, _)| index);
        let is_audio = |section: &MediaDescription| section.kind == MediaKind::Audio;
        let index = in_use.or_else(|| description.media.iter().position(is_audio));
        let index = index.ok_or("the SDP has no audio section")?;
        Ok(Self { sdp, description, index })
    }

    pub(super) fn section(&self) -> &MediaDescription {
        &self.description.media[self.index]
    }

    /// Whether the audio is refused or taken back.
    pub(super) fn is_without_audio(&self) -> bool {
        !self.section().is_in_use()
    }

    pub(super) fn formats(&self) -> Vec<Format> {
        codecs::formats(self.section())
    }

    pub(super) fn speaks_ice(&self) -> bool {
        self.description.attribute_for(self.section(), "ice-ufrag").is_some()
    }

    /// Whether it offers plain RTP with keys that need not be taken (OSRTP, RFC 8643).
    fn is_osrtp(&self) -> bool {
        let section = self.section();
        let has = |name| self.description.attribute_for(section, name).is_some();
        let is_plain = matches!(section.protocol, Protocol::RtpAvp | Protocol::RtpAvpf);
        is_plain && (has("crypto") || has("fingerprint"))
    }

    /// The audio section alone, with other formats or another protocol when they are given; it is what
    /// the media role sees.
    pub(super) fn audio_alone(
        &self,
        formats: Option<&[EditedFormat]>,
        protocol: Option<&str>,
        received_from: Option<IpAddr>,
    ) -> String {
        let mut editor = DescriptionEditor::new(&self.sdp);
        if let Some(address) = received_from.filter(|_| !self.is_held_by_zeros()) {
            editor.session().set_connection(address);
            if let Some(section) = editor.section(self.index) {
                section.set_connection(address);
            }
        }
        if let Some(section) = editor.section(self.index) {
            if let Some(formats) = formats {
                section.set_formats(formats);
            }
            if let Some(protocol) = protocol {
                section.set_protocol(protocol);
            }
        }
        editor.keep_only(self.index);
        String::from_utf8_lossy(&editor.to_bytes()).into_owned()
    }

    /// An address of zeros is a hold and names nobody.
    fn is_held_by_zeros(&self) -> bool {
        let connection = self.description.connection(self.section());
        connection.and_then(|connection| connection.ip()).is_some_and(|ip| ip.is_unspecified())
    }
}

/// The protocol towards the receiver of an offer.
pub(super) fn protocol<'a>(said: &'a Said, flags: &'a Flags) -> &'a str {
    flags.transport_protocol.as_deref().unwrap_or(said.section().protocol.as_str())
}

/// Where packets come from when the description is not believed.
pub(super) fn signalled_address(flags: &Flags) -> Option<IpAddr> {
    flags.received_from.filter(|_| flags.trust_address == Some(false))
}

/// The terms of the offer to the other side.
pub(super) fn offer_terms(
    said: &Said,
    flags: &Flags,
    formats: &[EditedFormat],
    partner: Option<LegId>,
) -> Result<Terms, String> {
    let protocol = protocol(said, flags);
    let speaks_ice = match flags.ice {
        Some(Ice::Remove) => false,
        Some(Ice::Force | Ice::ForceRelay) => true,
        Some(Ice::Default | Ice::Optional) | None => said.speaks_ice(),
    };
    let mux = flags.rtcp_mux;
    let offers_mux = (mux.offer || mux.require || said.section().has_rtcp_mux()) && !mux.demux;
    Ok(Terms {
        partner,
        like: said.audio_alone(Some(formats), Some(protocol), None),
        security: security(protocol, flags, flags.switches.osrtp_offer || said.is_osrtp())?,
        ice: if speaks_ice { IceRole::Full } else { IceRole::None },
        // ICE is spoken on one port alone.
        rtcp_mux: offers_mux || speaks_ice,
        sdes_suites: sdes_suites(&flags.sdes),
        dtls: true,
        dtls_active: false,
        sources: sources(flags),
        type_of_service: flags.tos,
        ptime_ms: flags.ptime_ms,
        opus_bitrate: codecs::opus_bitrate(&flags.codec.transcode),
        detects_dtmf: flags.switches.detect_dtmf,
    })
}

/// The terms of the answer to the side that offered.
pub(super) fn answer_terms(
    answer: &Said,
    offer_flags: &Flags,
    flags: &Flags,
    partner: Option<LegId>,
) -> Terms {
    let removes_ice = flags.ice == Some(Ice::Remove) || offer_flags.switches.reject_ice;
    let off = |flags: &Flags| flags.sdes.off;
    Terms {
        partner,
        like: answer.audio_alone(None, None, None),
        security: Security::Plain,
        ice: if removes_ice { IceRole::None } else { IceRole::Full },
        rtcp_mux: !offer_flags.rtcp_mux.reject && !flags.rtcp_mux.reject,
        sdes_suites: if off(flags) { Some(Vec::new()) } else { sdes_suites(&flags.sdes) },
        dtls: flags.dtls != Some(Dtls::Off),
        dtls_active: [flags.dtls, offer_flags.dtls].contains(&Some(Dtls::Active)),
        sources: sources(flags),
        type_of_service: flags.tos.or(offer_flags.tos),
        ptime_ms: offer_flags.ptime_reverse_ms,
        opus_bitrate: codecs::opus_bitrate(&offer_flags.codec.set),
        detects_dtmf: [flags, offer_flags].iter().any(|flags| flags.switches.detect_dtmf),
    }
}

/// How the receiver's address is learnt.
fn sources(flags: &Flags) -> SourceRule {
    if flags.switches.media_handover {
        SourceRule::Follow
    } else if flags.switches.asymmetric {
        SourceRule::Described
    } else {
        SourceRule::Latch
    }
}

/// The protection of an offer. Keys in a plain one are optional (OSRTP, RFC 8643).
fn security(protocol: &str, flags: &Flags, is_osrtp: bool) -> Result<Security, String> {
    let (has_sdes, has_dtls) = (!flags.sdes.off, flags.dtls != Some(Dtls::Off));
    match Protocol::from(protocol) {
        Protocol::RtpAvp | Protocol::RtpAvpf if is_osrtp && has_sdes && has_dtls => {
            Ok(Security::SdesOrDtls)
        }
        Protocol::RtpAvp | Protocol::RtpAvpf if is_osrtp && has_sdes => Ok(Security::Sdes),
        Protocol::RtpAvp | Protocol::RtpAvpf if is_osrtp && has_dtls => Ok(Security::Dtls),
        Protocol::RtpAvp | Protocol::RtpAvpf => Ok(Security::Plain),
        Protocol::DtlsSavp | Protocol::DtlsSavpf if has_dtls => Ok(Security::Dtls),
        Protocol::RtpSavp | Protocol::RtpSavpf if has_sdes && has_dtls => Ok(Security::SdesOrDtls),
        Protocol::RtpSavp | Protocol::RtpSavpf if has_sdes => Ok(Security::Sdes),
        Protocol::RtpSavp | Protocol::RtpSavpf if has_dtls => Ok(Security::Dtls),
        Protocol::Other(name) => Err(format!("the transport protocol {name} is not served")),
        _ => Err(format!("{protocol} with neither SDES nor DTLS")),
    }
}

/// The names of the suites, where flags choose them.
fn sdes_suites(sdes: &Sdes) -> Option<Vec<String>> {
    let names = |list: &[String], suite: CryptoSuite| {
        list.iter().any(|name| name.eq_ignore_ascii_case(suite.as_str()))
    };
    if sdes.only.is_empty() && sdes.no.is_empty() {
        return None;
    }
    let chosen: Vec<CryptoSuite> = if sdes.only.is_empty() {
        SDES_SUITES.into_iter().filter(|suite| !names(&sdes.no, *suite)).collect()
    } else {
        CryptoSuite::ALL.into_iter().filter(|suite| names(&sdes.only, *suite)).collect()
    };
    Some(chosen.into_iter().map(|suite| suite.as_str().to_owned()).collect())
}

/// The address that our own description names.
pub(super) fn own_address(ours: &SessionDescription) -> Option<IpAddr> {
    let (_, section) = ours.audio()?;
    ours.connection(section)?.ip()
}

/// How a description is edited.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    /// Its formats from here on; `None` for those of our own description.
    pub(super) formats: Option<&'a [EditedFormat]>,
    /// The protocol of its audio section.
    pub(super) protocol: &'a str,
    pub(super) flags: &'a Flags,
    /// Whether it answers an offer, whose `mid` and bundle it then has.
    pub(super) is_answer: bool,
}

/// The description with our addresses, keys and formats; every other line as it came.
pub(super) fn edited(said: &Said, ours: &SessionDescription, edit: &Edit<'_>) -> Option<Vec<u8>> {
    let (_, our_section) = ours.audio()?;
    let our_address = ours.connection(our_section)?.ip()?;
    let address = edit.flags.media_address.unwrap_or(our_address);
    let mut editor = DescriptionEditor::new(&said.sdp);
    edit_session(&mut editor, said, edit.flags, address);
    if ours.is_ice_lite() && our_section.has("ice-ufrag") {
        editor.session().push_attribute("ice-lite", "");
    }
    reject_others(&mut editor, said);
    edit_bundle(&mut editor, said, ours, edit.is_answer);
    let has_session_connection = editor.session().has_connection();
    let section = editor.section(said.index)?;
    section.set_port(our_section.port);
    section.set_protocol(edit.protocol);
    if section.has_connection() {
        section.set_connection(address);
    } else if !has_session_connection {
        section.add_connection(address);
    }
    edit_formats(section, said, our_section, edit.formats);
    section.remove_attributes(&TRANSPORT_ATTRIBUTES);
    if !Protocol::from(edit.protocol).has_feedback() {
        section.remove_attributes(&["rtcp-fb"]);
    }
    if let Some(source) = our_section.sources().first() {
        section.replace_ssrc(source.ssrc);
    } else {
        section.remove_attributes(&["ssrc", "ssrc-group"]);
    }
    if edit.flags.switches.generate_mid && !section.has_attribute("mid") {
        section.push_attribute("mid", &said.index.to_string());
    }
    push_transport(section, our_section, edit.flags, (our_address, address));
    Some(editor.to_bytes())
}

fn edit_session(editor: &mut DescriptionEditor<'_>, said: &Said, flags: &Flags, address: IpAddr) {
    let sections = said.description.media.iter();
    let is_shared = sections.clone().any(|section| section.connection().is_none());
    let session = editor.session();
    if flags.replace.origin {
        session.set_origin_address(address);
    }
    if flags.replace.username {
        session.set_origin_username(REPLACED_NAME);
    }
    if flags.replace.session_name {
        session.set_session_name(REPLACED_NAME);
    }
    if is_shared || flags.replace.session_connection {
        session.set_connection(address);
    }
    session.remove_attributes(&TRANSPORT_ATTRIBUTES);
}

/// Sections that are not relayed are rejected (RFC 3264 6) and leave the bundle.
fn reject_others(editor: &mut DescriptionEditor<'_>, said: &Said) {
    let mut mids = Vec::new();
    for (index, section) in said.description.media.iter().enumerate() {
        if index == said.index || !section.is_in_use() {
            continue;
        }
        mids.extend(section.mid().map(str::to_owned));
        if let Some(section) = editor.section(index) {
            section.set_port(0);
            section.remove_attributes(&["bundle-only"]);
        }
    }
    editor.remove_from_groups(&mids);
}

/// What the bundle of a description is called belongs to its transport, which is ours: an answer has the
/// `mid` and the group of the offer (RFC 9143 7.3), and an offer to a browser has some.
fn edit_bundle(
    editor: &mut DescriptionEditor<'_>,
    said: &Said,
    ours: &SessionDescription,
    is_answer: bool,
) {
    let our_mid = ours.audio().and_then(|(_, section)| section.mid());
    let is_kept = !is_answer && said.section().mid().is_some();
    let Some(mid) = our_mid.filter(|mid| !is_kept && said.section().mid() != Some(*mid)) else {
        return;
    };
    let mids: Vec<String> = said
        .description
        .media
        .iter()
        .filter_map(|section| section.mid())
        .map(str::to_owned)
        .collect();
    editor.remove_from_groups(&mids);
    if !ours.bundles().is_empty() {
        editor.session().push_attribute("group", &format!("BUNDLE {mid}"));
    }
    if let Some(section) = editor.section(said.index) {
        section.remove_attributes(&["mid"]);
        section.push_attribute("mid", mid);
    }
}

fn edit_formats(
    section: &mut PartEditor<'_>,
    said: &Said,
    ours: &MediaDescription,
    formats: Option<&[EditedFormat]>,
) {
    if let Some(formats) = formats {
        let kept = formats.iter().map(|format| format.payload_type.to_string());
        let is_same = kept.eq(said.section().formats.iter().cloned())
            && formats.iter().all(|format| format.source == Some(format.payload_type));
        if !is_same {
            section.set_formats(formats);
        }
        return;
    }
    let spoken = ours.rtpmaps().map(|map| {
        let fmtp = ours.fmtp(map.payload_type).unwrap_or_default().to_owned();
        let text = map.to_string();
        let name = text.split_once(' ').map_or("", |(_, name)| name);
        EditedFormat::added(map.payload_type, name, fmtp)
    });
    section.set_formats(&spoken.collect::<Vec<_>>());
}

fn push_transport(
    section: &mut PartEditor<'_>,
    ours: &MediaDescription,
    flags: &Flags,
    (our_address, address): (IpAddr, IpAddr),
) {
    for line in &ours.lines {
        let Some((name, value)) = line.as_attribute() else { continue };
        match name {
            "rtcp" if flags.switches.no_rtcp_attribute => {}
            "rtcp" if flags.switches.full_rtcp_attribute => {
                let connection = offhook_sdp::Connection::new(address);
                section.push_attribute(name, &format!("{value} {connection}"));
            }
            "setup" => section.push_attribute(name, setup(value, flags)),
            "candidate" => {
                let mut value = value.replace(&our_address.to_string(), &address.to_string());
                if flags.ice == Some(Ice::ForceRelay) {
                    let port = ours.port;
                    value = value
                        .replace("typ host", &format!("typ relay raddr {address} rport {port}"));
                }
                section.push_attribute(name, &value);
            }
            _ if TRANSPORT_ATTRIBUTES.contains(&name) => section.push_attribute(name, value),
            _ => {}
        }
    }
}

/// An offer may take one side of the handshake beforehand.
fn setup<'a>(ours: &'a str, flags: &Flags) -> &'a str {
    match (ours, flags.dtls) {
        ("actpass", Some(Dtls::Active)) => "active",
        ("actpass", Some(Dtls::Passive)) => "passive",
        _ => ours,
    }
}

/// The answer of a side that refuses the audio, for the side that offered it.
pub(super) fn refused(answer: &Said) -> Vec<u8> {
    let mut editor = DescriptionEditor::new(&answer.sdp);
    for index in 0..editor.section_count() {
        if let Some(section) = editor.section(index) {
            section.set_port(0);
        }
    }
    editor.to_bytes()
}
