//! RTCP of one leg, and what is known of its quality in the end.

use super::opaque::PassedSize;
use offhook_audio::Codec;
use offhook_model::{LegMeasure, StreamReport};
use offhook_rtp::quality::{CodecImpairment, Measured, quality};
use offhook_rtp::rtcp::RtcpError;
use offhook_rtp::{ClockDrift, ReceiveSummary, RtcpConfig, RtcpSession, RtpHeader};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The bandwidth of a call that RTCP takes its share of, in bit/s.
const BANDWIDTH_BPS: u32 = 64_000;
/// A packet of speech has to be spoken before it can be sent.
const PACKET_TIME: Duration = Duration::from_millis(20);

/// The reports of a leg, over changes of its clock.
#[derive(Debug)]
pub(crate) struct Reports {
    config: RtcpConfig,
    begun: Instant,
    session: Option<RtcpSession>,
    /// What sessions with other clocks had counted.
    earlier: ReceiveSummary,
    /// The timestamp of the last packet of speech. Events count with clocks of their own.
    speech_timestamp: u32,
    drift: ClockDrift,
    received: u64,
    sent: u64,
    octets_sent: u64,
    ssrc_received: Option<u32>,
    refused: u64,
    /// Bytes of what was received to be passed on as it is.
    octets_passed_on: u64,
    /// The source of the last packet that was sent as it came.
    ssrc_passed_on: Option<u32>,
}

/// What was counted so far, as plain data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Counted {
    received: u64,
    sent: u64,
    octets_sent: u64,
    ssrc_received: Option<u32>,
    refused: u64,
    total: ReceiveSummary,
    #[serde(default)]
    octets_passed_on: u64,
    #[serde(default)]
    ssrc_passed_on: Option<u32>,
}

impl Reports {
    pub(crate) fn counted(&self) -> Counted {
        Counted {
            received: self.received,
            sent: self.sent,
            octets_sent: self.octets_sent,
            ssrc_received: self.ssrc_received,
            refused: self.refused,
            total: self.total(),
            octets_passed_on: self.octets_passed_on,
            ssrc_passed_on: self.ssrc_passed_on,
        }
    }

    /// Counts on from what another process had counted.
    pub(crate) fn count_on(&mut self, counted: &Counted) {
        self.received = counted.received;
        self.sent = counted.sent;
        self.octets_sent = counted.octets_sent;
        self.ssrc_received = counted.ssrc_received;
        self.refused = counted.refused;
        self.earlier = counted.total;
        self.octets_passed_on = counted.octets_passed_on;
        self.ssrc_passed_on = counted.ssrc_passed_on;
    }

    /// `unix_time` is the wall clock at `now`.
    pub(crate) fn new(
        ssrc: u32,
        cname: String,
        seed: u64,
        unix_time: Duration,
        now: Instant,
    ) -> Self {
        Self {
            config: RtcpConfig {
                ssrc,
                cname,
                clock_rate: 0,
                bandwidth_bps: BANDWIDTH_BPS,
                seed,
                unix_time,
            },
            begun: now,
            session: None,
            earlier: ReceiveSummary::default(),
            speech_timestamp: 0,
            drift: ClockDrift::new(0),
            received: 0,
            sent: 0,
            octets_sent: 0,
            ssrc_received: None,
            refused: 0,
            octets_passed_on: 0,
            ssrc_passed_on: None,
        }
    }

    /// The clock of what is sent and received from here on, in Hz.
    pub(crate) fn set_clock_rate(&mut self, clock_rate: u32, now: Instant) {
        if self.config.clock_rate == clock_rate {
            return;
        }
        self.earlier = self.total();
        let unix_time = self.config.unix_time + now.saturating_duration_since(self.begun);
        self.config.clock_rate = clock_rate;
        self.drift = ClockDrift::new(clock_rate);
        self.session = Some(RtcpSession::new(RtcpConfig { unix_time, ..self.config.clone() }, now));
    }

    pub(crate) fn handle_sent(&mut self, header: &RtpHeader, payload_bytes: usize, now: Instant) {
        self.sent += 1;
        self.octets_sent += payload_bytes as u64;
        if let Some(session) = &mut self.session {
            session.handle_sent(header, payload_bytes, now);
        }
    }

    /// A packet came; `is_speech` when its timestamp counts with the clock of the speech.
    pub(crate) fn handle_received(
        &mut self,
        header: &RtpHeader,
        payload_bytes: usize,
        is_speech: bool,
        now: Instant,
    ) {
        self.received += 1;
        self.ssrc_received = Some(header.ssrc);
        if is_speech {
            self.speech_timestamp = header.timestamp;
            self.drift.handle_packet(header.ssrc, header.timestamp, now);
        }
        let header = RtpHeader { timestamp: self.speech_timestamp, ..*header };
        if let Some(session) = &mut self.session {
            session.handle_received(&header, payload_bytes, now);
        }
    }

    /// From here on the party's RTCP is that of its partner; there are no reports of ours.
    pub(crate) fn fall_silent(&mut self) {
        self.earlier = self.total();
        self.session = None;
        self.config.clock_rate = 0;
    }

