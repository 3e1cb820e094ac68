//! A call between scripted parties: the media role answers at once, signalling is said by the test.
#![allow(dead_code, reason = "each behaviour uses its own part of the rig")]

use offhook_call::{
    Action, Call, Incoming, LegAction, LegInput, Offered, PickUp, Placement, Reattach,
};
use offhook_model::{
    Binding, CallRecord, CallRef, Forwarding, HangupCause, IceRole, LegId, MediaCommand,
    MediaEvent, MediaRefusal, OfferId, OfferPolicy, QueueId, Security, Service, StreamReport,
    Target, Transport,
};
use offhook_routing::Decision;
use offhook_sdp::{
    AudioFormat, LocalCodec, LocalMedia, NegotiationError, Session, SessionDescription,
};
use std::collections::{HashMap, VecDeque};

pub const START_MS: u64 = 1_000_000;
pub const CALLER: LegId = LegId(7 << 16);

pub fn extension(number: &str) -> Decision {
    let forward = Forwarding::default();
    Decision::Extension { number: number.into(), ring_timeout_ms: 20_000, forward }
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
    /// What was said of menus and queues.
    pub waiting: Vec<Action>,
    pub supervising: Vec<LegId>,
    pub media_is_slow: bool,
    /// Where the calls go of extensions to which a party is sent on.
    pub forward: Forwarding,
    pub has_video_ports: bool,
    held_back: VecDeque<MediaEvent>,
    gone: Vec<LegId>,
    /// What the media role remembers of legs whose descriptions are SDP.
    sessions: HashMap<LegId, Session>,
}

impl Rig {
    pub fn new(offer: Option<&str>, decision: Decision, bindings: Vec<Binding>) -> Self {
        Self::from(Transport::Udp, offer, decision, bindings)
    }

    /// A call of a device on this transport.
    pub fn from(
        transport: Transport,
        offer: Option<&str>,
        decision: Decision,
        bindings: Vec<Binding>,
    ) -> Self {
        Self::with(transport, offer, decision, bindings, false)
    }

    /// The media role says nothing of itself.
    pub fn of_slow_media(offer: Option<&str>, decision: Decision, bindings: Vec<Binding>) -> Self {
        Self::with(Transport::Udp, offer, decision, bindings, true)
    }

    fn with(
        transport: Transport,
        offer: Option<&str>,
        decision: Decision,
        bindings: Vec<Binding>,
        media_is_slow: bool,
    ) -> Self {
        let (security, ice) = match transport {
            Transport::Ws | Transport::Wss => (Security::Dtls, IceRole::Full),
            Transport::Udp | Transport::Tcp | Transport::Tls => (Security::Plain, IceRole::None),
        };
        let incoming = Incoming {
            call: CallRef::from_bits(7),
            serial: 7,
            account: Some("1002".into()),
            caller: "1002".into(),
            caller_name: Some("Bo".into()),
            dialled: "4711".into(),
            sip_call_id: "abc".into(),
            offer: offer.map(str::to_owned),
            policy: OfferPolicy { security, ice, prefer_codec_of: None },
            decision,
        };
        Self::of(Call::new(incoming, START_MS), bindings, media_is_slow)
    }

    /// A second call, of this account.
    pub fn second(account: &str, offer: Option<&str>, bindings: Vec<Binding>) -> Self {
        let policy =
            OfferPolicy { security: Security::Plain, ice: IceRole::None, prefer_codec_of: None };
        let incoming = Incoming {
            call: CallRef::from_bits(8),
            serial: 8,
            account: Some(account.into()),
            caller: account.into(),
            caller_name: None,
            dialled: "1003".into(),
            sip_call_id: "def".into(),
            offer: offer.map(str::to_owned),
            policy,
            decision: extension("1003"),
        };
        Self::of(Call::new(incoming, START_MS), bindings, false)
    }

    /// The party that `other` talks with in the other call comes into this one, in the place of `leg`; whether
    /// both have somebody to talk with.
    pub fn adopt(&mut self, leg: LegId, from: &mut Self, other: LegId) -> Option<LegId> {
        let (Some(_), Some(party)) = (self.call.partner(leg), from.call.partner(other)) else {
            return None;
        };
        let moved = from.call.release_partner(other, from.now_ms).expect("it has a partner");
        self.take_from(from, party, |call, now_ms| call.adopt(leg, moved, now_ms));
        Some(party)
    }

    /// The party that `other` talks with in the other call comes into this one beside the two who talk.
    pub fn let_in(&mut self, from: &mut Self, other: LegId) -> Option<LegId> {
        let (Some(_), Some(party)) = (self.call.talking(), from.call.partner(other)) else {
            return None;
        };
        let moved = from.call.release_partner(other, from.now_ms).expect("it has a partner");
        self.take_from(from, party, |call, _| call.let_in(moved));
        Some(party)
    }

