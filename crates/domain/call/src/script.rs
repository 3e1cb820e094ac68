use crate::dial::{Dial, Otherwise};
use crate::leg::Signalling;
use crate::{Action, Call, Failure, LegAction};
use offhook_model::{
    ConferenceSettings, Forwarding, HangupCause, LegId, MediaCommand, Party, QueueId, Service,
    Target,
};
use offhook_routing::Decision;
use serde::{Deserialize, Serialize};

/// How often a call is forwarded by those whom it is for.
const FORWARDED_MAX: u8 = 5;
/// How often a party is sent on without hearing anything in between.
const SENT_ON_MAX: u8 = 16;

/// What is being done for the served leg.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Script {
    /// Its media is being described.
    Starting,
    /// It hears itself.
    Echo {
        /// How much later.
        delay_ms: u32,
    },
    /// It hears a prompt; the call ends with it.
    Playing {
        /// The prompt URI.
        prompt: String,
        /// Whether it starts over.
        repeat: bool,
    },
    /// It hears a welcome and is sent on.
    Welcome {
        /// The prompt URI.
        prompt: String,
        /// Where to.
        target: Target,
        /// Where it goes when nobody takes it there.
        otherwise: Option<Target>,
    },
    /// It is sent on; whoever routes says where to.
    GoingTo {
        /// What follows when nobody takes it there.
        otherwise: Otherwise,
    },
    /// It hears that nobody could be called back; the call ends with it.
    Unreached {
        /// Why not.
        cause: HangupCause,
        /// The same as a SIP status.
        status: u16,
        /// Whose doing it is.
        by: Party,
    },
    /// It is in a menu.
    Menu(String),
    /// It leaves a message in this mailbox.
    Voicemail(String),
    /// It hears messages: those of its own extension, or of a mailbox that it is asked for.
    Mailbox {
        /// Whether it is its own.
        own: bool,
    },
    /// It is in a conference, or is asked for what opens it.
    Conference(ConferenceSettings),
    /// It supervises another call.
    Supervising,
    /// Somebody is rung for it.
    Dialling(Dial),
    /// It talks.
    Talking {
        /// The other leg.
        with: LegId,
    },
    /// It talks with two others.
    ThreeWay {
        /// The other legs.
        with: [LegId; 2],
    },
    /// The call is ending.
    Over(crate::end::Ending),
}

impl Script {
    pub(crate) fn is_dialling(&self, leg: LegId) -> bool {
        matches!(self, Self::Dialling(dial) if dial.has(leg))
    }

    /// The leg that `leg` is bridged with.
    pub(crate) fn partner(&self, served: LegId, leg: LegId) -> Option<LegId> {
        match self {
            Self::Talking { with } if leg == served => Some(*with),
            Self::Talking { with } if leg == *with => Some(served),
            _ => None,
        }
    }
}

impl Call {
    /// Runs a service for the served leg; answers the caller if it has not been.
    pub(crate) fn run_service(&mut self, service: Service, now_ms: u64) {
        if service == (Service::Park {}) {
            let failure = Failure::new(HangupCause::SUBSCRIBER_ABSENT, "No call is parked");
            return self.turn_away(&failure, Party::System, now_ms);
        }
        self.answer_caller(now_ms);
        let script = match service {
            Service::Echo { delay_ms } => Script::Echo { delay_ms },
            Service::Play { prompt, repeat } => Script::Playing { prompt, repeat },
            Service::GoTo { welcome: Some(prompt), target, otherwise } => {
                Script::Welcome { prompt, target, otherwise }
            }
            Service::GoTo { welcome: None, target, otherwise } => {
                return self.go_to(target, otherwise.into());
            }
            Service::Conference(settings) => Script::Conference(settings),
            Service::Park {} => return,
            Service::Voicemail { mailbox } => Script::Voicemail(mailbox),
            Service::Mailbox { own } => Script::Mailbox { own },
        };
        self.run(script);
        self.resume_script(self.served);
    }

    /// Does something else for the served leg: it leaves its queue or its menu.
    pub(crate) fn run(&mut self, script: Script) {
        let leg = self.served;
        match std::mem::replace(&mut self.script, script) {
            Script::Menu(_) => self.act(Action::LeaveMenu { leg }),
            Script::Voicemail(_) | Script::Mailbox { .. } => {
                self.act(Action::LeaveMailbox { leg });
            }
            Script::Dialling(dial) if dial.queue().is_some() => {
                self.act(Action::LeaveQueue { leg })
            }
            _ => {}
        }
    }

