//! A leg as plain data, and a leg that is made of it in another process.

use super::{Gate, Leg};
use crate::state::agreed::{Agreed, security_name};
use crate::state::description::{LocalSide, LocalState};
use crate::state::inband::InbandDtmf;
use crate::state::packing::Packing;
use crate::state::reports::{Counted, Reports};
use crate::state::reserved::Reserved;
use crate::state::seed::Seed;
use crate::state::settings::{Clock, LegAddresses, Settings};
use crate::state::timeline::{Timeline, TimelineState};
use offhook_bus::{LegSnapshot, OfferPolicy, Unreadable, read_snapshot};
use offhook_model::LegId;
use offhook_rtc::{IceLocal, Peer, PeerConfig, PeerSnapshot, Remote};
use offhook_rtp::{PassedOn, RESTORED_PACKETS_MAX, SentSince};
use offhook_sdp::{MediaKind, Session, SessionDescription};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The form of what is written. Another form is not read.
const VERSION: u32 = 1;
/// Packets a second that a leg sends or receives at most: speech in packets of 10 ms.
const PACKETS_PER_SECOND_MAX: u64 = 100;
/// Packets beyond those, for clocks that differ and for what was sent while the snapshot travelled.
const PACKETS_SPARE: u64 = 100;
/// Packets a second of a source that is passed on and no speech, such as a picture, and reports a second of
/// any source at most. As many more are spare.
const PASSED_PER_SECOND_MAX: u64 = 1_000;

/// A leg as plain data. It has secrets in it and no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct LegState {
    version: u32,
    pub(crate) rtp_port: u16,
    pub(crate) rtcp_port: u16,
    pub(crate) type_of_service: Option<u8>,
    pub(crate) partner: Option<LegId>,
    #[serde(default)]
    expected_partner: Option<LegId>,
    local: LocalState,
    session: Session,
    gate: Gate,
    is_quiet_when_held: bool,
    policy: Option<OfferPolicy>,
    inband_dtmf: InbandDtmf,
    takes_info: bool,
    ptime_ms: Option<u16>,
    opus_bitrate: Option<u32>,
    is_offer_opaque: bool,
    peer: PeerSnapshot,
    timeline: TimelineState,
    counted: Counted,
}

/// Why a leg cannot be restored. The snapshot's content is not shown: it has secrets in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RestoreError {
    /// It is of another version, or damaged.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// More packets may have been sent since than numbers can tell apart.
    #[error("the snapshot is {} s old, and {} s are the most", .age.as_secs(), .limit.as_secs())]
    TooOld {
        /// Its age.
        age: Duration,
        /// What is allowed.
        limit: Duration,
    },
    /// A key or a format in it is unusable.
    #[error("what the snapshot agreed on is not known here")]
    Unusable,
}

impl LegState {
    /// Reads what [`Leg::snapshot`] wrote.
    pub(crate) fn read(snapshot: &LegSnapshot) -> Result<Self, RestoreError> {
        Ok(read_snapshot(&snapshot.0, VERSION)?)
    }

    /// The party's side of what is in force.
    fn remote(&self) -> Option<Remote> {
        let spoken = self.session.negotiated().map(Remote::from_negotiated);
        spoken.or_else(|| self.session.passed_on().map(Remote::from_transport))
    }

    /// What the leg may have reserved under the keys that it has here, and whether that is known.
    fn reserved(&self, noted: Option<Reserved>) -> (Reserved, bool) {
        let keys = Peer::send_keys_of(&self.peer);
        match noted.filter(|noted| noted.keys == keys) {
            Some(noted) => (noted, true),
            None if self.session.passed_on().is_some() => (Reserved::unknown(keys), false),
            None => (Reserved::default(), true),
        }
    }

    /// What was sent at most in this time, as far as it is known.
    fn sent_since<'a>(
        &self,
        reserved: &'a Reserved,
        is_known: bool,
        age: Duration,
    ) -> Result<SentSince<'a>, RestoreError> {
        let own_ssrc = self.local.ssrc;
        let passed_on = match (reserved.keys, is_known) {
            (0, _) => PassedOn::Nothing,
            (_, true) => reserved.passed_on(own_ssrc),
            (_, false) => {
                // Numbers that cannot be told apart any longer wait for other keys.
                let packets = self.pace().packets_in(age).map_or(u32::MAX, u32::from);
                PassedOn::Unknown { own_ssrc, packets }
            }
        };
        let packets = Pace::SPEECH.packets_in(age)?.into();
        let reports = u32::try_from(Pace::FAST.in_time(age)).unwrap_or(u32::MAX);
        Ok(SentSince { packets, reports, passed_on })
    }

    /// How fast the sources may be that are passed on.
    fn pace(&self) -> Pace {
        let section = self.session.local().and_then(SessionDescription::first_in_use);
        let is_audio = section.is_some_and(|(_, section)| section.kind == MediaKind::Audio);
        if is_audio { Pace::SPEECH } else { Pace::FAST }
    }
}

/// The most that a stream has in a time.
#[derive(Debug, Clone, Copy)]
struct Pace {
    per_second: u64,
    spare: u64,
}

impl Pace {
    const SPEECH: Self = Self { per_second: PACKETS_PER_SECOND_MAX, spare: PACKETS_SPARE };
    const FAST: Self = Self { per_second: PASSED_PER_SECOND_MAX, spare: PASSED_PER_SECOND_MAX };