    /// A supervisor's leg comes into this call in the place of `leg`.
    pub fn take_over(&mut self, leg: LegId, from: &mut Self, supervisor: LegId) {
        let moved = from.call.release_supervisor(supervisor, from.now_ms).expect("it supervises");
        self.take_from(from, supervisor, |call, now_ms| call.take_over(leg, moved, now_ms));
    }

    fn take_from(&mut self, from: &mut Self, moved: LegId, come: impl FnOnce(&mut Call, u64)) {
        from.run();
        from.gone.push(moved);
        self.gone.retain(|leg| *leg != moved);
        come(&mut self.call, self.now_ms);
        self.sessions.extend(from.sessions.remove(&moved).map(|session| (moved, session)));
        let (gone, stays) = from.held_back.drain(..).partition(|event| event.leg() == Some(moved));
        from.held_back = stays;
        self.held_back.extend::<VecDeque<_>>(gone);
        self.run();
    }

    /// The party of a leg comes back with another dialog and this offer.
    pub fn come_back(&mut self, leg: LegId, offer: &str) {
        let policy =
            OfferPolicy { security: Security::Plain, ice: IceRole::None, prefer_codec_of: None };
        let back = Reattach { offer: offer.into(), policy };
        self.call.reattach(leg, back, self.now_ms);
        self.run();
    }

    /// 1004 picks up what rings at this extension.
    pub fn pick_up(&mut self, extension: &str, offer: Option<&str>) -> Option<LegId> {
        let policy =
            OfferPolicy { security: Security::Plain, ice: IceRole::None, prefer_codec_of: None };
        let by = PickUp {
            account: "1004".into(),
            sip_call_id: "ghi".into(),
            offer: offer.map(str::to_owned),
            policy,
        };
        let leg = self.call.pick_up(extension, by);
        self.run();
        leg
    }

    /// A call that we place to a supervisor's extension.
    pub fn placed(bindings: Vec<Binding>) -> Self {
        Self::placed_as(7, bindings)
    }

    /// The same as the call of this number.
    pub fn placed_as(serial: u32, bindings: Vec<Binding>) -> Self {
        let placement = Placement {
            call: CallRef::from_bits(serial.into()),
            serial,
            extension: "1009".into(),
            dialled: "*331001".into(),
        };
        Self::of(Call::place(placement, START_MS), bindings, false)
    }

    /// An agent, 2001, is rung to call 1005 back.
    pub fn calling_back(bindings: Vec<Binding>) -> Self {
        let placement = Placement {
            call: CallRef::from_bits(7),
            serial: 7,
            extension: "2001".into(),
            dialled: "1005".into(),
        };
        let offered = Offered {
            offer: OfferId(1),
            queue: QueueId("sales".into()),
            queue_name: "Sales".into(),
            waited_ms: 4_000,
            auto_answer: false,
            callback: Some("1005".into()),
        };
        Self::of(Call::call_back(placement, offered, 20_000, START_MS), bindings, false)
    }

