//! Descriptions on their way through: what they say, and how they are edited.

use super::codecs::{self, Format};
use offhook_model::{IceRole, LegId, Security, SourceRule, Terms};
use offhook_ng::{CodecFlags, Dtls, Flags, Ice, Sdes};
use offhook_sdp::{
    CryptoSuite, DATAGRAM_TRANSPORT_ATTRIBUTES, DescriptionEditor, EditedFormat, MediaDescription,
    MediaKind, PartEditor, Protocol, SessionDescription, TRANSPORT_ATTRIBUTES,
};
use std::net::IpAddr;

/// Sections of a description that are served at most; the others are rejected.
pub const SECTIONS_MAX: usize = 16;
/// The suites that we offer unless flags say otherwise, the preferred first.
const SDES_SUITES: [CryptoSuite; 3] = [
    CryptoSuite::AesCm128HmacSha1_80,
    CryptoSuite::AesCm256HmacSha1_80,
    CryptoSuite::AesCm128HmacSha1_32,
];
/// Why a section is not offered whose codecs are all taken out.
const NO_CODEC: &str = "no codec is left to offer";
/// What stands for a user name or a session name that is replaced.
const REPLACED_NAME: &str = "-";

/// A description as it was said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) sdp: Vec<u8>,
    pub(super) description: SessionDescription,
    /// The section in which the parties speak: the first audio that the media role can decode, or else the
    /// first that is in use.
    pub(super) index: usize,
}

impl Said {
    /// Reads a description; the text says what is wrong with it.
    pub(super) fn read(sdp: Vec<u8>) -> Result<Self, String> {
        let mut said = Self::read_at(sdp, 0)?;
        let sections = &said.description.media;
        let audio = |is_wanted: &dyn Fn(&MediaDescription) -> bool| {
            let is_it =
                |section: &MediaDescription| section.kind == MediaKind::Audio && is_wanted(section);
            sections.iter().position(is_it)
        };
        let index = audio(&|section| is_used(section) && is_decoded(section))
            .or_else(|| audio(&is_used))
            .or_else(|| sections.iter().position(is_used))
            .or_else(|| audio(&|_| true));
        said.index = index.unwrap_or(0);
        Ok(said)
    }

    /// Reads a description whose parties speak in the section of that index.
    pub(super) fn read_at(sdp: Vec<u8>, index: usize) -> Result<Self, String> {
        let description = SessionDescription::parse(&sdp);
        let description = description.map_err(|error| format!("Failed to parse SDP: {error}"))?;
        match description.media.len() {
            0 => Err("the SDP has no media section".to_owned()),
            count if count <= index => {
                Err("the answer does not have the sections of the offer".to_owned())
            }
            _ => Ok(Self { sdp, description, index }),
        }
    }

    pub(super) fn section(&self) -> &MediaDescription {
        &self.description.media[self.index]
    }

    /// Whether the section of that index is there and in use.
    pub(super) fn uses(&self, index: usize) -> bool {
        self.description.media.get(index).is_some_and(is_used)
    }

    /// The sections that are in use.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> {
        (0..self.description.media.len()).filter(|index| self.uses(*index))
    }

    pub(super) fn formats(&self, index: usize) -> Vec<Format> {
        codecs::formats(&self.description.media[index])
    }

    fn speaks_ice(&self, index: usize) -> bool {
        self.description.attribute_for(&self.description.media[index], "ice-ufrag").is_some()
    }

    /// One section alone, with other formats or another protocol when they are given; it is what the media
    /// role sees.
    pub(super) fn alone(
        &self,
        index: usize,
        formats: Option<&[EditedFormat]>,
        protocol: Option<&str>,
        received_from: Option<IpAddr>,
    ) -> String {
        let mut editor = DescriptionEditor::new(&self.sdp);
        if let Some(address) = received_from.filter(|_| !self.is_held_by_zeros(index)) {
            editor.session().set_connection(address);
            if let Some(section) = editor.section(index) {
                section.set_connection(address);
            }
        }
        if let Some(section) = editor.section(index) {
            if let Some(formats) = formats {
                section.set_formats(formats);
            }
            if let Some(protocol) = protocol {
                section.set_protocol(protocol);
            }
        }
        editor.keep_only(index);
        String::from_utf8_lossy(&editor.to_bytes()).into_owned()
    }

    /// An address of zeros is a hold and names nobody.
    fn is_held_by_zeros(&self, index: usize) -> bool {
        let connection = self.description.connection(&self.description.media[index]);
        connection.and_then(|connection| connection.ip()).is_some_and(|ip| ip.is_unspecified())
    }
}

