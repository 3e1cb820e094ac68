//! Between what a leg has and what descriptions say.

use super::seed::{SDES_SECRET_BYTES, Seed};
use super::settings::{LegAddresses, Settings};
use offhook_audio::Codec;
use offhook_bus::{IceRole, MediaRefusal, OfferPolicy as BusPolicy, Security as BusSecurity};
use offhook_model::AudioVerdict;
use offhook_rtc::IceCredentials;
use offhook_sdp::{
    AudioFormat, Candidate, Encoding, Fingerprint, LocalCodec, LocalIce, LocalMedia, LocalSdes,
    LocalStream, NegotiationError, OfferPolicy, OfferSecurity, SessionDescription,
};
use serde::{Deserialize, Serialize};

/// The payload type of Opus in our offers.
const OPUS_PAYLOAD_TYPE: u8 = 111;
/// The packet time that we ask for, in milliseconds.
pub(crate) const PTIME_MS: u16 = 20;
/// The formats of our offers, the better ones first.
const FORMATS: [AudioFormat; 4] =
    [AudioFormat::OPUS, AudioFormat::G722, AudioFormat::PCMU, AudioFormat::PCMA];

/// The sample rates of linear samples that are taken.
const LINEAR_RATES: [u32; 4] = [8_000, 16_000, 44_100, 48_000];

/// What stays the same in all descriptions of a leg. The secret does not show in `Debug`.
#[derive(Clone)]
pub(crate) struct LocalSide {
    pub(crate) addresses: LegAddresses,
    pub(crate) ssrc: u32,
    pub(crate) cname: String,
    pub(crate) credentials: IceCredentials,
    sdes_secret: [u8; SDES_SECRET_BYTES],
}

/// What of a [`LocalSide`] is drawn by lot, as plain data. It has secrets in it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LocalState {
    pub(crate) ssrc: u32,
    cname: String,
    credentials: IceCredentials,
    sdes_secret: Vec<u8>,
}

impl LocalSide {
    pub(crate) fn new(addresses: LegAddresses, seed: &Seed) -> Self {
        Self {
            addresses,
            ssrc: seed.ssrc(),
            cname: seed.cname(),
            credentials: seed.ice_credentials(),
            sdes_secret: seed.sdes_secret(),
        }
    }

    pub(crate) fn state(&self) -> LocalState {
        LocalState {
            ssrc: self.ssrc,
            cname: self.cname.clone(),
            credentials: self.credentials.clone(),
            sdes_secret: self.sdes_secret.to_vec(),
        }
    }

    /// `None` when the secret has not its length.
    pub(crate) fn restore(addresses: LegAddresses, state: &LocalState) -> Option<Self> {
        Some(Self {
            addresses,
            ssrc: state.ssrc,
            cname: state.cname.clone(),
            credentials: state.credentials.clone(),
            sdes_secret: state.sdes_secret.as_slice().try_into().ok()?,
        })
    }

    /// All that the leg can do, for an answer to choose from; a frugal one takes G.711, which every device
    /// has and which costs nothing to speak of, where it is offered.
    pub(crate) fn for_answer(
        &self,
        settings: &Settings,
        offer: &SessionDescription,
        is_frugal: bool,
    ) -> LocalMedia {
        // Our agent has one component, so that ICE is only spoken where RTCP shares its port.
        let speaks_ice = offer.audio().is_some_and(|(_, section)| section.has_rtcp_mux());
        let mut local = self.media(settings, speaks_ice, None);
        local.codecs.extend(linear());
        if is_frugal && offers_g711(offer) {
            local.codecs.retain(|codec| is_g711(codec.format));
        }
        local
    }

    /// What an offer of ours holds.
    pub(crate) fn for_offer(
        &self,
        settings: &Settings,
        speaks_ice: bool,
        preferred: Option<AudioFormat>,
    ) -> LocalMedia {
        self.media(settings, speaks_ice, preferred)
    }

    fn media(
        &self,
        settings: &Settings,
        speaks_ice: bool,
        preferred: Option<AudioFormat>,
    ) -> LocalMedia {
        let addresses = &self.addresses;
        let digest = settings.identity.digest().to_vec();
        let stream = LocalStream {
            ssrc: self.ssrc,
            cname: self.cname.clone(),
            msid: format!("{} audio", self.cname),
        };
        LocalMedia {
            rtcp_port: Some(addresses.rtcp_port),
            codecs: codecs(preferred),
            ptime_ms: Some(PTIME_MS),
            ice: speaks_ice.then(|| self.ice()),
            fingerprint: Some(Fingerprint { algorithm: "sha-256".to_owned(), digest }),
            sdes: Some(LocalSdes::new(self.sdes_secret)),
            stream: speaks_ice.then_some(stream),
            ..LocalMedia::new(addresses.advertised(), addresses.rtp_port)
        }
    }

