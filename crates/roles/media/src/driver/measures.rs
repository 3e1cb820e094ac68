//! What the metrics are told.

use crate::state::Counts;
use offhook_model::StreamReport;
use offhook_net::packet_io::PacketIoKind;

/// Says how packets are reached, and by how many threads.
pub(crate) fn show_packet_io(kind: PacketIoKind, threads: usize) {
    let kind = kind.as_str();
    tracing::info!(kind, threads, "packet I/O of the media threads");
    let threads = u32::try_from(threads).map_or(f64::MAX, f64::from);
    metrics::gauge!("offhook_media_packet_io", "kind" => kind).set(threads);
}

/// Adds what a thread counted since the last time.
pub(crate) fn count(counts: Counts) {
    packets("in", counts.received);
    packets("out", counts.sent);
    for (why, refused) in counts.refused {
        metrics::counter!("offhook_rtp_packets_refused_total", "why" => why).increment(refused);
    }
    for (what, refused) in counts.overloaded {
        metrics::counter!("offhook_media_transcoding_refused_total", "what" => what)
            .increment(refused);
    }
}

/// Shows the share of its time, from 0 to 1, in which a thread has work.
pub(crate) fn show_load(thread: usize, load: f64) {
    metrics::gauge!("offhook_media_thread_load", "thread" => thread.to_string()).set(load);
}

fn packets(direction: &'static str, packets: u64) {
    metrics::counter!("offhook_rtp_packets_total", "direction" => direction).increment(packets);
}

/// Adds what was measured on a leg that has ended.
pub(crate) fn record(report: &StreamReport) {
    metrics::counter!("offhook_rtp_packets_lost_total", "direction" => "in")
        .increment(report.packets_lost);
    if let Some(jitter_ms) = report.jitter_ms {
        metrics::histogram!("offhook_rtp_jitter_seconds").record(jitter_ms / 1_000.0);
    }
    if let Some(mos) = report.mos {
        metrics::histogram!("offhook_call_mos").record(mos);
    }
    match (report.packets_received, report.packets_sent) {
        (0, 0) => metrics::counter!("offhook_rtp_zero_packet_streams_total").increment(1),
        (0, _) | (_, 0) => metrics::counter!("offhook_rtp_one_way_sessions_total").increment(1),
        _ => {}
    }
}