/// Whether a section has a port of its own. One that shares another's (`bundle-only`) is not served.
fn is_used(section: &MediaDescription) -> bool {
    section.port != 0
}

/// Whether the media role understands some speech of the section.
fn is_decoded(section: &MediaDescription) -> bool {
    codecs::formats(section).iter().any(Format::is_decoded)
}

/// The protocol towards the receiver of an offer. Flags name one of RTP, which no other section can have.
pub(super) fn protocol<'a>(section: &'a MediaDescription, flags: &'a Flags) -> &'a str {
    let asked = flags.transport_protocol.as_deref().filter(|_| section.protocol.is_rtp());
    asked.unwrap_or(section.protocol.as_str())
}

/// A section that is passed to the other side.
#[derive(Debug, Clone)]
pub(super) struct Passage {
    /// Its place in the description.
    pub(super) index: usize,
    /// Whether the media role passes it on as it is.
    pub(super) is_opaque: bool,
    /// Its formats from here on; `None` when all stay, or in an answer when those of our own description
    /// stand for them.
    pub(super) formats: Option<Vec<EditedFormat>>,
}

/// How an offer's section is passed; the text says why it cannot be.
pub(super) fn offered_passage(said: &Said, index: usize, flags: &Flags) -> Result<Passage, String> {
    let section = &said.description.media[index];
    if section.kind == MediaKind::Audio && section.protocol.is_rtp() {
        return audio_passage(said, index, &flags.codec);
    }
    let formats = match section.protocol.is_rtp() {
        true => codecs::offered_beside(section, &flags.codec),
        false => None,
    };
    if formats.as_ref().is_some_and(Vec::is_empty) {
        return Err(NO_CODEC.to_owned());
    }
    Ok(Passage { index, is_opaque: true, formats })
}

fn audio_passage(said: &Said, index: usize, flags: &CodecFlags) -> Result<Passage, String> {
    let theirs = said.formats(index);
    let formats = codecs::offered(&theirs, flags)?;
    if formats.is_empty() {
        return Err(NO_CODEC.to_owned());
    }
    let is_shown =
        |format: &Format| formats.iter().any(|shown| shown.source == Some(format.payload_type));
    // What is added is always something that the media role knows.
    let speaks = formats.iter().any(|format| format.source.is_none())
        || theirs.iter().any(|format| format.is_decoded() && is_shown(format));
    let is_opaque = index != said.index || !speaks;
    Ok(Passage { index, is_opaque, formats: Some(formats) })
}

/// The terms of the offer of a section to the other side.
pub(super) fn offer_terms(
    said: &Said,
    flags: &Flags,
    passage: &Passage,
    partner: Option<LegId>,
) -> Result<Terms, String> {
    let index = passage.index;
    let section = &said.description.media[index];
    let protocol = protocol(section, flags);
    let speaks_ice = match flags.ice {
        Some(Ice::Remove) => false,
        // What is no RTP speaks it with whom it did.
        Some(Ice::Force | Ice::ForceRelay) if section.protocol.is_rtp() => true,
        _ => said.speaks_ice(index),
    };
    let mux = flags.rtcp_mux;
    let offers_mux = (mux.offer || mux.require || section.has_rtcp_mux()) && !mux.demux;
    Ok(Terms {
        partner,
        is_opaque: passage.is_opaque,
        like: said.alone(index, passage.formats.as_deref(), Some(protocol), None),
        security: security(protocol, flags)?,
        ice: if speaks_ice { IceRole::Full } else { IceRole::None },
        // ICE is spoken on one port alone.
        rtcp_mux: offers_mux || speaks_ice,
        sdes_suites: sdes_suites(&flags.sdes),
        dtls: true,
        dtls_active: false,
        sources: sources(flags),
        type_of_service: flags.tos,
    })
}

