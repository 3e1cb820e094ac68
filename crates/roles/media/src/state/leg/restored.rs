//! A leg as plain data, and a leg that is made of it in another process.

use super::{Gate, Leg};
use crate::state::agreed::Agreed;
use crate::state::description::{LocalSide, LocalState};
use crate::state::inband::InbandDtmf;
use crate::state::packing::Packing;
use crate::state::reports::{Counted, Reports};
use crate::state::seed::Seed;
use crate::state::settings::{Clock, LegAddresses, Settings};
use crate::state::timeline::{Timeline, TimelineState};
use offhook_bus::{LegSnapshot, OfferPolicy, Unreadable, read_snapshot};
use offhook_model::LegId;
use offhook_rtc::{IceLocal, Peer, PeerConfig, PeerSnapshot, Remote};
use offhook_rtp::RESTORED_PACKETS_MAX;
use offhook_sdp::Session;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The form of what is written. Another form is not read.
const VERSION: u32 = 1;
/// Packets a second that a leg sends or receives at most: speech in packets of 10 ms.
const PACKETS_PER_SECOND_MAX: u64 = 100;
/// Packets beyond those, for clocks that differ and for what was sent while the snapshot travelled.
const PACKETS_SPARE: u64 = 100;

/// A leg as plain data. It has secrets in it and no `Debug`.
#[derive(Serialize, Deserialize)]
pub(crate) struct LegState {
    version: u32,
    pub(crate) rtp_port: u16,
    pub(crate) rtcp_port: u16,
    pub(crate) type_of_service: Option<u8>,
    pub(crate) partner: Option<LegId>,
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
    #[error("the snapshot is {} s old, and {} s are the most", .0.as_secs(), AGE_MAX.as_secs())]
    TooOld(Duration),
    /// A key or a format in it is unusable.
    #[error("what the snapshot agreed on is not known here")]
    Unusable,
}

/// The oldest snapshot of which a leg is made.
const AGE_MAX: Duration =
    Duration::from_secs((RESTORED_PACKETS_MAX as u64 - PACKETS_SPARE) / PACKETS_PER_SECOND_MAX - 1);

impl LegState {
    /// Reads what [`Leg::snapshot`] wrote.
    pub(crate) fn read(snapshot: &LegSnapshot) -> Result<Self, RestoreError> {
        Ok(read_snapshot(&snapshot.0, VERSION)?)
    }
}

/// How many packets a stream may have had in this time.
fn packets_in(age: Duration) -> Result<u16, RestoreError> {
    if age > AGE_MAX {
        return Err(RestoreError::TooOld(age));
    }
    let most = age.as_millis() * u128::from(PACKETS_PER_SECOND_MAX) / 1_000;
    u16::try_from(most + u128::from(PACKETS_SPARE)).map_err(|_| RestoreError::TooOld(age))
}

impl Leg {
    /// All that a process after this one needs to go on with the leg. What is being played, recorded or
    /// pressed, and what a conference mixes, is not in it. There is none of an opaque
    /// leg: of its streams, which may be fast ones, it is not known how far they are by the time of a restart.
    pub(crate) fn snapshot(&self, now: Instant) -> Option<LegSnapshot> {
        if self.is_opaque() {
            return None;
        }
        let state = LegState {
            version: VERSION,
            rtp_port: self.local.addresses.rtp_port,
            rtcp_port: self.local.addresses.rtcp_port,
            type_of_service: self.type_of_service,
            partner: self.partner,
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

    /// The leg that was like this `age` ago. `seed` is fresh, for what nobody needs to recognise.
    pub(crate) fn restore(
        id: LegId,
        state: &LegState,
        advertised: Arc<[std::net::IpAddr]>,
        seed: &Seed,
        settings: &Settings,
        (clock, age): (Clock, Duration),
    ) -> Result<Self, RestoreError> {
        let packets_since = packets_in(age)?;
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
        let negotiated = state.session.negotiated();
        let remote = negotiated.map(Remote::from_negotiated);
        let peer =
            Peer::restore(config, remote.as_ref(), &state.peer, u32::from(packets_since), now)
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
            last_heard,
            local,
            peer,
            timeline,
            reports,
            ..Self::new(id, addresses, seed, settings, clock)
        };
        if let (Some(negotiated), Some(remote)) = (negotiated, &remote) {
            let agreed = Agreed::new(negotiated).ok_or(RestoreError::Unusable)?;
            leg.put_in_force(agreed, remote, now);
        }
        Ok(leg)
    }
}
