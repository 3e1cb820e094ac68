//! Live counts, records and events agree to the call: 100,000 callers through the ACD, its records written
//! to a database as they come.

mod rig;

use offhook_acd::{Acd, CallKey, Join, Left, OfferId, Output, QueueEvent};
use offhook_model::{
    Agent, AgentId, AgentStatus, CallRef, LegId, LogEntry, Queue, QueueId, QueueRecord, QueueStep,
    Tier,
};
use rig::Rig;
use sqlx::{Connection, SqliteConnection};
use std::collections::BTreeMap;

const CALLS: u32 = 100_000;
const BATCH: usize = 2_000;
const AGENTS: u32 = 40;
const QUEUES: [&str; 3] = ["reception", "sales", "support"];

/// What a caller does next, and the offers that ring.
struct Centre {
    acd: Acd,
    now_ms: u64,
    rng: u64,
    ringing: Vec<(u64, OfferId)>,
    talking: Vec<(u64, AgentId, CallKey)>,
    waiting: Vec<(u64, LegId)>,
    written: Vec<QueueRecord>,
    count: u64,
}

impl Centre {
    fn new() -> Self {
        let agents = (0..AGENTS).map(|n| Agent {
            status: AgentStatus::Online,
            ..Agent::new(&format!("{}", 2_000 + n))
        });
        let agents: BTreeMap<_, _> = agents.map(|agent| (agent.id.clone(), agent)).collect();
        let tiers = agents.keys().map(|agent| Tier { agent: agent.clone(), level: 1, position: 1 });
        let tiers: Vec<_> = tiers.collect();
        let queue = |name: &str| Queue {
            tiers: tiers.clone(),
            wrap_up_s: 5,
            max_wait_s: 60,
            max_size: 30,
            ..Queue::new(name)
        };
        let queues = QUEUES.map(|name| (QueueId(name.into()), queue(name))).into();
        let mut acd = Acd::new(3);
        let now_ms = 1_000_000;
        acd.configure(&queues, &agents, now_ms);
        agents.keys().for_each(|agent| acd.set_reachable(agent, true, now_ms));
        let mut centre = Self {
            acd,
            now_ms,
            rng: 7,
            ringing: Vec::new(),
            talking: Vec::new(),
            waiting: Vec::new(),
            written: Vec::new(),
            count: 0,
        };
        centre.drain();
        centre
    }

    /// A number below `limit` (xorshift).
    fn random(&mut self, limit: u64) -> u64 {
        self.rng ^= self.rng << 13;
        self.rng ^= self.rng >> 7;
        self.rng ^= self.rng << 17;
        self.rng % limit
    }

    fn drain(&mut self) {
        while let Some(output) = self.acd.poll_output() {
            match output {
                Output::Offer { offer, .. } => {
                    let at_ms = self.now_ms + 1_000 + self.random(30_000);
                    self.ringing.push((at_ms, offer));
                }
                Output::Withdraw { offer, .. } => self.ringing.retain(|(_, known)| *known != offer),
                Output::Connect { agent, call, .. } => {
                    let at_ms = self.now_ms + 5_000 + self.random(120_000);
                    self.talking.push((at_ms, agent, call));
                }
                Output::Event(event) => self.write(&event),
                _ => {}
            }
        }
    }

    fn write(&mut self, event: &QueueEvent) {
        self.count += 1;
        let name = |call: CallKey| CallRef::from_bits(u128::from(call.0));
        let record = event.record(format!("{:032x}", self.count), name, self.now_ms);
        self.written.push(record);
    }

    fn arrive(&mut self, n: u32) {
        let queue = QUEUES[usize::try_from(self.random(3)).expect("small")];
        let join = Join {
            caller: LegId(u64::from(n)),
            call: CallKey(n),
            queue: QueueId(queue.into()),
            number: format!("555{n:06}"),
            priority: 0,
            skills: BTreeMap::new(),
            last_agent: None,
            joined_at_ms: None,
        };
        self.acd.join(join, self.now_ms);
        let patience_ms = 1_000 + self.random(90_000);
        self.waiting.push((self.now_ms + patience_ms, LegId(u64::from(n))));
        self.drain();
    }

    /// Does all that is due within so much time, in steps of a second.
    fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.now_ms < until_ms {
            self.now_ms += ms.min(1_000);
            self.acd.handle_timeout(self.now_ms);
            self.drain();
            let now_ms = self.now_ms;
            for (_, offer) in take_due(&mut self.ringing, |(at, _)| *at <= now_ms) {
                match self.random(10) {
                    0 => self.acd.offer_failed(offer, offhook_acd::OfferFailure::Refused, now_ms),
                    _ => self.acd.offer_answered(offer, now_ms),
                }
                self.drain();
            }
            for (_, agent, call) in take_due(&mut self.talking, |(at, ..)| *at <= now_ms) {
                self.acd.end_call(&agent, call, now_ms);
                self.drain();
            }
            for (_, leg) in take_due(&mut self.waiting, |(at, _)| *at <= now_ms) {
                self.acd.leave(leg, Left::HungUp, now_ms);
                self.drain();
            }
        }
    }
}