/// The terms of the answer to the side that offered.
pub(super) fn answer_terms(
    answer: &Said,
    index: usize,
    offer_flags: &Flags,
    flags: &Flags,
    partner: Option<LegId>,
) -> Terms {
    let removes_ice = flags.ice == Some(Ice::Remove);
    let off = |flags: &Flags| flags.sdes.off;
    Terms {
        partner,
        is_opaque: false,
        like: answer.alone(index, None, None, None),
        security: Security::Plain,
        ice: if removes_ice { IceRole::None } else { IceRole::Full },
        rtcp_mux: !offer_flags.rtcp_mux.reject && !flags.rtcp_mux.reject,
        sdes_suites: if off(flags) { Some(Vec::new()) } else { sdes_suites(&flags.sdes) },
        dtls: flags.dtls != Some(Dtls::Off),
        dtls_active: [flags.dtls, offer_flags.dtls].contains(&Some(Dtls::Active)),
        sources: sources(flags),
        type_of_service: flags.tos.or(offer_flags.tos),
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

fn security(protocol: &str, flags: &Flags) -> Result<Security, String> {
    let (has_sdes, has_dtls) = (!flags.sdes.off, flags.dtls != Some(Dtls::Off));
    let protocol = Protocol::from(protocol);
    match &protocol {
        Protocol::RtpAvp | Protocol::RtpAvpf => Ok(Security::Plain),
        Protocol::DtlsSavp | Protocol::DtlsSavpf if has_dtls => Ok(Security::Dtls),
        Protocol::RtpSavp | Protocol::RtpSavpf if has_sdes && has_dtls => Ok(Security::SdesOrDtls),
        Protocol::RtpSavp | Protocol::RtpSavpf if has_sdes => Ok(Security::Sdes),
        Protocol::RtpSavp | Protocol::RtpSavpf if has_dtls => Ok(Security::Dtls),
        Protocol::Other(_) if protocol.is_datagrams() => Ok(Security::Plain),
        Protocol::Other(name) => Err(format!("the transport protocol {name} is not served")),
        _ => Err(format!("{} with neither SDES nor DTLS", protocol.as_str())),
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
    let (_, section) = ours.first_in_use()?;
    ours.connection(section)?.ip()
}

/// How a description is edited.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    /// The sections that are passed, in their order. Others are rejected.
    pub(super) sections: Vec<SectionEdit<'a>>,
    pub(super) flags: &'a Flags,
    /// Whether it answers an offer, whose `mid`s and bundle it then has.
    pub(super) is_answer: bool,
}

/// How one section is edited.
#[derive(Debug)]
pub(super) struct SectionEdit<'a> {
    pub(super) passage: &'a Passage,
    /// Our own description of it.
    pub(super) ours: &'a SessionDescription,
    /// Its protocol from here on.
    pub(super) protocol: &'a str,
}

/// The description with our addresses, keys and formats; every other line as it came.
pub(super) fn edited(said: &Said, edit: &Edit<'_>) -> Option<Vec<u8>> {
    let our_address = own_address(edit.sections.first()?.ours)?;
    let address = edit.flags.media_address.unwrap_or(our_address);
    let mut editor = DescriptionEditor::new(&said.sdp);
    edit_session(&mut editor, said, edit.flags, address);
    let is_lite = |section: &SectionEdit<'_>| {
        let ours = section.ours.first_in_use();
        section.ours.is_ice_lite() && ours.is_some_and(|(_, ours)| ours.has("ice-ufrag"))
    };
    if edit.sections.iter().any(is_lite) {
        editor.session().push_attribute("ice-lite", "");
    }
    reject_others(&mut editor, said, edit);
    edit_bundle(&mut editor, said, edit);
    let has_session_connection = editor.session().has_connection();
    for part in &edit.sections {
        let section = editor.section(part.passage.index)?;
        if section.has_connection() {
            section.set_connection(address);
        } else if !has_session_connection {
            section.add_connection(address);
        }
        edit_section(section, said, part, edit.flags, (our_address, address))?;
    }
    Some(editor.to_bytes())
}

