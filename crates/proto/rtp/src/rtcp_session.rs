//! The reports of one stream: when they are due, what they say, what the peer's say
//! (RFC 3550 6.3, 6.4).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::receive_statistics::{ReceiveStatistics, ReceiveSummary};
use crate::rtcp::{
    Compound, CompoundWriter, Feedback, ReportBlock, RtcpError, RtcpPacket, SenderInfo,
};
use crate::rtp::RtpHeader;

/// The shortest mean interval between reports (RFC 3550 6.2).
pub const REPORT_INTERVAL_MIN: Duration = Duration::from_secs(5);
/// The longest mean interval, whatever the bandwidth.
pub const REPORT_INTERVAL_MAX: Duration = Duration::from_secs(60);
/// Sources that are counted at once; one that comes when there are as many takes the place of
/// the one that was silent longest.
pub const REMOTE_SOURCES_MAX: usize = 8;
/// Round trips above this are a mistake of the peer's.
pub const ROUND_TRIP_MAX: Duration = Duration::from_secs(30);
/// Bytes that suffice for every report this side makes.
pub const REPORT_BYTES_MAX: usize = 600;
/// Events that wait to be fetched at most.
const EVENTS_QUEUED_MAX: usize = 32;
/// The share of the session's bandwidth for reports (RFC 3550 6.2).
const BANDWIDTH_SHARE: f64 = 0.05;
/// Makes up for the mean of the interval's shortening (RFC 3550 6.3.1).
const COMPENSATION: f64 = 1.218_28;
/// UDP and IPv4 headers, which count as well (RFC 3550 6.2).
const TRANSPORT_HEADER_BYTES: usize = 28;
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// What the reports are about.
#[derive(Clone, Debug)]
pub struct RtcpConfig {
    /// The SSRC of what this side sends.
    pub ssrc: u32,
    /// The canonical name, 255 bytes at most.
    pub cname: String,
    /// The RTP clock in Hz.
    pub clock_rate: u32,
    /// The bandwidth of the session in bit/s.
    pub bandwidth_bps: u32,
    /// Random; it spreads the moments of reporting.
    pub seed: u64,
    /// The wall clock at the moment of construction, since 1970.
    pub unix_time: Duration,
}

/// What a peer's RTCP said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RtcpEvent {
    /// A report on what this side sends.
    Report(ReportBlock),
    /// The time to the peer and back, from a report.
    RoundTrip(Duration),
    /// The source leaves.
    Goodbye {
        /// The source.
        ssrc: u32,
    },
    /// A picture was lost, or one is asked for that depends on no other.
    PictureRequest {
        /// The source that shall send it.
        ssrc: u32,
    },
    /// Packets are asked for again.
    Lost {
        /// The source that sent them.
        ssrc: u32,
        /// Their sequence numbers.
        sequence_numbers: Vec<u16>,
    },
}

/// RTCP of one stream both ways.
#[derive(Debug)]
pub struct RtcpSession {
    config: RtcpConfig,
    start: Instant,
    random: u64,
    next_report: Instant,
    average_bytes: f64,
    has_reported: bool,
    sent: Sent,
    sources: Vec<Source>,
    remote_report: Option<ReportBlock>,
    round_trip: Option<Duration>,
    events: VecDeque<RtcpEvent>,
}

/// What this side sent.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    packet_count: u32,
    octet_count: u32,
    last: Option<(u32, Instant)>,
    /// Whether something was sent since the report before the last.
    is_recent: bool,
}

#[derive(Debug)]
struct Source {
    ssrc: u32,
    statistics: ReceiveStatistics,
    last_packet: Instant,
    is_recent: bool,
    /// The middle of the NTP time of its last report, and when that came.
    sender_report: Option<(u32, Instant)>,
}

impl RtcpSession {
    /// A session that begins at `now`.
    pub fn new(config: RtcpConfig, now: Instant) -> Self {
        let mut session = Self {
            random: config.seed,
            start: now,
            next_report: now,
            average_bytes: 100.0,
            has_reported: false,
            sent: Sent::default(),
            sources: Vec::new(),
            remote_report: None,
            round_trip: None,
            events: VecDeque::new(),
            config,
        };
        session.next_report = now + session.random_interval();
        session
    }

    /// Notes a packet that this side sends.
    pub fn handle_sent(&mut self, header: &RtpHeader, payload_bytes: usize, now: Instant) {
        self.sent.packet_count = self.sent.packet_count.wrapping_add(1);
        self.sent.octet_count = self.sent.octet_count.wrapping_add(payload_bytes as u32);
        self.sent.last = Some((header.timestamp, now));
        self.sent.is_recent = true;
    }

    /// Notes a packet that came.
    pub fn handle_received(&mut self, header: &RtpHeader, payload_bytes: usize, now: Instant) {
        let source = self.source(header.ssrc, now);
        let (number, timestamp) = (header.sequence_number, header.timestamp);
        source.statistics.handle_packet(number, timestamp, payload_bytes, now);
        source.last_packet = now;
        source.is_recent = true;
    }