    /// Sends the served leg on. Where that is, and whether it is there, is decided by whoever routes.
    /// Targets that lead to each other in a circle end the call.
    pub(crate) fn go_to(&mut self, target: Target, otherwise: Otherwise) {
        self.sent_on = self.sent_on.saturating_add(1);
        let target = if self.sent_on > SENT_ON_MAX { Target::HangUp } else { target };
        self.run(Script::GoingTo { otherwise });
        self.act(Action::GoTo(target));
    }

    /// The party in a menu or a queue is sent on, and from there to `otherwise` when nobody takes it.
    pub fn send_on(&mut self, target: Target, otherwise: Option<Target>) {
        let is_waiting = matches!(self.script, Script::Menu(_)) || self.waits_in().is_some();
        if is_waiting {
            self.drop_attempts_except(None);
            self.go_to(target, otherwise.into());
        }
    }

    /// Counts how often the call goes from one to the next; whether it may once more.
    pub(crate) fn forwards_once_more(&mut self) -> bool {
        self.forwarded = self.forwarded.saturating_add(1);
        self.forwarded <= FORWARDED_MAX
    }

    /// The extension's calls go elsewhere, or this one does. After some times that is enough.
    pub(crate) fn forward(&mut self, target: Target, otherwise: Otherwise, now_ms: u64) {
        if !self.forwards_once_more() {
            let failure = Failure::new(HangupCause::EXCHANGE_ROUTING_ERROR, "Forwarded too often");
            return self.turn_away(&failure, Party::System, now_ms);
        }
        self.go_to(target, otherwise);
    }

    /// What became of [`Action::GoTo`].
    pub fn handle_decision(&mut self, decision: Decision, now_ms: u64) {
        let Script::GoingTo { otherwise } = &self.script else { return };
        let otherwise = otherwise.clone();
        let is_automat = matches!(
            decision,
            Decision::Service { .. }
                | Decision::Menu { .. }
                | Decision::Queue { .. }
                | Decision::Supervise { .. }
        );
        if otherwise == Otherwise::Unreached && is_automat {
            let failure = crate::call_back::is_no_person();
            return self.tell_unreached(&failure, Party::System);
        }
        match decision {
            Decision::Extension { number, ring_timeout_ms, forward } => {
                // Whoever is called back is to be reached, and not somebody for it.
                let is_back = otherwise == Otherwise::Unreached;
                let forward = if is_back { Forwarding::default() } else { forward };
                self.dial(number, forward, otherwise, now_ms + ring_timeout_ms);
            }
            Decision::Forward { target, .. } => self.forward(target, otherwise, now_ms),
            Decision::Refuse { cause, reason } => {
                let failure = Failure::new(cause, &reason);
                self.fall_back(&failure, Party::System, otherwise, now_ms);
            }
            Decision::Supervise { .. } => {
                let failure = Failure::new(HangupCause::OUTGOING_CALL_BARRED, "Not for callers");
                self.fall_back(&failure, Party::System, otherwise, now_ms);
            }
            Decision::Service { service: Service::Park {}, .. } => {
                let parker = match &otherwise {
                    Otherwise::GiveBack(parker) => self.account(*parker).map(str::to_owned),
                    Otherwise::TurnAway
                    | Otherwise::GoTo(_)
                    | Otherwise::Park
                    | Otherwise::Unreached => None,
                };
                self.arrive(&otherwise, |call| call.park(parker, now_ms));
            }
            Decision::Service { service, .. } => self.arrive(&otherwise, |call| {
                call.run_service(service, now_ms);
            }),
            Decision::Menu { menu } => {
                self.arrive(&otherwise, |call| call.enter_menu(menu, now_ms));
            }
            Decision::Queue { queue } => {
                self.arrive(&otherwise, |call| call.enter_queue(queue, now_ms));
            }
        }
    }

    /// The served leg is somewhere where it is answered: a transfer there is done.
    fn arrive(&mut self, otherwise: &Otherwise, begin: impl FnOnce(&mut Self)) {
        begin(self);
        if let Otherwise::GiveBack(transferor) = otherwise {
            self.finish_transfer(*transferor);
        }
    }

    pub(crate) fn enter_menu(&mut self, menu: String, now_ms: u64) {
        self.answer_caller(now_ms);
        self.run(Script::Menu(menu));
        self.resume_script(self.served);
    }

