use crate::dial::Dial;
use crate::{Action, Call, LegAction};
use offhook_model::{ConferenceSettings, HangupCause, LegId, MediaCommand, Party, Service};
use serde::{Deserialize, Serialize};

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
    /// It hears a welcome; then the target is rung.
    Welcome {
        /// The prompt URI.
        prompt: String,
        /// The extension.
        target: String,
        /// The prompt URI for when nobody takes the call.
        apology: String,
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
    /// The call is ending.
    Over(crate::end::Ending),
}

impl Script {
    pub(crate) fn is_dialling(&self, leg: LegId) -> bool {
        matches!(self, Self::Dialling(dial) if dial.attempts.contains(&leg))
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
        self.script = match service {
            Service::Echo { delay_ms } => Script::Echo { delay_ms },
            Service::Play { prompt, repeat } => Script::Playing { prompt, repeat },
            Service::DirectCall { welcome, target, apology } => {
                Script::Welcome { prompt: welcome, target, apology }
            }
            Service::Conference(settings) => Script::Conference(settings),
        };
        self.answer_caller(now_ms);
        self.resume_script(self.served);
    }

    /// Starts what the served leg is to hear, once its media is agreed.
    pub(crate) fn resume_script(&mut self, leg: LegId) {
        if leg != self.served || !self.legs.get(&leg).is_some_and(|served| served.agreed) {
            if let Script::Talking { .. } = self.script {
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
            Script::Conference(settings) => {
                let (number, settings) = (self.dialled_number(), settings.clone());
                self.act(Action::JoinConference { leg, number, settings });
            }
            Script::Supervising => self.act(Action::Supervise { leg }),
            Script::Talking { .. } => self.join(),
            Script::Starting | Script::Dialling(_) | Script::Over(_) => {}
        }
    }

    /// The number of the service that answered.
    fn dialled_number(&self) -> String {
        self.answered_by.clone().unwrap_or_else(|| self.dialled.clone())
    }

    /// Bridges the two legs that talk, once both are agreed.
    pub(crate) fn join(&mut self) {
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
            Script::Welcome { target, apology, .. } => {
                let (target, apology) = (target.clone(), apology.clone());
                self.dial_after_welcome(target, apology, now_ms);
            }
            Script::Playing { repeat: false, .. } => {
                self.end(HangupCause::NORMAL_CLEARING, Party::System, None, now_ms);
            }
            Script::Playing { .. }
            | Script::Conference(_)
            | Script::Supervising
            | Script::Starting
            | Script::Echo { .. }
            | Script::Dialling(_)
            | Script::Talking { .. }
            | Script::Over(_) => {}
        }
    }

    /// Tells an unanswered caller that somebody is alerted.
    pub(crate) fn ring_caller(&mut self) {
        let unanswered = self.answered_at_ms.is_none();
        if unanswered && self.served == self.caller {
            self.signal(self.caller, LegAction::Ring);
        }
    }
}