    /// Takes RTCP of the peer, unprotected.
    pub fn handle_rtcp(&mut self, packet: &[u8], now: Instant) -> Result<(), RtcpError> {
        let compound = Compound::parse(packet)?;
        self.average(packet.len());
        for packet in compound.packets() {
            match packet {
                RtcpPacket::SenderReport(report) => {
                    let middle = (report.info.ntp >> 16) as u32;
                    self.source(report.ssrc, now).sender_report = Some((middle, now));
                    self.handle_reports(report.reports(), now);
                }
                RtcpPacket::ReceiverReport(report) => self.handle_reports(report.reports(), now),
                RtcpPacket::Goodbye(goodbye) => {
                    goodbye.ssrcs().for_each(|ssrc| self.push(RtcpEvent::Goodbye { ssrc }));
                }
                RtcpPacket::Feedback(feedback) => self.handle_feedback(&feedback),
                RtcpPacket::SourceDescription(_) | RtcpPacket::Other { .. } => {}
            }
        }
        Ok(())
    }

    /// When the next report is due.
    pub fn poll_timeout(&self) -> Instant {
        self.next_report
    }

    /// The next thing the peer said.
    pub fn poll_event(&mut self) -> Option<RtcpEvent> {
        self.events.pop_front()
    }

    /// Writes a report into `buffer` when one is due and gives its length.
    ///
    /// [`REPORT_BYTES_MAX`] bytes suffice.
    pub fn poll_output(&mut self, buffer: &mut [u8], now: Instant) -> Option<usize> {
        if now < self.next_report {
            return None;
        }
        self.has_reported = true;
        self.next_report = now + self.random_interval();
        let length = self.write(buffer, None, now).ok()?;
        self.average(length);
        Some(length)
    }

    /// Writes the last report with a BYE.
    pub fn goodbye(&mut self, buffer: &mut [u8], now: Instant) -> Result<usize, RtcpError> {
        let ssrc = self.config.ssrc;
        self.write(buffer, Some(ssrc), now)
    }

    /// What was counted of a source.
    pub fn summary(&self, ssrc: u32) -> Option<ReceiveSummary> {
        let source = self.sources.iter().find(|source| source.ssrc == ssrc)?;
        Some(source.statistics.summary())
    }

    /// What was counted of all sources together. The jitter is that of the source heard last.
    pub fn total(&self) -> ReceiveSummary {
        let mut total = ReceiveSummary::default();
        for source in &self.sources {
            let summary = source.statistics.summary();
            total.packets_received += summary.packets_received;
            total.packets_expected += summary.packets_expected;
            total.packets_lost += summary.packets_lost;
            total.loss_bursts += summary.loss_bursts;
            total.duplicates += summary.duplicates;
            total.payload_bytes += summary.payload_bytes;
        }
        let last = self.sources.iter().max_by_key(|source| source.last_packet);
        total.jitter_ms = last.map_or(0.0, |source| source.statistics.summary().jitter_ms);
        total
    }

    /// The peer's last report on what this side sends.
    pub fn remote_report(&self) -> Option<&ReportBlock> {
        self.remote_report.as_ref()
    }

    /// The last round trip that was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Packets sent.
    pub fn packets_sent(&self) -> u32 {
        self.sent.packet_count
    }

    fn handle_reports(&mut self, reports: impl Iterator<Item = ReportBlock>, now: Instant) {
        let ssrc = self.config.ssrc;
        for report in reports.filter(|report| report.ssrc == ssrc) {
            self.remote_report = Some(report);
            self.push(RtcpEvent::Report(report));
            if let Some(round_trip) = self.measure(&report, now) {
                self.round_trip = Some(round_trip);
                self.push(RtcpEvent::RoundTrip(round_trip));
            }
        }
    }

    /// The time since the report the peer answers, less what it kept it (RFC 3550 6.4.1).
    fn measure(&self, report: &ReportBlock, now: Instant) -> Option<Duration> {
        if report.last_sender_report == 0 {
            return None;
        }
        let sent = report.last_sender_report.wrapping_add(report.delay_since_last);
        let units = self.ntp_middle(now).wrapping_sub(sent);
        let round_trip = from_ntp_units(units);
        (round_trip <= ROUND_TRIP_MAX).then_some(round_trip)
    }

    fn handle_feedback(&mut self, feedback: &Feedback<'_>) {
        let ssrc = feedback.media_ssrc;
        if feedback.is_picture_loss() {
            self.push(RtcpEvent::PictureRequest { ssrc });
        }
        for request in feedback.full_intra_requests() {
            self.push(RtcpEvent::PictureRequest { ssrc: request.ssrc });
        }
        let lost: Vec<u16> = feedback.lost_sequence_numbers().collect();
        if !lost.is_empty() {
            self.push(RtcpEvent::Lost { ssrc, sequence_numbers: lost });
        }
    }

