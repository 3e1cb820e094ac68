//! Parties whose section is passed on as it is.

use super::{Party, Protection, World};
use offhook_audio::Codec;
use offhook_bus::{IceRole, MediaCommand, MediaEvent, Security, Terms};
use offhook_rtc::{Component, PROTECTION_BYTES_MAX, Remote};
use offhook_sdp::{OfferPolicy, SessionDescription, Transport};
use std::time::Instant;

/// The lines of a browser's video section.
pub const VIDEO: &str = "a=mid:1\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\n\
    a=fmtp:97 apt=96\r\na=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=x-strange:  kept\r\n\
    a=ssrc-group:FID 1 2\r\na=ssrc:1 cname:x\r\na=ssrc:2 cname:x\r\n";
pub const G729: &str = "m=audio 9 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n";
pub const T38: &str =
    "m=image 9 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

pub fn video(protection: Protection) -> String {
    let protocol = match protection {
        Protection::Plain => "RTP/AVPF",
        Protection::Sdes => "RTP/SAVPF",
        Protection::Dtls | Protection::Browser => "UDP/TLS/RTP/SAVPF",
    };
    format!("m=video 9 {protocol} 96 97\r\n{VIDEO}")
}

/// An RTP packet with everything that one can have: marker, a contributing source, an extension, padding.
pub fn rtp(payload_type: u8, ssrc: u32, sequence_number: u16) -> Vec<u8> {
    let mut packet = vec![0b1011_0001, 0x80 | payload_type];
    packet.extend(sequence_number.to_be_bytes());
    packet.extend(0xdead_beef_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(77_u32.to_be_bytes());
    packet.extend([0xbe, 0xde, 0, 1, 0x30, b'1', 0, 0]);
    packet.extend([b'p'; 100]);
    packet.extend([0, 0, 3]);
    packet
}

/// Feedback: a picture loss indication, a generic NACK, REMB and a receiver report before them.
pub fn feedback(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    for (kind, count, rest) in [(206, 1, &[][..]), (205, 1, &[0, 5, 0, 1]), (206, 15, b"REMB")] {
        packet.extend([0x80 | count, kind, 0, 2 + u8::try_from(rest.len() / 4).expect("short")]);
        packet.extend(ssrc.to_be_bytes());
        packet.extend(9_u32.to_be_bytes());
        packet.extend(rest);
    }
    packet
}

/// What a party's section says beside its transport.
pub fn section(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n{lines}")
}

/// The terms of an opaque leg to such a party.
pub fn terms(protection: Protection, like: &str) -> Terms {
    let security = match protection {
        Protection::Plain => Security::Plain,
        Protection::Sdes => Security::Sdes,
        Protection::Dtls | Protection::Browser => Security::Dtls,
    };
    let is_browser = protection == Protection::Browser;
    let ice = if is_browser { IceRole::Full } else { IceRole::None };
    let terms = Terms::new(like.to_owned(), security, ice);
    Terms { is_opaque: true, rtcp_mux: is_browser, ..terms }
}

impl World {
    /// A party offers a section like this one, and is answered with it.
    pub fn call_with(&mut self, protection: Protection, lines: &str) -> usize {
        let index = self.add_party(protection, Codec::Pcmu);
        self.offer_section(index, lines);
        index
    }

    pub fn offer_section(&mut self, index: usize, lines: &str) {
        let party = &mut self.parties[index];
        let like = party.section(lines);
        let description = SessionDescription::parse(like.as_bytes()).unwrap();
        let policy = OfferPolicy { protocol: protocol(&description), ..party.policy() };
        let offer = party.session.offer_opaque(&description, &party.local, &policy);
        let (leg, offer) = (party.leg, offer.expect("an offer").to_string());
        let terms = terms(party.protection, &like);
        self.command(MediaCommand::AnswerOn { leg, offer, terms });
        let answer = self.described(leg).expect("an answer");
        let now = self.now;
        let party = &mut self.parties[index];
        let description = SessionDescription::parse(answer.as_bytes()).unwrap();
        let transport = party.session.handle_opaque_answer(&description).unwrap().clone();
        party.answers.push(answer);
        party.agree_opaque(&transport, now);
        self.settle();
    }

    /// We offer a party a section like this one, and it answers with it.
    pub fn invite_with(&mut self, protection: Protection, lines: &str) -> usize {
        let index = self.add_party(protection, Codec::Pcmu);
        let (leg, like) = (self.parties[index].leg, self.parties[index].section(lines));
        self.command(MediaCommand::OfferOn { leg, terms: terms(protection, &like) });
        let answer = self.answer_of(index, lines);
        self.command(MediaCommand::AcceptAnswer { leg, answer });
        assert!(self.take_event(|event| *event == MediaEvent::Agreed { leg }));
        index
    }

    /// The party's answer to our last offer, with this section.
    pub fn answer_of(&mut self, index: usize, lines: &str) -> String {
        let leg = self.parties[index].leg;
        let offer = self.described(leg).expect("an offer");
        let now = self.now;
        let party = &mut self.parties[index];
        let like = SessionDescription::parse(party.section(lines).as_bytes()).unwrap();
        let description = SessionDescription::parse(offer.as_bytes()).unwrap();
        let answered = party.session.answer_opaque(&description, &like, &party.local);
        let (answer, transport) = answered.expect("an answer");
        party.answers.push(offer);
        party.agree_opaque(&transport, now);
        answer.to_string()
    }

    /// Sends RTCP of the party, protected.
    pub fn send_rtcp(&mut self, index: usize, mut packet: Vec<u8>) {
        let party = &mut self.parties[index];
        let length = packet.len();
        packet.resize(length + PROTECTION_BYTES_MAX, 0);
        let sent = party.peer.protect_rtcp(&mut packet, length).expect("a path for RTCP");
        packet.truncate(sent.length);
        let (leg, source) = (party.leg, party.socket(sent.component));
        self.deliver(leg, sent.component, source, packet);
        self.settle();
    }

    /// Sends a datagram of the party as it is.
    pub fn send_datagram(&mut self, index: usize, datagram: &[u8]) {
        let (leg, source) = (self.parties[index].leg, self.parties[index].address);
        self.deliver(leg, Component::Rtp, source, datagram.to_vec());
        self.settle();
    }
}

impl Party {
    /// The description of the party's section with its address.
    fn section(&self, lines: &str) -> String {
        section(lines)
    }

    fn agree_opaque(&mut self, transport: &Transport, now: Instant) {
        let remote = Remote::from_transport(transport);
        assert_eq!(remote.rtp, Some(self.ours), "our description names our address");
        self.peer.set_remote(&remote, now).expect("keys fit");
        self.is_opaque = true;
        self.negotiated = None;
    }
}

fn protocol(description: &SessionDescription) -> offhook_sdp::Protocol {
    description.media[0].protocol.clone()
}