    fn of(call: Call, bindings: Vec<Binding>, media_is_slow: bool) -> Self {
        let mut rig = Self {
            call,
            now_ms: START_MS,
            bindings,
            signalled: Vec::new(),
            commands: Vec::new(),
            record: None,
            joined: Vec::new(),
            waiting: Vec::new(),
            supervising: Vec::new(),
            media_is_slow,
            forward: Forwarding::default(),
            has_video_ports: true,
            held_back: VecDeque::new(),
            gone: Vec::new(),
            sessions: HashMap::new(),
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
                Action::Lookup(extension) => {
                    let bindings = self.bindings.clone();
                    self.call.handle_bindings(&extension, &bindings, self.now_ms);
                }
                Action::GoTo(target) => {
                    let decision = match target {
                        Target::Extension(number) | Target::Number(number) => Decision::Extension {
                            number,
                            ring_timeout_ms: 20_000,
                            forward: self.forward.clone(),
                        },
                        Target::Queue(queue) => Decision::Queue { queue },
                        Target::Menu(menu) => Decision::Menu { menu },
                        Target::Voicemail(mailbox) => Decision::Service {
                            number: String::new(),
                            service: Service::Voicemail { mailbox },
                        },
                        Target::Play(prompt) => Decision::Service {
                            number: String::new(),
                            service: Service::Play { prompt, repeat: false },
                        },
                        _ => Decision::Refuse {
                            cause: HangupCause::NORMAL_CLEARING,
                            reason: "Goodbye".into(),
                        },
                    };
                    self.call.handle_decision(decision, self.now_ms);
                }
                Action::EnterMenu { .. }
                | Action::LeaveMenu { .. }
                | Action::JoinQueue { .. }
                | Action::LeaveQueue { .. }
                | Action::LeaveMessage { .. }
                | Action::HearMessages { .. }
                | Action::LeaveMailbox { .. }
                | Action::CalledBack { .. }
                | Action::Offer(..) => self.waiting.push(action),
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
        let command = self.commands[self.commands.len() - 1].clone();
        let Some(event) = self.reply_of_media(&command) else { return };
        if self.media_is_slow {
            self.held_back.push_back(event);
        } else {
            self.call.handle_media(event, self.now_ms);
        }
    }

    fn reply_of_media(&mut self, command: &MediaCommand) -> Option<MediaEvent> {
        let described = |leg: LegId, sdp: Result<String, NegotiationError>| match sdp {
            Ok(sdp) => MediaEvent::Described { leg, sdp },
            Err(error) => not_agreed(leg, &error),
        };
        Some(match command {
            MediaCommand::Answer { leg, offer } => described(*leg, self.answer_of(*leg, offer)),
            MediaCommand::Offer { leg, .. } => described(*leg, self.offer_of(*leg)),
            MediaCommand::OfferOn { leg, .. } | MediaCommand::AnswerOn { leg, .. }
                if !self.has_video_ports =>
            {
                MediaEvent::Refused { leg: *leg, why: MediaRefusal::Exhausted }
            }
            MediaCommand::OfferOn { leg, terms } | MediaCommand::AnswerOn { leg, terms, .. } => {
                MediaEvent::Described { leg: *leg, sdp: opaque(*leg, &terms.like) }
            }
            MediaCommand::AcceptAnswer { leg, answer } => {
                let answer = SessionDescription::parse(answer.as_bytes());
                let session = self.sessions.get_mut(leg);
                match session.zip(answer.ok()).map(|(session, sdp)| session.handle_answer(&sdp)) {
                    Some(Err(error)) => not_agreed(*leg, &error),
                    Some(Ok(_)) | None => MediaEvent::Agreed { leg: *leg },
                }
            }
            MediaCommand::Rollback { leg } => {
                if let Some(session) = self.sessions.get_mut(leg) {
                    session.handle_refusal();
                }
                return None;
            }
            MediaCommand::Release { leg } => {
                MediaEvent::Released { leg: *leg, report: Some(StreamReport::default()) }
            }
            _ => return None,
        })
    }

    fn session(&mut self, leg: LegId) -> &mut Session {
        self.sessions.entry(leg).or_insert_with(|| Session::new(leg.0))
    }

    /// SDP for SDP, and a word for a word.
    fn answer_of(&mut self, leg: LegId, offer: &str) -> Result<String, NegotiationError> {
        let Ok(offer) = SessionDescription::parse(offer.as_bytes()) else {
            return Ok(format!("answer for {leg}"));
        };
        self.session(leg).answer(&offer, &audio()).map(|(answer, _)| answer.to_string())
    }

    /// SDP where SDP was spoken in the call, and a word otherwise.
    fn offer_of(&mut self, leg: LegId) -> Result<String, NegotiationError> {
        if self.sessions.is_empty() {
            return Ok(format!("offer for {leg}"));
        }
        let policy = offhook_sdp::OfferPolicy::plain();
        self.session(leg).offer(&audio(), &policy).map(|offer| offer.to_string())
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

    /// Whether the leg went over to another call.
    pub fn has_gone(&self, leg: LegId) -> bool {
        self.gone.contains(&leg)
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

fn not_agreed(leg: LegId, error: &NegotiationError) -> MediaEvent {
    MediaEvent::Refused { leg, why: MediaRefusal::NotAcceptable(error.to_string()) }
}

/// What the media role does with audio.
fn audio() -> LocalMedia {
    let codecs = vec![LocalCodec::new(AudioFormat::PCMU, 0)];
    LocalMedia { codecs, ..LocalMedia::new([192, 0, 2, 1].into(), 30_000) }
}

/// The port by which a leg for video is known in descriptions.
pub fn port_of(leg: LegId) -> u16 {
    40_000 + u16::try_from(leg.0 & 0xff).expect("a byte")
}

/// The description of an opaque leg: what it shall be like, with a port of its own.
fn opaque(leg: LegId, like: &str) -> String {
    let mut description = SessionDescription::parse(like.as_bytes()).expect("SDP");
    assert_eq!(description.media.len(), 1, "an opaque leg serves one section");
    description.media[0].port = port_of(leg);
    description.to_string()
}