fn take_due<T>(all: &mut Vec<T>, is_due: impl Fn(&T) -> bool) -> Vec<T> {
    let (due, rest) = std::mem::take(all).into_iter().partition(|one| is_due(one));
    *all = rest;
    due
}

/// Joined, answered, within the service level, abandoned, short ones, overflowed, transferred out.
type Counts = [i64; 7];

fn counted(records: &[QueueRecord], queue: &str) -> Counts {
    let of_queue = records.iter().filter(|r| r.queue.as_ref().is_some_and(|id| id.0 == queue));
    let mut counts = Counts::default();
    for record in of_queue {
        match record.step {
            QueueStep::Joined { .. } => counts[0] += 1,
            QueueStep::Answered { within_service_level, .. } => {
                counts[1] += 1;
                counts[2] += i64::from(within_service_level);
            }
            QueueStep::Abandoned { is_short, .. } => counts[if is_short { 4 } else { 3 }] += 1,
            QueueStep::Overflowed { .. } => counts[5] += 1,
            QueueStep::TransferredOut { .. } => counts[6] += 1,
            _ => {}
        }
    }
    counts
}

async fn stored(connection: &mut SqliteConnection, queue: &str) -> Counts {
    let row: (i64, i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), total(outcome = 'answered'), total(within_sl), total(outcome = 'abandoned' AND reason IS NULL),
         total(outcome = 'abandoned' AND reason = 'short'), total(outcome = 'overflowed'),
         total(outcome = 'transferred_out') FROM call_queue_steps WHERE queue = ?",
    )
    .bind(queue)
    .fetch_one(connection)
    .await
    .map(|row: (i64, f64, f64, f64, f64, f64, f64)| {
        #[allow(clippy::cast_possible_truncation)]
        let whole = |count: f64| count as i64;
        (row.0, whole(row.1), whole(row.2), whole(row.3), whole(row.4), whole(row.5), whole(row.6))
    })
    .expect("the test's own");
    [row.0, row.1, row.2, row.3, row.4, row.5, row.6]
}

#[tokio::test]
async fn a_hundred_thousand_calls_are_in_counts_records_and_events_alike() {
    let rig = Rig::new().await;
    let mut centre = Centre::new();
    let (mut told, mut from) = (Vec::new(), 0);
    for n in 1..=CALLS {
        centre.arrive(n);
        let pause_ms = 500 + centre.random(3_500);
        centre.pass(pause_ms);
        if centre.written.len() >= from + BATCH {
            write(&rig, &centre.written[from..]).await;
            from = centre.written.len();
        }
    }
    centre.pass(600_000);
    write(&rig, &centre.written[from..]).await;
    // A write whose outcome was unknown is repeated, and changes nothing.
    write(&rig, &centre.written[from..]).await;
    told.append(&mut centre.written);

    let url = format!("sqlite://{}", rig.path().display());
    let mut connection = SqliteConnection::connect(&url).await.expect("the test's own");
    let mut all = 0;
    for queue in QUEUES {
        let live = centre.acd.queue(&QueueId(queue.into())).expect("a queue");
        let today = live.today;
        let counts = [
            today.joined,
            today.answered,
            today.answered_within_sl,
            today.abandoned,
            today.short_abandoned,
            today.overflowed,
            today.transferred_out,
        ];
        let counts = counts.map(|count| i64::try_from(count).expect("small"));
        assert_eq!(counted(&told, queue), counts, "events of {queue}");
        assert_eq!(stored(&mut connection, queue).await, counts, "records of {queue}");
        assert_eq!((live.waiting, today.accounted()), (0, today.joined), "every wait is over");
        assert!(counts[1..6].iter().all(|count| *count > 100), "each way out is taken: {counts:?}");
        all += today.joined;
    }
    assert_eq!(all, u64::from(CALLS));
    let (waited, talked): (i64, i64) = sqlx::query_as(
        "SELECT coalesce(sum(waited_ms), 0), coalesce(sum(talk_ms), 0) FROM call_queue_steps
         WHERE outcome = 'answered'",
    )
    .fetch_one(&mut connection)
    .await
    .expect("the test's own");
    let live = QUEUES.map(|queue| centre.acd.queue(&QueueId(queue.into())).expect("a queue").today);
    let sum = |of: fn(&offhook_acd::QueueCounts) -> u64| live.iter().map(of).sum::<u64>();
    assert_eq!(u64::try_from(waited), Ok(sum(|today| today.answered_wait_ms)));
    assert_eq!(u64::try_from(talked), Ok(sum(|today| today.talk_ms)));
    let agents = (0..AGENTS).filter_map(|n| centre.acd.agent(&AgentId(format!("{}", 2_000 + n))));
    let answered: u64 = agents.map(|agent| agent.today.answered).sum();
    assert_eq!(answered, sum(|today| today.answered), "agents and queues agree");
    assert_eq!(centre.acd.audit(centre.now_ms), []);
}

async fn write(rig: &Rig, records: &[QueueRecord]) {
    // What agents do beside their calls is not compared.
    let of_calls = records.iter().filter(|record| record.call.is_some());
    let entries: Vec<_> =
        of_calls.map(|record| LogEntry::Queue(Box::new(record.clone()))).collect();
    rig.store.write_entries(&entries).await.expect("the test's own");
}