fn edit_section(
    section: &mut PartEditor<'_>,
    said: &Said,
    edit: &SectionEdit<'_>,
    flags: &Flags,
    addresses: (IpAddr, IpAddr),
) -> Option<()> {
    let Passage { index, is_opaque, formats } = edit.passage;
    let theirs = &said.description.media[*index];
    let (_, ours) = edit.ours.first_in_use()?;
    let protocol = Protocol::from(edit.protocol);
    section.set_port(ours.port);
    section.set_protocol(edit.protocol);
    if formats.is_some() || !is_opaque {
        edit_formats(section, theirs, ours, formats.as_deref());
    }
    section.remove_attributes(transport_attributes(&protocol));
    if protocol.is_rtp() && !protocol.has_feedback() {
        section.remove_attributes(&["rtcp-fb"]);
    }
    if !is_opaque {
        match ours.sources().first() {
            Some(source) => section.replace_ssrc(source.ssrc),
            None => section.remove_attributes(&["ssrc", "ssrc-group"]),
        }
    }
    if flags.switches.generate_mid && !section.has_attribute("mid") {
        section.push_attribute("mid", &free_mid(said, *index));
    }
    push_transport(section, theirs, ours, flags, addresses);
    Some(())
}

/// The attributes that are ours to write.
fn transport_attributes(protocol: &Protocol) -> &'static [&'static str] {
    if protocol.is_rtp() { &TRANSPORT_ATTRIBUTES } else { DATAGRAM_TRANSPORT_ATTRIBUTES }
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

/// Sections that are not passed are rejected (RFC 3264 6) and leave their groups.
fn reject_others(editor: &mut DescriptionEditor<'_>, said: &Said, edit: &Edit<'_>) {
    let mut mids = Vec::new();
    for (index, section) in said.description.media.iter().enumerate() {
        let is_passed = edit.sections.iter().any(|part| part.passage.index == index);
        if is_passed || !section.is_in_use() {
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

/// What the bundle of a description is called belongs to its transport, which is ours. Every section has
/// ports of its own, so that only the one in which the parties speak stays in a bundle. An answer has the
/// `mid`s and the group of the offer (RFC 9143 7.3), and an offer to a browser has some.
fn edit_bundle(editor: &mut DescriptionEditor<'_>, said: &Said, edit: &Edit<'_>) {
    let names_sections = edit.sections.iter().any(|part| our_mid(part).is_some());
    for part in &edit.sections {
        let index = part.passage.index;
        let theirs = said.description.media[index].mid();
        let mid = match (edit.is_answer, theirs) {
            (true, _) => {
                our_mid(part).map(str::to_owned).filter(|mid| theirs != Some(mid.as_str()))
            }
            (false, None) => names_sections.then(|| free_mid(said, index)),
            (false, Some(_)) => None,
        };
        if mid.is_some() || index != said.index {
            let theirs: Vec<String> = theirs.map(str::to_owned).into_iter().collect();
            editor.remove_from_bundles(&theirs);
        }
        let Some(mid) = mid else { continue };
        if let Some(section) = editor.section(index) {
            section.remove_attributes(&["mid"]);
            section.push_attribute("mid", &mid);
        }
        if index == said.index && !part.ours.bundles().is_empty() {
            editor.session().push_attribute("group", &format!("BUNDLE {mid}"));
        }
    }
}

fn our_mid<'a>(part: &SectionEdit<'a>) -> Option<&'a str> {
    part.ours.first_in_use()?.1.mid()
}

/// A `mid` for a section that has none: its place, unless another section is called so.
fn free_mid(said: &Said, index: usize) -> String {
    let place = index.to_string();
    let is_taken = said.description.section_with_mid(&place).is_some();
    if is_taken { format!("section-{place}") } else { place }
}

fn edit_formats(
    section: &mut PartEditor<'_>,
    theirs: &MediaDescription,
    ours: &MediaDescription,
    formats: Option<&[EditedFormat]>,
) {
    if let Some(formats) = formats {
        let kept = formats.iter().map(|format| format.payload_type.to_string());
        let is_same = kept.eq(theirs.formats.iter().cloned())
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
    theirs: &MediaDescription,
    ours: &MediaDescription,
    flags: &Flags,
    (our_address, address): (IpAddr, IpAddr),
) {
    for line in &ours.lines {
        let Some((name, value)) = line.as_attribute() else { continue };
        // What is no RTP keeps an association of its own, and may have inherited what it says of it.
        if !transport_attributes(&ours.protocol).contains(&name) && theirs.has(name) {
            continue;
        }
        match name {
            "rtcp" if flags.switches.no_rtcp_attribute => {}
            "rtcp" if flags.switches.full_rtcp_attribute => {
                let connection = offhook_sdp::Connection::new(address);
                section.push_attribute(name, &format!("{value} {connection}"));
            }
            "setup" if ours.protocol.is_rtp() => section.push_attribute(name, setup(value, flags)),
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