    fn ice(&self) -> LocalIce {
        let preference = |place: usize| u16::MAX - u16::try_from(place).unwrap_or(u16::MAX);
        let candidates = self.addresses.candidates().enumerate();
        LocalIce {
            ufrag: self.credentials.ufrag.clone(),
            pwd: self.credentials.pwd.clone(),
            lite: true,
            candidates: candidates
                .map(|(place, address)| Candidate::host(address, 1, preference(place)))
                .collect(),
        }
    }
}

/// Linear samples are taken where somebody offers them. Ours do not: they need ten times the bandwidth.
fn linear() -> impl Iterator<Item = LocalCodec> {
    let formats = LINEAR_RATES.into_iter().flat_map(|rate| [(rate, 1), (rate, 2)]);
    let format = |(rate, channels)| AudioFormat::new(Encoding::L16, rate, channels);
    formats.map(format).map(|format| LocalCodec::new(format, OPUS_PAYLOAD_TYPE))
}

fn is_g711(format: AudioFormat) -> bool {
    matches!(format, AudioFormat::PCMU | AudioFormat::PCMA)
}

fn offers_g711(offer: &SessionDescription) -> bool {
    let mut formats = offer.audio().into_iter().flat_map(|(_, section)| section.rtpmaps());
    formats.any(|map| AudioFormat::from_rtpmap(&map).is_some_and(is_g711))
}

impl std::fmt::Debug for LocalSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("LocalSide");
        shown.field("addresses", &self.addresses).field("ssrc", &self.ssrc);
        shown.field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

fn codecs(preferred: Option<AudioFormat>) -> Vec<LocalCodec> {
    let others = FORMATS.into_iter().filter(|format| Some(*format) != preferred);
    let known = preferred.filter(|format| FORMATS.contains(format));
    known.into_iter().chain(others).map(|f| LocalCodec::new(f, OPUS_PAYLOAD_TYPE)).collect()
}

/// The protection of an offer, as descriptions have it.
pub(crate) fn offer_security(security: BusSecurity) -> OfferSecurity {
    match security {
        BusSecurity::Plain => OfferSecurity::Plain,
        BusSecurity::Sdes => OfferSecurity::Sdes,
        BusSecurity::Dtls => OfferSecurity::Dtls,
        BusSecurity::SdesOrDtls => OfferSecurity::SdesOrDtls,
    }
}

/// The profile and protection of a first offer.
pub(crate) fn offer_policy(policy: &BusPolicy) -> OfferPolicy {
    match policy.security {
        BusSecurity::Plain => OfferPolicy::plain(),
        BusSecurity::Sdes => OfferPolicy::sdes(),
        BusSecurity::Dtls => OfferPolicy::dtls(),
        BusSecurity::SdesOrDtls => OfferPolicy::sdes_or_dtls(),
    }
}

/// Whether the policy asks for ICE.
pub(crate) fn speaks_ice(policy: &BusPolicy) -> bool {
    policy.ice == IceRole::Full
}

/// The codec of a format; `None` for one that carries no speech or that we do not have.
pub(crate) fn codec_of(format: AudioFormat) -> Option<Codec> {
    let channels = u32::from(format.channels);
    Codec::from_rtpmap(format.encoding.as_str(), format.clock_rate, channels)
}

/// Reads a description.
pub(crate) fn parse(text: &str) -> Result<SessionDescription, MediaRefusal> {
    let parsed = SessionDescription::parse(text.as_bytes());
    parsed.map_err(|error| MediaRefusal::Malformed(error.to_string()))
}

/// Why there is no agreement with the party whose description this is. Ours are the codecs and the protection
/// that we have named.
pub(crate) fn nothing_in_common(
    error: &NegotiationError,
    theirs: &SessionDescription,
    ours: impl FnOnce() -> (Vec<String>, String),
) -> MediaRefusal {
    let verdict = match error {
        NegotiationError::NoCommonCodec => {
            AudioVerdict::NoCommonCodec { theirs: theirs.audio_formats(), ours: ours().0 }
        }
        NegotiationError::SecurityUnavailable | NegotiationError::UnsupportedProtocol(_) => {
            AudioVerdict::NoCommonProtection { theirs: theirs.audio_protection(), ours: ours().1 }
        }
        NegotiationError::NoAudio
        | NegotiationError::NoSection
        | NegotiationError::SectionMismatch
        | NegotiationError::AudioRefused
        | NegotiationError::OfferPending
        | NegotiationError::NoOffer => return not_agreed(error),
    };
    MediaRefusal::NothingInCommon { text: error.to_string(), verdict: Box::new(verdict) }
}

/// Why there is no agreement.
pub(crate) fn not_agreed(error: &NegotiationError) -> MediaRefusal {
    match error {
        NegotiationError::NoOffer => MediaRefusal::NoSuchLeg,
        NegotiationError::NoAudio
        | NegotiationError::NoSection
        | NegotiationError::NoCommonCodec
        | NegotiationError::UnsupportedProtocol(_)
        | NegotiationError::SecurityUnavailable
        | NegotiationError::SectionMismatch
        | NegotiationError::AudioRefused
        | NegotiationError::OfferPending => MediaRefusal::NotAcceptable(error.to_string()),
    }
}
