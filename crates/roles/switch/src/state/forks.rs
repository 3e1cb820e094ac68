use offhook_bus::ForkOrder;
use offhook_call::Call;
use offhook_model::{
    CallRef, ForkCommand, ForkCounts, ForkEvent, ForkFailure, ForkId, ForkParty, ForkRequest,
    ForkState, LegId, LiveFork, MediaCommand,
};
use std::collections::HashMap;

/// Forks of one call that are shown; the oldest that are over make room.
const FORKS_LISTED_MAX: usize = 16;
/// Bytes of a receiver's message that is shown.
const MESSAGE_BYTES_MAX: usize = 8_192;

/// The audio forks of the calls in progress.
#[derive(Debug, Default)]
pub(super) struct Forks {
    by_call: HashMap<CallRef, Vec<Fork>>,
}

#[derive(Debug)]
struct Fork {
    leg: LegId,
    live: LiveFork,
}

impl Forks {
    /// What the media role has to do for an administrator.
    pub(super) fn obey(&mut self, call: &Call, order: ForkOrder) -> Vec<MediaCommand> {
        match order {
            ForkOrder::Start(fork, request) => self.start(call, fork, request),
            ForkOrder::Pause(fork) => self.pause(call, fork, true),
            ForkOrder::Resume(fork) => self.pause(call, fork, false),
            ForkOrder::Stop(fork) => self.stop(call, |live| live.fork == fork),
            ForkOrder::StopAll => self.stop(call, |_| true),
        }
    }

    fn start(&mut self, call: &Call, fork: ForkId, request: Box<ForkRequest>) -> Vec<MediaCommand> {
        let leg = match request.party {
            ForkParty::Caller => Some(call.caller()),
            ForkParty::Callee => call.callee(),
        };
        let state = match leg {
            Some(_) => ForkState::Connecting,
            None => ForkState::Failed(ForkFailure::NoSuchLeg),
        };
        let live = LiveFork {
            fork,
            party: request.party,
            receiver: request.url.without_query(),
            rate: request.rate,
            channels: request.channels,
            is_bidirectional: request.is_bidirectional,
            state,
            is_paused: false,
            counts: ForkCounts::default(),
            last_message: None,
        };
        let forks = self.by_call.entry(call.reference().clone()).or_default();
        if forks.len() >= FORKS_LISTED_MAX
            && let Some(over) = forks.iter().position(|fork| fork.live.state.is_over())
        {
            forks.remove(over);
        }
        forks.push(Fork { leg: leg.unwrap_or_default(), live });
        let command = ForkCommand::Start(request);
        leg.map(|leg| MediaCommand::Fork { leg, fork, command }).into_iter().collect()
    }

    fn pause(&mut self, call: &Call, fork: ForkId, is_paused: bool) -> Vec<MediaCommand> {
        let mut forks = self.by_call.get_mut(call.reference()).into_iter().flatten();
        let known = forks.find(|known| known.live.fork == fork && !known.live.state.is_over());
        let Some(known) = known else { return Vec::new() };
        known.live.is_paused = is_paused;
        let command = if is_paused { ForkCommand::Pause } else { ForkCommand::Resume };
        vec![MediaCommand::Fork { leg: known.leg, fork, command }]
    }

    fn stop(&self, call: &Call, is_meant: impl Fn(&LiveFork) -> bool) -> Vec<MediaCommand> {
        let forks = self.by_call.get(call.reference()).into_iter().flatten();
        let meant = forks.filter(|fork| !fork.live.state.is_over() && is_meant(&fork.live));
        let stop = |fork: &Fork| {
            let (leg, fork) = (fork.leg, fork.live.fork);
            MediaCommand::Fork { leg, fork, command: ForkCommand::Stop }
        };
        meant.map(stop).collect()
    }

    /// What the media role reports; whether the receiver wants the call to end.
    pub(super) fn handle_event(&mut self, call: &CallRef, fork: ForkId, event: ForkEvent) -> bool {
        let mut forks = self.by_call.get_mut(call).into_iter().flatten();
        let Some(Fork { live, .. }) = forks.find(|known| known.live.fork == fork) else {
            return false;
        };
        match event {
            ForkEvent::Connected => live.state = ForkState::Connected,
            ForkEvent::Reconnecting => live.state = ForkState::Connecting,
            ForkEvent::Failed(why) => live.state = ForkState::Failed(why),
            ForkEvent::Progress(counts) => live.counts = counts,
            ForkEvent::Message(text) if text.len() <= MESSAGE_BYTES_MAX => {
                live.last_message = Some(text);
            }
            ForkEvent::Message(_) => tracing::debug!(%fork, "a receiver's message is too long"),
            ForkEvent::HangUp => return true,
            ForkEvent::Ended { why, counts } => {
                live.state = ForkState::Ended(why);
                live.counts = counts;
            }
        }
        false
    }

    /// The forks of a call as they are shown.
    pub(super) fn of(&self, call: &CallRef) -> Vec<LiveFork> {
        let forks = self.by_call.get(call).into_iter().flatten();
        forks.map(|fork| fork.live.clone()).collect()
    }

    /// The call is over.
    pub(super) fn forget(&mut self, call: &CallRef) {
        self.by_call.remove(call);
    }
}