    /// Something came that is passed on as it is.
    pub(crate) fn count_received(&mut self, size: PassedSize) {
        self.received += 1;
        self.octets_passed_on += size.payload_bytes as u64;
        self.ssrc_received = size.ssrc.or(self.ssrc_received);
    }

    /// Something was sent as it came.
    pub(crate) fn count_sent(&mut self, size: PassedSize) {
        self.sent += 1;
        self.octets_sent += size.payload_bytes as u64;
        self.ssrc_passed_on = size.ssrc.or(self.ssrc_passed_on);
    }

    /// The source under which packets are sent as they came, when some were.
    pub(crate) fn ssrc_passed_on(&self) -> Option<u32> {
        self.ssrc_passed_on
    }

    pub(crate) fn count_refused(&mut self) {
        self.refused += 1;
    }

    pub(crate) fn handle_rtcp(&mut self, packet: &[u8], now: Instant) -> Result<(), RtcpError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        session.handle_rtcp(packet, now)?;
        while let Some(event) = session.poll_event() {
            tracing::trace!(?event, "RTCP");
        }
        Ok(())
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.session.as_ref().map(RtcpSession::poll_timeout)
    }

    /// Writes the report that is due.
    pub(crate) fn poll_output(&mut self, buffer: &mut [u8], now: Instant) -> Option<usize> {
        self.session.as_mut()?.poll_output(buffer, now)
    }

    /// Writes the last report with a BYE.
    pub(crate) fn goodbye(&mut self, buffer: &mut [u8], now: Instant) -> Option<usize> {
        self.session.as_mut()?.goodbye(buffer, now).ok()
    }

    fn total(&self) -> ReceiveSummary {
        let current = self.session.as_ref().map(RtcpSession::total).unwrap_or_default();
        let earlier = &self.earlier;
        ReceiveSummary {
            packets_received: earlier.packets_received + current.packets_received,
            packets_expected: earlier.packets_expected + current.packets_expected,
            packets_lost: earlier.packets_lost + current.packets_lost,
            loss_bursts: earlier.loss_bursts + current.loss_bursts,
            duplicates: earlier.duplicates + current.duplicates,
            payload_bytes: earlier.payload_bytes + current.payload_bytes,
            jitter_ms: current.jitter_ms,
        }
    }

    /// Whether anything came from the party.
    pub(crate) fn has_received(&self) -> bool {
        self.received > 0
    }

    /// Bytes and sources, with all else left open.
    pub(crate) fn octets(&self) -> LegMeasure {
        LegMeasure {
            octets_received: self.total().payload_bytes + self.octets_passed_on,
            octets_sent: self.octets_sent,
            ssrc_received: self.ssrc_received,
            ..LegMeasure::default()
        }
    }

    /// What was measured. `buffering` is how long packets waited with us to be played.
    pub(crate) fn report(
        &self,
        codec: Option<Codec>,
        security: Option<&str>,
        buffering: Duration,
    ) -> StreamReport {
        let total = self.total();
        let round_trip = self.session.as_ref().and_then(RtcpSession::round_trip);
        let measured = |codec| Measured {
            codec: impairment(codec),
            packets_expected: total.packets_expected,
            packets_lost: total.packets_lost,
            loss_bursts: total.loss_bursts,
            network_delay: round_trip.map(|round_trip| round_trip / 2),
            playout_delay: PACKET_TIME + buffering,
        };
        let quality = codec.and_then(|codec| quality(&measured(codec)));
        StreamReport {
            codec: codec.map(|codec| codec.encoding_name().to_owned()),
            security: security.map(str::to_owned),
            packets_received: self.received,
            packets_sent: self.sent,
            packets_lost: total.packets_lost,
            jitter_ms: (total.packets_received > 1).then_some(total.jitter_ms),
            remote_loss_percent: self.remote_loss_percent(),
            round_trip_ms: round_trip.map(|round_trip| round_trip.as_secs_f64() * 1_000.0),
            mos: quality.map(|quality| quality.mos),
            packets_refused: self.refused,
            burst_ratio: quality
                .filter(|_| total.packets_lost > 0)
                .map(|quality| quality.burst_ratio),
            clock_drift_ppm: self.drift.ppm(),
            verdict: None,
        }
    }

    /// A party that got more than was sent, by doubles, lost nothing.
    fn remote_loss_percent(&self) -> Option<f64> {
        let session = self.session.as_ref()?;
        let report = session.remote_report()?;
        let sent = f64::from(session.packets_sent().max(1));
        Some((f64::from(report.cumulative_lost.max(0)) * 100.0 / sent).min(100.0))
    }
}

fn impairment(codec: Codec) -> CodecImpairment {
    match codec {
        Codec::Pcmu | Codec::Pcma => CodecImpairment::G711,
        Codec::G722 => CodecImpairment::G722,
        Codec::Opus => CodecImpairment::OPUS,
        Codec::L16(_) | Codec::L16Stereo(_) => CodecImpairment::L16,
    }
}
