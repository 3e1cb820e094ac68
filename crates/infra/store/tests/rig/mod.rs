//! A store in a folder of its own, and records to put into it.
#![allow(dead_code)]

use offhook_model::{
    AudioVerdict, CallRecord, CallRef, Direction, HangupCause, LegId, LegRecord, Party,
    StreamReport,
};
use offhook_store::Store;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// Short, so that a test of a locked database is quick.
pub const BUSY: Duration = Duration::from_millis(20);

pub struct Rig {
    pub folder: TempDir,
    pub store: Store,
}

impl Rig {
    /// The database as a later process finds it.
    pub async fn reopen(&self) -> Store {
        let path = self.folder.path().join("offhook.db");
        Store::open_with(&path, BUSY).await.expect("opens")
    }

    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open_with(&folder.path().join("offhook.db"), BUSY).await.expect("opens");
        Self { folder, store }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("offhook.db")
    }
}

/// An answered call of two legs; `n` tells it from others and is the second at which it came in.
pub fn record(n: u64) -> CallRecord {
    let stream = StreamReport {
        codec: Some("PCMU".into()),
        security: Some("dtls".into()),
        packets_received: 900,
        packets_sent: 950,
        packets_lost: 100,
        packets_refused: 1,
        jitter_ms: Some(3.25),
        remote_loss_percent: Some(1.5),
        round_trip_ms: Some(20.5),
        mos: Some(3.9),
        burst_ratio: Some(1.5),
        clock_drift_ppm: Some(-12.5),
        verdict: None,
    };
    let callee = StreamReport {
        codec: Some("opus".into()),
        verdict: Some(Box::new(AudioVerdict::NothingReceived {
            sent_to: Some(([198, 51, 100, 7], 4_000).into()),
            packets_sent: 500,
            seconds: 10,
        })),
        ..StreamReport::default()
    };
    CallRecord {
        call: CallRef::from_bits(u128::from(n)),
        caller: "1001".into(),
        caller_name: Some("Alice".into()),
        dialled: "1002".into(),
        answered_by: Some("1002".into()),
        started_at_ms: n * 1_000,
        answered_at_ms: Some(n * 1_000 + 2_500),
        ended_at_ms: n * 1_000 + 12_750,
        ring_ms: 2_500,
        talk_ms: 10_250,
        cause: HangupCause::NORMAL_CLEARING,
        sip_status: None,
        hung_up_by: Party::Callee,
        legs: vec![
            leg(u64::MAX, Direction::Inbound, Some(stream)),
            leg(2, Direction::Outbound, Some(callee)),
        ],
        recordings: Vec::new(),
    }
}

/// A call that was refused before it had media.
pub fn refused(n: u64) -> CallRecord {
    CallRecord {
        caller: "guest".into(),
        caller_name: None,
        dialled: "4711".into(),
        answered_by: None,
        answered_at_ms: None,
        talk_ms: 0,
        cause: HangupCause::UNALLOCATED_NUMBER,
        sip_status: Some(404),
        hung_up_by: Party::System,
        legs: vec![leg(1, Direction::Inbound, None)],
        ..record(n)
    }
}

fn leg(id: u64, direction: Direction, stream: Option<StreamReport>) -> LegRecord {
    LegRecord {
        leg: LegId(id),
        direction,
        number: "1001".into(),
        sip_call_id: "abc@host".into(),
        sip_status: Some(200),
        stream,
    }
}
