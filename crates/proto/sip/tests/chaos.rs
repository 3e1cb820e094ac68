//! Random owners on a bad network: whatever they do, every leg ends once and nothing is left over.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a test that fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use offhook_sip::transaction::Transport;
use offhook_sip::user_agent::{
    CommandError, Event, InviteRequest, LegHandle, OutOfDialogRequest, ReinviteOutcome,
    ReinviteReply, ReliableProvisionals, RequestKey, SessionTimerConfig,
};
use offhook_sip::{Method, StatusCode};
use offhook_testkit::{Engine, Pair, Phone, Rng};

const STEPS: usize = 400;

/// Legs that one phone places.
const PLACED_MAX: usize = 30;

fn sdp(rng: &mut Rng) -> Bytes {
    Bytes::from(format!("v=0\r\no={}\r\n", rng.below(1_000_000)))
}

/// What the owner of one phone remembers.
struct Owner {
    rng: Rng,
    placed: usize,
    /// Legs, and whether they have ended.
    legs: BTreeMap<LegHandle, bool>,
    requests: Vec<RequestKey>,
    answered: usize,
    renegotiated: usize,
}

impl Owner {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::seeded(seed),
            placed: 0,
            legs: BTreeMap::new(),
            requests: Vec::new(),
            answered: 0,
            renegotiated: 0,
        }
    }

    fn note(&mut self, phone: &mut Phone) {
        for event in phone.events() {
            let (handle, is_end) = match event {
                Event::IncomingInvite { handle, .. } => {
                    assert_eq!(self.legs.insert(handle, false), None);
                    continue;
                }
                Event::OutOfDialog { key, .. } | Event::Resubscribe { key, .. } => {
                    self.requests.push(key);
                    continue;
                }
                Event::RequestDone { handle: None, .. } => continue,
                Event::RequestDone { handle: Some(_), .. } => continue,
                Event::InDialog { handle, key, .. } => {
                    self.requests.push(key);
                    (handle, false)
                }
                Event::Accepted { handle, .. } => {
                    self.answered += 1;
                    (handle, false)
                }
                Event::ReinviteDone { handle, outcome } => {
                    let answered = matches!(outcome, ReinviteOutcome::Answered { .. });
                    self.renegotiated += usize::from(answered);
                    (handle, false)
                }
                Event::Progress { handle, .. }
                | Event::Acked { handle, .. }
                | Event::Reinvite { handle, .. } => (handle, false),
                Event::Rejected { handle, .. }
                | Event::Cancelled { handle, .. }
                | Event::Bye { handle, .. }
                | Event::Ended { handle, .. } => (handle, true),
            };
            let ended = self.legs.get_mut(&handle).expect("events name known legs");
            assert!(!*ended, "an event after the end");
            *ended = is_end;
        }
    }

    fn act(&mut self, phone: &mut Phone, now: std::time::Instant) {
        if self.placed < PLACED_MAX && self.rng.chance(0.2) {
            self.placed += 1;
            let mut call =
                InviteRequest::new("sip:x@example.org", "sip:y@example.org", Transport::Udp);
            if self.rng.chance(0.7) {
                call = call.sdp(sdp(&mut self.rng));
            }
            if self.rng.chance(0.5) {
                call = call.header("Require", "100rel");
            }
            let leg = phone.ua.invite(call, now).unwrap();
            self.legs.insert(leg, false);
        }
        let running = self.legs.iter().filter(|(_, ended)| !**ended);
        let alive: Vec<_> = running.map(|(leg, _)| *leg).collect();
        let index = self.rng.below(alive.len() as u64) as usize;
        if let Some(leg) = alive.get(index).copied() {
            match self.command(phone, leg, now) {
                Ok(())
                | Err(
                    CommandError::WrongState
                    | CommandError::OfferPending
                    | CommandError::RequestOver,
                )
                | Err(CommandError::Invalid("SDP is owed")) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        if let Some(key) = self.requests.pop() {
            match phone.ua.respond(key, StatusCode::OK, None, &[], None, now) {
                Ok(()) | Err(CommandError::RequestOver) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    fn command(
        &mut self,
        phone: &mut Phone,
        leg: LegHandle,
        now: std::time::Instant,
    ) -> Result<(), CommandError> {
        let body = sdp(&mut self.rng);
        let maybe = Some(body.clone()).filter(|_| self.rng.chance(0.7));
        let ua = &mut phone.ua;
        match self.rng.below(14) {
            0 | 1 => ua.ring(leg, StatusCode::RINGING, None, &[], now),
            2 => ua.ring(leg, StatusCode::SESSION_PROGRESS, maybe, &[], now),
            3..=5 => ua.accept(leg, maybe, &[], now),
            6 => ua.acknowledge(leg, body, now),
            7 => ua.reinvite(leg, maybe, &[], now),
            8 => ua.update(leg, maybe, &[], now),
            9 | 10 => ua.answer_reinvite(leg, ReinviteReply::Accept(body), now),
            11 => {
                let refuse = ReinviteReply::Refuse(StatusCode::NOT_ACCEPTABLE_HERE);
                ua.answer_reinvite(leg, refuse, now)
            }
            12 => ua.send_in_dialog(leg, &Method::Info, &[], None, now).map(drop),
            _ if self.rng.chance(0.3) => ua.hang_up(leg, None, now),
            _ if self.rng.chance(0.3) => ua.reject(leg, StatusCode::BUSY_HERE, None, &[], now),
            _ => ping(phone, now),
        }
    }

    fn hang_up_all(&mut self, phone: &mut Phone, now: std::time::Instant) {
        for (leg, ended) in &self.legs {
            if !ended {
                phone.ua.hang_up(*leg, None, now).unwrap();
            }
        }
    }
}

fn ping(phone: &mut Phone, now: std::time::Instant) -> Result<(), CommandError> {
    let request = OutOfDialogRequest {
        method: Method::Options,
        request_uri: "sip:x@example.org".to_owned(),
        route: Vec::new(),
        from: "sip:y@example.org".to_owned(),
        to: "sip:x@example.org".to_owned(),
        headers: Vec::new(),
        body: None,
        peer: Transport::Udp,
    };
    phone.ua.send_request(request, now).map(drop)
}

fn phone(name: &str, rng: &mut Rng) -> Phone {
    let mut config = Phone::config(name);
    config.session_timer =
        Some(SessionTimerConfig { expires_s: 90, min_se_s: 90 }).filter(|_| rng.chance(0.8));
    if rng.chance(0.5) {
        config.reliable_provisionals = ReliableProvisionals::WhenSupported;
    }
    Phone::configured(config, Transport::Udp, rng.next_u64())
}

fn run(seed: u64) -> (usize, usize) {
    let mut rng = Rng::seeded(seed);
    let (alice, bob) = (phone("alice", &mut rng), phone("bob", &mut rng));
    let mut pair = Pair::of(alice, bob, seed)
        .loss(0.3 * rng.unit())
        .duplicate(0.2 * rng.unit())
        .reorder(0.3 * rng.unit())
        .delay(Duration::from_millis(rng.below(200)));
    let mut owners = [Owner::new(rng.next_u64()), Owner::new(rng.next_u64())];
    for _ in 0..STEPS {
        pair.advance(Duration::from_millis(rng.below(1_000)));
        let now = pair.now();
        let [alice, bob] = &mut owners;
        alice.note(&mut pair.alice);
        bob.note(&mut pair.bob);
        alice.act(&mut pair.alice, now);
        bob.act(&mut pair.bob, now);
    }
    let now = pair.now();
    let [alice, bob] = &mut owners;
    alice.note(&mut pair.alice);
    bob.note(&mut pair.bob);
    alice.hang_up_all(&mut pair.alice, now);
    bob.hang_up_all(&mut pair.bob, now);
    pair.advance(Duration::from_secs(400));
    alice.note(&mut pair.alice);
    bob.note(&mut pair.bob);
    // Calls that came in while the others were hung up.
    let now = pair.now();
    alice.hang_up_all(&mut pair.alice, now);
    bob.hang_up_all(&mut pair.bob, now);
    pair.advance(Duration::from_secs(400));
    alice.note(&mut pair.alice);
    bob.note(&mut pair.bob);
    for (phone, owner) in [(&pair.alice, &*alice), (&pair.bob, &*bob)] {
        assert!(owner.legs.values().all(|ended| *ended), "a leg never ended");
        assert_eq!((phone.ua.leg_count(), phone.ua.transaction_count()), (0, 0), "{:?}", phone.ua);
        assert_eq!(phone.poll_timeout(), None);
    }
    (alice.answered + bob.answered, alice.renegotiated + bob.renegotiated)
}

#[test]
fn every_leg_ends_once_and_nothing_is_left_over() {
    let (mut answered, mut renegotiated) = (0, 0);
    for seed in 0..60 {
        let outcome = std::panic::catch_unwind(|| run(seed));
        let counts = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        answered += counts.0;
        renegotiated += counts.1;
    }
    // The scenario is worth something only when calls succeed in it.
    assert!(
        answered > 500 && renegotiated > 50,
        "{answered} answered, {renegotiated} renegotiated"
    );
}
