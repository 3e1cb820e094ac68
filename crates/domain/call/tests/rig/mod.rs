//! A call between scripted parties: the media role answers at once, signalling is said by the test.
#![allow(dead_code, reason = "each behaviour uses its own part of the rig")]

use offhook_call::{Action, Call, Incoming, LegAction, LegInput, Placement};
use offhook_model::{
    Binding, CallRecord, CallRef, HangupCause, IceRole, LegId, MediaCommand, MediaEvent,
    OfferPolicy, Security, StreamReport, Transport,
};
use offhook_routing::Decision;
use std::collections::VecDeque;

pub const START_MS: u64 = 1_000_000;
pub const CALLER: LegId = LegId(7 << 16);

pub fn extension(number: &str) -> Decision {
    Decision::Extension { number: number.into(), ring_timeout_ms: 20_000 }
}

pub fn binding(contact: &str, transport: Transport) -> Binding {
    Binding {
        contact: contact.into(),
        route: "<sip:token@edge;lr>".into(),
        transport,
        source: "127.0.0.2:5060".into(),
        q_thousandths: 1_000,
        expires_at: u64::MAX / 2_000,
        instance: None,
        reg_id: None,
        call_id: "reg".into(),
        cseq: 1,
        user_agent: None,
    }
}

pub struct Rig {
    pub call: Call,
    pub now_ms: u64,
    pub bindings: Vec<Binding>,
    pub signalled: Vec<(LegId, LegAction)>,
    pub commands: Vec<MediaCommand>,
    pub record: Option<CallRecord>,
    pub joined: Vec<(LegId, String)>,
    pub supervising: Vec<LegId>,
    pub media_is_slow: bool,
    held_back: VecDeque<MediaEvent>,
}

impl Rig {
    pub fn new(offer: Option<&str>, decision: Decision, bindings: Vec<Binding>) -> Self {
        let incoming = Incoming {
            call: CallRef::from_bits(7),
            serial: 7,
            account: Some("1002".into()),
            caller: "1002".into(),
            caller_name: Some("Bo".into()),
            dialled: "4711".into(),
            sip_call_id: "abc".into(),
            offer: offer.map(str::to_owned),
            policy: OfferPolicy {
                security: Security::Plain,
                ice: IceRole::None,
                prefer_codec_of: None,
            },
            decision,
        };
        Self::of(Call::new(incoming, START_MS), bindings)
    }

    /// A call that we place to a supervisor's extension.
    pub fn placed(bindings: Vec<Binding>) -> Self {
        let placement = Placement {
            call: CallRef::from_bits(7),
            serial: 7,
            extension: "1009".into(),
            dialled: "*331001".into(),
        };
        Self::of(Call::place(placement, START_MS), bindings)
    }

    fn of(call: Call, bindings: Vec<Binding>) -> Self {
        let mut rig = Self {
            call,
            now_ms: START_MS,
            bindings,
            signalled: Vec::new(),
            commands: Vec::new(),
            record: None,
            joined: Vec::new(),
            supervising: Vec::new(),
            media_is_slow: false,
            held_back: VecDeque::new(),
        };
        rig.run();
        rig
    }

    pub fn say(&mut self, leg: LegId, input: LegInput) {
        self.call.handle_leg(leg, input, self.now_ms);
        self.run();
    }

    pub fn media(&mut self, event: MediaEvent) {
        self.call.handle_media(event, self.now_ms);
        self.run();
    }

    pub fn advance(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while let Some(due) = self.call.poll_timeout().filter(|due| *due <= until) {
            self.now_ms = due.max(self.now_ms);
            self.call.handle_timeout(self.now_ms);
            self.run();
        }
        self.now_ms = until;
    }

    pub fn run(&mut self) {
        while let Some(action) = self.call.poll_output() {
            match action {
                Action::Media(command) => self.answer_for_media(command),
                Action::Leg(leg, action) => self.signalled.push((leg, action)),
                Action::Lookup(_) => {
                    let bindings = self.bindings.clone();
                    self.call.handle_bindings(&bindings, self.now_ms);
                }
                Action::JoinConference { leg, number, .. } => self.joined.push((leg, number)),
                Action::Supervise { leg } => self.supervising.push(leg),
                Action::Live(_) => {}
                Action::Finished(record) => {
                    assert!(self.record.is_none(), "a call has one record");
                    self.record = Some(*record);
                }
            }
        }
    }

    fn answer_for_media(&mut self, command: MediaCommand) {
        self.commands.push(command);
        let event = match self.commands[self.commands.len() - 1] {
            MediaCommand::Answer { leg, .. } => {
                MediaEvent::Described { leg, sdp: format!("answer for {leg}") }
            }
            MediaCommand::Offer { leg, .. } => {
                MediaEvent::Described { leg, sdp: format!("offer for {leg}") }
            }
            MediaCommand::AcceptAnswer { leg, .. } => MediaEvent::Agreed { leg },
            MediaCommand::Release { leg } => {
                MediaEvent::Released { leg, report: Some(StreamReport::default()) }
            }
            _ => return,
        };
        if self.media_is_slow {
            self.held_back.push_back(event);
        } else {
            self.call.handle_media(event, self.now_ms);
        }
    }

    /// The media role gives the answers it held back.
    pub fn media_catches_up(&mut self) {
        while let Some(event) = self.held_back.pop_front() {
            self.call.handle_media(event, self.now_ms);
            self.run();
        }
    }

    /// The outgoing legs that were invited, in order.
    pub fn invited(&self) -> Vec<LegId> {
        let invite = |(leg, action): &(LegId, LegAction)| {
            matches!(action, LegAction::Invite { .. }).then_some(*leg)
        };
        self.signalled.iter().filter_map(invite).collect()
    }

    pub fn signals_to(&self, leg: LegId) -> Vec<&LegAction> {
        self.signalled.iter().filter(|(to, _)| *to == leg).map(|(_, action)| action).collect()
    }

    pub fn was_bridged(&self, a: LegId, b: LegId) -> bool {
        self.commands.contains(&MediaCommand::Bridge { a, b })
    }

    pub fn offered_security(&self) -> Vec<Security> {
        let policy = |command: &MediaCommand| match command {
            MediaCommand::Offer { policy, .. } => Some(policy.security),
            _ => None,
        };
        self.commands.iter().filter_map(policy).collect()
    }

    /// Two parties that talk: the caller and the first device of the extension.
    pub fn talking() -> (Self, LegId) {
        let phone = binding("sip:1001@127.0.0.2", Transport::Udp);
        let mut rig = Self::new(Some("offer"), extension("1001"), vec![phone]);
        let callee = rig.invited()[0];
        rig.say(callee, LegInput::Ringing);
        rig.now_ms += 3_000;
        rig.say(callee, LegInput::Accepted(Some("answer".into())));
        assert!(rig.was_bridged(CALLER, callee));
        (rig, callee)
    }

    pub fn cause(&self) -> Option<HangupCause> {
        self.record.as_ref().map(|record| record.cause)
    }
}
