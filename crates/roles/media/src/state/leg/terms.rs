//! Descriptions whose content the client of the role decides.

use super::Leg;
use crate::state::capacity::Admission;
use crate::state::description;
use crate::state::inband::InbandDtmf;
use crate::state::packing::Packing;
use crate::state::seed::Seed;
use crate::state::settings::Settings;
use offhook_bus::{IceRole, LegMeasure, MediaRefusal, SourceRule, Terms};
use offhook_sdp::{
    AudioFormat, CryptoSuite, Direction, DtlsRole, LocalCodec, LocalMedia, MediaDescription,
    OfferPolicy, SessionDescription,
};
use std::time::Instant;

impl Leg {
    /// Offers what the terms say.
    pub(crate) fn offer_on(
        &mut self,
        terms: &Terms,
        settings: &Settings,
    ) -> Result<String, MediaRefusal> {
        let like = description::parse(&terms.like)?;
        if terms.is_opaque {
            return self.offer_opaque_on(terms, &like, settings);
        }
        let section = audio(&like)?;
        let mut local = self.local_on(terms, &like, section, settings);
        local.ptime_ms = section.ptime_ms();
        local.formats = Some(offered_formats(section));
        let security = description::offer_security(terms.security);
        let policy = OfferPolicy::new(section.protocol.clone(), security);
        self.serve_proxy(terms);
        self.withdraw_offer();
        let offer = self.session.offer(&local, &policy);
        offer.map(|offer| offer.to_string()).map_err(|error| description::not_agreed(&error))
    }

    /// Answers an offer as the terms say.
    pub(crate) fn answer_on(
        &mut self,
        offer: &str,
        terms: &Terms,
        seed: &Seed,
        settings: &Settings,
        admission: Admission<'_>,
        now: Instant,
    ) -> Result<String, MediaRefusal> {
        let offer = description::parse(offer)?;
        let like = description::parse(&terms.like)?;
        self.serve_proxy(terms);
        self.withdraw_offer();
        if terms.is_opaque {
            return self.answer_opaque_on(&offer, terms, &like, seed, settings, now);
        }
        let (section, codecs) = (audio(&like)?, codecs(audio(&offer)?));
        let local = |leg: &Self| LocalMedia {
            answer_codecs_max: codecs.len(),
            codecs,
            ..leg.local_on(terms, &like, section, settings)
        };
        self.answer_as(&offer, local, seed, settings, admission, now)
    }

    /// An offer of ours that waits for its answer is withdrawn; one that follows is of speech.
    pub(super) fn withdraw_offer(&mut self) {
        self.session.handle_refusal();
        self.is_offer_opaque = false;
    }

    /// A proxy's parties hear each other as if nobody stood between them.
    pub(super) fn serve_proxy(&mut self, terms: &Terms) {
        self.expected_partner = terms.partner.or(self.expected_partner);
        self.peer.set_source_rule(match terms.sources {
            SourceRule::Latch => offhook_rtc::SourceRule::Latch,
            SourceRule::Follow => offhook_rtc::SourceRule::Follow,
            SourceRule::Described => offhook_rtc::SourceRule::Described,
        });
        self.is_quiet_when_held = true;
        if self.is_undescribed() {
            self.type_of_service = terms.type_of_service;
        }
        if self.opus_bitrate != terms.opus_bitrate {
            self.opus_bitrate = terms.opus_bitrate;
            self.encoder = None;
        }
        self.packing = terms.ptime_ms.map(Packing::new);
        // The two parties of a proxy's call hear each other's tones themselves, unless somebody asks.
        if self.inband_dtmf != InbandDtmf::Always {
            let is_asked = terms.detects_dtmf;
            self.inband_dtmf = if is_asked { InbandDtmf::Needed } else { InbandDtmf::Never };
        }
        self.timeline.keep_numbers();
    }

    pub(super) fn local_on(
        &self,
        terms: &Terms,
        like: &SessionDescription,
        section: &MediaDescription,
        settings: &Settings,
    ) -> LocalMedia {
        let speaks_ice = terms.ice == IceRole::Full;
        let mut local = self.local.for_offer(settings, speaks_ice, None);
        local.rtcp_mux = terms.rtcp_mux;
        local.direction = direction(like, section);
        local.comfort_noise = true;
        if let Some(names) = &terms.sdes_suites {
            let known = CryptoSuite::ALL.into_iter();
            let suites = names.iter().filter_map(|name| known.clone().find(|s| s.as_str() == name));
            let suites: Vec<_> = suites.collect();
            local.sdes = local.sdes.filter(|_| !suites.is_empty());
            if let Some(sdes) = &mut local.sdes {
                sdes.suites = suites;
            }
        }
        local.fingerprint = local.fingerprint.filter(|_| terms.dtls);
        local.dtls_role = terms.dtls_active.then_some(DtlsRole::Client);
        local
    }

    /// What was measured so far.
    pub(crate) fn measure(&self, now: Instant) -> LegMeasure {
        let idle = self.last_heard.filter(|_| self.reports.has_received());
        let idle = idle.map(|heard| now.saturating_duration_since(heard));
        LegMeasure {
            report: self.report(now),
            destination: self.peer.destination(),
            idle_ms: idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
            ssrc_sent: self.reports.ssrc_passed_on().unwrap_or(self.local.ssrc),
            local_port: self.local.addresses.rtp_port,
            ..self.reports.octets()
        }
    }
}

fn audio(description: &SessionDescription) -> Result<&MediaDescription, MediaRefusal> {
    let no_audio = || MediaRefusal::NotAcceptable("there is no audio section".to_owned());
    description.audio().map(|(_, section)| section).ok_or_else(no_audio)
}

/// The direction that a description says; an address of zeros is a hold (RFC 3264 8.4).
fn direction(description: &SessionDescription, section: &MediaDescription) -> Direction {
    let direction = description.direction(section);
    let ip = description.connection(section).and_then(|connection| connection.ip());
    if ip.is_some_and(|ip| ip.is_unspecified()) && !section.has("ice-ufrag") {
        return Direction::from_parts(direction.sends(), false);
    }
    direction
}

/// The formats of a section that are known, with their payload types.
fn offered_formats(section: &MediaDescription) -> Vec<LocalCodec> {
    let known = section.rtpmaps().filter_map(|map| {
        let format = AudioFormat::from_rtpmap(&map)?;
        let fmtp = section.fmtp(map.payload_type).unwrap_or_default().to_owned();
        Some(LocalCodec { format, payload_type: map.payload_type, fmtp })
    });
    known.collect()
}

/// Those that carry speech.
fn codecs(section: &MediaDescription) -> Vec<LocalCodec> {
    let mut codecs = offered_formats(section);
    codecs.retain(|codec| description::codec_of(codec.format).is_some());
    codecs
}