    pub(crate) fn enter_queue(&mut self, queue: QueueId, now_ms: u64) {
        self.answer_caller(now_ms);
        self.wait_in_queue(queue.clone());
        self.act(Action::JoinQueue { leg: self.served, queue });
        self.publish();
    }

    /// Starts what the served leg is to hear, once its media is agreed.
    pub(crate) fn resume_script(&mut self, leg: LegId) {
        if leg != self.served || !self.legs.get(&leg).is_some_and(|served| served.agreed) {
            if let Script::Talking { .. } | Script::ThreeWay { .. } = self.script {
                self.join();
            }
            return;
        }
        match &self.script {
            Script::Echo { delay_ms } => {
                let delay_ms = *delay_ms;
                self.media(MediaCommand::Echo { leg, delay_ms });
            }
            Script::Playing { prompt, repeat } => {
                let (prompt, repeat) = (prompt.clone(), *repeat);
                self.play(leg, &[&prompt], repeat);
            }
            Script::Welcome { prompt, .. } => {
                let prompt = prompt.clone();
                self.play(leg, &[&prompt], false);
            }
            Script::Unreached { .. } => self.play_unreached(leg),
            Script::Conference(settings) => {
                let (number, settings) = (self.dialled_number(), settings.clone());
                self.act(Action::JoinConference { leg, number, settings });
            }
            Script::Supervising => self.act(Action::Supervise { leg }),
            Script::Talking { .. } | Script::ThreeWay { .. } => self.join(),
            Script::Menu(menu) => {
                let menu = menu.clone();
                self.act(Action::EnterMenu { leg, menu });
            }
            Script::Voicemail(mailbox) => {
                let mailbox = mailbox.clone();
                self.act(Action::LeaveMessage { leg, mailbox });
            }
            Script::Mailbox { own } => {
                let own = *own;
                self.act(Action::HearMessages { leg, own });
            }
            Script::Dialling(_) => self.play_music(),
            Script::Starting | Script::GoingTo { .. } | Script::Over(_) => {}
        }
    }

    /// The number of the service that answered.
    fn dialled_number(&self) -> String {
        self.answered_by.clone().unwrap_or_else(|| self.dialled.clone())
    }

    /// Bridges the two legs that talk, once both are agreed; of three each comes into their conference.
    pub(crate) fn join(&mut self) {
        if let Some(three) = self.three() {
            return self.join_three(three);
        }
        if let Some([a, b]) = self.talking() {
            self.media(MediaCommand::Bridge { a, b });
            self.join_video();
        }
    }

    pub(crate) fn play(&mut self, leg: LegId, prompts: &[&str], repeat: bool) {
        let prompts = prompts.iter().map(|prompt| (*prompt).to_owned()).collect();
        self.media(MediaCommand::Play { leg, prompts, repeat });
    }

    pub(crate) fn handle_play_finished(&mut self, leg: LegId, now_ms: u64) {
        if leg != self.served {
            return;
        }
        match &self.script {
            Script::Welcome { target, otherwise, .. } => {
                let (target, otherwise) = (target.clone(), otherwise.clone());
                self.go_to(target, otherwise.into());
            }
            Script::Dialling(_) => self.play_music(),
            Script::Playing { repeat: false, .. } => {
                self.end(HangupCause::NORMAL_CLEARING, Party::System, None, now_ms);
            }
            Script::Unreached { cause, status, by } => {
                let (cause, status, by) = (*cause, *status, *by);
                self.end(cause, by, Some(status), now_ms);
            }
            Script::Playing { .. }
            | Script::Conference(_)
            | Script::Supervising
            | Script::Starting
            | Script::Echo { .. }
            | Script::GoingTo { .. }
            | Script::Menu(_)
            | Script::Voicemail(_)
            | Script::Mailbox { .. }
            | Script::Talking { .. }
            | Script::ThreeWay { .. }
            | Script::Over(_) => {}
        }
    }

    /// Tells an unanswered caller that somebody is alerted.
    pub(crate) fn ring_caller(&mut self) {
        let caller = self.legs.get(&self.caller);
        let unanswered = caller.is_some_and(|leg| leg.signalling == Signalling::Incoming);
        if unanswered && self.served == self.caller {
            self.signal(self.caller, LegAction::Ring);
        }
    }
}