    fn in_time(self, time: Duration) -> u64 {
        let most = time.as_millis() * u128::from(self.per_second) / 1_000;
        u64::try_from(most).unwrap_or(u64::MAX).saturating_add(self.spare)
    }

    /// How many packets a stream may have had in this time.
    fn packets_in(self, age: Duration) -> Result<u16, RestoreError> {
        let seconds = (u64::from(RESTORED_PACKETS_MAX) - self.spare) / self.per_second - 1;
        let limit = Duration::from_secs(seconds);
        let packets = u16::try_from(self.in_time(age)).ok().filter(|_| age <= limit);
        packets.ok_or(RestoreError::TooOld { age, limit })
    }
}

impl Leg {
    /// Somebody keeps the leg from here on. Says whether what it has reserved is to be noted.
    pub(crate) fn keep(&mut self) -> bool {
        // What a leg of the same number had noted there goes.
        let is_new = self.reserved.is_none();
        let (is_passed_on, keys) = (self.is_opaque(), self.peer.send_keys());
        let reserved = self.reserved.get_or_insert_default();
        let is_begun = is_passed_on && self.peer.encrypts() && reserved.begin(keys);
        is_new || is_begun
    }

    /// All that a process after this one needs to go on with the leg, beside [`Self::reserved`]. What is being
    /// played, recorded or pressed, and what a conference mixes, is not in it.
    pub(crate) fn snapshot(&self, now: Instant) -> Option<LegSnapshot> {
        let state = LegState {
            version: VERSION,
            rtp_port: self.local.addresses.rtp_port,
            rtcp_port: self.local.addresses.rtcp_port,
            type_of_service: self.type_of_service,
            partner: self.partner,
            expected_partner: self.expected_partner,
            local: self.local.state(),
            session: self.session.clone(),
            gate: self.gate,
            is_quiet_when_held: self.is_quiet_when_held,
            policy: self.policy.clone(),
            inband_dtmf: self.inband_dtmf,
            takes_info: self.takes_info,
            ptime_ms: self.packing.as_ref().map(Packing::asked_ms),
            opus_bitrate: self.opus_bitrate,
            is_offer_opaque: self.is_offer_opaque,
            peer: self.peer.snapshot(),
            timeline: self.timeline.state(now),
            counted: self.reports.counted(),
        };
        serde_json::to_string(&state).ok().map(LegSnapshot)
    }

    /// The leg that was like this `age` ago, and had reserved since what is known of it. `seed` is fresh, for
    /// what nobody needs to recognise.
    pub(crate) fn restore(
        id: LegId,
        state: &LegState,
        reserved: Option<Reserved>,
        advertised: Arc<[std::net::IpAddr]>,
        seed: &Seed,
        settings: &Settings,
        (clock, age): (Clock, Duration),
    ) -> Result<Self, RestoreError> {
        let packets_since = Pace::SPEECH.packets_in(age)?;
        let (reserved, is_known) = state.reserved(reserved);
        let since = state.sent_since(&reserved, is_known, age)?;
        let now = clock.now;
        let (rtp_port, rtcp_port) = (state.rtp_port, state.rtcp_port);
        let addresses = LegAddresses { advertised, rtp_port, rtcp_port };
        let local = LocalSide::restore(addresses.clone(), &state.local);
        let local = local.ok_or(RestoreError::Unusable)?;
        let ice = IceLocal {
            credentials: local.credentials.clone(),
            candidates: local.addresses.candidates().collect(),
            tie_breaker: seed.tie_breaker(),
        };
        let config = PeerConfig { identity: settings.identity.clone(), ice: Some(ice) };
        let remote = state.remote();
        let peer = Peer::restore(config, remote.as_ref(), &state.peer, &since, now)
            .map_err(|_| RestoreError::Unusable)?;
        let since = (age, packets_since);
        let timeline = Timeline::restore(local.ssrc, &state.timeline, since, peer.encrypts(), now);
        let cname = local.cname.clone();
        let mut reports = Reports::new(local.ssrc, cname, seed.rtcp(), clock.unix_time, now);
        reports.count_on(&state.counted);
        let last_heard = peer.is_connected().then_some(now);
        let mut leg = Self {
            session: state.session.clone(),
            gate: state.gate,
            is_quiet_when_held: state.is_quiet_when_held,
            type_of_service: state.type_of_service,
            policy: state.policy.clone(),
            inband_dtmf: state.inband_dtmf,
            takes_info: state.takes_info,
            packing: state.ptime_ms.map(Packing::new),
            opus_bitrate: state.opus_bitrate,
            is_offer_opaque: state.is_offer_opaque,
            partner: state.partner,
            expected_partner: state.expected_partner,
            reserved: Some(Box::new(reserved)),
            last_heard,
            local,
            peer,
            timeline,
            reports,
            ..Self::new(id, addresses, seed, settings, clock)
        };
        if let Some(remote) = &remote {
            leg.restore_agreement(remote, now)?;
        }
        Ok(leg)
    }

    fn restore_agreement(&mut self, remote: &Remote, now: Instant) -> Result<(), RestoreError> {
        if let Some(transport) = self.session.passed_on() {
            let security = security_name(&transport.security);
            self.pass_on(remote, security, now);
        } else if let Some(negotiated) = self.session.negotiated() {
            let agreed = Agreed::new(negotiated).ok_or(RestoreError::Unusable)?;
            self.put_in_force(agreed, remote, now);
        }
        Ok(())
    }
}