    fn push(&mut self, event: RtcpEvent) {
        if self.events.len() < EVENTS_QUEUED_MAX {
            self.events.push_back(event);
        }
    }

    fn source(&mut self, ssrc: u32, now: Instant) -> &mut Source {
        let known = self.sources.iter().position(|source| source.ssrc == ssrc);
        let place = known.unwrap_or_else(|| self.insert(ssrc, now));
        &mut self.sources[place]
    }

    fn insert(&mut self, ssrc: u32, now: Instant) -> usize {
        if self.sources.len() == REMOTE_SOURCES_MAX {
            let sources = self.sources.iter().enumerate();
            let oldest = sources.min_by_key(|(_, source)| source.last_packet);
            let oldest = oldest.map_or(0, |(place, _)| place);
            self.sources.swap_remove(oldest);
        }
        self.sources.push(Source {
            ssrc,
            statistics: ReceiveStatistics::new(self.config.clock_rate),
            last_packet: now,
            is_recent: false,
            sender_report: None,
        });
        self.sources.len() - 1
    }

    fn write(
        &mut self,
        buffer: &mut [u8],
        goodbye: Option<u32>,
        now: Instant,
    ) -> Result<usize, RtcpError> {
        let ssrc = self.config.ssrc;
        let mut reports = [ReportBlock::default(); REMOTE_SOURCES_MAX];
        let mut count = 0;
        for source in self.sources.iter_mut().filter(|source| source.is_recent) {
            source.is_recent = false;
            reports[count] = source.report(now);
            count += 1;
        }
        let reports = &reports[..count];
        let mut writer = CompoundWriter::new(buffer);
        match self.sender_info(now) {
            Some(info) => writer.sender_report(ssrc, &info, reports)?,
            None => writer.receiver_report(ssrc, reports)?,
        }
        writer.source_description(ssrc, &self.config.cname)?;
        if let Some(ssrc) = goodbye {
            writer.goodbye(&[ssrc], None)?;
        }
        self.sent.is_recent = false;
        Ok(writer.len())
    }

    /// What a sender report says; `None` when nothing was sent since the last one.
    fn sender_info(&self, now: Instant) -> Option<SenderInfo> {
        let (timestamp, then) = self.sent.last.filter(|_| self.sent.is_recent)?;
        let micros = now.saturating_duration_since(then).as_micros();
        let units = micros * u128::from(self.config.clock_rate) / 1_000_000;
        Some(SenderInfo {
            ntp: self.ntp(now),
            rtp_timestamp: timestamp.wrapping_add(units as u32),
            packet_count: self.sent.packet_count,
            octet_count: self.sent.octet_count,
        })
    }

    fn ntp(&self, now: Instant) -> u64 {
        let time = self.config.unix_time + now.saturating_duration_since(self.start);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        time.as_secs().wrapping_add(NTP_UNIX_OFFSET) << 32 | fraction
    }

    fn ntp_middle(&self, now: Instant) -> u32 {
        (self.ntp(now) >> 16) as u32
    }

    fn average(&mut self, bytes: usize) {
        let bytes = (bytes + TRANSPORT_HEADER_BYTES) as f64;
        self.average_bytes += (bytes - self.average_bytes) / 16.0;
    }

    /// The interval to the next report (RFC 3550 6.3.1).
    fn random_interval(&mut self) -> Duration {
        let members = 1 + self.sources.len();
        let bandwidth = f64::from(self.config.bandwidth_bps.max(1)) / 8.0 * BANDWIDTH_SHARE;
        let by_bandwidth = self.average_bytes * members as f64 / bandwidth;
        let floor = REPORT_INTERVAL_MIN.as_secs_f64();
        let floor = if self.has_reported { floor } else { floor / 2.0 };
        let mean = by_bandwidth.clamp(floor, REPORT_INTERVAL_MAX.as_secs_f64());
        let spread = 0.5 + self.next_random();
        Duration::from_secs_f64(mean * spread / COMPENSATION)
    }

    /// A number from 0 to 1 (SplitMix64).
    fn next_random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Source {
    fn report(&mut self, now: Instant) -> ReportBlock {
        let (fraction_lost, cumulative_lost) = self.statistics.take_loss();
        let last = self.sender_report;
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost,
            cumulative_lost,
            highest_sequence_number: self.statistics.highest_sequence_number(),
            jitter: self.statistics.jitter(),
            last_sender_report: last.map_or(0, |(middle, _)| middle),
            delay_since_last: last
                .map_or(0, |(_, then)| to_ntp_units(now.saturating_duration_since(then))),
        }
    }
}

/// 65536ths of a second.
fn to_ntp_units(time: Duration) -> u32 {
    let units = time.as_micros() * 65_536 / 1_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

fn from_ntp_units(units: u32) -> Duration {
    Duration::from_micros(u64::from(units) * 1_000_000 / 65_536)
}
